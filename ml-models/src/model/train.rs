//! Training: fit, calibrate, take limits.

use serde::{Deserialize, Serialize};

use super::components::Components;
use super::forest::Forest;
use super::logistic::Logistic;
use super::mixture::Mixture;
use super::scorer::Scorer;
use super::{Calibration, Limits, Model, ModelError, ModelKind, Rows};

/// Fewest rows to fit: below, what is fitted is chance.
const FIT_ROWS_LEAST: usize = 50;
/// Fewest rows of each label to fit.
const FIT_CLASS_LEAST: usize = 10;
/// Fewest rows of each label to calibrate with.
const CALIBRATE_CLASS_LEAST: usize = 5;
/// Fewest rows to take limits from: below, 5 % are no row.
const CALIBRATE_ROWS_LEAST: usize = 20;

/// What a model is trained with. All of it but `threads` goes into the artefact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainParameters {
    /// Everything drawn comes from it.
    pub seed: u64,
    /// Logistic: weight of the squared coefficients, 0 to 1e6.
    pub alpha: f64,
    /// Forest: trees, 1 to 1,000.
    pub trees: usize,
    /// Forest: steps from root to leaf at most, 1 to 24.
    pub depth: usize,
    /// Gaussian mixture: Gaussians, 1 to 64.
    pub clusters: usize,
    /// Principal components: directions, 1 to the number of features.
    pub components: usize,
    /// Threads to train a forest with; the result does not depend on it.
    #[serde(skip, default = "one")]
    pub threads: usize,
}

const fn one() -> usize {
    1
}

impl Default for TrainParameters {
    fn default() -> Self {
        Self {
            seed: 1,
            alpha: 1.0,
            trees: 100,
            depth: 12,
            clusters: 8,
            components: 5,
            threads: 1,
        }
    }
}

impl TrainParameters {
    fn check(&self, width: usize) -> Result<(), ModelError> {
        let counts = [
            ("trees", self.trees, 1_000),
            ("depth", self.depth, 24),
            ("clusters", self.clusters, 64),
            ("components", self.components, width),
            ("threads", self.threads, 1_024),
        ];
        for (name, value, most) in counts {
            if value == 0 || value > most {
                return Err(ModelError::Parameter {
                    name,
                    value: value.to_string(),
                    range: format!("1 to {most}"),
                });
            }
        }
        if !(0.0..=1e6).contains(&self.alpha) {
            return Err(ModelError::Parameter {
                name: "alpha",
                value: self.alpha.to_string(),
                range: "0 to 1000000".to_owned(),
            });
        }
        Ok(())
    }
}

/// Fits a model to `rows` and calibrates it with `held_out`, which it has not seen.
///
/// Supervised kinds learn from the rows with labels. The others learn from all rows that are not
/// labelled as risk, and give ranks instead of probabilities where `held_out` has too few labels.
///
/// # Errors
/// [`ModelError`] for parameters out of range, too few rows or labels, or a fit that fails.
pub fn train(
    rows: &Rows,
    held_out: &Rows,
    kind: ModelKind,
    parameters: &TrainParameters,
) -> Result<Model, ModelError> {
    if rows.width() != held_out.width() {
        return Err(ModelError::Width {
            given: held_out.width(),
            expected: rows.width(),
        });
    }
    parameters.check(rows.width())?;
    let fitted = if kind.is_supervised() {
        rows.labelled()
    } else {
        rows.filter(|_, label| label != Some(true))
    };
    need("the training part", fitted.len(), FIT_ROWS_LEAST)?;
    if kind.is_supervised() {
        fitted.need_both("the training part", FIT_CLASS_LEAST)?;
    }
    let scorer = match kind {
        ModelKind::Logistic => Scorer::Logistic(Logistic::fit(&fitted, parameters.alpha)?),
        ModelKind::Forest => Scorer::Forest(Forest::fit(&fitted, parameters)?),
        ModelKind::Gmm => {
            let clusters = parameters.clusters;
            need(
                "the training part",
                fitted.len(),
                clusters * 2 * rows.width(),
            )?;
            Scorer::Mixture(Mixture::fit(&fitted, clusters, parameters.seed)?)
        }
        ModelKind::Pca => Scorer::Components(Components::fit(&fitted, parameters.components)?),
        ModelKind::Boosted => {
            return Err(ModelError::Parameter {
                name: "kind",
                value: "boosted".to_owned(),
                range: "`aim models import-onnx` for boosted trees, which are not trained here"
                    .to_owned(),
            });
        }
    };
    calibrate(scorer, held_out, kind)
}

/// Gives a scorer its calibration and limits, from rows that it has not seen.
pub(super) fn calibrate(
    scorer: Scorer,
    held_out: &Rows,
    kind: ModelKind,
) -> Result<Model, ModelError> {
    let both = held_out.need_both("the held-out part", CALIBRATE_CLASS_LEAST);
    if kind.is_supervised() {
        both.clone()?;
    }
    let mut labelled = Vec::new();
    let mut fine = Vec::new();
    for (row, label) in held_out.iter() {
        let score = scorer.score(row);
        labelled.extend(label.map(|label| (score, label)));
        if label == Some(false) || (label.is_none() && !kind.is_supervised()) {
            fine.push(score);
        }
    }
    need("the held-out part", fine.len(), CALIBRATE_ROWS_LEAST)?;
    let limits = Limits::of(&fine);
    let sigmoid = both.and_then(|()| Calibration::sigmoid(&labelled, !kind.is_supervised()));
    let calibration = match sigmoid {
        Ok(calibration) => calibration,
        // A score that does not rise with what was labelled still tells what is rare.
        Err(_) if !kind.is_supervised() => Calibration::ranks(fine),
        Err(error) => return Err(error),
    };
    Ok(Model::of(scorer, calibration, limits))
}

fn need(what: &'static str, given: usize, least: usize) -> Result<(), ModelError> {
    if given < least {
        return Err(ModelError::TooFewRows { what, given, least });
    }
    Ok(())
}
