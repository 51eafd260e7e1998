//! The discovery inbox of agents.

use aim_app::InboxReport;
use aim_store::agent_sightings::AgentSighting as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::id::global_id;
use super::super::sighting_enums::{AgentSightingMethod, SightingStatus};

/// An agent that somebody saw and nobody registered. It may do nothing here.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentSighting {
    /// Global id.
    id: ID,
    /// What it is called.
    name: String,
    /// The thumbprint of its key (RFC 7638); null where that is not known.
    key_id: Option<String>,
    /// Its Ed25519 public key, base64url; null where only its thumbprint is known, or nothing.
    public_key: Option<String>,
    /// How it was seen first.
    method: AgentSightingMethod,
    /// How sure its reporter was, 0 to 1.
    confidence: f64,
    /// What it was found in.
    source: Option<String>,
    /// What became of it.
    status: SightingStatus,
    /// Who saw it first, as `user:<id>`, `agent:<id>`, or `system:stream` for events.
    reported_by: String,
    /// When it was first seen.
    first_seen_at: DateTime<Utc>,
    /// When it was last seen; of events, every ten minutes.
    last_seen_at: DateTime<Utc>,
    /// How often it was reported; of events, every ten minutes.
    sighting_count: u64,
    /// Who left it alone, as `user:<id>`.
    dismissed_by: Option<String>,
    /// When.
    dismissed_at: Option<DateTime<Utc>>,
    /// Why.
    dismissal_reason: Option<String>,
}

impl From<Row> for AgentSighting {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("AgentSighting", row.id),
            name: row.name,
            key_id: row.key_id,
            public_key: row.public_key,
            method: row.method.into(),
            confidence: row.confidence.as_fraction(),
            source: row.source,
            status: row.status.into(),
            reported_by: row.reported_by,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            sighting_count: row.count,
            dismissed_by: row.dismissed_by,
            dismissed_at: row.dismissed_at,
            dismissal_reason: row.dismissal_reason,
        }
    }
}

connection!(
    AgentSightingConnection,
    AgentSightingEdge,
    AgentSighting,
    Row,
    "AgentSighting"
);

/// What became of a report of agents.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentReport {
    /// Agents that nobody had reported before.
    new_count: u64,
    /// Agents that were in the inbox before.
    known_count: u64,
    /// Agents that are registered.
    registered_count: u64,
    /// Agents that were left out because the inbox, or its reporter's part of it, is full.
    refused_count: u64,
    /// What is in the inbox of them, by name.
    agent_sightings: Vec<AgentSighting>,
}

impl From<InboxReport<Row>> for AgentReport {
    fn from(report: InboxReport<Row>) -> Self {
        let sightings = report.sightings.into_iter();
        Self {
            new_count: report.new_count,
            known_count: report.known_count,
            registered_count: report.registered_count,
            refused_count: report.refused_count,
            agent_sightings: sightings.map(AgentSighting::from).collect(),
        }
    }
}
