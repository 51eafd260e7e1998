//! `aim agents seen`, `adopt`, `ignore`: the discovery inbox.

use serde_json::json;

use super::agents::AGENT;
use super::asked::{Because, List, Show};
use super::values::{AgentType, SightingStatus};
use crate::client::noun::{Noun, filter};

const SIGHTING: Noun = Noun {
    name: "agent of the inbox",
    all: "agentSightings",
    filter: "AgentSightingFilter",
    narrows: "",
    one: "",
    fields:
        "id name keyId publicKey method confidence source status reportedBy firstSeenAt lastSeenAt
        sightingCount dismissedBy dismissedAt dismissalReason",
    more: "",
    columns: &[
        ("NAME", "/name"),
        ("STATUS", "/status"),
        ("METHOD", "/method"),
        ("KEY", "/keyId"),
        ("FOUND IN", "/source"),
        ("LAST SEEN", "/lastSeenAt"),
        ("ID", "/id"),
    ],
};

#[derive(clap::Args)]
pub(crate) struct SeenArgs {
    /// Only in this state.
    #[arg(long, value_enum, ignore_case = true, default_value = "open")]
    status: SightingStatus,
    /// Only with this in its name, or in what it was found in.
    #[arg(long)]
    search: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    one: Show,
    /// The name to register it by; the one that it was seen by when left out.
    #[arg(long)]
    name: Option<String>,
    /// What it is.
    #[arg(
        long = "type",
        value_enum,
        ignore_case = true,
        default_value = "llm-agent"
    )]
    agent_type: AgentType,
    /// Its public key, base64url, where the inbox has no more than its thumbprint.
    #[arg(long)]
    public_key: Option<String>,
}

pub(super) async fn list(args: SeenArgs) -> anyhow::Result<()> {
    let filter = filter([
        ("status", json!(args.status)),
        ("search", json!(args.search)),
    ]);
    args.list.run(&SIGHTING, &filter).await
}

pub(super) async fn adopt(args: AdoptArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let input = json!({
        "agentSightingId": client.id_of(&SIGHTING, &args.one.which).await?,
        "name": args.name,
        "agentType": args.agent_type,
        "publicKey": args.public_key,
    });
    let how = ("adoptAgentSighting", "agent");
    let made = client.change(&AGENT, how, input).await?;
    args.one.view.row(AGENT.columns, &made);
    Ok(())
}

pub(super) async fn ignore(args: Because) -> anyhow::Result<()> {
    let how = ("dismissAgentSighting", "agentSighting");
    args.by_name(&SIGHTING, how, "agentSightingId").await
}
