//! Ensembles of trees.

use std::collections::HashMap;

use super::super::boosted::Boosted;
use super::super::forest::Forest;
use super::super::scorer::Scorer;
use super::super::tree::{self, Node};
use super::super::{ModelError, ModelKind, Rows};
use super::check_labels;
use super::linear::Scaling;
use super::proto::NodeProto;

/// Most trees.
const TREES_MAX: usize = 5_000;
/// Most steps from root to leaf: an unpruned tree of millions of rows has some fifty.
const DEPTH_MAX: usize = 128;
/// How far a sum of 32-bit shares may lie outside of 0 to 1.
const SHARE_SLACK: f64 = 1e-4;

/// Trees as read; what nodes above the leaves have is not known yet.
#[derive(Debug, Clone)]
pub(super) struct Ensemble {
    width: usize,
    trees: Vec<Vec<Node>>,
    /// What the sum of all trees' leaves starts from.
    base: f64,
    /// Whether leaves hold log-odds, not shares of a vote.
    is_boosted: bool,
}

/// A node of a file.
#[derive(Clone, Copy)]
enum Split {
    Leaf,
    /// Up to the threshold the first child, above it the second.
    At {
        feature: u16,
        threshold: f64,
        children: [i64; 2],
    },
}

/// Nodes of one tree by their ids, and what its leaves add to the class 1.
#[derive(Default)]
struct Source {
    nodes: HashMap<i64, Split>,
    weights: HashMap<i64, f64>,
}

impl Ensemble {
    pub(super) fn read(node: &NodeProto, scaling: &Scaling) -> Result<Self, ModelError> {
        check_labels(node)?;
        if !scaling.is_idle() {
            return Err(damaged(
                "trees behind a Scaler: train them on features as they are",
            ));
        }
        if node.has("nodes_values_as_tensor") || node.has("class_weights_as_tensor") {
            return Err(damaged("its numbers have 64 bits, export it with 32"));
        }
        let is_boosted = match node.text("post_transform", "NONE") {
            "NONE" => false,
            "LOGISTIC" => true,
            other => {
                let detail = format!("`post_transform` is {other}, use NONE or LOGISTIC");
                return Err(ModelError::Damaged(detail));
            }
        };
        let base = match node.floats("base_values") {
            [] => 0.0,
            [.., last] => f64::from(*last),
        };
        let sources = sources(node, scaling.width())?;
        let trees = sources.into_iter().map(Source::grow);
        Ok(Self {
            width: scaling.width(),
            trees: trees.collect::<Result<_, _>>()?,
            base,
            is_boosted,
        })
    }

    /// Its nodes above the leaves take the mean of the rows that pass them.
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand trees")]
    pub(super) fn into_scorer(mut self, rows: &Rows) -> Result<(Scorer, ModelKind), ModelError> {
        let count = self.trees.len() as f64;
        for tree in &mut self.trees {
            if !self.is_boosted {
                for node in tree.iter_mut().filter(|node| node.right == 0) {
                    node.value = share(self.base / count + node.value, count)?;
                }
            }
            tree::weigh(tree, rows.iter().map(|(row, _)| row));
        }
        Ok(if self.is_boosted {
            let model = Boosted::of(self.width, self.base, self.trees)?;
            (Scorer::Boosted(model), ModelKind::Boosted)
        } else {
            let model = Forest::of(self.width, self.trees)?;
            (Scorer::Forest(model), ModelKind::Forest)
        })
    }
}

/// The vote of a tree, of which a leaf holds one part in `count`.
fn share(part: f64, count: f64) -> Result<f64, ModelError> {
    let share = part * count;
    if !(-SHARE_SLACK..=1.0 + SHARE_SLACK).contains(&share) {
        let detail = format!("a leaf votes {share}, not 0 to 1; use a classifier's probabilities");
        return Err(ModelError::Damaged(detail));
    }
    Ok(share.clamp(0.0, 1.0))
}

/// Sorts the columns of the file into trees.
fn sources(node: &NodeProto, width: usize) -> Result<Vec<Source>, ModelError> {
    let ids = node.ints("nodes_treeids");
    let columns = [
        node.ints("nodes_nodeids"),
        node.ints("nodes_featureids"),
        node.ints("nodes_truenodeids"),
        node.ints("nodes_falsenodeids"),
    ];
    let (values, modes) = (node.floats("nodes_values"), node.strings("nodes_modes"));
    if columns.iter().any(|it| it.len() != ids.len())
        || values.len() != ids.len()
        || modes.len() != ids.len()
    {
        return Err(damaged("its columns of nodes have different lengths"));
    }
    let mut order = HashMap::new();
    let mut sources: Vec<Source> = Vec::new();
    for (index, tree) in ids.iter().enumerate() {
        let at = *order.entry(*tree).or_insert(sources.len());
        if at == sources.len() {
            sources.push(Source::default());
        }
        let [id, feature, yes, no] = columns.map(|column| column[index]);
        let split = split(&modes[index], feature, values[index], [yes, no], width)?;
        if sources[at].nodes.insert(id, split).is_some() {
            return Err(damaged("a tree has two nodes with one id"));
        }
    }
    if sources.is_empty() || sources.len() > TREES_MAX {
        let detail = format!("{} trees, use 1 to {TREES_MAX}", sources.len());
        return Err(ModelError::Damaged(detail));
    }
    add_weights(node, &order, &mut sources)?;
    Ok(sources)
}

/// Gives the leaves what they add to the class 1. Where all is said of one class alone, that is what
/// they add to it, whichever its number.
fn add_weights(
    node: &NodeProto,
    order: &HashMap<i64, usize>,
    sources: &mut [Source],
) -> Result<(), ModelError> {
    let (trees, nodes) = (node.ints("class_treeids"), node.ints("class_nodeids"));
    let (classes, weights) = (node.ints("class_ids"), node.floats("class_weights"));
    if [nodes.len(), classes.len(), weights.len()] != [trees.len(); 3] {
        return Err(damaged("its columns of leaves have different lengths"));
    }
    let is_of_one = classes.windows(2).all(|pair| pair[0] == pair[1]);
    let columns = trees.iter().zip(nodes).zip(classes.iter().zip(weights));
    for ((tree, id), (class, weight)) in columns {
        let Some(source) = order.get(tree).and_then(|at| sources.get_mut(*at)) else {
            return Err(damaged("a leaf is of no tree"));
        };
        if is_of_one || *class == 1 {
            *source.weights.entry(*id).or_default() += f64::from(*weight);
        }
    }
    Ok(())
}

/// A node of the file as a split by "up to".
fn split(
    mode: &[u8],
    feature: i64,
    threshold: f32,
    [yes, no]: [i64; 2],
    width: usize,
) -> Result<Split, ModelError> {
    let (threshold, children) = match mode {
        b"LEAF" => return Ok(Split::Leaf),
        b"BRANCH_LEQ" => (threshold, [yes, no]),
        b"BRANCH_LT" => (threshold.next_down(), [yes, no]),
        b"BRANCH_GTE" => (threshold.next_down(), [no, yes]),
        b"BRANCH_GT" => (threshold, [no, yes]),
        other => {
            let mode = String::from_utf8_lossy(other);
            let detail = format!("a split by `{mode}`, use the order of numbers");
            return Err(ModelError::Damaged(detail));
        }
    };
    let feature = u16::try_from(feature).ok();
    let feature = feature.filter(|feature| usize::from(*feature) < width);
    let feature = feature.ok_or_else(|| damaged("a split by a feature that is not there"))?;
    if !threshold.is_finite() {
        return Err(damaged("a split at a number that is not finite"));
    }
    Ok(Split::At {
        feature,
        threshold: widened(threshold),
        children,
    })
}

/// The largest number of 64 bits that is at most `threshold` once it is rounded to 32: there the row
/// is rounded before it is compared.
fn widened(threshold: f32) -> f64 {
    let half = f64::midpoint(f64::from(threshold), f64::from(threshold.next_up()));
    // The middle goes to whichever is even.
    if threshold.to_bits().is_multiple_of(2) {
        half
    } else {
        half.next_down()
    }
}

impl Source {
    /// In the order root, left, right.
    fn grow(mut self) -> Result<Vec<Node>, ModelError> {
        let mut roots = self.nodes.clone();
        for split in self.nodes.values() {
            if let Split::At { children, .. } = split {
                for child in children {
                    roots.remove(child);
                }
            }
        }
        let mut roots = roots.into_keys();
        let (Some(root), None) = (roots.next(), roots.next()) else {
            return Err(damaged("a tree has no root, or more than one"));
        };
        let mut grown = Vec::with_capacity(self.nodes.len());
        self.append(root, DEPTH_MAX, &mut grown)?;
        if !self.nodes.is_empty() {
            return Err(damaged("a tree has nodes that no row comes to"));
        }
        Ok(grown)
    }

    /// Each node once: what has two parents, or itself below it, is gone when it is asked for again.
    fn append(&mut self, id: i64, depth: usize, grown: &mut Vec<Node>) -> Result<(), ModelError> {
        let found = self.nodes.remove(&id);
        let split = found.ok_or_else(|| damaged("a child is not there, or has two parents"))?;
        let index = grown.len();
        grown.push(Node {
            feature: 0,
            threshold: 0.0,
            right: 0,
            value: self.weights.get(&id).copied().unwrap_or(0.0),
        });
        let Split::At {
            feature,
            threshold,
            children: [left, right],
        } = split
        else {
            return Ok(());
        };
        let depth = depth.checked_sub(1);
        let depth = depth.ok_or_else(|| damaged("a tree of more than 128 steps"))?;
        self.append(left, depth, grown)?;
        let at = u32::try_from(grown.len()).map_err(|_| damaged("a tree of too many nodes"))?;
        self.append(right, depth, grown)?;
        grown[index] = Node {
            feature,
            threshold,
            right: at,
            value: 0.0,
        };
        Ok(())
    }
}

fn damaged(detail: &str) -> ModelError {
    ModelError::Damaged(detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::widened;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "that is what ONNX does")]
    fn splits_fall_where_they_fall_with_32_bits() {
        for threshold in [
            0.7_f32,
            0.3,
            0.1,
            -0.7,
            0.0,
            1e-40,
            5.0,
            16_777_216.0,
            -1.5e30,
        ] {
            let limit = widened(threshold);
            assert!(limit as f32 <= threshold, "{threshold}");
            assert!(limit.next_up() as f32 > threshold, "{threshold}");
        }
    }
}
