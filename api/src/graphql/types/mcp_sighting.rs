//! The discovery inbox.

use aim_app::InboxReport;
use aim_store::mcp_sightings::McpSighting as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::enums::McpTransport;
use super::super::id::global_id;
use super::super::sighting_enums::{McpSightingMethod, SightingStatus};

/// An MCP server that somebody saw and nobody registered. To policies it is unknown.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpSighting {
    /// Global id.
    id: ID,
    /// What it is called.
    name: String,
    /// How it is spoken to; null where that is not known.
    transport: Option<McpTransport>,
    /// Where it is; null for a process, or where that is not known.
    url: Option<String>,
    /// The digest of the command that starts it, without its secrets.
    command_digest: Option<String>,
    /// How it was seen first.
    method: McpSightingMethod,
    /// How sure its reporter was, 0 to 1.
    confidence: f64,
    /// What it was found in, such as `Cursor`.
    source: Option<String>,
    /// What became of it.
    status: SightingStatus,
    /// Who saw it first, as `user:<id>` or `agent:<id>`.
    reported_by: String,
    /// When it was first seen.
    first_seen_at: DateTime<Utc>,
    /// When it was last seen.
    last_seen_at: DateTime<Utc>,
    /// How often it was reported.
    sighting_count: u64,
    /// Who left it alone, as `user:<id>`.
    dismissed_by: Option<String>,
    /// When.
    dismissed_at: Option<DateTime<Utc>>,
    /// Why.
    dismissal_reason: Option<String>,
}

impl From<Row> for McpSighting {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("McpSighting", row.id),
            name: row.name,
            transport: row.transport.map(Into::into),
            url: row.url,
            command_digest: row.command_digest,
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
    McpSightingConnection,
    McpSightingEdge,
    McpSighting,
    Row,
    "McpSighting"
);

/// What became of a report of servers.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpServerReport {
    /// Servers that nobody had reported before.
    new_count: u64,
    /// Servers that were in the inbox before.
    known_count: u64,
    /// Servers that are registered.
    registered_count: u64,
    /// Servers that were left out because the inbox, or its reporter's part of it, is full.
    refused_count: u64,
    /// What is in the inbox of them, by name.
    mcp_sightings: Vec<McpSighting>,
}

impl From<InboxReport<Row>> for McpServerReport {
    fn from(report: InboxReport<Row>) -> Self {
        let sightings = report.sightings.into_iter();
        Self {
            new_count: report.new_count,
            known_count: report.known_count,
            registered_count: report.registered_count,
            refused_count: report.refused_count,
            mcp_sightings: sightings.map(McpSighting::from).collect(),
        }
    }
}
