//! Policies about events: what was found in one, and how many there are.

use serde::{Deserialize, Serialize};

use super::set::hit_of;
use super::{Policies, PolicyContext, PolicyHit, PolicyMode, PolicyText, Rule, StoredPolicy};
use crate::anomaly::Finding;

/// Most policies that one event is told to have matched.
const HITS_MAX: usize = 16;

/// The spans of time in which an agent's events are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RateWindow {
    /// 60 seconds.
    Minute,
    /// 600 seconds.
    TenMinutes,
    /// 3,600 seconds.
    Hour,
}

impl RateWindow {
    /// Its length.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::TenMinutes => 600,
            Self::Hour => 3_600,
        }
    }
}

/// What an event came to.
#[derive(Debug, Clone, Copy)]
pub struct ObservedEvent<'a> {
    /// What detectors found in it.
    pub findings: &'a [Finding],
    /// The agent's events in the open minute, ten minutes and hour, with this one.
    pub counts: [u32; 3],
}

impl Rule {
    /// Whether it is about events, and no decision asks it.
    #[must_use]
    pub const fn is_about_events(&self) -> bool {
        matches!(self, Self::Finding { .. } | Self::RateAbove { .. })
    }

    /// Why it matches an event, if it does.
    fn matches_event(&self, event: &ObservedEvent<'_>) -> Option<String> {
        match self {
            Self::Finding { kinds, severity } => {
                let meant = event.findings.iter().filter(|it| {
                    it.severity >= *severity && (kinds.is_empty() || kinds.contains(&it.kind))
                });
                let worst = meant.max_by_key(|it| it.severity)?;
                Some(worst.summary.clone())
            }
            Self::RateAbove { window, most } => {
                let [minute, ten_minutes, hour] = event.counts;
                let count = match window {
                    RateWindow::Minute => minute,
                    RateWindow::TenMinutes => ten_minutes,
                    RateWindow::Hour => hour,
                };
                // Once a window, by the event that is one too many.
                let is_first = count == most.saturating_add(1);
                is_first.then(|| format!("more than {most} actions in {} s", window.seconds()))
            }
            _ => None,
        }
    }
}

impl Policies {
    /// Whether any is about events.
    #[must_use]
    pub const fn watches_events(&self) -> bool {
        !self.of_events.is_empty()
    }

    /// Whether any matches, whomever it is about: what is to know of the agent need not be looked up for
    /// most events.
    #[must_use]
    pub fn may_match(&self, event: &ObservedEvent<'_>) -> bool {
        self.about_events()
            .any(|(_, text)| text.rule.matches_event(event).is_some())
    }

    fn about_events(&self) -> impl Iterator<Item = (&StoredPolicy, &PolicyText)> {
        let policies = self.of_events.iter();
        let policies = policies.filter_map(|at| self.all.get(*at as usize));
        policies.filter_map(|policy| Some((policy, policy.text.as_ref().ok()?)))
    }

    /// Those that match an event, each once, the ones that count first.
    #[must_use]
    pub fn judge_event(
        &self,
        context: &PolicyContext<'_>,
        event: &ObservedEvent<'_>,
    ) -> Vec<PolicyHit> {
        let mut hits: Vec<PolicyHit> = self
            .about_events()
            .filter_map(|(policy, text)| {
                let why = text.rule.matches_event(event)?;
                let is_about = text.scope.covers(context);
                is_about.then(|| hit_of(policy, text, why))
            })
            .collect();
        hits.sort_by_key(|hit| {
            let is_shadow = hit.mode != PolicyMode::Enforced;
            (is_shadow, std::cmp::Reverse(hit.effect), hit.policy)
        });
        hits.truncate(HITS_MAX);
        hits
    }
}
