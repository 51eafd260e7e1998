//! `aim models export-features`.

use std::path::PathBuf;

use aim_domain::clock::Clock;
use aim_ml_models::dataset::{replay, write_parquet};
use aim_ml_models::evaluation::load_runs;
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::clock::SystemClock;
use crate::out;

/// What to export.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// CloudEvents as JSON lines, plain or gzip.
    #[arg(long)]
    events: PathBuf,
    /// Runs with labels as CSV, plain or gzip.
    #[arg(long)]
    runs: Option<PathBuf>,
    /// The Parquet file to write.
    #[arg(long)]
    out: PathBuf,
    /// What to write as the time of computing; now when left out.
    #[arg(long)]
    created: Option<DateTime<Utc>>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let runs = args.runs.as_deref().map(load_runs).transpose()?;
    let created = args.created.unwrap_or_else(|| SystemClock.now());
    let dataset = replay(&args.events, runs.as_deref(), created)?;
    write_parquet(&dataset, &args.out)?;
    let labels = |is_risk| {
        let labels = dataset.rows.iter().filter_map(|row| row.label);
        labels.filter(|label| label.is_risk == is_risk).count()
    };
    let (rows, risky, fine) = (dataset.rows.len(), labels(true), labels(false));
    let hash = dataset.sha256();
    let row = vec![
        rows.to_string(),
        risky.to_string(),
        fine.to_string(),
        hash.clone(),
    ];
    let value = json!({ "rows": rows, "risky": risky, "fine": fine, "sha256": hash });
    let header = ["rows", "risky", "fine", "SHA-256 of the data"];
    out::table(args.json, &header, &[row], &value);
    Ok(())
}
