//! `aim evaluate`.

use std::path::PathBuf;
use std::time::Instant;

use aim_ml_models::evaluation::{
    evaluate_edges, evaluate_known_job, evaluate_unseen_job, load_events, load_runs,
};

use crate::view::View;

/// Recordings with labels.
#[derive(clap::Args)]
pub(crate) struct SessionsArgs {
    /// CloudEvents as JSON lines, plain or gzip.
    #[arg(long)]
    events: PathBuf,
    /// Runs with labels as CSV, plain or gzip.
    #[arg(long)]
    runs: PathBuf,
    /// What is kept from the model that scores a run.
    #[arg(long, value_enum, default_value_t = Split::KnownJob)]
    split: Split,
    #[command(flatten)]
    view: View,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Split {
    /// The run's model: others have done the same jobs.
    KnownJob,
    /// The family of the run's model, its job and its attacker's goal.
    UnseenJob,
}

/// Edges with labels.
#[derive(clap::Args)]
pub(crate) struct EdgesArgs {
    /// CSV of time, source, target and label, plain or gzip.
    file: PathBuf,
    #[command(flatten)]
    view: View,
}

/// Learns from other runs and scores those held out.
pub(crate) fn sessions(args: &SessionsArgs) -> anyhow::Result<()> {
    let runs = load_runs(&args.runs)?;
    let events = load_events(&args.events)?;
    let report = match args.split {
        Split::KnownJob => evaluate_known_job(&runs, &events),
        Split::UnseenJob => evaluate_unseen_job(&runs, &events),
    }?;
    let header = [
        "suite",
        "benign",
        "hijacked",
        "attacked",
        "AUC",
        "recall at 5 %",
        "recall at 1 %",
        "benign flagged at 5 %",
        "at 1 %",
        "attacked flagged at 5 %",
        "at 1 %",
    ];
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let rows: Vec<Vec<String>> = report
        .rows
        .iter()
        .map(|row| {
            vec![
                row.suite.clone(),
                row.benign.to_string(),
                row.hijacked.to_string(),
                row.attacked_not_hijacked.to_string(),
                format!("{:.4}", row.auc),
                percent(row.recall_at_5pct),
                percent(row.recall_at_1pct),
                percent(row.benign_flagged_at_5pct),
                percent(row.benign_flagged_at_1pct),
                percent(row.attacked_flagged_at_5pct),
                percent(row.attacked_flagged_at_1pct),
            ]
        })
        .collect();
    let value = serde_json::to_value(&report)?;
    args.view.table(&header, &rows, &value);
    Ok(())
}

/// Scores each edge by what came before it.
pub(crate) fn edges(args: &EdgesArgs) -> anyhow::Result<()> {
    let begin = Instant::now();
    let report = evaluate_edges(&args.file, || begin.elapsed())?;
    let header = [
        "edges",
        "anomalous",
        "AUC",
        "scored/s of a core",
        "read/s of a core",
    ];
    let row = vec![
        report.edges.to_string(),
        report.anomalous.to_string(),
        format!("{:.4}", report.auc),
        format!("{:.0}", report.scored_per_second),
        format!("{:.0}", report.read_per_second),
    ];
    let value = serde_json::to_value(&report)?;
    args.view.table(&header, &[row], &value);
    Ok(())
}
