//! How surprising a whole run is, from the surprise of each thing done in it.
//!
//! A run counts by its two most surprising writes together and a tenth of its most surprising read.
//! Two, because an injected goal is a step or two among honest ones; not all, because long honest
//! runs would add up to guilt. A read changes nothing, but at a web address it sends something out
//! and counts as a write. What failed was tried, and counts less. One function for events as they
//! arrive and for recordings: O(1) an event, a few words of memory a run.

use aim_domain::action::{classify, is_web_address};

use crate::job::Deed;

/// Writes that count.
const WRITES: usize = 2;
/// What the most surprising read counts against a write.
const READ_WEIGHT: f64 = 0.1;
/// What a write that failed counts against one that was done.
const FAILED_WEIGHT: f64 = 0.3;

/// What a deed was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeedKind {
    /// It only looked.
    Read,
    /// It changed something or sent something out, or would have.
    Write {
        /// Whether it was done, not only tried.
        done: bool,
    },
}

impl DeedKind {
    /// The kind of a deed by its names.
    #[must_use]
    pub fn of(deed: &Deed, done: bool) -> Self {
        let reaches_out = deed.resource.as_deref().is_some_and(is_web_address);
        if reaches_out || classify(&deed.action).is_write {
            Self::Write { done }
        } else {
            Self::Read
        }
    }
}

/// The surprise of a run so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSurprise {
    /// The most surprising ones, each once.
    writes: [Option<(Deed, f64)>; WRITES],
    read: f64,
}

impl RunSurprise {
    /// Adds a deed of this surprise, in nats. The same deed again counts once, at its most.
    pub fn observe(&mut self, deed: &Deed, kind: DeedKind, surprise: f64) {
        let weight = match kind {
            DeedKind::Read => {
                self.read = self.read.max(surprise);
                return;
            }
            DeedKind::Write { done: true } => 1.0,
            DeedKind::Write { done: false } => FAILED_WEIGHT,
        };
        let surprise = weight * surprise;
        let is_it = |slot: &&mut Option<(Deed, f64)>| slot.as_ref().is_some_and(|it| it.0 == *deed);
        if let Some((_, known)) = self.writes.iter_mut().find(is_it).and_then(Option::as_mut) {
            *known = known.max(surprise);
            return;
        }
        let least = |slot: &Option<(Deed, f64)>| slot.as_ref().map_or(-1.0, |it| it.1);
        let slot = self
            .writes
            .iter_mut()
            .min_by(|a, b| least(a).total_cmp(&least(b)));
        if let Some(slot) = slot.filter(|slot| surprise > least(slot)) {
            *slot = Some((deed.clone(), surprise));
        }
    }

    /// The surprise of the run, in nats.
    #[must_use]
    pub fn score(&self) -> f64 {
        let writes: f64 = self.writes.iter().flatten().map(|it| it.1).sum();
        writes + READ_WEIGHT * self.read
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn deed(action: &str, resource: &str) -> Deed {
        Deed {
            action: Arc::from(action),
            resource: Some(Arc::from(resource)),
        }
    }

    #[test]
    fn the_two_worst_writes_count_once_each_in_any_order() {
        let done = DeedKind::Write { done: true };
        let deeds = [("a", 1.0), ("b", 5.0), ("c", 3.0), ("b", 5.0), ("d", 2.0)];
        for turn in 0..deeds.len() {
            let mut run = RunSurprise::default();
            for place in 0..deeds.len() {
                let (name, surprise) = deeds[(turn + place) % deeds.len()];
                run.observe(&deed("send", name), done, surprise);
            }
            assert_eq!(run.score(), 8.0, "{turn}");
        }
    }

    #[test]
    fn reads_and_failures_count_less_until_they_succeed() {
        let mut run = RunSurprise::default();
        run.observe(&deed("get_file", "/a"), DeedKind::Read, 4.0);
        run.observe(&deed("get_file", "/b"), DeedKind::Read, 2.0);
        assert!((run.score() - 0.4).abs() < 1e-9);
        run.observe(&deed("send", "x"), DeedKind::Write { done: false }, 10.0);
        assert!((run.score() - 3.4).abs() < 1e-9);
        run.observe(&deed("send", "x"), DeedKind::Write { done: true }, 10.0);
        assert!((run.score() - 10.4).abs() < 1e-9);
    }

    #[test]
    fn reading_at_a_web_address_is_a_write() {
        for (action, resource, expected) in [
            (
                "get_webpage",
                "https://example.org",
                DeedKind::Write { done: true },
            ),
            ("get_webpage", "notes", DeedKind::Read),
            (
                "send_email",
                "a@example.org",
                DeedKind::Write { done: true },
            ),
        ] {
            assert_eq!(
                DeedKind::of(&deed(action, resource), true),
                expected,
                "{action}"
            );
        }
    }
}
