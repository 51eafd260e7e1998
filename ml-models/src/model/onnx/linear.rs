//! Scalers and linear classifiers.

use super::super::logistic::Logistic;
use super::super::scaler::Scaler;
use super::super::{ModelError, Rows};
use super::check_labels;
use super::proto::NodeProto;

/// How far two rows of coefficients that should be each other's opposite may differ: 32 bits hold
/// seven digits.
const OPPOSITE: f64 = 1e-5;

/// What scalers make of a feature: `(feature − offset) · factor`.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    offset: Vec<f64>,
    factor: Vec<f64>,
    is_idle: bool,
}

impl Scaling {
    pub(super) fn none(width: usize) -> Self {
        Self {
            offset: vec![0.0; width],
            factor: vec![1.0; width],
            is_idle: true,
        }
    }

    /// Adds a `Scaler`, `(x − offset) · scale`.
    pub(super) fn then(&mut self, node: &NodeProto) -> Result<(), ModelError> {
        let width = self.offset.len();
        let numbers = |name: &str, otherwise: f32| match node.floats(name) {
            [] => Ok(vec![otherwise; width]),
            [one] => Ok(vec![*one; width]),
            many if many.len() == width => Ok(many.to_vec()),
            many => {
                let detail = format!("`{name}` of Scaler has {} numbers, not {width}", many.len());
                Err(ModelError::Damaged(detail))
            }
        };
        let (offsets, scales) = (numbers("offset", 0.0)?, numbers("scale", 1.0)?);
        for (index, (offset, scale)) in offsets.into_iter().zip(scales).enumerate() {
            if scale == 0.0 {
                let detail = format!("`scale` of Scaler is 0 for feature {index}");
                return Err(ModelError::Damaged(detail));
            }
            self.offset[index] += f64::from(offset) / self.factor[index];
            self.factor[index] *= f64::from(scale);
        }
        self.is_idle = false;
        Ok(())
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    pub(super) const fn width(&self) -> usize {
        self.offset.len()
    }
}

/// Log-odds = `intercept` + Σ `weights` · feature.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    weights: Vec<f64>,
    intercept: f64,
}

impl Linear {
    pub(super) fn read(node: &NodeProto, scaling: &Scaling) -> Result<Self, ModelError> {
        check_labels(node)?;
        let wide = |values: &[f32]| values.iter().map(|it| f64::from(*it)).collect::<Vec<_>>();
        let (all, intercepts) = (
            wide(node.floats("coefficients")),
            wide(node.floats("intercepts")),
        );
        let width = scaling.width();
        let transform = node.text("post_transform", "NONE");
        let (scaled, intercept) = match (transform, all.len().checked_div(width)) {
            ("LOGISTIC", Some(1)) if all.len() == width => (all, first(&intercepts)),
            ("LOGISTIC" | "SOFTMAX", Some(2)) if all.len() == 2 * width => {
                let (fine, risk) = all.split_at(width);
                let [b_fine, b_risk] = [0, 1].map(|it| intercepts.get(it).copied().unwrap_or(0.0));
                let pairs = fine.iter().zip(risk).chain([(&b_fine, &b_risk)]);
                let is_opposite =
                    |(a, b): (&f64, &f64)| (a + b).abs() <= OPPOSITE * (1.0 + b.abs());
                let are_opposite = pairs.clone().all(is_opposite);
                if transform == "SOFTMAX" {
                    let weights = fine.iter().zip(risk).map(|(fine, risk)| risk - fine);
                    (weights.collect(), b_risk - b_fine)
                } else if are_opposite {
                    (risk.to_vec(), b_risk)
                } else {
                    return Err(damaged("its two classes are not each other's opposite"));
                }
            }
            _ => {
                let detail = format!(
                    "LinearClassifier has {} coefficients for {width} features and `post_transform` \
                     {transform}; use one row for each class and LOGISTIC or SOFTMAX",
                    all.len()
                );
                return Err(ModelError::Damaged(detail));
            }
        };
        let mut linear = Self {
            weights: scaled,
            intercept,
        };
        let scaled = linear.weights.iter_mut().zip(&scaling.offset);
        for ((weight, offset), factor) in scaled.zip(&scaling.factor) {
            *weight *= factor;
            linear.intercept -= *weight * offset;
        }
        Ok(linear)
    }

    /// Over features scaled as these rows are: what a feature adds is then told against an average
    /// row.
    pub(super) fn into_logistic(self, rows: &Rows) -> Result<Logistic, ModelError> {
        let scaler = Scaler::fit(rows)?;
        let (mean, scale) = scaler.numbers();
        let average = self.weights.iter().zip(mean).map(|(w, mean)| w * mean);
        let intercept = self.intercept + average.sum::<f64>();
        let weights = self.weights.iter().zip(scale).map(|(w, scale)| w * scale);
        Logistic::of(scaler.clone(), weights.collect(), intercept)
    }
}

fn first(intercepts: &[f64]) -> f64 {
    intercepts.first().copied().unwrap_or(0.0)
}

fn damaged(detail: &str) -> ModelError {
    ModelError::Damaged(detail.to_owned())
}
