//! Which words go with hostile steps: naive Bayes over what steps say.
//!
//! Counted by attackers' goals and by jobs, not by steps, so that one attack repeated a thousand
//! times is one witness. The model: Maron, "Automatic indexing", Journal of the ACM 8, 1961.

use std::collections::{HashMap, HashSet};

use crate::step::Step;

/// Half a witness for what nobody saw.
const UNSEEN: f64 = 0.5;

/// Words and who was seen to use them.
#[derive(Debug, Clone, Default)]
pub struct WordOdds {
    ordinary: Witnesses,
    hostile: Witnesses,
}

#[derive(Debug, Clone, Default)]
struct Witnesses {
    all: HashSet<u64>,
    of: HashMap<u64, HashSet<u64>>,
}

/// Who vouches for a step: an attacker's goal for a hostile one, its job for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// The job of the run.
    pub job: u64,
    /// What its attacker wanted, where there is one.
    pub goal: Option<u64>,
}

impl WordOdds {
    /// Learns a step.
    pub fn learn(&mut self, step: &Step, witness: Witness, is_hostile: bool) {
        let (side, who) = match witness.goal {
            Some(goal) if is_hostile => (&mut self.hostile, goal),
            _ => (&mut self.ordinary, witness.job),
        };
        side.all.insert(who);
        for word in &step.words {
            side.of.entry(*word).or_default().insert(who);
        }
    }

    /// Log-odds that a step is hostile by its words, in nats, over the square root of their number:
    /// words come in sentences, not one by one. `without` leaves a witness out, so that what a model
    /// is trained on is not what these counts were made of.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a step has few words")]
    pub fn odds(&self, step: &Step, without: Option<Witness>) -> f64 {
        let sum: f64 = step.words.iter().map(|word| self.of(*word, without)).sum();
        sum / (step.words.len().max(1) as f64).sqrt()
    }

    /// Log-odds that a step is hostile by where it goes, in nats: what attackers were sent to before
    /// speaks louder than any word.
    #[must_use]
    pub fn target_odds(&self, step: &Step, without: Option<Witness>) -> f64 {
        let places = step.target.iter().chain(step.hosts());
        let odds = places.map(|place| self.of(*place, without));
        odds.fold(
            0.0,
            |most: f64, odds| if odds.abs() > most.abs() { odds } else { most },
        )
    }

    fn of(&self, word: u64, without: Option<Witness>) -> f64 {
        let (hostile, goals) = self
            .hostile
            .count(word, without.and_then(|witness| witness.goal));
        let (ordinary, jobs) = self
            .ordinary
            .count(word, without.map(|witness| witness.job));
        if hostile + ordinary == 0.0 {
            return 0.0;
        }
        let share = |count: f64, all: f64| (count + UNSEEN) / (all + 2.0 * UNSEEN);
        (share(hostile, goals) / share(ordinary, jobs)).ln()
    }
}

impl Witnesses {
    /// How many used the word, of how many.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn count(&self, word: u64, without: Option<u64>) -> (f64, f64) {
        let left = |set: &HashSet<u64>| {
            let is_in = without.is_some_and(|who| set.contains(&who));
            (set.len() - usize::from(is_in)) as f64
        };
        (self.of.get(&word).map_or(0.0, left), left(&self.all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn witness(job: u64, goal: Option<u64>) -> Witness {
        Witness { job, goal }
    }

    #[test]
    fn words_of_attacks_speak_against_a_step() {
        let mut odds = WordOdds::default();
        let pay = |to: &str| Step::new("pay", None, to);
        for job in 0..6 {
            odds.learn(&pay("rent landlord"), witness(job, None), false);
        }
        for goal in 0..3 {
            odds.learn(&pay("account-666"), witness(1, Some(goal)), true);
        }
        assert!(odds.odds(&pay("account-666"), None) > 1.0);
        assert!(odds.odds(&pay("rent"), None) < -1.0);
        assert_eq!(odds.odds(&Step::new("unheard", None, "of"), None), 0.0);
    }

    #[test]
    fn a_witness_that_is_left_out_says_nothing() {
        let mut odds = WordOdds::default();
        let step = Step::new("pay", None, "account-666");
        odds.learn(&step, witness(1, Some(7)), true);
        assert!(odds.odds(&step, None) > 0.0);
        assert_eq!(odds.odds(&step, Some(witness(1, Some(7)))), 0.0);
    }

    #[test]
    fn repeating_teaches_nothing() {
        let step = Step::new("pay", None, "account-666");
        let mut once = WordOdds::default();
        once.learn(&step, witness(1, Some(7)), true);
        let mut often = once.clone();
        for _ in 0..100 {
            often.learn(&step, witness(1, Some(7)), true);
        }
        assert_eq!(once.odds(&step, None), often.odds(&step, None));
    }
}
