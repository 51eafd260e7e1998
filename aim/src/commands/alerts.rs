//! `aim alerts`: what a person must look at.

use clap::Subcommand;
use serde_json::json;

use super::agents::AGENT;
use super::asked::{List, Show};
use super::following::Follow;
use super::users::USER;
use super::values::{AlertStatus, AlertVerdict, Severity};
use crate::client::noun::{Noun, filter};

const ALERT: Noun = Noun {
    name: "alert",
    all: "alerts",
    filter: "AlertFilter",
    narrows: "",
    one: "alert",
    fields: "id severity status kind summary anomalyCount createdAt lastEventTime
        agent { id name } mcpServer { id name }",
    more: "kinds verdict acknowledgedBy resolvedBy resolvedAt assignedAt assignee { email }
        evidence { label observed expected } owaspAgentic { id name } atlasTechniques { id name }",
    columns: &[
        ("SEVERITY", "/severity"),
        ("STATUS", "/status"),
        ("KIND", "/kind"),
        ("AGENT", "/agent/name"),
        ("SUMMARY", "/summary"),
        ("CREATED", "/createdAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Alerts {
    /// Lists alerts, the newest first.
    List(ListArgs),
    /// Shows one, with its evidence.
    Show(Show),
    /// Says that somebody is at it.
    Acknowledge(Show),
    /// Gives it to a person.
    Assign(AssignArgs),
    /// Judges it; the verdict becomes a label for models.
    Resolve(ResolveArgs),
    /// Prints each alert as it is raised, until interrupted.
    Tail(TailArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only in this state.
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<AlertStatus>,
    /// Only of this severity.
    #[arg(long, value_enum, ignore_case = true)]
    severity: Option<Severity>,
    /// Only of this agent, by name or id.
    #[arg(long)]
    agent: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct AssignArgs {
    #[command(flatten)]
    one: Show,
    /// The person, by e-mail address or id; nobody when left out.
    #[arg(long)]
    to: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct ResolveArgs {
    #[command(flatten)]
    one: Show,
    /// What it was.
    #[arg(long, value_enum, ignore_case = true)]
    verdict: AlertVerdict,
    /// Why; kept in the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct TailArgs {
    /// Only of this severity.
    #[arg(long, value_enum, ignore_case = true)]
    severity: Option<Severity>,
    #[command(flatten)]
    follow: Follow,
}

/// Runs the command.
pub(crate) async fn run(command: Alerts) -> anyhow::Result<()> {
    let (one, mutation, mut input) = match command {
        Alerts::List(args) => return list(args).await,
        Alerts::Show(args) => return args.by_id(&ALERT).await,
        Alerts::Tail(args) => return tail(args).await,
        Alerts::Acknowledge(one) => (one, "acknowledgeAlert", json!({})),
        Alerts::Resolve(args) => {
            let input = json!({ "verdict": args.verdict, "reason": args.reason });
            (args.one, "resolveAlert", input)
        }
        Alerts::Assign(args) => {
            let client = args.one.target.connect().await?;
            let user = client.id_if(&USER, args.to.as_deref()).await?;
            (args.one, "assignAlert", json!({ "userId": user }))
        }
    };
    let client = one.target.connect().await?;
    input["alertId"] = json!(one.which);
    let changed = client.change(&ALERT, (mutation, "alert"), input).await?;
    one.view.row(ALERT.columns, &changed);
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = args.list.target.connect().await?;
    let agent = client.id_if(&AGENT, args.agent.as_deref()).await?;
    let filter = filter([
        ("status", json!(args.status)),
        ("severity", json!(args.severity)),
        ("agentId", json!(agent)),
    ]);
    args.list.of(&client, &ALERT, &filter).await
}

async fn tail(args: TailArgs) -> anyhow::Result<()> {
    let client = args.follow.target.connect().await?;
    let severity = json!(args.severity);
    let wanted = |alert: &serde_json::Value| severity.is_null() || alert["severity"] == severity;
    let what = ("alertRaised", "alert");
    args.follow.run(&client, &ALERT, what, wanted).await
}
