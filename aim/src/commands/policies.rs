//! `aim policies`: policies kept with code.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Target;
use crate::client::text;
use crate::out;
use crate::view::View;

/// More than any document that a server takes.
const BUNDLE_MAX: u64 = 64 * 1024 * 1024;

#[derive(Subcommand)]
pub(crate) enum Policies {
    /// Prints all policies as a document that `apply` takes.
    Export(ExportArgs),
    /// Makes a server's policies what a document says, all of it or nothing.
    Apply(ApplyArgs),
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    target: Target,
    /// The document; `-` is standard input.
    file: PathBuf,
    /// Why; kept with each version and in the audit trail.
    #[arg(long)]
    reason: String,
    /// Put policies away that the document does not name.
    #[arg(long)]
    archive_others: bool,
    /// Only say what would change. Exit code 1 when something would.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) async fn run(command: Policies) -> anyhow::Result<()> {
    match command {
        Policies::Export(args) => {
            let client = args.target.connect().await?;
            let answer = client.graphql("{ policyBundle }", json!({})).await?;
            out::line(text(&answer, "/policyBundle").context("the server sent no policies")?);
            Ok(())
        }
        Policies::Apply(args) => apply(&args).await,
    }
}

async fn apply(args: &ApplyArgs) -> anyhow::Result<()> {
    let bundle = read(&args.file)?;
    let client = args.target.connect().await?;
    let input = json!({
        "bundle": bundle,
        "archivesOthers": args.archive_others,
        "isDryRun": args.dry_run,
        "reason": args.reason,
    });
    let answer = client
        .mutate("applyPolicies", "changes { name step policyId }", input)
        .await;
    let answer = answer.context("nothing was applied")?;
    let changes = answer["changes"].as_array().cloned().unwrap_or_default();
    let changed = changes.iter().filter(|it| it["step"] != "KEEP");
    let rows: Vec<Vec<String>> = changed
        .map(|it| ["step", "name"].map(|key| it[key].as_str().unwrap_or_default().to_owned()))
        .map(Vec::from)
        .collect();
    let count = rows.len();
    args.view
        .table(&["step", "policy"], &rows, &Value::from(changes));
    if args.dry_run && count > 0 {
        bail!("{count} policies would change");
    }
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .take(BUNDLE_MAX)
            .read_to_string(&mut text)
            .context("standard input")?;
    } else {
        let name = || file.display().to_string();
        let opened = std::fs::File::open(file).with_context(name)?;
        let mut bounded = opened.take(BUNDLE_MAX);
        bounded.read_to_string(&mut text).with_context(name)?;
    }
    Ok(text)
}
