//! An agent that acts as told.

use aim_domain::action::{ObservedAction, Outcome, classify};
use aim_domain::anomaly::{AnomalyKind, Finding, Severity};
use aim_domain::id::{AgentId, EventId, OrganizationId};
use aim_domain::name::{ActionName, Resource};
use aim_ml_models::{BehaviourProfile, Observation};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Monday, 5 January 2026, 00:00 UTC.
pub(crate) fn monday() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_571_200, 0).unwrap()
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    monday() + TimeDelta::seconds(seconds)
}

pub(crate) fn action(name: &str, resource: Option<&str>, time: DateTime<Utc>) -> ObservedAction {
    ObservedAction {
        event: EventId::from_uuid(Uuid::from_u128(1)),
        organization: OrganizationId::from_uuid(Uuid::from_u128(2)),
        agent: AgentId::from_uuid(Uuid::from_u128(3)),
        time,
        action: ActionName::parse(name).unwrap(),
        resource: resource.map(|resource| Resource::parse(resource).unwrap()),
        session: None,
        task: None,
        outcome: Outcome::Ok,
        declared_risk: None,
        granted: None,
        location: None,
        class: classify(name),
        bytes: None,
        is_open_world: false,
        server: None,
        trace: None,
    }
}

pub(crate) fn reading(time: DateTime<Utc>) -> ObservedAction {
    action("get_file", Some("/notes"), time)
}

/// Numbers without a pattern, the same in every run (splitmix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit
    }
}

/// Four weeks of office days, 9 to 17 o'clock, some 20 actions an hour, one in fifty failing, three
/// writes to a few known targets among them.
pub(crate) fn office_weeks(profile: &mut BehaviourProfile) -> Vec<Finding> {
    let mut noise = Noise(7);
    let mut findings = Vec::new();
    for day in (0..28).filter(|day| day % 7 < 5) {
        for hour in 9..17 {
            let mut seconds: Vec<u64> = (0..15 + noise.below(11))
                .map(|_| noise.below(3_600))
                .collect();
            seconds.sort_unstable();
            for second in seconds {
                let time = at(day * 86_400 + hour * 3_600 + i64::try_from(second).unwrap());
                let target = format!("/desk/{}", noise.below(8));
                let name = [
                    "get_file",
                    "search_mail",
                    "list_tasks",
                    "update_task",
                    "send_mail",
                ][usize::try_from(noise.below(5)).unwrap()];
                let mut action = action(name, Some(&target), time);
                if noise.below(50) == 0 {
                    action.outcome = Outcome::Error;
                }
                findings.extend(profile.observe(&action).findings);
            }
        }
    }
    findings
}

/// Two actions a minute for so many minutes from `start` seconds on; returns the end.
pub(crate) fn steady(profile: &mut BehaviourProfile, start: i64, minutes: i64) -> i64 {
    for minute in 0..minutes {
        profile.observe(&reading(at(start + minute * 60 + 5)));
        profile.observe(&reading(at(start + minute * 60 + 35)));
    }
    start + minutes * 60
}

/// `count` actions within the minute from `start` seconds on.
pub(crate) fn flood(profile: &mut BehaviourProfile, start: i64, count: i64) -> Vec<Finding> {
    (0..count)
        .flat_map(|i| {
            profile
                .observe(&reading(at(start + i * 60 / count)))
                .findings
        })
        .collect()
}

pub(crate) fn worst(findings: &[Finding], kind: AnomalyKind) -> Option<Severity> {
    findings
        .iter()
        .filter(|f| f.kind == kind)
        .map(|f| f.severity)
        .max()
}

pub(crate) fn kinds(observation: &Observation) -> Vec<(AnomalyKind, Severity)> {
    observation
        .findings
        .iter()
        .map(|f| (f.kind, f.severity))
        .collect()
}
