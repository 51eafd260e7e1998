//! Filters that people keep.

use aim_store::saved_filters::SavedFilter as Row;
use async_graphql::{ID, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::connection::connection;
use super::super::id::global_id;
use super::super::query::{FilteredList, refusal};

/// A filter of a list under a name.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct SavedFilter {
    /// Global id.
    id: ID,
    /// Of which list.
    list: FilteredList,
    /// What people call it.
    name: String,
    /// Whether it is everybody's in the organization, and not yours alone.
    is_shared: bool,
    /// What was saved: give it to the list as `filter`.
    filter: Json<Value>,
    /// Why the list does not take it any more, since fields or values of it are gone; null while it does.
    problem: Option<String>,
    /// Who saved it first, as `user:<id>`.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Who saved it last, as `user:<id>`.
    updated_by: String,
    /// When.
    updated_at: DateTime<Utc>,
}

impl From<Row> for SavedFilter {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("SavedFilter", row.id),
            list: row.list.into(),
            name: row.name,
            is_shared: row.owner.is_none(),
            problem: refusal(row.list, &row.body),
            filter: Json(row.body),
            created_by: row.created_by,
            created_at: row.created_at,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
        }
    }
}

connection!(
    SavedFilterConnection,
    SavedFilterEdge,
    SavedFilter,
    Row,
    "SavedFilter"
);
