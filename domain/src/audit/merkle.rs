//! Hashes and the verification of proofs, RFC 9162 section 2.1 (the same as RFC 6962's).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not 32 bytes of base64.
    #[error("a hash is 32 bytes of base64")]
    Hash,
    /// The index or the sizes contradict each other.
    #[error("index and sizes do not fit together")]
    Bounds,
    /// Too few or too many hashes for these sizes.
    #[error("the proof has too few or too many hashes")]
    Length,
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// A SHA-256 hash: of a leaf, of a node, of a whole tree. As text it is base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash([u8; 32]);

impl Hash {
    /// From its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From bytes that should be 32.
    ///
    /// # Errors
    /// [`ProofError::Hash`] when they are not.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ProofError> {
        bytes.try_into().map(Self).map_err(|_| ProofError::Hash)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of these bytes, with no prefix.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let bytes = STANDARD.decode(text).map_err(|_| ProofError::Hash)?;
        Self::from_slice(&bytes)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The hash of a leaf: `SHA-256(0x00 || data)`.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(data);
    Hash(hasher.finalize().into())
}

/// The hash of a node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1_u8; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash::of(&bytes)
}

/// Checks that `leaf` is number `index` of the tree with `size` leaves and this root
/// (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`ProofError`] when it is not, or the proof does not show it.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Bounds);
    }
    let mut path = Path::new(index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        hash = match path.step()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    path.finish()?;
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree with `size1` leaves is the beginning of the one with `size2`
/// (RFC 9162 section 2.1.4.2). Nothing is shown of the empty tree: it is the beginning of every tree.
/// Roots are compared as they are: of two trees of one size nothing else is asked.
///
/// # Errors
/// [`ProofError`] when it is not, or the proof does not show it.
pub fn verify_consistency(
    size1: u64,
    size2: u64,
    root1: &[u8],
    root2: &[u8],
    proof: &[Hash],
) -> Result<(), ProofError> {
    if size1 == 0 || size1 > size2 {
        return Err(ProofError::Bounds);
    }
    if size1 == size2 {
        return match (proof, root1 == root2) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let (root1, root2) = (Hash::from_slice(root1)?, Hash::from_slice(root2)?);
    // A complete subtree is a node of the larger tree: its hash need not be sent.
    let (start, rest) = if size1.is_power_of_two() {
        (&root1, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let mut path = Path::new(size1 - 1, size2 - 1);
    path.climb(|low| low & 1 == 1);
    let (mut first, mut second) = (*start, *start);
    for sibling in rest {
        match path.step()? {
            Side::Left => {
                first = node_hash(sibling, &first);
                second = node_hash(sibling, &second);
            }
            Side::Right => second = node_hash(&second, sibling),
        }
    }
    path.finish()?;
    if first == root1 && second == root2 {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// On which side of the hash so far a sibling stands.
enum Side {
    Left,
    Right,
}

/// The way from a node to the root: `node` of `last`, the number of the last node of its level.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    const fn new(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    /// Goes up while `more` of the node's number.
    fn climb(&mut self, more: impl Fn(u64) -> bool) {
        while more(self.node) {
            self.node >>= 1;
            self.last >>= 1;
        }
    }

    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        let is_right = self.node & 1 == 1 || self.node == self.last;
        if is_right {
            // Levels on which the node stands alone have no sibling.
            self.climb(|node| node & 1 == 0 && node != 0);
        }
        self.node >>= 1;
        self.last >>= 1;
        Ok(if is_right { Side::Left } else { Side::Right })
    }

    const fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length)
        }
    }
}
