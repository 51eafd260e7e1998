//! Decision trees, as their nodes in the order root, left, right.

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

/// Trees that are gone down together at once: a step waits for the one before it in its own tree only.
const AT_ONCE: usize = 4;

/// What a step down needs of a node, half as large: of trees that score every event, more stays near.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    /// The threshold; in a leaf the value.
    at: f64,
    right: u32,
    feature: u16,
}

/// Trees that are summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Vec<Node>>", into = "Vec<Vec<Node>>")]
pub(super) struct Trees {
    nodes: Vec<Vec<Node>>,
    steps: Vec<Vec<Step>>,
}

impl From<Vec<Vec<Node>>> for Trees {
    fn from(nodes: Vec<Vec<Node>>) -> Self {
        let step = |node: &Node| Step {
            at: if node.right == 0 {
                node.value
            } else {
                node.threshold
            },
            right: node.right,
            feature: node.feature,
        };
        let steps = nodes.iter().map(|tree| tree.iter().map(step).collect());
        Self {
            steps: steps.collect(),
            nodes,
        }
    }
}

impl From<Trees> for Vec<Vec<Node>> {
    fn from(trees: Trees) -> Self {
        trees.nodes
    }
}

impl std::ops::Deref for Trees {
    type Target = [Vec<Node>];

    fn deref(&self) -> &Self::Target {
        &self.nodes
    }
}

impl Trees {
    /// The values of the leaves that a row comes to, added in the order of the trees.
    pub(super) fn sum(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        let (several, rest) = self.steps.as_chunks::<AT_ONCE>();
        for trees in several {
            let mut at = [0; AT_ONCE];
            let mut is_under_way = true;
            while is_under_way {
                is_under_way = false;
                for (tree, at) in trees.iter().zip(&mut at) {
                    let step = &tree[*at];
                    if step.right != 0 {
                        *at = step.next(*at, row);
                        is_under_way = true;
                    }
                }
            }
            let leaves = trees.iter().zip(at).map(|(tree, at)| tree[at].at);
            sum = leaves.fold(sum, |sum, value| sum + value);
        }
        for tree in rest {
            let mut at = 0;
            while tree[at].right != 0 {
                at = tree[at].next(at, row);
            }
            sum += tree[at].at;
        }
        sum
    }
}

impl Step {
    /// The index of the node after this one, which is no leaf and has index `at`.
    fn next(&self, at: usize, row: &[f64]) -> usize {
        if row[usize::from(self.feature)] <= self.at {
            at + 1
        } else {
            self.right as usize
        }
    }
}

/// The value of the leaf that a row comes to.
fn value(tree: &[Node], row: &[f64]) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with a split at `threshold` above another one, or a leaf.
    fn tree(threshold: f64, depth: u32) -> Vec<Node> {
        let mut nodes = Vec::new();
        for level in 0..depth {
            let leaf = Node {
                feature: 0,
                threshold: 0.0,
                right: 0,
                value: threshold + f64::from(level) / 3.0,
            };
            let split = Node {
                feature: (level % 2) as u16,
                threshold,
                right: nodes.len() as u32 + 2,
                value: 0.5,
            };
            nodes.extend([split, leaf]);
        }
        nodes.push(Node {
            feature: 0,
            threshold: 0.0,
            right: 0,
            value: 0.1,
        });
        nodes
    }

    #[test]
    fn trees_side_by_side_come_to_the_same_leaves_as_one_by_one() {
        for count in 0..10_u32 {
            let all: Vec<_> = (0..count)
                .map(|number| tree(f64::from(number) / 10.0, number * 7 % 5))
                .collect();
            assert!(all.iter().all(|it| is_sound(it, 2)));
            let trees = Trees::from(all);
            for row in [[0.0, 0.9], [0.35, 0.35], [0.9, 0.2], [1.0, 1.0]] {
                let slow: f64 = trees.iter().map(|it| value(it, &row)).sum();
                assert_eq!(trees.sum(&row).to_bits(), (0.0 + slow).to_bits(), "{count}");
            }
        }
    }
}
