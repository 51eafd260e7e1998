//! One decision tree, as its nodes in the order root, left, right.

use serde::{Deserialize, Serialize};

/// A step in a tree. Leaves have no children.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) feature: u16,
    /// Values up to this one go left.
    pub(crate) threshold: f64,
    /// Index of the right child, 0 in a leaf; the left child is the next node.
    pub(crate) right: u32,
    /// What a row that ends here has; further up the mean of those that pass.
    pub(crate) value: f64,
}

/// Whether every row of this width comes to a leaf.
pub(super) fn is_sound(tree: &[Node], width: usize) -> bool {
    !tree.is_empty()
        && tree.iter().enumerate().all(|(index, node)| {
            let right = node.right as usize;
            let splits = right > index + 1 && right < tree.len();
            (right == 0 || splits)
                && usize::from(node.feature) < width
                && node.threshold.is_finite()
                && node.value.is_finite()
        })
}

/// The value of the leaf that a row comes to.
pub(super) fn value(tree: &[Node], row: &[f64]) -> f64 {
    let mut index = 0;
    while let Some(next) = step(tree, index, row) {
        index = next;
    }
    tree[index].value
}

/// Adds `weight` times what the steps by each feature change of the value to `terms`, and returns
/// `weight` times the value at the root (Saabas).
pub(super) fn explain(tree: &[Node], row: &[f64], weight: f64, terms: &mut [f64]) -> f64 {
    let mut index = 0;
    while let Some(next) = step(tree, index, row) {
        let change = tree[next].value - tree[index].value;
        terms[usize::from(tree[index].feature)] += change * weight;
        index = next;
    }
    tree[0].value * weight
}

/// Gives the nodes above the leaves the mean of the rows that pass them; where none does, the mean of
/// their children.
#[expect(clippy::cast_precision_loss, reason = "rows stay far below 2^52")]
pub(super) fn weigh<'a>(tree: &mut [Node], rows: impl Iterator<Item = &'a [f64]>) {
    let mut passed = vec![(0.0, 0_usize); tree.len()];
    for row in rows {
        let value = value(tree, row);
        let mut index = Some(0);
        while let Some(at) = index {
            passed[at].0 += value;
            passed[at].1 += 1;
            index = step(tree, at, row);
        }
    }
    for index in (0..tree.len()).rev() {
        let right = tree[index].right as usize;
        if right == 0 {
            continue;
        }
        tree[index].value = match passed[index] {
            (_, 0) => f64::midpoint(tree[index + 1].value, tree[right].value),
            (sum, count) => sum / count as f64,
        };
    }
}

/// The node after this one; `None` in a leaf.
fn step(tree: &[Node], index: usize, row: &[f64]) -> Option<usize> {
    let node = &tree[index];
    match node.right {
        0 => None,
        _ if row[usize::from(node.feature)] <= node.threshold => Some(index + 1),
        right => Some(right as usize),
    }
}
