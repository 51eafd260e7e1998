//! `aim verifications`: the log of decisions.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::{Value, json};

use super::agents::AGENT;
use super::asked::{List, Show};
use super::following::Follow;
use super::values::{Decision, RiskLevel};
use crate::client::noun::{Noun, filter};

const VERIFICATION: Noun = Noun {
    name: "verification",
    all: "verifications",
    filter: "VerificationFilter",
    narrows: "",
    one: "verification",
    fields: "id action resource risk decision trustScore createdAt outcome agent { id name }
        reasons { code message }",
    more: "actionDigest session task decidedAt decidedBy durationMs outcomeAt idempotencyKey
        approval { status approverCount answers { answeredBy isApproved reason } }",
    columns: &[
        ("DECISION", "/decision"),
        ("ACTION", "/action"),
        ("RESOURCE", "/resource"),
        ("RISK", "/risk"),
        ("AGENT", "/agent/name"),
        ("REASON", "/reasons/0/message"),
        ("CREATED", "/createdAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Verifications {
    /// Lists decisions, the newest first.
    List(ListArgs),
    /// Shows one, with its reasons.
    Show(Show),
    /// Prints each decision as it is made, until interrupted.
    Tail(TailArgs),
    /// Counts an agent's decisions, and says how long they took.
    Stats(StatsArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only of this agent, by name or id.
    #[arg(long)]
    agent: Option<String>,
    /// Only of this action, such as `files:read`.
    #[arg(long)]
    action: Option<String>,
    /// Only with this answer.
    #[arg(long, value_enum, ignore_case = true)]
    decision: Option<Decision>,
    /// Only of this risk.
    #[arg(long, value_enum, ignore_case = true)]
    risk: Option<RiskLevel>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct TailArgs {
    /// Only with this answer.
    #[arg(long, value_enum, ignore_case = true)]
    decision: Option<Decision>,
    #[command(flatten)]
    follow: Follow,
}

#[derive(clap::Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    one: Show,
    /// From this time, such as `2026-05-04T00:00:00Z`.
    #[arg(long)]
    from: Option<DateTime<Utc>>,
    /// Until this time.
    #[arg(long)]
    to: Option<DateTime<Utc>>,
}

/// Runs the command.
pub(crate) async fn run(command: Verifications) -> anyhow::Result<()> {
    match command {
        Verifications::List(args) => list(args).await,
        Verifications::Show(args) => args.by_id(&VERIFICATION).await,
        Verifications::Stats(args) => stats(args).await,
        Verifications::Tail(args) => {
            let client = args.follow.target.connect().await?;
            let decision = json!(args.decision);
            let wanted = |it: &Value| decision.is_null() || it["decision"] == decision;
            let what = ("verificationRecorded", "verification");
            args.follow.run(&client, &VERIFICATION, what, wanted).await
        }
    }
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = args.list.target.connect().await?;
    let agent = client.id_if(&AGENT, args.agent.as_deref()).await?;
    let filter = filter([
        ("agentId", json!(agent)),
        ("action", json!(args.action)),
        ("decision", json!(args.decision)),
        ("risk", json!(args.risk)),
    ]);
    args.list.of(&client, &VERIFICATION, &filter).await
}

async fn stats(args: StatsArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let id = client.id_of(&AGENT, &args.one.which).await?;
    let query = "query($id: ID!, $from: DateTime, $to: DateTime) {
        verificationStats(agentId: $id, from: $from, to: $to) {
            sampleCount allowedCount deniedCount pendingCount succeededCount failedCount perHour
            lowRiskCount mediumRiskCount highRiskCount criticalRiskCount firstAt lastAt
            answerDurations { sampleCount p50 p95 p99 } actionDurations { sampleCount p50 p95 p99 } } }";
    let variables = json!({ "id": id, "from": args.from, "to": args.to });
    let answer = client.graphql(query, variables).await?;
    args.one.view.object(&answer["verificationStats"]);
    Ok(())
}
