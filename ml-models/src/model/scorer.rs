//! A model that scores rows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::boosted::Boosted;
use super::components::Components;
use super::forest::Forest;
use super::logistic::Logistic;
use super::mixture::Mixture;
use super::rows::check;
use super::{Calibration, Limits, ModelError, WIDTH_MAX};

/// Most bytes of an encoded model: a forest of a thousand deep trees fits, a hostile length in a
/// file does not exhaust memory.
pub const MODEL_MAX_BYTES: usize = 64 << 20;

/// What kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Logistic regression: labels needed.
    Logistic,
    /// Random forest: labels needed.
    Forest,
    /// Gaussian mixture: no labels needed.
    Gmm,
    /// Principal components: no labels needed.
    Pca,
    /// Boosted trees: labels needed; trained elsewhere and taken in.
    Boosted,
}

impl ModelKind {
    const ALL: [Self; 5] = [
        Self::Logistic,
        Self::Forest,
        Self::Gmm,
        Self::Pca,
        Self::Boosted,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Forest => "forest",
            Self::Gmm => "gmm",
            Self::Pca => "pca",
            Self::Boosted => "boosted",
        }
    }

    /// Whether it learns from labels.
    #[must_use]
    pub const fn is_supervised(self) -> bool {
        matches!(self, Self::Logistic | Self::Forest | Self::Boosted)
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ModelKind {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| ModelError::Parameter {
                name: "kind",
                value: format!("`{text}`"),
                range: "logistic, forest, gmm, pca or boosted".to_owned(),
            })
    }
}

/// Why a row has its score: `score` is `base` and all contributions together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// What the score would be if no feature stood out.
    pub base: f64,
    /// What each feature adds, in the order of the features.
    pub contributions: Vec<f64>,
    /// In the units of the model's kind.
    pub score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Scorer {
    Logistic(Logistic),
    Forest(Forest),
    Mixture(Mixture),
    Components(Components),
    Boosted(Boosted),
}

/// A trained model. Higher scores are riskier; what they are in, its kind says: log-odds
/// (logistic, boosted), share of votes (forest), −ln density (gmm), squared distance (pca).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    scorer: Scorer,
    calibration: Calibration,
    limits: Limits,
}

impl Model {
    pub(super) const fn of(scorer: Scorer, calibration: Calibration, limits: Limits) -> Self {
        Self {
            scorer,
            calibration,
            limits,
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ModelKind {
        self.scorer.kind()
    }

    /// Values of a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.scorer.width()
    }

    /// How its scores become probabilities.
    #[must_use]
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Scores above which rows are flagged.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether [`Model::probability`] is one, and not a rank.
    #[must_use]
    pub const fn gives_probabilities(&self) -> bool {
        matches!(self.calibration, Calibration::Sigmoid { .. })
    }

    /// The score of a row.
    ///
    /// # Errors
    /// [`ModelError`] for another width or a value that is not finite.
    pub fn score(&self, row: &[f64]) -> Result<f64, ModelError> {
        check(row, self.width())?;
        Ok(self.scorer.score(row))
    }

    /// How likely a row is a risk, 0 to 1; a rank among known rows where no labels were known.
    ///
    /// # Errors
    /// [`ModelError`] for another width or a value that is not finite.
    pub fn probability(&self, row: &[f64]) -> Result<f64, ModelError> {
        Ok(self.calibration.apply(self.score(row)?))
    }

    /// What each feature adds to the score of a row.
    ///
    /// # Errors
    /// [`ModelError`] for another width or a value that is not finite.
    pub fn explain(&self, row: &[f64]) -> Result<Explanation, ModelError> {
        let score = self.score(row)?;
        let (base, contributions) = match &self.scorer {
            Scorer::Logistic(model) => model.explain(row),
            Scorer::Forest(model) => model.explain(row),
            Scorer::Mixture(model) => model.explain(row),
            Scorer::Components(model) => model.explain(row),
            Scorer::Boosted(model) => model.explain(row),
        };
        Ok(Explanation {
            base,
            contributions,
            score,
        })
    }

    /// As bytes.
    ///
    /// # Errors
    /// [`ModelError::Damaged`] when there are more than [`MODEL_MAX_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, ModelError> {
        let bytes = postcard::to_allocvec(self).map_err(|e| ModelError::Damaged(e.to_string()))?;
        if bytes.len() > MODEL_MAX_BYTES {
            let detail = format!("{} bytes, at most {MODEL_MAX_BYTES}", bytes.len());
            return Err(ModelError::Damaged(detail));
        }
        Ok(bytes)
    }

    /// From its bytes; refuses what would not score every finite row.
    ///
    /// # Errors
    /// [`ModelError`] when the bytes are too many, damaged, or no sound model.
    pub fn decode(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > MODEL_MAX_BYTES {
            let detail = format!("{} bytes, at most {MODEL_MAX_BYTES}", bytes.len());
            return Err(ModelError::Damaged(detail));
        }
        let (model, rest) = postcard::take_from_bytes::<Self>(bytes)
            .map_err(|error| ModelError::Damaged(error.to_string()))?;
        if !rest.is_empty() {
            return Err(ModelError::Damaged("bytes after its end".to_owned()));
        }
        model.scorer.check()?;
        model.calibration.check()?;
        if !(1..=WIDTH_MAX).contains(&model.width())
            || model.limits.at_1pct.is_nan()
            || model.limits.at_5pct.is_nan()
        {
            return Err(ModelError::Damaged("width or limits".to_owned()));
        }
        Ok(model)
    }
}

impl Scorer {
    const fn kind(&self) -> ModelKind {
        match self {
            Self::Logistic(_) => ModelKind::Logistic,
            Self::Forest(_) => ModelKind::Forest,
            Self::Mixture(_) => ModelKind::Gmm,
            Self::Components(_) => ModelKind::Pca,
            Self::Boosted(_) => ModelKind::Boosted,
        }
    }

    const fn width(&self) -> usize {
        match self {
            Self::Logistic(model) => model.width(),
            Self::Forest(model) => model.width(),
            Self::Mixture(model) => model.width(),
            Self::Components(model) => model.width(),
            Self::Boosted(model) => model.width(),
        }
    }

    pub(super) fn score(&self, row: &[f64]) -> f64 {
        match self {
            Self::Logistic(model) => model.score(row),
            Self::Forest(model) => model.score(row),
            Self::Mixture(model) => model.score(row),
            Self::Components(model) => model.score(row),
            Self::Boosted(model) => model.score(row),
        }
    }

    fn check(&self) -> Result<(), ModelError> {
        match self {
            Self::Logistic(model) => model.check(),
            Self::Forest(model) => model.check(),
            Self::Mixture(model) => model.check(),
            Self::Components(model) => model.check(),
            Self::Boosted(model) => model.check(),
        }
    }
}
