//! `aim evaluate series`.

use std::path::PathBuf;

use aim_ml_models::evaluation::{Figures, LABELS_FILE, evaluate_series};

use crate::out;
use crate::view::View;

/// Series of numbers, with or without labels.
#[derive(clap::Args)]
pub(crate) struct SeriesArgs {
    /// Folder whose sub-folders hold CSV files with the columns `timestamp` and `value`; the labels
    /// are its `combined_windows.json`.
    dir: PathBuf,
    /// Folder for the scores: a CSV with `anomaly_score` from 0 to 1 at the path of each file.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    view: View,
}

/// Scores each file row by row with one detector, and judges the scores where there are labels.
pub(crate) fn run(args: &SeriesArgs) -> anyhow::Result<()> {
    let report = evaluate_series(&args.dir, &args.out)?;
    out::note(format!(
        "{} files with {} rows are scored in `{}`",
        report.files,
        report.rows,
        args.out.display()
    ));
    if !report.absent.is_empty() {
        out::note(format!(
            "{} labelled files are not there and count for nothing, the first is `{}`",
            report.absent.len(),
            report.absent[0]
        ));
    }
    let mut rows = Vec::new();
    for figures in report.profiles.iter().flatten() {
        let threshold = format!("{:.4}", figures.threshold);
        let mut row = |name: &str, figures_of: &Figures| {
            rows.push(vec![
                figures.profile.to_owned(),
                name.to_owned(),
                figures_of
                    .score
                    .map_or_else(|| "-".to_owned(), |score| format!("{score:.2}")),
                figures_of.windows.to_string(),
                figures_of.found.to_string(),
                figures_of.false_alarms.to_string(),
                threshold.clone(),
            ]);
        };
        row("all", &figures.all);
        for (category, figures) in &figures.categories {
            row(category, figures);
        }
    }
    let header = [
        "profile",
        "category",
        "score",
        "windows",
        "found",
        "false alarms",
        "threshold",
    ];
    if report.profiles.is_none() {
        out::note(format!(
            "no score was computed: `{}` is missing",
            args.dir.join(LABELS_FILE).display()
        ));
    }
    if !args.view.is_table() || report.profiles.is_some() {
        let value = serde_json::to_value(&report)?;
        args.view.table(&header, &rows, &value);
    }
    Ok(())
}
