//! A bounded memory of what has been seen.

use serde::{Deserialize, Serialize};

use crate::ahead;
use crate::mark::mark;

/// Marks as they are, eight bytes each: numbers of changing length would take up to ten.
mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(marks: &[u64], to: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = marks.iter().flat_map(|mark| mark.to_le_bytes()).collect();
        to.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
        let bytes = <&[u8]>::deserialize(from)?;
        let (marks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("half a mark"));
        }
        Ok(marks.iter().map(|mark| u64::from_le_bytes(*mark)).collect())
    }
}

/// By so many it grows: most agents have few, and there are many agents.
const STEP: usize = 8;

/// The newest `capacity` different things, by their marks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    capacity: u16,
    next: u16,
    #[serde(with = "bytes")]
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

    /// Asks for the memory of its list.
    pub(super) fn ahead(&self) {
        ahead(self.marks.as_slice());
    }

    /// Whether it has the capacity of `other` and keeps to it.
    pub(super) fn has_shape_of(&self, other: &Self) -> bool {
        self.capacity == other.capacity
            && self.next < self.capacity
            && self.marks.len() <= usize::from(self.capacity)
    }

    /// Remembers a thing made of `parts`; true when it was remembered before.
    pub(super) fn insert(&mut self, parts: &[&[u8]]) -> bool {
        self.insert_mark(mark(parts))
    }

    /// The same of a thing's mark.
    pub(super) fn insert_mark(&mut self, mark: u64) -> bool {
        if self.marks.contains(&mark) {
            return true;
        }
        if self.marks.len() < usize::from(self.capacity) {
            if self.marks.len() == self.marks.capacity() {
                self.marks.reserve_exact(STEP);
            }
            self.marks.push(mark);
        } else if let Some(oldest) = self.marks.get_mut(usize::from(self.next)) {
            *oldest = mark;
            self.next = (self.next + 1) % self.capacity;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let mut seen = Seen::with_capacity(2);
        for (part, expected) in [
            ("a", false),
            ("b", false),
            ("a", true),
            ("c", false),
            ("a", false),
        ] {
            assert_eq!(seen.insert(&[part.as_bytes()]), expected, "{part}");
        }
    }

    #[test]
    fn parts_are_kept_apart() {
        let mut seen = Seen::with_capacity(2);
        assert!(!seen.insert(&[b"ab", b"c"]));
        assert!(!seen.insert(&[b"a", b"bc"]));
    }

    #[test]
    fn a_memory_of_another_size_has_another_shape() {
        let empty = Seen::with_capacity(2);
        let full = Seen {
            capacity: 2,
            next: 1,
            marks: vec![1, 2],
        };
        assert!(empty.has_shape_of(&empty) && full.has_shape_of(&empty));
        for wrong in [
            Seen::with_capacity(0),
            Seen {
                next: 2,
                ..full.clone()
            },
            Seen {
                marks: vec![1, 2, 3],
                ..full
            },
        ] {
            assert!(!wrong.has_shape_of(&empty), "{wrong:?}");
        }
    }
}
