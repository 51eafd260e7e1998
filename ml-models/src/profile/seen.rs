//! A bounded memory of what has been seen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The newest `capacity` different things, by 64 bits of their SHA-256: an agent that chooses its
/// targets must not be able to choose two that look alike cheaply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    capacity: u16,
    next: u16,
    marks: Vec<u64>,
}

impl Seen {
    pub(super) const fn with_capacity(capacity: u16) -> Self {
        Self {
            capacity,
            next: 0,
            marks: Vec::new(),
        }
    }

    /// Whether it has the capacity of `other` and keeps to it.
    pub(super) fn has_shape_of(&self, other: &Self) -> bool {
        self.capacity == other.capacity
            && self.next < self.capacity
            && self.marks.len() <= usize::from(self.capacity)
    }

    /// Remembers a thing made of `parts`; true when it was remembered before.
    pub(super) fn insert(&mut self, parts: &[&[u8]]) -> bool {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mark = digest
            .iter()
            .take(8)
            .fold(0_u64, |mark, byte| mark << 8 | u64::from(*byte));
        if self.marks.contains(&mark) {
            return true;
        }
        if self.marks.len() < usize::from(self.capacity) {
            self.marks.push(mark);
        } else if let Some(oldest) = self.marks.get_mut(usize::from(self.next)) {
            *oldest = mark;
            self.next = (self.next + 1) % self.capacity;
        }
        false
    }
}
