//! A model becomes the next version of the registry.

use std::path::PathBuf;

use aim_domain::clock::Clock;
use aim_ml_models::artefact::{ARTEFACT_FORMAT, Artefact, Header};
use aim_ml_models::dataset::{Dataset, Parts, read_parquet};
use aim_ml_models::model::{Metrics, Model, ModelError, ModelKind, evaluate};
use aim_ml_models::registry::Registry;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{FIGURES, Place, figures};
use crate::clock::SystemClock;

/// With which rows, and where it goes.
#[derive(clap::Args)]
pub(super) struct AddArgs {
    /// Features as `export-features` writes them.
    #[arg(long)]
    features: PathBuf,
    /// Only what was known then: events and labels up to this time.
    #[arg(long)]
    as_of: Option<DateTime<Utc>>,
    /// What to write as the time of training; now when left out.
    #[arg(long)]
    created: Option<DateTime<Utc>>,
    #[command(flatten)]
    place: Place,
}

impl AddArgs {
    /// The rows as of then.
    pub(super) fn dataset(&self) -> anyhow::Result<Dataset> {
        let dataset = read_parquet(&self.features)?;
        Ok(match self.as_of {
            Some(time) => dataset.as_of(time),
            None => dataset,
        })
    }

    /// Measures a model on the part of the rows that `seed` holds out for that, adds it to the
    /// registry and prints it.
    pub(super) fn add(
        &self,
        model: Model,
        (dataset, parts, seed): (&Dataset, &Parts, u64),
        mut parameters: Map<String, Value>,
    ) -> anyhow::Result<()> {
        if let Some(time) = self.as_of {
            parameters.insert("as_of".to_owned(), json!(time));
        }
        let metrics = match evaluate(&model, &parts.test) {
            Ok(metrics) => Some(metrics),
            Err(ModelError::OneClass { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let (positives, negatives) = dataset.to_rows()?.classes();
        let header = Header {
            format: ARTEFACT_FORMAT,
            kind: model.kind(),
            feature_schema_version: dataset.schema_version,
            features: dataset.names.clone(),
            data_sha256: dataset.sha256(),
            rows: dataset.rows.len(),
            positives,
            negatives,
            seed,
            metrics,
            created_at: self.created.unwrap_or_else(|| SystemClock.now()),
            parameters,
        };
        header.check_features()?;
        let registry = Registry::create(&self.place.registry, &rand::random())?;
        let artefact = Artefact { header, model };
        let version = registry.add(&artefact)?;
        self.print(
            version,
            artefact.header.kind,
            artefact.header.metrics.as_ref(),
        );
        Ok(())
    }

    fn print(&self, version: u32, kind: ModelKind, metrics: Option<&Metrics>) {
        let columns = ["version", "kind"].into_iter();
        let columns: Vec<&str> = columns.chain(FIGURES).collect();
        let mut row = vec![format!("v{version}"), kind.to_string()];
        row.extend(metrics.map_or_else(|| vec!["no labels".to_owned(); FIGURES.len()], figures));
        let value = json!({ "version": version, "kind": kind, "metrics": metrics });
        self.place.view.table(&columns, &[row], &value);
    }
}
