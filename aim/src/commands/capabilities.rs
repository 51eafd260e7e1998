//! `aim capabilities`: what agents may do, and what they ask for.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::agents::AGENT;
use super::asked::{Because, List, Show};
use super::values::RequestStatus;
use crate::client::noun::{Noun, filter};

const GRANT: Noun = Noun {
    name: "grant",
    all: "capabilityGrants",
    filter: "CapabilityGrantFilter",
    narrows: "",
    one: "",
    fields: "id capability resource expiresAt reason grantedBy createdAt revokedAt revokedBy
        agent { id name }",
    more: "",
    columns: &[
        ("AGENT", "/agent/name"),
        ("CAPABILITY", "/capability"),
        ("RESOURCE", "/resource"),
        ("EXPIRES", "/expiresAt"),
        ("REVOKED", "/revokedAt"),
        ("ID", "/id"),
    ],
};

const REQUEST: Noun = Noun {
    name: "request",
    all: "capabilityRequests",
    filter: "CapabilityRequestFilter",
    narrows: "",
    one: "",
    fields:
        "id capability resource reason status lifeSeconds createdAt expiresAt decidedAt decidedBy
        decidedReason agent { id name }",
    more: "",
    columns: &[
        ("AGENT", "/agent/name"),
        ("CAPABILITY", "/capability"),
        ("RESOURCE", "/resource"),
        ("REASON", "/reason"),
        ("STATUS", "/status"),
        ("EXPIRES", "/expiresAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Capabilities {
    /// Lists grants, the newest first.
    List(ListArgs),
    /// Lists the standard capabilities, with their risk.
    Catalogue(CatalogueArgs),
    /// Gives an agent a capability.
    Grant(GrantArgs),
    /// Takes a grant (by its id) back.
    Revoke(Because),
    /// Lists what agents ask for.
    Requests(RequestsArgs),
    /// Grants what an agent asked for.
    Approve(ApproveArgs),
    /// Does not grant what an agent asked for.
    Reject(Because),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only of this agent, by name or id.
    #[arg(long)]
    agent: Option<String>,
    /// Only of this capability.
    #[arg(long)]
    capability: Option<String>,
    /// Also those that have ended or were taken back.
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct CatalogueArgs {
    #[command(flatten)]
    target: crate::client::Target,
    #[command(flatten)]
    view: crate::view::View,
}

#[derive(clap::Args)]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    one: Show,
    /// The capability, such as `files:read` or `files:*`.
    capability: String,
    /// Only for resources of this pattern, such as `/srv/reports/*`.
    #[arg(long)]
    resource: Option<String>,
    /// Until this time, such as `2026-05-04T00:00:00Z`.
    #[arg(long)]
    expires_at: Option<DateTime<Utc>>,
    /// Why; kept in the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct RequestsArgs {
    /// In this state.
    #[arg(long, value_enum, ignore_case = true, default_value = "pending")]
    status: RequestStatus,
    /// In any state.
    #[arg(long)]
    any_status: bool,
    /// Only of this agent, by name or id.
    #[arg(long)]
    agent: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    because: Because,
    /// The grant ends at this time; as the agent asked when left out.
    #[arg(long)]
    expires_at: Option<DateTime<Utc>>,
}

/// Runs the command.
pub(crate) async fn run(command: Capabilities) -> anyhow::Result<()> {
    match command {
        Capabilities::List(args) => list(args).await,
        Capabilities::Catalogue(args) => catalogue(args).await,
        Capabilities::Grant(args) => grant(args).await,
        Capabilities::Revoke(args) => {
            let how = ("revokeCapability", "grant");
            args.by_id(&GRANT, how, "grantId").await
        }
        Capabilities::Requests(args) => requests(args).await,
        Capabilities::Approve(args) => {
            let one = &args.because.one;
            let client = one.target.connect().await?;
            let input = json!({ "requestId": one.which, "expiresAt": args.expires_at });
            let how = ("approveCapabilityRequest", "capabilityRequest");
            args.because.of(&client, &REQUEST, how, input).await
        }
        Capabilities::Reject(args) => {
            let how = ("rejectCapabilityRequest", "capabilityRequest");
            args.by_id(&REQUEST, how, "requestId").await
        }
    }
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = args.list.target.connect().await?;
    let agent = client.id_if(&AGENT, args.agent.as_deref()).await?;
    let filter = filter([
        ("agentId", json!(agent)),
        ("capability", json!(args.capability)),
        ("isLive", json!((!args.ended).then_some(true))),
    ]);
    args.list.of(&client, &GRANT, &filter).await
}

async fn catalogue(args: CatalogueArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let query = "{ capabilities { name category risk isWrite description resourceExample } }";
    let answer = client.graphql(query, json!({})).await?;
    let columns = [
        ("CAPABILITY", "/name"),
        ("RISK", "/risk"),
        ("CATEGORY", "/category"),
        ("DESCRIPTION", "/description"),
    ];
    let all = answer["capabilities"].as_array();
    args.view.list(&columns, all.map_or(&[], Vec::as_slice));
    Ok(())
}

async fn grant(args: GrantArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let input = json!({
        "agentId": client.id_of(&AGENT, &args.one.which).await?,
        "capability": args.capability,
        "resource": args.resource,
        "expiresAt": args.expires_at,
        "reason": args.reason,
    });
    let granted = client
        .change(&GRANT, ("grantCapability", "grant"), input)
        .await?;
    args.one.view.row(GRANT.columns, &granted);
    Ok(())
}

async fn requests(args: RequestsArgs) -> anyhow::Result<()> {
    let client = args.list.target.connect().await?;
    let agent = client.id_if(&AGENT, args.agent.as_deref()).await?;
    let status = (!args.any_status).then_some(args.status);
    let filter = filter([("status", json!(status)), ("agentId", json!(agent))]);
    args.list.of(&client, &REQUEST, &filter).await
}
