//! How far each partition has been read, and how far that is on disk.
//!
//! A batch with nothing to write moves only what has been read; the next one that writes takes it
//! along. Whatever dies meanwhile reads it again and finds nothing in it again.

use std::collections::{BTreeMap, BTreeSet};

use aim_eventlog::Partition;
use aim_store::offsets::ConsumerOffset;

/// Positions of a reader.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    /// On disk, of all partitions, ours or not.
    stored: BTreeMap<Partition, ConsumerOffset>,
    /// Of ours.
    read: BTreeMap<Partition, ConsumerOffset>,
}

impl Positions {
    pub(crate) fn clear(&mut self) {
        self.stored.clear();
        self.read.clear();
    }

    /// What is on disk now, where nothing else is known.
    pub(crate) fn know(&mut self, stored: Vec<ConsumerOffset>) {
        for offset in stored {
            if !self.read.contains_key(&offset.partition) {
                self.stored.insert(offset.partition, offset);
            }
        }
    }

    /// A partition is ours; where to begin.
    pub(crate) fn take(&mut self, partition: Partition) -> i64 {
        let offset = self.stored.get(&partition).copied();
        let offset = offset.unwrap_or_else(|| ConsumerOffset::start(partition));
        self.read.insert(partition, offset);
        offset.next
    }

    /// A partition is not ours any more.
    pub(crate) fn give_back(&mut self, partition: Partition) {
        self.read.remove(&partition);
    }

    pub(crate) const fn read(&self) -> &BTreeMap<Partition, ConsumerOffset> {
        &self.read
    }

    pub(crate) fn advance(&mut self, read: BTreeMap<Partition, ConsumerOffset>) {
        self.read.extend(read);
    }

    /// Our partitions by number.
    pub(crate) fn by_number(&self) -> BTreeMap<i32, Vec<Partition>> {
        let mut all: BTreeMap<i32, Vec<Partition>> = BTreeMap::new();
        for partition in self.read.keys() {
            all.entry(partition.number).or_default().push(*partition);
        }
        all
    }

    /// What has to be written: what has moved, and of these at least that nobody else has them.
    pub(crate) fn moves(
        &self,
        held: &BTreeSet<Partition>,
    ) -> Vec<(ConsumerOffset, ConsumerOffset)> {
        let moves = self.read.values().map(|to| {
            let from = self.stored.get(&to.partition).copied();
            (
                from.unwrap_or_else(|| ConsumerOffset::start(to.partition)),
                *to,
            )
        });
        moves
            .filter(|(from, to)| from != to || held.contains(&to.partition))
            .collect()
    }

    /// They are on disk.
    pub(crate) fn stored(&mut self, moves: &[(ConsumerOffset, ConsumerOffset)]) {
        for (_, to) in moves {
            self.stored.insert(to.partition, *to);
        }
    }

    /// Up to where a partition of ours was read.
    pub(crate) fn next(&self, partition: Partition) -> i64 {
        self.read.get(&partition).map_or(0, |offset| offset.next)
    }
}

#[cfg(test)]
mod tests {
    use aim_eventlog::Topic;

    use super::*;

    fn partition(topic: Topic) -> Partition {
        Partition { topic, number: 2 }
    }

    fn at(topic: Topic, next: i64) -> ConsumerOffset {
        let start = ConsumerOffset::start(partition(topic));
        ConsumerOffset { next, ..start }
    }

    #[test]
    fn what_was_read_is_moved_once_and_is_held_when_asked() {
        let mut positions = Positions::default();
        positions.know(vec![at(Topic::Events, 5), at(Topic::Actions, 7)]);
        let ours = partition(Topic::Events);
        assert_eq!(positions.take(ours), 5);
        let read = BTreeMap::from([(ours, at(Topic::Events, 9))]);
        positions.advance(read);
        assert_eq!(positions.next(ours), 9);
        let moves = positions.moves(&BTreeSet::new());
        assert_eq!(moves, [(at(Topic::Events, 5), at(Topic::Events, 9))]);
        positions.stored(&moves);
        assert_eq!(positions.moves(&BTreeSet::new()), []);
        assert_eq!(positions.moves(&BTreeSet::from([ours])).len(), 1);
        positions.give_back(ours);
        assert_eq!(positions.take(ours), 9);
    }
}
