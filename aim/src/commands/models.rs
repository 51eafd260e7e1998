//! `aim models`: what a data team does with models.

mod add;
mod evaluate;
mod export;
mod import_onnx;
mod labels;
mod names;
mod publish;
mod server;
#[cfg(test)]
mod tests;
mod train;

use std::path::PathBuf;

use crate::view::View;
use aim_ml_models::model::Metrics;
use aim_ml_models::registry::Alias;
use clap::Subcommand;

/// Where models are kept.
#[derive(clap::Args)]
struct Place {
    /// Folder of the model registry.
    #[arg(long, default_value = ".aim/models")]
    registry: PathBuf,
    #[command(flatten)]
    view: View,
}

#[derive(Subcommand)]
pub(crate) enum Models {
    /// Writes the features of recorded events to a Parquet file.
    ExportFeatures(export::ExportArgs),
    /// Trains a model as the next version.
    Train(train::TrainArgs),
    /// Takes in a model that was trained elsewhere as the next version.
    ImportOnnx(import_onnx::ImportArgs),
    /// Measures a version on labelled rows.
    Evaluate(evaluate::EvaluateArgs),
    /// Adds the model that comes with this program to the registry.
    AdoptDefault(publish::AdoptArgs),
    /// Sends a version of the registry to a server.
    Publish(publish::PublishArgs),
    /// Writes what people said of alerts on a server as labels of events.
    ExportLabels(labels::LabelsArgs),
    /// Prints what champion and challenger did on a server.
    Shadow(server::ShadowArgs),
    /// Lists versions, and which of them serve; with `--url` those of a server.
    List(names::ListArgs),
    /// Prints the card of a version.
    Show(names::ShowArgs),
    /// Points champion or challenger at a version; with `--url` on a server.
    Promote(names::PromoteArgs),
    /// Points champion or challenger back at the version before; with `--url` on a server.
    Rollback(names::RollbackArgs),
}

/// Runs the command.
pub(crate) async fn run(command: &Models) -> anyhow::Result<()> {
    match command {
        Models::ExportFeatures(args) => export::run(args),
        Models::Train(args) => train::run(args),
        Models::ImportOnnx(args) => import_onnx::run(args),
        Models::Evaluate(args) => evaluate::run(args),
        Models::AdoptDefault(args) => publish::adopt(args),
        Models::Publish(args) => publish::run(args).await,
        Models::ExportLabels(args) => labels::run(args).await,
        Models::Shadow(args) => server::shadow(args).await,
        Models::List(args) => match args.server.connect().await? {
            Some(client) => server::list(&client, args).await,
            None => names::list(args),
        },
        Models::Show(args) => names::show(args),
        Models::Promote(args) => match args.server.connect().await? {
            Some(client) => server::promote(&client, args).await,
            None => names::promote(args),
        },
        Models::Rollback(args) => match args.server.connect().await? {
            Some(client) => server::rollback(&client, args).await,
            None => names::rollback(args),
        },
    }
}

/// A version by its number or by a name that points at it.
#[derive(Clone, Copy)]
enum Which {
    Version(u32),
    Alias(Alias),
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('v').unwrap_or(text);
        if let Ok(version) = number.parse() {
            return Ok(Self::Version(version));
        }
        let alias = text.parse().map(Self::Alias);
        alias.map_err(|_| format!("`{text}` is no version, use a number, champion or challenger"))
    }
}

/// Columns of [`figures`].
const FIGURES: [&str; 9] = [
    "rows",
    "risky",
    "AUC",
    "recall at 5 %",
    "recall at 1 %",
    "flagged at 5 %",
    "flagged at 1 %",
    "Brier",
    "calibration error",
];

fn figures(metrics: &Metrics) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let number = |value: Option<f64>| value.map_or("none".to_owned(), |v| format!("{v:.4}"));
    vec![
        metrics.rows.to_string(),
        metrics.positives.to_string(),
        format!("{:.4}", metrics.auc),
        percent(metrics.recall_at_5pct),
        percent(metrics.recall_at_1pct),
        percent(metrics.flagged_at_5pct),
        percent(metrics.flagged_at_1pct),
        number(metrics.brier),
        number(metrics.calibration_error),
    ]
}
