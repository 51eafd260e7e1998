//! Trust over time.

use aim_domain::trust::{
    TrustFactor as DomainFactor, TrustFactorKind as DomainKind, TrustOverride as DomainOverride,
    TrustScore, TrustWeights as DomainWeights, effective_trust,
};
use aim_store::agents::Agent;
use aim_store::trust::{TrustSnapshot as Row, TrustSummary as SummaryRow};
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::RequestContext;
use super::super::enums::{TrustBand, TrustFactorKind};
use super::super::id::global_id;

/// The trust of an agent now.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AgentTrust {
    /// 0 (none) to 1 (full); null while `UNSCORED`, with too little data for a number.
    score: Option<f64>,
    /// The named range of the score; null while `UNSCORED`.
    band: Option<TrustBand>,
    /// How much data is behind it, 0 to 1.
    confidence: f64,
    /// Observed actions behind it.
    sample_count: u64,
    /// When it was last computed.
    updated_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    computed: Option<TrustScore>,
    #[graphql(skip)]
    manual: Option<DomainOverride>,
}

#[ComplexObject]
impl AgentTrust {
    /// What decisions take: the override while it lives, else the score.
    async fn effective_score(&self, context: &Context<'_>) -> Result<Option<f64>> {
        let now = RequestContext::of(context)?.app.clock().now();
        let trust = effective_trust(self.computed, self.manual.as_ref(), now);
        Ok(trust.map(TrustScore::as_fraction))
    }

    /// What a person set it to; null when nobody did, or when that is over.
    #[graphql(name = "override")]
    async fn manual(&self, context: &Context<'_>) -> Result<Option<TrustOverride>> {
        let now = RequestContext::of(context)?.app.clock().now();
        let live = self.manual.clone().filter(|manual| manual.is_live(now));
        Ok(live.map(TrustOverride::from))
    }
}

/// A person's word that stands in for the score, for a time.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustOverride {
    /// 0 to 1.
    score: f64,
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    set_by: String,
    /// From when on the score counts again.
    expires_at: DateTime<Utc>,
}

impl From<DomainOverride> for TrustOverride {
    fn from(manual: DomainOverride) -> Self {
        Self {
            score: manual.score.as_fraction(),
            reason: manual.reason,
            set_by: manual.set_by,
            expires_at: manual.expires_at,
        }
    }
}

impl AgentTrust {
    pub(super) fn of(row: &Agent) -> Self {
        Self {
            score: row.trust.map(TrustScore::as_fraction),
            band: row.trust.map(|trust| trust.band().into()),
            confidence: row.trust_confidence.as_fraction(),
            sample_count: row.trust_sample_count,
            updated_at: row.trust_updated_at,
            computed: row.trust,
            manual: row.trust_override.clone(),
        }
    }
}

/// Score and factors of an agent at a time.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustSnapshot {
    /// Global id.
    pub(crate) id: ID,
    /// 0 to 1; null while `UNSCORED`.
    score: Option<f64>,
    /// The named range of the score.
    band: Option<TrustBand>,
    /// How much data is behind it, 0 to 1.
    confidence: f64,
    /// Observed actions behind it.
    sample_count: u64,
    /// All eight factors.
    factors: Vec<TrustFactor>,
    /// Time of the action that moved it, by the agent's clock.
    event_time: DateTime<Utc>,
    /// When it was recorded.
    created_at: DateTime<Utc>,
}

/// One input of the score, with the facts behind it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustFactor {
    /// Which.
    kind: TrustFactorKind,
    /// 0 (worst) to 1 (best); null without data.
    value: Option<f64>,
    /// Share of this factor when all have full confidence.
    weight: f64,
    /// 0 (no data) to 1.
    confidence: f64,
    /// The facts, in words with numbers.
    evidence: String,
}

impl From<DomainFactor> for TrustFactor {
    fn from(factor: DomainFactor) -> Self {
        Self {
            kind: factor.kind.into(),
            value: factor.value,
            weight: factor.weight,
            confidence: factor.confidence,
            evidence: factor.evidence,
        }
    }
}

impl From<Row> for TrustSnapshot {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("TrustSnapshot", row.id),
            score: row.score.map(TrustScore::as_fraction),
            band: row.score.map(|score| score.band().into()),
            confidence: row.confidence.as_fraction(),
            sample_count: row.sample_count,
            factors: row.factors.into_iter().map(TrustFactor::from).collect(),
            event_time: row.event_time,
            created_at: row.created_at,
        }
    }
}

/// How much each of the eight factors counts; together they are 1.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustWeights {
    /// How its actions ended.
    agent_history: f64,
    /// Attestations of the MCP servers it talks to.
    mcp_attestation: f64,
    /// How risky and how novel what it does is.
    action_risk: f64,
    /// What it tried without a grant.
    capability_violations: f64,
    /// How its rate fits the learned one.
    frequency: f64,
    /// How its hours fit the learned ones.
    temporal_pattern: f64,
    /// Where it acts from.
    geographic_signals: f64,
    /// What people and peers say.
    community_feedback: f64,
}

impl From<DomainWeights> for TrustWeights {
    fn from(weights: DomainWeights) -> Self {
        Self {
            agent_history: weights.of(DomainKind::AgentHistory),
            mcp_attestation: weights.of(DomainKind::McpAttestation),
            action_risk: weights.of(DomainKind::ActionRisk),
            capability_violations: weights.of(DomainKind::CapabilityViolations),
            frequency: weights.of(DomainKind::Frequency),
            temporal_pattern: weights.of(DomainKind::TemporalPattern),
            geographic_signals: weights.of(DomainKind::GeographicSignals),
            community_feedback: weights.of(DomainKind::CommunityFeedback),
        }
    }
}

/// The trust of an organization's agents together, those that are revoked left out.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustSummary {
    /// Mean score, 0 to 1, of the agents that have one; null when none has.
    mean_score: Option<f64>,
    /// Agents without enough data for a score.
    unscored_count: u64,
    /// Agents with a score, by band.
    bands: Vec<TrustBandCount>,
}

/// How many agents are in a band.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TrustBandCount {
    /// The named range of the score.
    band: TrustBand,
    /// Agents in it.
    agent_count: u64,
}

impl From<SummaryRow> for TrustSummary {
    fn from(row: SummaryRow) -> Self {
        let bands = [
            TrustBand::Untrusted,
            TrustBand::Low,
            TrustBand::Moderate,
            TrustBand::High,
        ];
        let counts = bands.into_iter().zip(row.bands);
        Self {
            mean_score: row.mean.map(TrustScore::as_fraction),
            unscored_count: row.unscored,
            bands: counts
                .map(|(band, agent_count)| TrustBandCount { band, agent_count })
                .collect(),
        }
    }
}

connection!(
    TrustSnapshotConnection,
    TrustSnapshotEdge,
    TrustSnapshot,
    Row,
    "TrustSnapshot"
);
