//! Looking at models before they are published: `app/` knows none, `ml-models/` no use case.

use aim_app::{CheckedModel, ModelChecker};
use aim_domain::signature::PublicKey;
use aim_ml_models::artefact::{Artefact, sha256};

/// Loads a model as the stream will.
#[derive(Debug)]
pub(super) struct Loader;

impl ModelChecker for Loader {
    fn check(&self, bytes: &[u8], key: &PublicKey) -> Result<CheckedModel, String> {
        let artefact = Artefact::decode(bytes, key).map_err(|error| error.to_string())?;
        let header = artefact.header;
        Ok(CheckedModel {
            kind: header.kind.to_string(),
            feature_schema_version: i32::from(header.feature_schema_version),
            data_sha256: header.data_sha256.clone(),
            auc: header.metrics.as_ref().map(|metrics| metrics.auc),
            header: serde_json::to_value(&header).map_err(|error| error.to_string())?,
            sha256: sha256(bytes),
        })
    }
}
