//! What agents do for a job: its actions and what they are done to, counted by runs.
//!
//! A job is what a task is called by its producer. Counting runs, not events, keeps one run that
//! repeats itself from teaching that what it does is usual. A run can be subtracted again, exactly,
//! so that its own share never speaks for it.

use std::collections::HashMap;
use std::sync::Arc;

/// Weight of the fleet's share against a job's own, in runs: how many runs of a job it takes until
/// they speak as loudly as everything else does.
const FLEET_RUNS: f64 = 1.0;
/// Half a run for what nobody has done (Krichevsky and Trofimov, "The performance of universal
/// encoding", 1981), so that no surprise is infinite.
const UNSEEN_RUNS: f64 = 0.5;
/// Least share of a target among the runs that do an action: a target nobody has used is one of
/// about fifty that could be.
const LEAST_TARGET_SHARE: f64 = 0.02;

/// Something done: which action, and on what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deed {
    /// The action's name.
    pub action: Arc<str>,
    /// What it was done to, where it names one.
    pub resource: Option<Arc<str>>,
}

/// How many runs did what.
#[derive(Debug, Clone, Default)]
struct Counts {
    runs: u32,
    actions: HashMap<Arc<str>, u32>,
    deeds: HashMap<Deed, u32>,
}

/// What is usual for each job, and for all of them together (the fleet).
#[derive(Debug, Clone, Default)]
pub struct JobBaseline {
    jobs: HashMap<Arc<str>, Counts>,
    fleet: Counts,
}

impl JobBaseline {
    /// Learns a run of `job` that did these things; repeated ones count once.
    pub fn add(&mut self, job: &Arc<str>, deeds: &[Deed]) {
        let (actions, deeds) = distinct(deeds);
        for counts in [
            self.jobs.entry(Arc::clone(job)).or_default(),
            &mut self.fleet,
        ] {
            counts.runs = counts.runs.saturating_add(1);
            for action in &actions {
                let runs = counts.actions.entry(Arc::clone(action)).or_default();
                *runs = runs.saturating_add(1);
            }
            for deed in &deeds {
                let runs = counts.deeds.entry((*deed).clone()).or_default();
                *runs = runs.saturating_add(1);
            }
        }
    }

    /// Forgets a run that was added before. One that was not leaves counts at 0 at the least.
    pub fn subtract(&mut self, job: &Arc<str>, deeds: &[Deed]) {
        let (actions, deeds) = distinct(deeds);
        let Some(own) = self.jobs.get_mut(job) else {
            return;
        };
        for counts in [own, &mut self.fleet] {
            counts.runs = counts.runs.saturating_sub(1);
            for action in &actions {
                if let Some(runs) = counts.actions.get_mut(*action) {
                    *runs = runs.saturating_sub(1);
                }
            }
            for deed in &deeds {
                if let Some(runs) = counts.deeds.get_mut(*deed) {
                    *runs = runs.saturating_sub(1);
                }
            }
        }
    }

    /// Share of the job's runs that do a deed, 0 to 1; 0 for a job that nobody has done.
    #[must_use]
    pub fn share(&self, job: &str, deed: &Deed) -> f64 {
        self.jobs
            .get(job)
            .map_or(0.0, |own| own.with_deed(deed) / f64::from(own.runs.max(1)))
    }

    /// Surprise of a deed in a run of `job`, in nats (0 for what every run does; at most about
    /// 20): minus the logarithm of the share of the job's runs that do it, backed off to the
    /// share of the fleet's runs.
    #[must_use]
    pub fn surprise(&self, job: &str, deed: &Deed) -> f64 {
        let fleet = &self.fleet;
        let fleet_action = fleet.with_action(deed);
        let usual = (fleet_action + UNSEEN_RUNS) / (f64::from(fleet.runs) + 2.0 * UNSEEN_RUNS);
        let target = (fleet.with_deed(deed) / fleet_action.max(1.0)).max(LEAST_TARGET_SHARE);
        let (own_runs, own_action, own_deed) = self.jobs.get(job).map_or((0.0, 0.0, 0.0), |own| {
            (
                f64::from(own.runs),
                own.with_action(deed),
                own.with_deed(deed),
            )
        });
        let action = (own_action + FLEET_RUNS * usual) / (own_runs + FLEET_RUNS);
        let both = (own_deed + FLEET_RUNS * target * action) / (own_runs + FLEET_RUNS);
        -both.min(1.0).ln()
    }
}

impl Counts {
    fn with_action(&self, deed: &Deed) -> f64 {
        self.actions
            .get(&deed.action)
            .copied()
            .map_or(0.0, f64::from)
    }

    fn with_deed(&self, deed: &Deed) -> f64 {
        self.deeds.get(deed).copied().map_or(0.0, f64::from)
    }
}

/// The different actions and deeds of a run.
fn distinct(deeds: &[Deed]) -> (Vec<&Arc<str>>, Vec<&Deed>) {
    let mut all: Vec<&Deed> = deeds.iter().collect();
    all.sort_unstable();
    all.dedup();
    let mut actions: Vec<&Arc<str>> = all.iter().map(|deed| &deed.action).collect();
    actions.dedup();
    (actions, all)
}
