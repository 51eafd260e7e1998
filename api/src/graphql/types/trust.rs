//! Trust over time.

use aim_domain::trust::TrustFactor as DomainFactor;
use aim_store::trust::TrustSnapshot as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::enums::{TrustBand, TrustFactorKind};
use super::super::id::global_id;

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
            score: row.score.map(aim_domain::trust::TrustScore::as_fraction),
            band: row.score.map(|score| score.band().into()),
            confidence: row.confidence.as_fraction(),
            sample_count: row.sample_count,
            factors: row.factors.into_iter().map(TrustFactor::from).collect(),
            event_time: row.event_time,
            created_at: row.created_at,
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
