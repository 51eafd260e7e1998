//! What verifications come to.

use aim_domain::role::Permission;
use aim_domain::verification_stats::{Percentiles, VerificationStats as Stats};
use aim_store::verification_log::LogRange;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;

/// How long something took, in milliseconds; each is a value that was measured.
#[derive(Debug, SimpleObject)]
struct DurationPercentiles {
    /// How many were measured.
    sample_count: usize,
    /// 50 of 100 took at most this.
    p50: i64,
    /// 95 of 100 took at most this.
    p95: i64,
    /// 99 of 100 took at most this.
    p99: i64,
}

impl From<Percentiles> for DurationPercentiles {
    fn from(it: Percentiles) -> Self {
        Self {
            sample_count: it.count,
            p50: it.p50,
            p95: it.p95,
            p99: it.p99,
        }
    }
}

/// What the newest verifications of an agent come to, at most 10,000 of them.
#[derive(Debug, SimpleObject)]
struct VerificationStats {
    /// How many were looked at.
    sample_count: usize,
    /// The first of them; null of none.
    first_at: Option<DateTime<Utc>>,
    /// The last of them; null of none.
    last_at: Option<DateTime<Utc>>,
    /// How many an hour between the first and the last; null of fewer than two.
    per_hour: Option<f64>,
    /// Allowed ones.
    allowed_count: usize,
    /// Denied ones.
    denied_count: usize,
    /// Those that wait for a person, or whose approval was not presented yet.
    pending_count: usize,
    /// Of low risk.
    low_risk_count: usize,
    /// Of medium risk.
    medium_risk_count: usize,
    /// Of high risk.
    high_risk_count: usize,
    /// Of critical risk.
    critical_risk_count: usize,
    /// Actions that were reported as done.
    succeeded_count: usize,
    /// Actions that were reported as failed.
    failed_count: usize,
    /// How long the actions took, as agents reported it; null where none did.
    action_durations: Option<DurationPercentiles>,
    /// How long persons took to answer; null where none did.
    answer_durations: Option<DurationPercentiles>,
}

impl From<Stats> for VerificationStats {
    fn from(it: Stats) -> Self {
        let [allowed_count, denied_count, pending_count] = it.by_decision;
        let [
            low_risk_count,
            medium_risk_count,
            high_risk_count,
            critical_risk_count,
        ] = it.by_risk;
        let [succeeded_count, failed_count] = it.reported;
        Self {
            sample_count: it.count,
            first_at: it.first_at,
            last_at: it.last_at,
            per_hour: it.per_hour,
            allowed_count,
            denied_count,
            pending_count,
            low_risk_count,
            medium_risk_count,
            high_risk_count,
            critical_risk_count,
            succeeded_count,
            failed_count,
            action_durations: it.duration_ms.map(Into::into),
            answer_durations: it.answer_ms.map(Into::into),
        }
    }
}

/// Queries about what verifications come to.
#[derive(Debug, Default)]
pub(crate) struct VerificationStatsQueries;

#[Object]
impl VerificationStatsQueries {
    /// Counts, rates and times of an agent's newest verifications; nothing of an agent that is not of your
    /// organization. Needs `VIEWER`.
    async fn verification_stats(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id of the agent.")] agent_id: ID,
        #[graphql(desc = "From here on.")] from: Option<DateTime<Utc>>,
        #[graphql(desc = "Up to here, that not included.")] to: Option<DateTime<Utc>>,
    ) -> Result<VerificationStats> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let agent = Some(parse_id("Agent", "agentId", &agent_id)?);
        let range = LogRange { agent, from, to };
        let found = request.app.verification_stats(&permit, range);
        Ok(found.await.map_err(fault)?.into())
    }
}
