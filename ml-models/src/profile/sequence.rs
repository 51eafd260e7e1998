//! How surprising an action is after the one before it.
//!
//! A hierarchical Dirichlet model (MacKay and Peto, "A hierarchical Dirichlet language model", Natural
//! Language Engineering 1, 1995): the agent's transitions back off to what it does for this job, that to
//! what it does at all, and that to how usual actions of the class are in fleets. All counts share one
//! bounded table, whose least entry makes room (lossy counting).

use aim_domain::action::ActionClass;
use serde::{Deserialize, Serialize};

use crate::ahead;
use crate::mark::mix;
use crate::tail::Tail;

/// Counters of actions, of actions for a job and of transitions together.
const COUNTERS: usize = 56;
/// Under how many an action is counted.
const KEYS: usize = 5;
/// The place of what has no counter.
const NOWHERE: u32 = u32::MAX;
/// When a counter is this full, all are halved: old habits fade.
const FULL: u16 = 4_000;
/// How many observations the level behind weighs as much as.
const CONCENTRATION: f64 = 2.0;
/// Share of reads and of writes in what agents of public recordings do, and how many different actions
/// of each there may be.
const READS: f64 = 0.7;
const DIFFERENT: f64 = 32.0;
/// Differences of a surprise below this say nothing, in bits.
const LEAST_BITS: f64 = 0.5;
/// One in so many flagged actions is learned from.
const FLAGGED_EVERY: u8 = 10;
/// Once in 10 to this many actions.
pub(super) const RARE_DECADES: f64 = 5.0;

/// What follows what, in some 500 bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sequence {
    marks: Vec<u32>,
    counts: Vec<u16>,
    actions: u32,
    /// Of the session and the action before this one.
    last: (u32, u32),
    flagged: u8,
    usual: Tail,
}

/// Marks of one action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) action: u64,
    /// 0 without a job.
    pub(super) job: u64,
    /// 0 without a session.
    pub(super) session: u64,
    pub(super) class: ActionClass,
}

pub(super) struct Judged {
    /// Minus the binary logarithm of its probability.
    pub(super) bits: f64,
    /// As surprising once in 10 to this many actions.
    pub(super) decades: f64,
}

impl Sequence {
    /// Asks for the memory of its lists.
    pub(super) fn ahead(&self) {
        ahead(self.marks.as_slice());
        ahead(self.counts.as_slice());
    }

    pub(super) fn has_shape(&self) -> bool {
        self.marks.len() == self.counts.len() && self.marks.len() <= COUNTERS
    }

    /// Judges an action and learns it; one that is late is judged without what came before.
    pub(super) fn judge(&mut self, place: Place, is_late: bool) -> Judged {
        let (session, last) = self.last;
        let own_session = short(place.session);
        // Another session begins anew.
        let last = if is_late || session != own_session {
            0
        } else {
            last
        };
        let keys = Keys::of(&place, last);
        let places = self.places(&keys);
        let bits = -self.probability(places, place.class).log2();
        let decades = self.usual.decades(bits, LEAST_BITS);
        self.usual.learn(bits, LEAST_BITS);
        if self.may_learn(decades) {
            self.learn(&keys, places);
        }
        if !is_late {
            self.last = (own_session, short(place.action));
        }
        Judged { bits, decades }
    }

    fn may_learn(&mut self, decades: f64) -> bool {
        if decades < RARE_DECADES {
            return true;
        }
        self.flagged = (self.flagged + 1) % FLAGGED_EVERY;
        self.flagged == 0
    }

    /// Where each key has its counter, in one pass over them.
    fn places(&self, keys: &Keys) -> Places {
        let mut places = [NOWHERE; KEYS];
        for (at, known) in (0..).zip(&self.marks) {
            for (place, key) in places.iter_mut().zip(&keys.0) {
                *place = if known == key { at } else { *place };
            }
        }
        places
    }

    fn probability(&self, places: Places, class: ActionClass) -> f64 {
        let [action, job, in_job, before, after] = places.map(|place| self.count(place));
        let fleet = if class.is_write { 1.0 - READS } else { READS } / DIFFERENT;
        let own = back_off(action, self.actions.into(), fleet);
        let for_job = back_off(in_job, job, own);
        back_off(after, before, for_job)
    }

    fn count(&self, place: u32) -> f64 {
        let count = self.counts.get(place as usize);
        count.copied().map_or(0.0, f64::from)
    }

    fn learn(&mut self, keys: &Keys, places: Places) {
        self.actions = self.actions.saturating_add(1);
        for (mark, place) in keys.0.into_iter().zip(places) {
            if self.add(mark, place as usize) >= FULL {
                self.counts.iter_mut().for_each(|count| *count /= 2);
                self.actions /= 2;
            }
        }
    }

    /// Counts one more of a mark that was at `place` a moment ago; with no room the least one goes.
    fn add(&mut self, mark: u32, place: usize) -> u16 {
        let is_mark = |known: &u32| *known == mark;
        let at = if self.marks.get(place).is_some_and(is_mark) {
            Some(place)
        } else {
            // Another key of this action may have taken its place, or be the same.
            self.marks.iter().position(is_mark)
        };
        if let Some(at) = at {
            let Some(count) = self.counts.get_mut(at) else {
                return 0;
            };
            *count = count.saturating_add(1);
            return *count;
        }
        if self.marks.len() < COUNTERS {
            // At once as much as there will ever be: lists that grow leave holes behind.
            self.marks.reserve_exact(COUNTERS - self.marks.len());
            self.counts.reserve_exact(COUNTERS - self.counts.len());
            self.marks.push(mark);
            self.counts.push(1);
            return 1;
        }
        let least = self
            .counts
            .iter()
            .enumerate()
            .min_by_key(|(_, count)| **count);
        if let Some((at, _)) = least
            && let (Some(known), Some(count)) = (self.marks.get_mut(at), self.counts.get_mut(at))
        {
            (*known, *count) = (mark, 1);
        }
        1
    }
}

/// Marks under which an action is counted: of itself, of its job, of itself in the job, of what was
/// before it and of itself after that.
struct Keys([u32; KEYS]);

/// Where the counters of these marks are, in the same order; [`NOWHERE`] without one.
type Places = [u32; KEYS];

impl Keys {
    fn of(place: &Place, last: u32) -> Self {
        let pair = |kind: u64, a: u64, b: u64| short(mix(kind ^ mix(a ^ mix(b))));
        let last = u64::from(last);
        Self([
            short(place.action),
            pair(1, place.job, 0),
            pair(2, place.job, place.action),
            pair(3, last, 0),
            pair(4, last, place.action),
        ])
    }
}

const fn short(mark: u64) -> u32 {
    (mark >> 32) as u32
}

/// `count` of `all` that were seen, and as many as [`CONCENTRATION`] as the level behind has it.
fn back_off(count: f64, all: f64, behind: f64) -> f64 {
    (count + CONCENTRATION * behind) / (all.max(count) + CONCENTRATION)
}
