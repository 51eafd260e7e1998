//! `aim models import-onnx`.

use std::path::PathBuf;

use aim_ml_models::model::OnnxModel;
use anyhow::Context;
use serde_json::{Map, json};

use super::add::AddArgs;

/// What to take in.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// A classifier as ONNX: linear or trees, with the classes 0 and 1, and with
    /// `feature_schema_version`, `features` and `seed` in its metadata.
    file: PathBuf,
    #[command(flatten)]
    add: AddArgs,
}

pub(super) fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let shown = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("`{shown}`"))?;
    let imported = OnnxModel::parse(&bytes).with_context(|| format!("`{shown}`"))?;
    let dataset = args.add.dataset()?;
    let told = imported.provenance().clone();
    anyhow::ensure!(
        told.feature_schema_version == dataset.schema_version && told.features == dataset.names,
        "`{shown}` was trained on other features than these rows have: train it on this export"
    );
    let parts = dataset.split(told.seed)?;
    let model = imported.into_model(&parts.calibration)?;
    let parameters = Map::from_iter([
        ("trained_with".to_owned(), json!(told.producer)),
        ("onnx_sha256".to_owned(), json!(told.sha256)),
    ]);
    args.add
        .add(model, (&dataset, &parts, told.seed), parameters)
}
