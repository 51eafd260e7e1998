//! What happened, in numbers.

use aim_app::Analytics as Found;
use aim_domain::analytics::Counts;
use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::id::global_id;
use aim_domain::id::AgentId;

/// How long the points of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum AnalyticsStep {
    /// Hours by UTC.
    Hour,
    /// Days of the time zone.
    Day,
}

/// A time by UTC that agents are ranked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum RankingPeriod {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// What agents are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum RankingOrder {
    /// Decisions.
    Verifications,
    /// Decisions that were `DENIED`.
    Denied,
}

/// What happened in a time, from counts that are kept as it happens.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Analytics {
    /// Everything that was on record then is counted; a second or so before now.
    counted_until: DateTime<Utc>,
    /// From when on: where the first point begins.
    from: DateTime<Utc>,
    /// Until when: where the last point ends.
    until: DateTime<Utc>,
    /// All of it together.
    totals: ActivityCounts,
    /// The time right before that is as long, for trends.
    previous_totals: ActivityCounts,
    /// In points, oldest first, also those in which nothing happened.
    series: Vec<ActivityPoint>,
}

/// What happened within a point of a series.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActivityPoint {
    /// When it begins.
    start: DateTime<Utc>,
    /// What happened.
    counts: ActivityCounts,
}

/// How often what happened.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActivityCounts {
    /// Decisions.
    verification_count: u64,
    /// Decisions `ALLOWED`.
    allowed_count: u64,
    /// Decisions `DENIED`.
    denied_count: u64,
    /// Decisions `PENDING_APPROVAL`, whatever became of them.
    pending_count: u64,
    /// The part of decisions that were denied, 0 to 1; null without decisions.
    denial_rate: Option<f64>,
    /// Pending ones that were allowed in this time.
    approved_count: u64,
    /// Pending ones that were denied in this time.
    refused_count: u64,
    /// Decisions of risk `LOW`.
    low_risk_count: u64,
    /// Decisions of risk `MEDIUM`.
    medium_risk_count: u64,
    /// Decisions of risk `HIGH`.
    high_risk_count: u64,
    /// Decisions of risk `CRITICAL`.
    critical_risk_count: u64,
    /// Alerts that were raised or got worse, of all severities.
    alert_count: u64,
    /// Those of severity `CRITICAL`.
    critical_alert_count: u64,
    /// Actions that were reported to have gone well.
    succeeded_count: u64,
    /// Actions that were reported to have failed.
    failed_count: u64,
    /// Agents that asked for something; of several hours or days the most that did in one of them. 0
    /// where the counts are of one agent.
    active_agent_count: u64,
}

/// An agent in a ranking.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentActivity {
    /// Global id of the agent.
    agent_id: ID,
    /// Its name; null when it is not known any more.
    agent_name: Option<String>,
    /// What it did.
    counts: ActivityCounts,
}

/// An action in a ranking.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActionActivity {
    /// The action; `(other)` is all beyond the first 500 of a day.
    action: String,
    /// How often it was asked for.
    verification_count: u64,
    /// How often it was denied.
    denied_count: u64,
}

/// How many things took about as long.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct LatencyBucket {
    /// At most so long, and longer than the bucket before; null is longer than all of them.
    most_milliseconds: Option<i64>,
    /// How many did.
    count: u64,
}

impl From<Counts> for ActivityCounts {
    fn from(counts: Counts) -> Self {
        let [
            low_risk_count,
            medium_risk_count,
            high_risk_count,
            critical_risk_count,
        ] = counts.risks;
        Self {
            verification_count: counts.total(),
            allowed_count: counts.allowed,
            denied_count: counts.denied,
            pending_count: counts.pending,
            denial_rate: counts.denial_rate(),
            approved_count: counts.approved,
            refused_count: counts.refused,
            low_risk_count,
            medium_risk_count,
            high_risk_count,
            critical_risk_count,
            alert_count: counts.alerts.iter().sum(),
            critical_alert_count: counts.alerts[3],
            succeeded_count: counts.results_ok,
            failed_count: counts.results_failed,
            active_agent_count: counts.active_agents,
        }
    }
}

impl From<Found> for Analytics {
    fn from(found: Found) -> Self {
        let points = found.points.into_iter();
        Self {
            counted_until: found.counted_until,
            from: found.from,
            until: found.until,
            totals: found.totals.into(),
            previous_totals: found.before.into(),
            series: points
                .map(|(start, counts)| ActivityPoint {
                    start,
                    counts: counts.into(),
                })
                .collect(),
        }
    }
}

impl AgentActivity {
    pub(crate) fn new(agent: AgentId, agent_name: Option<String>, counts: Counts) -> Self {
        Self {
            agent_id: global_id("Agent", agent),
            agent_name,
            counts: counts.into(),
        }
    }
}

impl From<(String, u64, u64)> for ActionActivity {
    fn from((action, verification_count, denied_count): (String, u64, u64)) -> Self {
        Self {
            action,
            verification_count,
            denied_count,
        }
    }
}

impl From<(Option<i64>, u64)> for LatencyBucket {
    fn from((most_milliseconds, count): (Option<i64>, u64)) -> Self {
        Self {
            most_milliseconds,
            count,
        }
    }
}
