//! What agents of a role do, over all their jobs: the back-off for a job that nobody has done yet.
//!
//! Jobs are counted, not runs: what one job does in a thousand runs is not usual for the next.
//! For training and for judging recordings: as many entries as the recording has different things.

use std::collections::{HashMap, HashSet};

use crate::step::Step;

/// Number of a [`step's features`](StepFeatures).
pub const STEP_FEATURES: usize = 8;

/// Names of a step's features, in order. Rarities are `−ln((n + ½) / (N + 1))` of the jobs that did
/// it, or of the steps that followed the one before (Krichevsky and Trofimov).
pub const STEP_FEATURE_NAMES: [&str; STEP_FEATURES] = [
    "action_rarity",
    "transition_rarity",
    "target_rarity",
    "target_written_before",
    "risk",
    "new_host_in_text",
    "new_words",
    "new_words_share",
];

/// A step in numbers, in the order of [`STEP_FEATURE_NAMES`]: rarities in nats, `new_words` a count,
/// the rest between 0 and 1.
pub type StepFeatures = [f64; STEP_FEATURES];

/// What is usual for a role.
#[derive(Debug, Clone, Default)]
pub struct RoleBaseline {
    jobs: HashSet<u64>,
    actions: HashMap<u64, HashSet<u64>>,
    /// What followed an action; `None` is the beginning of a run.
    followers: HashMap<Option<u64>, Followers>,
    targets: HashMap<u64, HashSet<u64>>,
    hosts: HashSet<u64>,
    words: HashSet<u64>,
}

#[derive(Debug, Clone, Default)]
struct Followers {
    all: usize,
    of: HashMap<u64, usize>,
}

/// What a run has done so far.
#[derive(Debug, Clone, Default)]
pub struct RunSoFar {
    last_action: Option<u64>,
    written: HashSet<u64>,
    hosts: HashSet<u64>,
}

impl RoleBaseline {
    /// Learns a run of a job.
    pub fn learn(&mut self, job: u64, steps: &[Step]) {
        self.jobs.insert(job);
        let mut last = None;
        for step in steps {
            self.actions.entry(step.action).or_default().insert(job);
            if let Some(target) = step.target {
                self.targets.entry(target).or_default().insert(job);
            }
            let followers = self.followers.entry(last).or_default();
            followers.all += 1;
            *followers.of.entry(step.action).or_default() += 1;
            last = Some(step.action);
            self.hosts.extend(step.hosts());
            self.words.extend(&step.words);
        }
    }

    /// A step in numbers, by what the role does and what the run has done before it; `None` for one
    /// that only reads. The run remembers the step.
    #[must_use]
    pub fn features(&self, run: &mut RunSoFar, step: &Step) -> Option<StepFeatures> {
        let features = step.is_write.then(|| self.judge(run, step));
        if step.is_write {
            run.written.extend(step.target);
        }
        run.last_action = Some(step.action);
        run.hosts.extend(step.hosts());
        features
    }

    fn judge(&self, run: &RunSoFar, step: &Step) -> StepFeatures {
        let jobs = self.jobs.len();
        let jobs_of = |known: Option<&HashSet<u64>>| rarity(known.map_or(0, HashSet::len), jobs);
        let (followed, followers) = self.followers.get(&run.last_action).map_or((0, 0), |it| {
            (it.of.get(&step.action).copied().unwrap_or(0), it.all)
        });
        let is_new_host = |host: &u64| !self.hosts.contains(host) && !run.hosts.contains(host);
        let is_new_word = |word: &&u64| !self.words.contains(*word);
        let new_words = count(step.words.iter().filter(is_new_word).count());
        [
            jobs_of(self.actions.get(&step.action)),
            rarity(followed, followers),
            jobs_of(step.target.and_then(|target| self.targets.get(&target))),
            flag(step.target.is_some_and(|it| run.written.contains(&it))),
            step.risk,
            flag(step.other_hosts.iter().any(is_new_host)),
            new_words,
            new_words / count(step.words.len().max(1)),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn count(count: usize) -> f64 {
    count as f64
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// In nats.
fn rarity(seen: usize, of: usize) -> f64 {
    -((count(seen) + 0.5) / (count(of) + 1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> RoleBaseline {
        let mut role = RoleBaseline::default();
        for job in 0..4 {
            role.learn(
                job,
                &[
                    Step::new("read_file", Some("a.txt"), ""),
                    Step::new("send_email", Some("bob@corp.example"), "hello"),
                ],
            );
        }
        role
    }

    #[test]
    fn what_the_role_does_is_usual_and_what_it_does_not_is_rare() {
        let role = baseline();
        let mut run = RunSoFar::default();
        let read = Step::new("read_file", None, "");
        assert_eq!(role.features(&mut run, &read), None);
        let usual = Step::new("send_email", Some("Bob@corp.example"), "hello");
        let other = Step::new("transfer", Some("x@evil.example"), "all https://b.example");
        let [usual, again, other] =
            [&usual, &usual, &other].map(|step| role.features(&mut run, step).unwrap());
        let rare = |n: f64| -((n + 0.5) / 5.0).ln();
        assert_eq!(usual[..3], [rare(4.0), rare(4.0), rare(4.0)]);
        assert_eq!(usual[3..], [0.0, 2.0 / 3.0, 0.0, 0.0, 0.0]);
        // Nothing has ever followed a mail.
        assert_eq!(again[1..4], [-0.5_f64.ln(), rare(4.0), 1.0]);
        assert_eq!(
            other[..6],
            [rare(0.0), -0.5_f64.ln(), rare(0.0), 0.0, 1.0, 1.0]
        );
        // The words of the text, both hosts, the target and the action itself.
        assert_eq!(other[7], 1.0);
    }

    #[test]
    fn a_host_is_new_to_a_run_once() {
        let role = baseline();
        let mut run = RunSoFar::default();
        let post = Step::new("post_message", Some("general"), "see https://new.example/a");
        assert_eq!(role.features(&mut run, &post).unwrap()[5], 1.0);
        assert_eq!(role.features(&mut run, &post).unwrap()[5], 0.0);
    }

    #[test]
    fn nothing_is_known_to_a_role_that_has_learned_nothing() {
        let role = RoleBaseline::default();
        let step = Step::new("send_email", Some("bob@corp.example"), "");
        let features = role.features(&mut RunSoFar::default(), &step).unwrap();
        assert!(features.iter().all(|value| value.is_finite()));
        assert_eq!(features[7], 1.0);
    }
}
