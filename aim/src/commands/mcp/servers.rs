//! Registered MCP servers.

use anyhow::Context;
use serde_json::json;

use super::super::asked::{Because, List, Show};
use super::super::values::{McpStatus, McpTransport};
use crate::client::noun::{Noun, filter};
use crate::client::{Target, text};
use crate::view::View;

pub(super) const SERVER: Noun = Noun {
    name: "MCP server",
    all: "mcpServers",
    filter: "McpServerFilter",
    narrows: "search",
    one: "mcpServer",
    fields: "id name url transport status driftSince observedAt tags createdAt",
    more: "description statusReason statusChangedAt failure failedAt keyProvenAt
        approvedManifest { digest approvedAt approvedBy serverName serverVersion }
        observedManifest { digest lastSeenAt suspicions { kind name words } }
        drifts(first: 20, isSettled: false) { nodes { kind part name field before after } }
        connectedAgents(first: 20) { nodes { name } }",
    columns: &[
        ("NAME", "/name"),
        ("STATUS", "/status"),
        ("TRANSPORT", "/transport"),
        ("URL", "/url"),
        ("DRIFT SINCE", "/driftSince"),
        ("ID", "/id"),
    ],
};

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only in this state.
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<McpStatus>,
    /// Only those that offer something else than was approved.
    #[arg(long)]
    drifting: bool,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct RegisterArgs {
    /// Its name.
    name: String,
    /// Where it is, for one that is reached over HTTP; a process on agents' machines when left out.
    #[arg(long = "at", value_name = "URL")]
    address: Option<String>,
    /// What it is for.
    #[arg(long, default_value = "")]
    description: String,
    /// A tag; may be given several times.
    #[arg(long = "tag")]
    tags: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

#[derive(clap::Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    because: Because,
    /// Digest of the manifest that is approved; that of the last observed one when left out.
    #[arg(long)]
    digest: Option<String>,
}

pub(super) async fn list(args: ListArgs) -> anyhow::Result<()> {
    let filter = filter([
        ("status", json!(args.status)),
        ("isInDrift", json!(args.drifting.then_some(true))),
    ]);
    args.list.run(&SERVER, &filter).await
}

pub(super) async fn show(args: Show) -> anyhow::Result<()> {
    args.by_name(&SERVER).await
}

pub(super) async fn register(args: RegisterArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let transport = match args.address {
        Some(_) => McpTransport::StreamableHttp,
        None => McpTransport::Stdio,
    };
    let input = json!({
        "name": args.name,
        "url": args.address,
        "transport": transport,
        "description": args.description,
        "tags": args.tags,
    });
    let how = ("registerMcpServer", "mcpServer");
    let made = client.change(&SERVER, how, input).await?;
    args.view.row(SERVER.columns, &made);
    Ok(())
}

pub(super) async fn refresh(args: Show) -> anyhow::Result<()> {
    let how = ("inspectMcpServer", "mcpServer");
    args.change(&SERVER, how, "mcpServerId").await
}

pub(super) async fn approve(args: ApproveArgs) -> anyhow::Result<()> {
    let one = &args.because.one;
    let client = one.target.connect().await?;
    let id = client.id_of(&SERVER, &one.which).await?;
    let digest = match args.digest.clone() {
        Some(digest) => digest,
        None => text(
            &client.find(&SERVER, &id).await?,
            "/observedManifest/digest",
        )
        .context("nothing was observed of the server yet: `aim mcp refresh` or `aim mcp report`")?,
    };
    let input = json!({ "mcpServerId": id, "digest": digest });
    let how = ("approveMcpManifest", "mcpServer");
    args.because.of(&client, &SERVER, how, input).await
}

pub(super) async fn change(args: Because, mutation: &str) -> anyhow::Result<()> {
    let how = (mutation, "mcpServer");
    args.by_name(&SERVER, how, "mcpServerId").await
}
