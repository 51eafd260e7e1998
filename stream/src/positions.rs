//! How far each partition has been read, and how far that is on disk.
//!
//! A batch with nothing to write moves only what has been read; the next one that writes takes it
//! along. Whatever dies meanwhile reads it again and finds nothing in it again.

use std::collections::{BTreeMap, BTreeSet};

use aim_eventlog::{Partition, Topic};
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

    /// Numbers of our partitions.
    pub(crate) fn numbers(&self) -> BTreeSet<i32> {
        self.read.keys().map(|partition| partition.number).collect()
    }

    /// What has to be written: what has moved, and of these numbers at least that nobody else has.
    pub(crate) fn moves(&self, numbers: &BTreeSet<i32>) -> Vec<(ConsumerOffset, ConsumerOffset)> {
        let moves = self.read.values().map(|to| {
            let from = self.stored.get(&to.partition).copied();
            (
                from.unwrap_or_else(|| ConsumerOffset::start(to.partition)),
                *to,
            )
        });
        moves
            .filter(|(from, to)| from != to || numbers.contains(&to.partition.number))
            .collect()
    }

    /// They are on disk.
    pub(crate) fn stored(&mut self, moves: &[(ConsumerOffset, ConsumerOffset)]) {
        for (_, to) in moves {
            self.stored.insert(to.partition, *to);
        }
    }

    /// A number that grows whenever a batch of a partition's records is written, and with nothing
    /// else: agents' own records and what is said of them are in the partitions of one number.
    pub(crate) fn sequence(&self, number: i32) -> i64 {
        let of = |topic| {
            let partition = Partition { topic, number };
            let offset = self
                .read
                .get(&partition)
                .or_else(|| self.stored.get(&partition));
            offset.map_or(0, |offset| offset.next)
        };
        Topic::ALL.into_iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: Topic) -> Partition {
        Partition { topic, number: 2 }
    }

    fn at(topic: Topic, next: i64) -> ConsumerOffset {
        let start = ConsumerOffset::start(partition(topic));
        ConsumerOffset { next, ..start }
    }

    #[test]
    fn a_sequence_goes_on_where_a_partition_is_given_back_and_taken_again() {
        let mut positions = Positions::default();
        positions.know(vec![at(Topic::Events, 5), at(Topic::Actions, 7)]);
        assert_eq!(positions.sequence(2), 12);
        assert_eq!(positions.take(partition(Topic::Events)), 5);
        positions.advance(BTreeMap::from([(
            partition(Topic::Events),
            at(Topic::Events, 9),
        )]));
        assert_eq!(positions.sequence(2), 16);
        let moves = positions.moves(&BTreeSet::new());
        assert_eq!(moves, [(at(Topic::Events, 5), at(Topic::Events, 9))]);
        positions.stored(&moves);
        assert_eq!(positions.moves(&BTreeSet::new()), []);
        assert_eq!(positions.moves(&BTreeSet::from([2])).len(), 1);
        positions.give_back(partition(Topic::Events));
        assert_eq!(positions.sequence(2), 16);
        assert_eq!(positions.take(partition(Topic::Events)), 9);
    }
}
