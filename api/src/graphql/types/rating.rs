//! What people and peers say of an agent.

use aim_store::ratings::AgentRating as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::id::global_id;

/// One rater's present word.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentRating {
    /// Global id.
    id: ID,
    /// Who, as `user:<id>` or `agent:<id>`.
    rater: String,
    /// 1 (worst) to 5 (best).
    rating: i32,
    /// What it weighs, 0 to 1; all words of a person and their agents weigh at most 1 together.
    weight: f64,
    /// In words.
    comment: Option<String>,
    /// When the rater first spoke.
    created_at: DateTime<Utc>,
    /// When the rater last spoke.
    updated_at: DateTime<Utc>,
}

impl From<Row> for AgentRating {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("AgentRating", row.id),
            rater: row.rater,
            rating: i32::from(row.rating),
            weight: row.weight.as_fraction(),
            comment: row.comment,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

connection!(
    AgentRatingConnection,
    AgentRatingEdge,
    AgentRating,
    Row,
    "AgentRating"
);
