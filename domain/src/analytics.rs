//! Counting what happens: buckets of time, counts that add up, and distributions between fixed bounds.
//!
//! Counts are sums and nothing else, so that they can be kept as they grow and put together over any
//! time and any agents.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::action::Outcome;
use crate::anomaly::Severity;
use crate::approval::ApprovalStatus;
use crate::risk::RiskLevel;
use crate::verification::Decision;

/// Most points of a series.
pub const POINTS_MAX: usize = 1_000;

/// How long a bucket is, by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Grain {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

impl Grain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// The beginning of the bucket that `time` is in.
    #[must_use]
    pub fn start(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let date = time.date_naive();
        let (date, hour) = match self {
            Self::Hour => (date, time.hour()),
            Self::Day => (date, 0),
            Self::Month => (date.with_day(1).unwrap_or(date), 0),
        };
        let start = date.and_hms_opt(hour, 0, 0);
        start.map_or(time, |start| start.and_utc())
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decisions `ALLOWED`.
    pub allowed: u64,
    /// Decisions `DENIED`.
    pub denied: u64,
    /// Decisions `PENDING_APPROVAL`.
    pub pending: u64,
    /// Pending ones that a person allowed.
    pub approved: u64,
    /// Pending ones that a person denied, or that expired.
    pub refused: u64,
    /// Decisions by risk, least first.
    pub risks: [u64; 4],
    /// Alerts that were raised or got worse, by severity, least first.
    pub alerts: [u64; 4],
    /// Actions that went well.
    pub results_ok: u64,
    /// Actions that did not.
    pub results_failed: u64,
    /// Agents that asked for something; only of a whole organization, and not to be added up.
    pub active_agents: u64,
}

/// How an MCP server is used, by one agent or by all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct McpUsage {
    /// Calls `ALLOWED`.
    pub allowed: u64,
    /// Calls `DENIED`.
    pub denied: u64,
    /// Calls `PENDING_APPROVAL`.
    pub pending: u64,
    /// Calls that went well.
    pub succeeded: u64,
    /// Calls that did not.
    pub failed: u64,
    /// When the last one was asked for.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl McpUsage {
    /// All calls that were asked for.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.allowed + self.denied + self.pending
    }

    /// Counts a decision.
    pub fn decided(&mut self, decision: Decision, at: DateTime<Utc>) {
        match decision {
            Decision::Allowed => self.allowed += 1,
            Decision::Denied => self.denied += 1,
            Decision::PendingApproval => self.pending += 1,
        }
        self.last_used_at = self.last_used_at.max(Some(at));
    }

    /// Counts a result.
    pub const fn ended(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.succeeded += 1,
            Outcome::Error | Outcome::Denied => self.failed += 1,
            Outcome::Unknown => {}
        }
    }

    /// Adds what others did.
    pub fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.pending += other.pending;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.last_used_at = self.last_used_at.max(other.last_used_at);
    }
}

impl Counts {
    /// All decisions.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.allowed + self.denied + self.pending
    }

    /// The part of decisions that were denied; none when there were no decisions.
    #[must_use]
    pub fn denial_rate(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.denied as f64 / self.total() as f64)
    }

    /// Adds what happened elsewhere or at another time. Active agents are the most that there were in
    /// one bucket: the same agent may have been active in both.
    pub fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.pending += other.pending;
        self.approved += other.approved;
        self.refused += other.refused;
        for (own, others) in self.risks.iter_mut().zip(other.risks) {
            *own += others;
        }
        for (own, others) in self.alerts.iter_mut().zip(other.alerts) {
            *own += others;
        }
        self.results_ok += other.results_ok;
        self.results_failed += other.results_failed;
        self.active_agents = self.active_agents.max(other.active_agents);
    }

    /// Counts a decision.
    pub const fn decided(&mut self, decision: Decision, risk: RiskLevel) {
        match decision {
            Decision::Allowed => self.allowed += 1,
            Decision::Denied => self.denied += 1,
            Decision::PendingApproval => self.pending += 1,
        }
        self.risks[risk as usize] += 1;
    }

    /// Counts an answer to a pending decision.
    pub const fn answered(&mut self, status: ApprovalStatus) {
        match status {
            ApprovalStatus::Approved => self.approved += 1,
            ApprovalStatus::Denied => self.refused += 1,
            _ => {}
        }
    }

    /// Counts an alert.
    pub const fn alerted(&mut self, severity: Severity) {
        self.alerts[severity as usize] += 1;
    }

    /// Counts a result.
    pub const fn ended(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.results_ok += 1,
            Outcome::Error | Outcome::Denied => self.results_failed += 1,
            Outcome::Unknown => {}
        }
    }
}

/// What takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LatencyKind {
    /// From a decision to the commit that holds it.
    Decision,
    /// From a pending decision to a person's answer.
    Approval,
}

impl LatencyKind {
    /// The upper bounds of its distribution, in milliseconds; the last one has none.
    #[must_use]
    pub const fn bounds(self) -> &'static [i64] {
        match self {
            Self::Decision => &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000],
            Self::Approval => &[
                10_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000,
            ],
        }
    }

    /// Between which bounds a time lies: the index of its upper one.
    #[must_use]
    pub fn place(self, took: TimeDelta) -> usize {
        let took = took.num_milliseconds();
        let bounds = self.bounds();
        bounds
            .iter()
            .position(|most| took <= *most)
            .unwrap_or(bounds.len())
    }
}

/// Puts counts of UTC hours into the days of a time zone, by the day that each hour begins in. Days
/// without any are left out.
#[must_use]
pub fn local_days<'a>(
    hours: impl IntoIterator<Item = (DateTime<Utc>, &'a Counts)>,
    zone: Tz,
) -> BTreeMap<NaiveDate, Counts> {
    let mut days: BTreeMap<NaiveDate, Counts> = BTreeMap::new();
    for (hour, counts) in hours {
        days.entry(hour.with_timezone(&zone).date_naive())
            .or_default()
            .add(counts);
    }
    days
}

/// When a day begins in a time zone; where the clock goes past midnight, the first moment that there is.
#[must_use]
pub fn day_start(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    (0..24)
        .find_map(|hours| {
            let local = midnight + TimeDelta::hours(hours);
            zone.from_local_datetime(&local).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |start| start.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn buckets_begin_where_the_clock_says() {
        let at = time("2026-11-28T13:45:59.9Z");
        for (grain, start) in [
            (Grain::Hour, "2026-11-28T13:00:00Z"),
            (Grain::Day, "2026-11-28T00:00:00Z"),
            (Grain::Month, "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(grain.start(at), time(start));
            assert_eq!(grain.start(time(start)), time(start));
        }
    }

    #[test]
    fn counts_add_up_in_any_order_but_agents_do_not() {
        let mut one = Counts::default();
        one.decided(Decision::Denied, RiskLevel::Critical);
        one.alerted(Severity::High);
        one.active_agents = 3;
        let mut two = Counts::default();
        two.decided(Decision::Allowed, RiskLevel::Low);
        two.answered(ApprovalStatus::Denied);
        two.ended(Outcome::Error);
        two.active_agents = 2;
        let (mut left, mut right) = (one, two);
        left.add(&two);
        right.add(&one);
        assert_eq!(left, right);
        assert_eq!((left.total(), left.denial_rate()), (2, Some(0.5)));
        assert_eq!((left.risks, left.alerts), ([1, 0, 0, 1], [0, 0, 1, 0]));
        assert_eq!(
            (left.refused, left.results_failed, left.active_agents),
            (1, 1, 3)
        );
        assert_eq!(Counts::default().denial_rate(), None);
    }

    #[test]
    fn hours_are_of_the_day_that_people_have() {
        let counts = Counts {
            allowed: 1,
            ..Counts::default()
        };
        let hours = [
            "2026-03-28T22:00:00Z",
            "2026-03-28T23:00:00Z",
            "2026-03-29T21:00:00Z",
        ];
        let hours = hours.map(|it| (time(it), &counts));
        let days = local_days(hours, chrono_tz::Europe::Prague);
        let days: Vec<_> = days
            .iter()
            .map(|(day, it)| (day.to_string(), it.allowed))
            .collect();
        let expected = [("2026-03-28".to_owned(), 1), ("2026-03-29".to_owned(), 2)];
        assert_eq!(days, expected);
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
        assert_eq!(
            day_start(day, chrono_tz::Europe::Prague),
            time("2026-03-28T23:00:00Z")
        );
        // Where the clock was put forward at midnight.
        let day = NaiveDate::from_ymd_opt(2018, 11, 4).unwrap();
        let start = day_start(day, chrono_tz::America::Sao_Paulo);
        assert_eq!(start, time("2018-11-04T03:00:00Z"));
    }

    #[test]
    fn every_time_has_its_place() {
        for (milliseconds, place) in [
            (-5, 0),
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (5_000, 10),
            (5_001, 11),
        ] {
            let took = TimeDelta::milliseconds(milliseconds);
            assert_eq!(LatencyKind::Decision.place(took), place, "{milliseconds}");
        }
    }
}
