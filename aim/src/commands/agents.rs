//! `aim agents`: identities and their life.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::agent_key::KeyFile;
use super::agents_seen::{self, AdoptArgs, SeenArgs};
use super::agents_tag::{self, TagArgs};
use super::asked::{Because, List, Show};
use super::values::{AgentStatus, AgentType};
use crate::client::Target;
use crate::client::noun::{Noun, filter};
use crate::out;
use crate::view::View;

pub(super) const AGENT: Noun = Noun {
    name: "agent",
    all: "agents",
    filter: "AgentFilter",
    narrows: "name",
    one: "agent",
    fields: "id name displayName agentType status trust { score effectiveScore band sampleCount }
        killSwitch { engagedAt engagedBy reason } tags lastSeenAt createdAt",
    more: "uuid description version spiffeId statusReason statusChangedAt declaredCapabilities
        talksTo repositoryUrl documentationUrl
        capabilityGrants { id capability resource expiresAt }
        keys(first: 20) { nodes { id keyId status expiresAt lastUsedAt } }",
    columns: &[
        ("NAME", "/name"),
        ("STATUS", "/status"),
        ("KILLED", "/killSwitch/engagedAt"),
        ("TYPE", "/agentType"),
        ("TRUST", "/trust/effectiveScore"),
        ("LAST SEEN", "/lastSeenAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Agents {
    /// Lists agents.
    List(ListArgs),
    /// Shows one: keys, grants, trust.
    Show(Show),
    /// Registers one with a key that is made here; its file is written first, for its owner alone.
    Register(RegisterArgs),
    /// Stops one for a while.
    Suspend(Because),
    /// Lets a suspended one go on.
    Reactivate(Because),
    /// Stops one and everything that stands on it at once: the kill switch.
    Quarantine(Because),
    /// Lets one go on that is quarantined, or takes its kill switch off.
    Release(Because),
    /// Ends one for good.
    Revoke(Because),
    /// Takes one out of the lists; what it did stays on record.
    Delete(Because),
    /// Puts tags on agents, and takes tags off them.
    Tag(TagArgs),
    /// Lists agents that were seen and nobody registered: the discovery inbox.
    Seen(SeenArgs),
    /// Registers one of the inbox, with its key.
    Adopt(AdoptArgs),
    /// Leaves one of the inbox alone; it does not come back.
    Ignore(Because),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only in this state.
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<AgentStatus>,
    /// Only with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// Only with this in its names or description.
    #[arg(long)]
    search: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct RegisterArgs {
    /// Its name: lower-case letters, digits and `-`.
    name: String,
    /// File of its private key in PEM. One that is there is taken, so that asking again is safe.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What it is.
    #[arg(
        long = "type",
        value_enum,
        ignore_case = true,
        default_value = "llm-agent"
    )]
    agent_type: AgentType,
    /// Its name for people.
    #[arg(long)]
    display_name: Option<String>,
    /// What it does.
    #[arg(long)]
    description: Option<String>,
    /// Its version.
    #[arg(long)]
    version: Option<String>,
    /// A tag; may be given several times.
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// A capability that it says it needs, such as `files:read`; that grants nothing.
    #[arg(long = "declares")]
    declared: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) async fn run(command: Agents) -> anyhow::Result<()> {
    let (args, mutation) = match command {
        Agents::List(args) => {
            let filter = filter([
                ("status", json!(args.status)),
                ("tag", json!(args.tag)),
                ("search", json!(args.search)),
            ]);
            return args.list.run(&AGENT, &filter).await;
        }
        Agents::Show(args) => return args.by_name(&AGENT).await,
        Agents::Register(args) => return register(args).await,
        Agents::Tag(args) => return agents_tag::run(args).await,
        Agents::Seen(args) => return agents_seen::list(args).await,
        Agents::Adopt(args) => return agents_seen::adopt(args).await,
        Agents::Ignore(args) => return agents_seen::ignore(args).await,
        Agents::Quarantine(args) => (args, "killAgent"),
        Agents::Suspend(args) => (args, "suspendAgent"),
        Agents::Reactivate(args) => (args, "reinstateAgent"),
        Agents::Release(args) => (args, "releaseAgent"),
        Agents::Revoke(args) => (args, "revokeAgent"),
        Agents::Delete(args) => (args, "deleteAgent"),
    };
    args.by_name(&AGENT, (mutation, "agent"), "agentId").await
}

async fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let key = KeyFile::find_or_make(args.key, &args.name)?;
    let organization = client.organization().await?;
    let mut input = key.registration(organization, &args.name)?;
    input["agentType"] = json!(args.agent_type);
    input["displayName"] = json!(args.display_name);
    input["description"] = json!(args.description);
    input["version"] = json!(args.version);
    input["tags"] = json!(args.tags);
    input["declaredCapabilities"] = json!(args.declared);
    let made = client
        .change(&AGENT, ("registerAgent", "agent"), input)
        .await;
    out::note(format!("its private key is `{}`", key.path.display()));
    args.view.row(AGENT.columns, &made?);
    Ok(())
}
