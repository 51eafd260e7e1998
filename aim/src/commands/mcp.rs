//! `aim mcp`: reading MCP servers that are processes, on the machine that runs them.

use std::process::Stdio;

use aim_app::read_manifest;
use aim_domain::mcp::{MANIFEST_MAX_BYTES, McpManifest};
use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::discover::{self, DiscoverArgs};
use crate::cli::Target;
use crate::client::{Client, text};
use crate::out;

/// Most bytes that a process is listened to: its manifest, and what it says around it.
const SAID_MAX: u64 = 8 * MANIFEST_MAX_BYTES as u64;

#[derive(Subcommand)]
pub(crate) enum Mcp {
    /// Starts a server, asks it what it is, and prints that.
    Inspect(InspectArgs),
    /// The same, and tells an AIM server.
    Report(ReportArgs),
    /// Finds the servers that clients on this machine are set to use, and prints them.
    Discover(DiscoverArgs),
}

#[derive(clap::Args)]
pub(crate) struct InspectArgs {
    /// The command that starts the server, behind `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(clap::Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    target: Target,
    /// Name of the registered server.
    #[arg(long)]
    server: String,
    /// The command that starts the server, behind `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(command: Mcp) -> anyhow::Result<()> {
    match command {
        Mcp::Inspect(args) => {
            let manifest = read(&args.command).await?;
            out::line(serde_json::to_string_pretty(&manifest)?);
            Ok(())
        }
        Mcp::Report(args) => report(args).await,
        Mcp::Discover(args) => discover::run(args).await,
    }
}

/// What the server that a command starts says of itself. It ends with the asking.
async fn read(command: &[String]) -> anyhow::Result<McpManifest> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("`{program}` cannot be started"))?;
    let says = child.stdout.take().context("no standard output")?;
    let hears = child.stdin.take().context("no standard input")?;
    let manifest = read_manifest((says.take(SAID_MAX), hears)).await;
    // It may have ended by itself when nobody spoke to it any more.
    let _ = child.kill().await;
    manifest.with_context(|| format!("`{program}`"))
}

async fn report(args: ReportArgs) -> anyhow::Result<()> {
    let manifest = read(&args.command).await?;
    let client = Client::sign_in(&args.target).await?;
    let id = find(&client, &args.server).await?;
    let query = "mutation($input: ReportMcpManifestInput!) { reportMcpManifest(input: $input) {
        mcpServer { name status driftSince observedManifest { digest suspicions { kind name words } }
            drifts(first: 20, isSettled: false) { nodes { kind part name field before after } } }
        userErrors { message } } }";
    let input = json!({ "mcpServerId": id, "manifest": manifest });
    let answer = client.graphql(query, json!({ "input": input })).await?;
    let answer = &answer["reportMcpManifest"];
    if let Some(wrong) = text(answer, "/userErrors/0/message") {
        anyhow::bail!("the report was refused: {wrong}");
    }
    out::line(serde_json::to_string_pretty(&answer["mcpServer"])?);
    Ok(())
}

/// The global id of the server of this name.
async fn find(client: &Client, name: &str) -> anyhow::Result<String> {
    let query = "query($filter: McpServerFilter, $after: String) {
        mcpServers(first: 100, after: $after, filter: $filter) {
            nodes { id name } pageInfo { hasNextPage endCursor } } }";
    let mut after = Value::Null;
    loop {
        let variables = json!({ "filter": { "search": name }, "after": after });
        let answer = client.graphql(query, variables).await?;
        let page = &answer["mcpServers"];
        let nodes = page["nodes"].as_array().into_iter().flatten();
        let mut named = nodes.filter(|it| it["name"] == name);
        if let Some(id) = named.next().and_then(|it| text(it, "/id")) {
            return Ok(id);
        }
        anyhow::ensure!(
            page["pageInfo"]["hasNextPage"] == true,
            "no MCP server is registered as `{name}`"
        );
        after = page["pageInfo"]["endCursor"].clone();
    }
}
