//! Boosted trees: each adds to the log-odds what the ones before it left wrong. Grown elsewhere.

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::tree::{self, Node, Trees};

/// Trees and where they start from. The score is the log-odds of risk, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Boosted {
    width: usize,
    base: f64,
    trees: Trees,
}

impl Boosted {
    pub(super) fn of(width: usize, base: f64, trees: Vec<Vec<Node>>) -> Result<Self, ModelError> {
        let trees = Trees::from(trees);
        let model = Self { width, base, trees };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let highest = |tree: &Vec<Node>| tree.iter().map(|it| it.value.abs()).fold(0.0, f64::max);
        let sound = self.trees.iter().all(|it| tree::is_sound(it, self.width))
            && (self.base.abs() + self.trees.iter().map(highest).sum::<f64>()).is_finite();
        sound.then_some(()).ok_or_else(|| {
            ModelError::Damaged("a tree is empty, points outside itself or is not finite".into())
        })
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn score(&self, row: &[f64]) -> f64 {
        self.base + self.trees.sum(row)
    }

    /// The score at the roots, and what the steps by each feature change of it (Saabas).
    pub(super) fn explain(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let mut terms = vec![0.0; self.width];
        let roots = self
            .trees
            .iter()
            .map(|it| tree::explain(it, row, 1.0, &mut terms));
        (self.base + roots.sum::<f64>(), terms)
    }
}
