//! Proofs from a tree, by the hashes of its complete subtrees (RFC 9162 sections 2.1.3 and 2.1.4).

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::merkle::{Hash, node_hash};

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The tree is not that large.
    #[error("the tree has no such index or size")]
    Bounds,
    /// A subtree's hash is not at hand.
    #[error("the hash of node {index} of level {level} is missing")]
    Missing {
        /// Its level; leaves are level 0.
        level: u32,
        /// Its number within the level.
        index: u64,
    },
}

/// Hashes of complete subtrees: node `index` of `level` covers the `2^level` leaves from
/// `index · 2^level` on.
pub trait Nodes {
    /// The hash, if it is at hand.
    fn node(&self, level: u32, index: u64) -> Option<Hash>;
}

/// Notes down which nodes are asked for.
#[derive(Debug, Default)]
struct Wanted(RefCell<BTreeSet<(u32, u64)>>);

impl Nodes for Wanted {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        self.0.borrow_mut().insert((level, index));
        Some(Hash::default())
    }
}

/// The nodes that `work` asks for, so that they can be loaded before.
pub fn needed_nodes<T>(work: impl FnOnce(&dyn Nodes) -> T) -> BTreeSet<(u32, u64)> {
    let wanted = Wanted::default();
    work(&wanted);
    wanted.0.into_inner()
}

/// The hash of the leaves from `from` up to `to`, which a proof may ask for.
fn range(from: u64, to: u64, nodes: &dyn Nodes) -> Result<Hash, TreeError> {
    let count = to - from;
    if count.is_power_of_two() {
        let (level, index) = (count.ilog2(), from / count);
        return nodes
            .node(level, index)
            .ok_or(TreeError::Missing { level, index });
    }
    let middle = from + split(count);
    Ok(node_hash(
        &range(from, middle, nodes)?,
        &range(middle, to, nodes)?,
    ))
}

/// The largest power of two below `count`, which is at least 2.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// [`TreeError::Missing`] when a node is not at hand.
pub fn root_of(size: u64, nodes: &dyn Nodes) -> Result<Hash, TreeError> {
    if size == 0 {
        return Ok(Hash::of(b""));
    }
    range(0, size, nodes)
}

/// The proof that leaf `index` is part of the tree of the first `size` leaves.
///
/// # Errors
/// [`TreeError`] when it is not, or a node is not at hand.
pub fn inclusion_proof(index: u64, size: u64, nodes: &dyn Nodes) -> Result<Vec<Hash>, TreeError> {
    if index >= size {
        return Err(TreeError::Bounds);
    }
    let (mut from, mut to, mut proof) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(range(middle, to, nodes)?);
            to = middle;
        } else {
            proof.push(range(from, middle, nodes)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `first` leaves is the beginning of that of `second`.
///
/// # Errors
/// [`TreeError`] when the sizes do not fit, or a node is not at hand.
pub fn consistency_proof(
    first: u64,
    second: u64,
    nodes: &dyn Nodes,
) -> Result<Vec<Hash>, TreeError> {
    if first > second {
        return Err(TreeError::Bounds);
    }
    if first == 0 || first == second {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut proof) = (0, second, Vec::new());
    while first != to {
        let middle = from + split(to - from);
        if first <= middle {
            proof.push(range(middle, to, nodes)?);
            to = middle;
        } else {
            proof.push(range(from, middle, nodes)?);
            from = middle;
        }
    }
    // Where the first tree is itself a node, its reader knows that hash.
    if from > 0 {
        proof.push(range(from, to, nodes)?);
    }
    proof.reverse();
    Ok(proof)
}
