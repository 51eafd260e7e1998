//! The tree as it is kept: tiles of up to 256 hashes (C2SP tlog-tiles). Level 0 holds leaf hashes;
//! a hash of level `l + 1` is the root of a full tile of level `l`.

use std::collections::{BTreeSet, HashMap};

use super::merkle::{Hash, ProofError, node_hash};
use super::tree::Nodes;

/// Hashes of a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree in one level of tiles.
const HEIGHT: u32 = 8;

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Its level; 0 holds leaf hashes.
    pub level: u32,
    /// Its number within the level.
    pub index: u64,
}

impl TileId {
    /// The tile that has what is needed for a node, and where in it.
    fn of(level: u32, index: u64) -> Option<(Self, usize, usize)> {
        let (tile_level, within) = (level / HEIGHT, level % HEIGHT);
        let first = index.checked_mul(1 << within)?;
        let id = Self {
            level: tile_level,
            index: first / TILE_WIDTH,
        };
        let offset = usize::try_from(first % TILE_WIDTH).ok()?;
        Some((id, offset, 1 << within))
    }

    /// The tiles that nodes lie in.
    #[must_use]
    pub fn of_nodes(nodes: &BTreeSet<(u32, u64)>) -> BTreeSet<Self> {
        let ids = nodes
            .iter()
            .filter_map(|(level, index)| Self::of(*level, *index));
        ids.map(|(id, ..)| id).collect()
    }

    /// The tiles that are not full in a tree of `size` leaves: what has to be at hand to append, and
    /// to compute the root.
    #[must_use]
    pub fn unfinished(size: u64) -> Vec<Self> {
        let mut count = size;
        let mut found = Vec::new();
        let mut level = 0;
        while count > 0 {
            if !count.is_multiple_of(TILE_WIDTH) {
                let index = count / TILE_WIDTH;
                found.push(Self { level, index });
            }
            count /= TILE_WIDTH;
            level += 1;
        }
        found
    }
}

/// Tiles at hand, and which of them have changed.
#[derive(Debug, Clone, Default)]
pub struct Tiles {
    hashes: HashMap<TileId, Vec<Hash>>,
    changed: BTreeSet<TileId>,
}

impl Tiles {
    /// Adds a tile as it is kept: its hashes one behind the other.
    ///
    /// # Errors
    /// [`ProofError::Hash`] when the bytes are no hashes.
    pub fn insert(&mut self, id: TileId, bytes: &[u8]) -> Result<(), ProofError> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(ProofError::Hash);
        }
        let hashes = chunks.iter().map(|it| Hash::from_bytes(*it)).collect();
        self.hashes.insert(id, hashes);
        Ok(())
    }

    /// The hashes of a tile, if it is at hand.
    #[must_use]
    pub fn get(&self, id: TileId) -> Option<&[Hash]> {
        self.hashes.get(&id).map(Vec::as_slice)
    }

    /// Appends a leaf to a tree whose [`TileId::unfinished`] tiles are at hand.
    pub fn append(&mut self, leaf: Hash, size: u64) {
        let (mut hash, mut count, mut level) = (leaf, size, 0);
        loop {
            let index = count / TILE_WIDTH;
            let id = TileId { level, index };
            let tile = self.hashes.entry(id).or_default();
            tile.push(hash);
            self.changed.insert(id);
            if tile.len() < 256 {
                return;
            }
            hash = fold(tile);
            count = index;
            level += 1;
        }
    }

    /// The tiles that [`Tiles::append`] has changed, as they are kept.
    pub fn changed(&self) -> impl Iterator<Item = (TileId, Vec<u8>)> + '_ {
        self.changed.iter().filter_map(|id| {
            let hashes = self.hashes.get(id)?;
            Some((*id, hashes.iter().flat_map(|it| *it.as_bytes()).collect()))
        })
    }
}

impl Nodes for Tiles {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let (id, offset, count) = TileId::of(level, index)?;
        let tile = self.hashes.get(&id)?;
        tile.get(offset..offset + count).map(fold)
    }
}

/// The root of a power of two of hashes.
fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}
