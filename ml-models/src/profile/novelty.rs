//! First contacts: hosts, write actions and write targets that the agent never had to do with.

use aim_domain::action::outside_hosts;
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_domain::name::Resource;
use aim_domain::risk::RiskLevel;

use super::signals::Marks;
use super::{BehaviourProfile, Judge, share, weight};

/// Actions before anything can be called new: everything is new to a new agent.
const LEARNING_ACTIONS: u64 = 30;
/// Above this share of new targets among writes, a new target says nothing.
pub(super) const NOVELTY_IS_NORMAL: f64 = 0.2;
/// Weight of the newest write in the share of new ones.
const NOVELTY_STEP: f64 = 0.05;
/// What a flagged newcomer counts against another: some 45 of them in a row, each a finding, make
/// newcomers normal, not 5.
const FLAGGED_WEIGHT: f64 = 0.1;

impl BehaviourProfile {
    /// Reading at an address sends the address out, so that reads count as well; true when a host
    /// was found to be new.
    pub(super) fn judge_hosts(&mut self, judge: &mut Judge<'_>, risk: RiskLevel) -> bool {
        let known = self.tallies.samples >= LEARNING_ACTIONS;
        let target = judge.action.resource.as_ref().map_or("", |r| r.as_str());
        let mut new = None;
        for host in outside_hosts(target) {
            let is_new = !self.hosts.insert(&[host.as_bytes()]);
            let is_flagged = is_new && known && self.new_hosts_share < NOVELTY_IS_NORMAL;
            learn_share(&mut self.new_hosts_share, is_new, is_flagged);
            if is_flagged {
                new = Some(host);
            }
        }
        let Some(host) = new else { return false };
        let severity = if risk >= RiskLevel::High {
            Severity::High
        } else {
            Severity::Medium
        };
        self.tallies.novelty += weight(severity);
        let evidence = share("hosts that were new", self.new_hosts_share);
        let action = judge.action.action.as_str();
        let summary = format!("first contact with `{host}`, by `{action}`");
        judge.find(AnomalyKind::NewDomain, severity, summary, vec![evidence]);
        true
    }

    /// `is_told`: the target's host was found to be new, which says more than that the target is.
    pub(super) fn judge_novelty(
        &mut self,
        judge: &mut Judge<'_>,
        risk: RiskLevel,
        is_told: bool,
        marks: Marks,
    ) -> (f64, f64) {
        let known = self.tallies.samples >= LEARNING_ACTIONS;
        let action = judge.action.action.as_str();
        let is_new_action = !self.write_actions.insert_mark(marks.action);
        let target = judge.action.resource.as_ref().map(Resource::as_str);
        let is_new_target = target.is_some() && !self.write_targets.insert_mark(marks.deed);
        let severity = if risk >= RiskLevel::High {
            Severity::Medium
        } else {
            Severity::Low
        };
        let is_flagged_action =
            known && is_new_action && self.new_actions_share < NOVELTY_IS_NORMAL;
        let is_flagged_target =
            known && is_new_target && self.new_targets_share < NOVELTY_IS_NORMAL;
        if is_flagged_action {
            self.tallies.novelty += weight(severity);
            let evidence = share("write actions that were new", self.new_actions_share);
            let summary = format!("first write action `{action}`");
            judge.find(
                AnomalyKind::FirstSeenWrite,
                severity,
                summary,
                vec![evidence],
            );
        } else if is_flagged_target && !is_told {
            self.tallies.novelty += weight(severity) * (1.0 - self.new_targets_share);
            let evidence = share("write targets that were new", self.new_targets_share);
            let target: String = target.iter().flat_map(|t| t.chars()).take(120).collect();
            let summary = format!("first `{action}` on `{target}`");
            judge.find(
                AnomalyKind::FirstSeenResource,
                severity,
                summary,
                vec![evidence],
            );
        }
        learn_share(
            &mut self.new_actions_share,
            is_new_action,
            is_flagged_action,
        );
        if target.is_some() {
            let share = &mut self.new_targets_share;
            learn_share(share, is_new_target, is_flagged_target || is_flagged_action);
        }
        (
            f64::from(u8::from(is_new_action)),
            f64::from(u8::from(is_new_target)),
        )
    }
}

/// Moves a share of newcomers by one more.
pub(super) fn learn_share(share: &mut f64, is_new: bool, is_flagged: bool) {
    let weight = if is_flagged { FLAGGED_WEIGHT } else { 1.0 };
    *share += weight * NOVELTY_STEP * (f64::from(u8::from(is_new)) - *share);
}
