//! `aim models train`.

use std::path::PathBuf;

use aim_domain::clock::Clock;
use aim_ml_models::artefact::{ARTEFACT_FORMAT, Artefact, Header};
use aim_ml_models::dataset::{Dataset, Parts, read_parquet};
use aim_ml_models::model::{
    ImportedModel, Metrics, Model, ModelError, ModelKind, TrainParameters, evaluate, train,
};
use aim_ml_models::registry::Registry;
use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{FIGURES, Place, figures};
use crate::clock::SystemClock;
use crate::out;

/// What to train.
#[derive(clap::Args)]
pub(crate) struct TrainArgs {
    /// Features as `export-features` writes them.
    #[arg(long)]
    features: PathBuf,
    /// logistic, forest, gmm or pca.
    #[arg(long, required_unless_present = "import", conflicts_with = "import")]
    kind: Option<ModelKind>,
    /// Take in this logistic regression, trained elsewhere with the same seed, as JSON.
    #[arg(long)]
    import: Option<PathBuf>,
    /// Divides rows and draws everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only what was known then: events and labels up to this time.
    #[arg(long)]
    as_of: Option<DateTime<Utc>>,
    /// What to write as the time of training; now when left out.
    #[arg(long)]
    created: Option<DateTime<Utc>>,
    /// Logistic: weight of the squared coefficients.
    #[arg(long)]
    alpha: Option<f64>,
    /// Forest: trees.
    #[arg(long)]
    trees: Option<usize>,
    /// Forest: steps from root to leaf at most.
    #[arg(long)]
    depth: Option<usize>,
    /// Gaussian mixture: Gaussians.
    #[arg(long)]
    clusters: Option<usize>,
    /// Principal components: directions.
    #[arg(long)]
    components: Option<usize>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let mut dataset = read_parquet(&args.features)?;
    if let Some(time) = args.as_of {
        dataset = dataset.as_of(time);
    }
    let parts = dataset.split(args.seed)?;
    let (model, mut parameters) = match &args.import {
        Some(path) => import(path, args.seed, &dataset, &parts)?,
        None => fit(args, &parts)?,
    };
    if let Some(time) = args.as_of {
        parameters.insert("as_of".to_owned(), json!(time));
    }
    let metrics = match evaluate(&model, &parts.test) {
        Ok(metrics) => Some(metrics),
        Err(ModelError::OneClass { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let header = header(args, &dataset, model.kind(), metrics, parameters)?;
    header.check_features()?;
    let registry = Registry::create(&args.place.registry, &rand::random())?;
    let artefact = Artefact { header, model };
    let version = registry.add(&artefact)?;
    let metrics = &artefact.header.metrics;
    let columns = ["version", "kind"].into_iter();
    let columns: Vec<&str> = columns.chain(FIGURES).collect();
    let mut row = vec![format!("v{version}"), artefact.header.kind.to_string()];
    row.extend(
        metrics
            .as_ref()
            .map_or_else(|| vec!["no labels".to_owned(); FIGURES.len()], figures),
    );
    let value = json!({ "version": version, "kind": artefact.header.kind, "metrics": metrics });
    out::table(args.place.json, &columns, &[row], &value);
    Ok(())
}

type Trained = (Model, Map<String, Value>);

fn fit(args: &TrainArgs, parts: &Parts) -> anyhow::Result<Trained> {
    let kind = args.kind.context("`--kind` is missing")?;
    let usual = TrainParameters::default();
    let parameters = TrainParameters {
        seed: args.seed,
        alpha: args.alpha.unwrap_or(usual.alpha),
        trees: args.trees.unwrap_or(usual.trees),
        depth: args.depth.unwrap_or(usual.depth),
        clusters: args.clusters.unwrap_or(usual.clusters),
        components: args.components.unwrap_or(usual.components),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let model = train(&parts.training, &parts.calibration, kind, &parameters)?;
    let told = match serde_json::to_value(&parameters)? {
        Value::Object(told) => told,
        _ => Map::new(),
    };
    Ok((model, told))
}

fn import(
    path: &std::path::Path,
    seed: u64,
    dataset: &Dataset,
    parts: &Parts,
) -> anyhow::Result<Trained> {
    let json = std::fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    let imported = ImportedModel::parse(&json)?;
    anyhow::ensure!(
        imported.feature_schema_version == dataset.schema_version
            && imported.features == dataset.names,
        "`{}` has other features than the export: train it on this export",
        path.display()
    );
    anyhow::ensure!(
        imported.seed == seed,
        "`{}` was trained with seed {}, not {seed}: rows it has learned from would measure it, give --seed {}",
        path.display(),
        imported.seed,
        imported.seed
    );
    let told = Map::from_iter([("trained_with".to_owned(), json!(imported.trained_with))]);
    Ok((imported.into_model(&parts.calibration)?, told))
}

fn header(
    args: &TrainArgs,
    dataset: &Dataset,
    kind: ModelKind,
    metrics: Option<Metrics>,
    parameters: Map<String, Value>,
) -> anyhow::Result<Header> {
    let (positives, negatives) = dataset.to_rows()?.classes();
    Ok(Header {
        format: ARTEFACT_FORMAT,
        kind,
        feature_schema_version: dataset.schema_version,
        features: dataset.names.clone(),
        data_sha256: dataset.sha256(),
        rows: dataset.rows.len(),
        positives,
        negatives,
        seed: args.seed,
        metrics,
        created_at: args.created.unwrap_or_else(|| SystemClock.now()),
        parameters,
    })
}
