//! `aim approvals`: actions that wait for a person.

use clap::Subcommand;
use serde_json::{Value, json};

use super::agents::AGENT;
use super::asked::{List, Show};
use super::values::{ApprovalStatus, RiskLevel};
use crate::client::noun::{Noun, filter};
use crate::client::tail::{Heard, Tail};
use crate::client::text;

const APPROVAL: Noun = Noun {
    name: "approval",
    all: "approvals",
    filter: "ApprovalFilter",
    narrows: "",
    one: "verification",
    fields: "id action resource risk decision createdAt expiresAt agent { id name }
        approval { status approverCount answers { answeredBy isApproved reason answeredAt } }",
    more: "actionDigest session task trustScore reasons { code message }",
    columns: &[
        ("ACTION", "/action"),
        ("RESOURCE", "/resource"),
        ("RISK", "/risk"),
        ("AGENT", "/agent/name"),
        ("STATUS", "/approval/status"),
        ("EXPIRES", "/expiresAt"),
        ("ID", "/id"),
    ],
};

/// With the arguments of the action: what one has to have seen before one agrees.
const WITH_ARGUMENTS: Noun = Noun {
    fields: "id action resource risk decision createdAt expiresAt actionDigest session task
        trustScore agent { id name } reasons { code message }
        approval { status approverCount arguments
            answers { answeredBy isApproved reason answeredAt } }",
    more: "",
    ..APPROVAL
};

#[derive(Subcommand)]
pub(crate) enum Approvals {
    /// Lists actions that wait, the newest first.
    List(ListArgs),
    /// Shows one, with the arguments of the action.
    Show(Show),
    /// Agrees to an action, for once.
    Approve(AnswerArgs),
    /// Says no to an action.
    Reject(AnswerArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// In this state.
    #[arg(long, value_enum, ignore_case = true, default_value = "pending")]
    status: ApprovalStatus,
    /// In any state.
    #[arg(long)]
    any_status: bool,
    /// Only of this agent, by name or id.
    #[arg(long)]
    agent: Option<String>,
    /// Only of this risk.
    #[arg(long, value_enum, ignore_case = true)]
    risk: Option<RiskLevel>,
    /// Go on, and print each one as it is asked for, answered, used or runs out.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    one: Show,
    /// Why; the agent and the audit log have it.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(command: Approvals) -> anyhow::Result<()> {
    match command {
        Approvals::List(args) => list(args).await,
        Approvals::Show(args) => args.by_id(&WITH_ARGUMENTS).await,
        Approvals::Approve(args) => answer(args, "approveVerification").await,
        Approvals::Reject(args) => answer(args, "denyVerification").await,
    }
}

async fn answer(args: AnswerArgs, mutation: &str) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let input = json!({ "verificationId": args.one.which, "reason": args.reason });
    let how = (mutation, "verification");
    let answered = client.change(&APPROVAL, how, input).await?;
    args.one.view.row(APPROVAL.columns, &answered);
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = args.list.target.connect().await?;
    let agent = client.id_if(&AGENT, args.agent.as_deref()).await?;
    let status = (!args.any_status).then_some(args.status);
    let filter = filter([
        ("status", json!(status)),
        ("agentId", json!(agent)),
        ("risk", json!(args.risk)),
    ]);
    // Listened to before it is listed, so that nothing falls in between.
    let mut tail = Tail::of(&client, "approvalChanged", "verificationId agentId", None);
    if args.watch {
        tail.begin().await?;
    }
    args.list.of(&client, &APPROVAL, &filter).await?;
    if !args.watch {
        return Ok(());
    }
    loop {
        let Heard::Fact(fact) = tail.next().await? else {
            args.list.of(&client, &APPROVAL, &filter).await?;
            continue;
        };
        if agent.is_some() && text(&fact, "/agentId") != agent {
            continue;
        }
        let id = text(&fact, "/verificationId").unwrap_or_default();
        let changed = client.find(&APPROVAL, &id).await?;
        if args.risk.is_none() || changed["risk"] == json!(args.risk) {
            args.list
                .view
                .fact(APPROVAL.columns, &Value::clone(&changed));
        }
    }
}
