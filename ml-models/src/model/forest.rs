//! Random forest: many trees, each of a part of the rows and features.
//!
//! linfa's tree is taken apart right after the fit. Its own prediction is not used, for three
//! reasons: it gives labels without shares; a leaf with as many rows of both labels gets either, by
//! the order of a hash map; and rows that are equal to a threshold went left when it was fitted and
//! go right when it predicts.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::tree::{self, Node, Trees};
use super::{ModelError, Rows, TrainParameters};

/// Most rows of a tree. linfa looks at all of them for each node, so that time grows with their
/// square; beyond this a tree gains little.
const SAMPLE_MAX: usize = 8_192;
/// Rows of a tree's sample that each leaf has at least.
const LEAF_ROWS: f32 = 4.0;
/// Share of features that a tree sees.
const FEATURE_SHARE: f64 = 0.67;

/// Trees. The score is their mean share of positive rows, between 0 and 1, where as many positive
/// as negative rows were drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Forest {
    width: usize,
    trees: Trees,
}

impl Forest {
    /// Fits labelled rows of both labels. Each tree depends on the seed and its number only.
    pub(super) fn fit(rows: &Rows, parameters: &TrainParameters) -> Result<Self, ModelError> {
        let all: Vec<(&[f64], bool)> = rows
            .iter()
            .map(|(row, label)| (row, label == Some(true)))
            .collect();
        let classes = [true, false].map(|class| {
            let of = |index: &usize| all[*index].1 == class;
            (0..all.len()).filter(of).collect::<Vec<_>>()
        });
        let tree = |number| fit_tree(&all, &classes, rows.width(), parameters, number);
        let threads = parameters.threads.clamp(1, parameters.trees);
        let per_thread = parameters.trees.div_ceil(threads);
        let trees = std::thread::scope(|scope| {
            let work: Vec<_> = (0..threads)
                .map(|thread| {
                    let first = thread * per_thread;
                    let last = (first + per_thread).min(parameters.trees);
                    let tree = &tree;
                    scope.spawn(move || (first..last).map(tree).collect::<Result<Vec<_>, _>>())
                })
                .collect();
            let mut trees = Vec::with_capacity(parameters.trees);
            for thread in work {
                let done = thread.join().map_err(|_| unfit("a thread has stopped"))?;
                trees.extend(done?);
            }
            Ok::<_, ModelError>(trees)
        })?;
        Self::of(rows.width(), trees)
    }

    /// Of trees grown elsewhere, whose leaves hold shares.
    pub(super) fn of(width: usize, trees: Vec<Vec<Node>>) -> Result<Self, ModelError> {
        let trees = Trees::from(trees);
        let model = Self { width, trees };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let is_share = |node: &Node| (0.0..=1.0).contains(&node.value);
        let sound = !self.trees.is_empty()
            && self
                .trees
                .iter()
                .all(|tree| tree::is_sound(tree, self.width) && tree.iter().all(is_share));
        sound
            .then_some(())
            .ok_or_else(|| unfit("a tree is empty, points outside itself or holds no shares"))
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand trees")]
    pub(super) fn score(&self, row: &[f64]) -> f64 {
        self.trees.sum(row) / self.trees.len() as f64
    }

    /// The mean share at the roots, and what the steps by each feature change of it (Saabas).
    #[expect(clippy::cast_precision_loss, reason = "at most a few thousand trees")]
    pub(super) fn explain(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let weight = 1.0 / self.trees.len() as f64;
        let mut terms = vec![0.0; self.width];
        let roots = self
            .trees
            .iter()
            .map(|it| tree::explain(it, row, weight, &mut terms));
        (roots.sum(), terms)
    }
}

fn fit_tree(
    all: &[(&[f64], bool)],
    classes: &[Vec<usize>; 2],
    width: usize,
    parameters: &TrainParameters,
    number: usize,
) -> Result<Vec<Node>, ModelError> {
    let stream = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut random = Xoshiro256Plus::seed_from_u64(parameters.seed ^ stream);
    let features = draw_features(&mut random, width);
    // As many rows of both labels: linfa merges leaves that predict the same label, and where one
    // label is rare it would win no leaf, and no tree would tell anything.
    let half = (all.len() / 2).clamp(1, SAMPLE_MAX / 2);
    let sample: Vec<(&[f64], bool)> = classes
        .iter()
        .flat_map(|class| std::iter::repeat_n(class, half))
        .map(|class| all[class[below(&mut random, class.len())]])
        .collect();
    let values = sample
        .iter()
        .flat_map(|(row, _)| features.iter().map(|f| row[usize::from(*f)]))
        .collect();
    let matrix = Array2::from_shape_vec((sample.len(), features.len()), values)
        .map_err(|error| unfit(&error.to_string()))?;
    let labels: Array1<bool> = sample.iter().map(|(_, label)| *label).collect();
    let fitted = DecisionTree::params()
        .max_depth(Some(parameters.depth))
        .min_weight_leaf(LEAF_ROWS)
        .min_weight_split(2.0 * LEAF_ROWS)
        .fit(&DatasetBase::new(matrix, labels))
        .map_err(|error| unfit(&error.to_string()))?;
    let mut nodes = Vec::new();
    grow(fitted.root_node(), &sample, &features, &mut nodes)?;
    Ok(nodes)
}

/// How many rows came to a node, and whether it ended as a leaf.
struct Grown {
    positives: usize,
    rows: usize,
    is_leaf: bool,
}

impl Grown {
    /// The label that most rows have; equal where as many have both.
    fn label(&self) -> std::cmp::Ordering {
        (2 * self.positives).cmp(&self.rows)
    }
}

/// Appends a linfa node and all below it.
///
/// Leaves side by side that may have the same label become one, as linfa does; where a leaf has as
/// many rows of both labels, linfa does so or not by chance. Merging these always makes the tree
/// the same whatever linfa drew.
#[expect(clippy::cast_precision_loss, reason = "at most 8,192 rows")]
fn grow(
    node: &TreeNode<f64, bool>,
    sample: &[(&[f64], bool)],
    features: &[u16],
    nodes: &mut Vec<Node>,
) -> Result<Grown, ModelError> {
    let positives = sample.iter().filter(|(_, label)| *label).count();
    let mut grown = Grown {
        positives,
        rows: sample.len(),
        is_leaf: true,
    };
    let index = nodes.len();
    nodes.push(Node {
        feature: 0,
        threshold: 0.0,
        right: 0,
        value: positives as f64 / sample.len().max(1) as f64,
    });
    let children = node.children();
    let (false, [Some(left), Some(right)]) = (node.is_leaf(), children.as_slice()) else {
        return Ok(grown);
    };
    let (column, threshold, _) = node.split();
    let feature = *features
        .get(column)
        .ok_or_else(|| unfit("a split by a feature that is not there"))?;
    let (lower, upper): (Vec<_>, Vec<_>) = sample
        .iter()
        .partition(|(row, _)| row[usize::from(feature)] <= threshold);
    if lower.is_empty() || upper.is_empty() {
        return Ok(grown);
    }
    let below = grow(left, &lower, features, nodes)?;
    let at = u32::try_from(nodes.len()).map_err(|_| unfit("a tree of too many nodes"))?;
    let above = grow(right, &upper, features, nodes)?;
    let opposed = below.label().is_ne() && below.label() == above.label().reverse();
    if below.is_leaf && above.is_leaf && !opposed {
        nodes.truncate(index + 1);
        return Ok(grown);
    }
    nodes[index].feature = feature;
    nodes[index].threshold = threshold;
    nodes[index].right = at;
    grown.is_leaf = false;
    Ok(grown)
}

/// A part of the features, in order.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of at most 256"
)]
fn draw_features(random: &mut Xoshiro256Plus, width: usize) -> Vec<u16> {
    let wanted = (width as f64 * FEATURE_SHARE).ceil() as usize;
    let mut features: Vec<u16> = (0..u16::MAX).take(width).collect();
    for index in 0..wanted {
        let other = index + below(random, width - index);
        features.swap(index, other);
    }
    features.truncate(wanted);
    features.sort_unstable();
    features
}

/// A number below `bound`, which is above 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is below a usize"
)]
fn below(random: &mut Xoshiro256Plus, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

fn unfit(reason: &str) -> ModelError {
    ModelError::Fit {
        kind: "random forest",
        reason: reason.to_owned(),
        remedy: "use more rows or another seed",
    }
}
