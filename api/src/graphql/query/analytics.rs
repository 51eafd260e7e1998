//! What happened, in numbers.

use aim_app::AnalyticsQuestion;
use aim_domain::analytics::{Grain, LatencyKind as Kind};
use aim_domain::role::Permission;
use async_graphql::{Context, Enum, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    ActionActivity, AgentActivity, Analytics, AnalyticsStep, LatencyBucket, RankingOrder,
    RankingPeriod,
};

/// What takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
enum LatencyKind {
    /// From a decision to the commit that holds it.
    Decision,
    /// From a pending decision to a person's answer.
    Approval,
}

/// Queries about what happened.
#[derive(Debug, Default)]
pub(crate) struct AnalyticsQueries;

#[Object]
impl AnalyticsQueries {
    /// What happened in a time: decisions, alerts, answers and results, together and in points. Needs
    /// `VIEWER`.
    async fn analytics(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "From when on; the hour or day that it is in counts whole.")]
        from: DateTime<Utc>,
        #[graphql(desc = "Until when; the hour or day that it is in counts whole.")]
        until: DateTime<Utc>,
        #[graphql(desc = "How long the points are; at most 1,000 of them.")] step: AnalyticsStep,
        #[graphql(
            desc = "Whose days, by a name such as `Europe/Prague`.",
            default_with = "\"UTC\".to_owned()"
        )]
        time_zone: String,
        #[graphql(desc = "Global id of an agent; all together when left out.")] agent_id: Option<
            ID,
        >,
    ) -> Result<Analytics> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let agent = agent_id.as_ref();
        let question = AnalyticsQuestion {
            from,
            until,
            grain: match step {
                AnalyticsStep::Hour => Grain::Hour,
                AnalyticsStep::Day => Grain::Day,
            },
            time_zone,
            agent: agent
                .map(|id| parse_id("Agent", "agentId", id))
                .transpose()?,
        };
        let found = request.app.analyze(&permit, &question).await;
        Ok(found.map_err(fault)?.into())
    }

    /// The agents that did most, or were denied most, in a day, month or hour by UTC. Needs `VIEWER`.
    async fn top_agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "In how long a time.")] period: RankingPeriod,
        #[graphql(desc = "A time in it; now when left out.")] at: Option<DateTime<Utc>>,
        #[graphql(desc = "By what.", default_with = "RankingOrder::Verifications")]
        order_by: RankingOrder,
        #[graphql(desc = "How many, at most 100.", default = 10)] limit: i32,
    ) -> Result<Vec<AgentActivity>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let grain = match period {
            RankingPeriod::Hour => Grain::Hour,
            RankingPeriod::Day => Grain::Day,
            RankingPeriod::Month => Grain::Month,
        };
        let app = &request.app;
        let at = at.unwrap_or_else(|| app.clock().now());
        let by_denied = order_by == RankingOrder::Denied;
        let found = app.top_agents(&permit, (grain, at), by_denied, limit);
        let found = found.await.map_err(fault)?;
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        let names = request.agents()?.load_many(ids).await.map_err(fault)?;
        let named = |(id, counts)| {
            let name = names.get(&id).map(|agent| agent.name.clone());
            AgentActivity::new(id, name, counts)
        };
        Ok(found.into_iter().map(named).collect())
    }

    /// The actions that were asked for most in the days by UTC that a time touches. Needs `VIEWER`.
    async fn top_actions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "From when on.")] from: DateTime<Utc>,
        #[graphql(desc = "Until when.")] until: DateTime<Utc>,
        #[graphql(desc = "How many, at most 100.", default = 10)] limit: i32,
    ) -> Result<Vec<ActionActivity>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let found = request.app.top_actions(&permit, (from, until), limit).await;
        let found = found.map_err(fault)?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// How long something took, as a distribution over the days by UTC that a time touches. Needs
    /// `VIEWER`.
    async fn latencies(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What took time.")] kind: LatencyKind,
        #[graphql(desc = "From when on.")] from: DateTime<Utc>,
        #[graphql(desc = "Until when.")] until: DateTime<Utc>,
    ) -> Result<Vec<LatencyBucket>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let kind = match kind {
            LatencyKind::Decision => Kind::Decision,
            LatencyKind::Approval => Kind::Approval,
        };
        let found = request.app.latencies(&permit, kind, (from, until)).await;
        let found = found.map_err(fault)?;
        Ok(found.into_iter().map(Into::into).collect())
    }
}
