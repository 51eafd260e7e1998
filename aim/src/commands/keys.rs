//! `aim keys`: agents' keys.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::agent_key::KeyFile;
use super::agents::AGENT;
use super::asked::{Because, Show};
use crate::client::noun::Noun;
use crate::client::text;
use crate::out;

const KEY: Noun = Noun {
    name: "key",
    all: "",
    filter: "",
    narrows: "",
    one: "",
    fields: "id keyId status createdAt expiresAt lastUsedAt revokedAt revokedReason publicKey",
    more: "",
    columns: &[
        ("KEY ID", "/keyId"),
        ("STATUS", "/status"),
        ("EXPIRES", "/expiresAt"),
        ("LAST USED", "/lastUsedAt"),
        ("ID", "/id"),
    ],
};

/// More than an agent is let have.
const KEYS: u32 = 100;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Lists the keys of an agent, the newest first.
    List(Show),
    /// Gives an agent a new key that is made here; the ones before are good for a while more.
    Rotate(RotateArgs),
    /// Ends a key (by its id) at once.
    Revoke(Because),
}

#[derive(clap::Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    one: Show,
    /// File of the new private key in PEM; one that is there is taken, so that asking again is safe.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// So long the keys before are good for, in seconds; as the organization says when left out.
    #[arg(long)]
    grace_seconds: Option<u32>,
    /// Why; kept in the audit log.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(command: Keys) -> anyhow::Result<()> {
    match command {
        Keys::List(args) => list(args).await,
        Keys::Rotate(args) => rotate(args).await,
        Keys::Revoke(args) => args.by_id(&KEY, ("revokeAgentKey", "key"), "keyId").await,
    }
}

async fn list(args: Show) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let id = client.id_of(&AGENT, &args.which).await?;
    let query = format!(
        "query($id: ID!) {{ agent(id: $id) {{ keys(first: {KEYS}) {{ nodes {{ {} }} }} }} }}",
        KEY.fields
    );
    let answer = client.graphql(&query, json!({ "id": id })).await?;
    let keys = answer.pointer("/agent/keys/nodes");
    let keys = keys.and_then(|it| it.as_array()).context("no keys")?;
    args.view.list(KEY.columns, keys);
    Ok(())
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let id = client.id_of(&AGENT, &args.one.which).await?;
    let agent = client.find(&AGENT, &id).await?;
    let name = text(&agent, "/name").context("the agent's name")?;
    let uuid = text(&agent, "/uuid").context("the agent's UUID")?.parse()?;
    let key = KeyFile::find_or_make(Some(args.key), &name)?;
    let mut input = key.rotation(client.organization().await?, uuid);
    input["agentId"] = json!(id);
    input["graceSeconds"] = json!(args.grace_seconds);
    input["reason"] = json!(args.reason);
    let rotated = client
        .change(&AGENT, ("rotateAgentKey", "agent"), input)
        .await?;
    out::note(format!("its new private key is `{}`", key.path.display()));
    args.one.view.row(AGENT.columns, &rotated);
    Ok(())
}
