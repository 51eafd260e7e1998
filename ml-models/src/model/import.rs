//! Models trained elsewhere, as JSON.

use serde::{Deserialize, Serialize};

use super::logistic::Logistic;
use super::scaler::Scaler;
use super::scorer::Scorer;
use super::train::calibrate;
use super::{Model, ModelError, ModelKind, Rows};

/// Version of the JSON that is read.
pub const IMPORT_FORMAT: u32 = 1;
/// Most bytes of the JSON: many times what the widest model takes.
const IMPORT_MAX_BYTES: usize = 1 << 20;

/// A logistic regression over scaled features: log-odds = `intercept` + Σ `coefficients` ·
/// (feature − `mean`) / `scale`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedModel {
    /// [`IMPORT_FORMAT`].
    pub format: u32,
    /// `logistic`.
    pub kind: ModelKind,
    /// The features' version.
    pub feature_schema_version: u16,
    /// Their names, in order.
    pub features: Vec<String>,
    /// Subtracted from each feature.
    pub mean: Vec<f64>,
    /// Each feature is divided by, above 0.
    pub scale: Vec<f64>,
    /// One for each feature.
    pub coefficients: Vec<f64>,
    /// Log-odds of average features.
    pub intercept: f64,
    /// What trained it, in a few words, for the model card.
    #[serde(default)]
    pub trained_with: String,
    /// The seed it was trained with.
    #[serde(default)]
    pub seed: u64,
}

impl ImportedModel {
    /// Reads the JSON.
    ///
    /// # Errors
    /// [`ModelError::Damaged`] when it is too long, not of this shape, or of another format.
    pub fn parse(json: &[u8]) -> Result<Self, ModelError> {
        if json.len() > IMPORT_MAX_BYTES {
            let detail = format!("{} bytes, at most {IMPORT_MAX_BYTES}", json.len());
            return Err(ModelError::Damaged(detail));
        }
        let model: Self =
            serde_json::from_slice(json).map_err(|e| ModelError::Damaged(e.to_string()))?;
        if model.format != IMPORT_FORMAT || model.kind != ModelKind::Logistic {
            let detail = format!(
                "`format` is {} and `kind` is {}, use {IMPORT_FORMAT} and logistic",
                model.format, model.kind
            );
            return Err(ModelError::Damaged(detail));
        }
        Ok(model)
    }

    /// Calibrates it here, with rows that it was not trained on.
    ///
    /// # Errors
    /// [`ModelError`] when its numbers are not as many as features or not finite, or `held_out`
    /// has too few labels.
    pub fn into_model(self, held_out: &Rows) -> Result<Model, ModelError> {
        let scaler = Scaler::of(self.mean, self.scale)?;
        let logistic = Logistic::of(scaler, self.coefficients, self.intercept)?;
        if logistic.width() != held_out.width() {
            return Err(ModelError::Width {
                given: held_out.width(),
                expected: logistic.width(),
            });
        }
        calibrate(Scorer::Logistic(logistic), held_out, ModelKind::Logistic)
    }
}
