//! `aim models train`.

use aim_ml_models::dataset::Parts;
use aim_ml_models::model::{Model, ModelKind, TrainParameters, train};
use serde_json::{Map, Value};

use super::add::AddArgs;

/// What to train.
#[derive(clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    add: AddArgs,
    /// logistic, forest, gmm or pca.
    #[arg(long)]
    kind: ModelKind,
    /// Divides rows and draws everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
}

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let dataset = args.add.dataset()?;
    let parts = dataset.split(args.seed)?;
    let (model, parameters) = fit(args, &parts)?;
    args.add
        .add(model, (&dataset, &parts, args.seed), parameters)
}

fn fit(args: &TrainArgs, parts: &Parts) -> anyhow::Result<(Model, Map<String, Value>)> {
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
    let model = train(&parts.training, &parts.calibration, args.kind, &parameters)?;
    let told = match serde_json::to_value(&parameters)? {
        Value::Object(told) => told,
        _ => Map::new(),
    };
    Ok((model, told))
}
