//! `aim mcp`: MCP servers, and reading those that are processes on the machine that runs them.

mod discover;
mod servers;

use std::process::Stdio;

use aim_app::read_manifest;
use aim_domain::mcp::{MANIFEST_MAX_BYTES, McpManifest};
use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::asked::{Because, Show};
use crate::client::Target;
use crate::out;
use servers::SERVER;

/// Most bytes that a process is listened to: its manifest, and what it says around it.
const SAID_MAX: u64 = 8 * MANIFEST_MAX_BYTES as u64;

#[derive(Subcommand)]
pub(crate) enum Mcp {
    /// Lists registered servers.
    List(servers::ListArgs),
    /// Shows one: what it offers, and what has changed.
    Show(Show),
    /// Registers one.
    Register(servers::RegisterArgs),
    /// Has the AIM server ask one over HTTP again what it offers.
    Refresh(Show),
    /// Approves what one offers now.
    Approve(servers::ApproveArgs),
    /// Has agents not use one for a while.
    Suspend(Because),
    /// Lets agents use a suspended one again.
    Reinstate(Because),
    /// Has agents not use one any more.
    Revoke(Because),
    /// Takes one out of the lists.
    Delete(Because),
    /// Starts a server, asks it what it is, and prints that.
    Inspect(InspectArgs),
    /// The same, and tells an AIM server.
    Report(ReportArgs),
    /// Finds the servers that clients on this machine are set to use, and prints them.
    Discover(discover::DiscoverArgs),
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
        Mcp::List(args) => servers::list(args).await,
        Mcp::Show(args) => servers::show(args).await,
        Mcp::Register(args) => servers::register(args).await,
        Mcp::Refresh(args) => servers::refresh(args).await,
        Mcp::Approve(args) => servers::approve(args).await,
        Mcp::Suspend(args) => servers::change(args, "suspendMcpServer").await,
        Mcp::Reinstate(args) => servers::change(args, "reinstateMcpServer").await,
        Mcp::Revoke(args) => servers::change(args, "revokeMcpServer").await,
        Mcp::Delete(args) => servers::change(args, "deleteMcpServer").await,
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
    let client = args.target.connect().await?;
    let id = client.id_of(&SERVER, &args.server).await?;
    let selection = "mcpServer { name status driftSince
        observedManifest { digest suspicions { kind name words } }
        drifts(first: 20, isSettled: false) { nodes { kind part name field before after } } }";
    let input = json!({ "mcpServerId": id, "manifest": manifest });
    let payload = client.mutate("reportMcpManifest", selection, input).await;
    let payload = payload.context("the report was refused")?;
    out::line(serde_json::to_string_pretty(&payload["mcpServer"])?);
    Ok(())
}
