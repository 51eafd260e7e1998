//! `aim models evaluate`.

use std::path::PathBuf;

use aim_ml_models::artefact::Artefact;
use aim_ml_models::dataset::{Dataset, read_parquet};
use aim_ml_models::model::{Metrics, evaluate};
use aim_ml_models::registry::Registry;
use serde_json::json;

use super::{FIGURES, Place, Which, figures};

/// What to measure on what.
#[derive(clap::Args)]
pub(crate) struct EvaluateArgs {
    /// Features with labels, as `export-features` writes them.
    #[arg(long)]
    features: PathBuf,
    /// A number, champion or challenger.
    #[arg(long)]
    version: Which,
    /// Measure on all rows, of which none may have been trained on; else on the part that the
    /// version's seed holds out.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let version = args.version.find(&registry)?;
    let artefact = registry.get(version)?;
    let dataset = read_parquet(&args.features)?;
    let seed = (!args.all).then_some(artefact.header.seed);
    let metrics = measure(&artefact, &dataset, seed)?;
    let columns: Vec<&str> = ["version"].into_iter().chain(FIGURES).collect();
    let mut row = vec![format!("v{version}")];
    row.extend(figures(&metrics));
    let value = json!({ "version": version, "metrics": metrics });
    args.place.view.table(&columns, &[row], &value);
    Ok(())
}

/// Measures on all rows, or on the part that `seed` holds out.
pub(super) fn measure(
    artefact: &Artefact,
    dataset: &Dataset,
    seed: Option<u64>,
) -> anyhow::Result<Metrics> {
    anyhow::ensure!(
        artefact.header.features == dataset.names
            && artefact.header.feature_schema_version == dataset.schema_version,
        "the export has other features than the model: export again"
    );
    let rows = match seed {
        Some(seed) => dataset.split(seed)?.test,
        None => dataset.to_rows()?,
    };
    Ok(evaluate(&artefact.model, &rows)?)
}

impl Which {
    /// The number of the version.
    pub(super) fn find(self, registry: &Registry) -> anyhow::Result<u32> {
        match self {
            Self::Version(version) => Ok(version),
            Self::Alias(alias) => registry
                .find_alias(alias)?
                .ok_or_else(|| anyhow::anyhow!("no version is {alias}: promote one")),
        }
    }
}
