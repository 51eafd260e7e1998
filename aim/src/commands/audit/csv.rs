//! Entries as CSV.

use std::io::Write;

use aim_domain::audit::{AuditField, ExportedEntry};
use chrono::SecondsFormat;

use super::COLUMNS;

/// A table being written.
pub(super) struct Table(csv::Writer<Box<dyn Write + Send>>);

impl Table {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(COLUMNS)?;
        Ok(Self(writer))
    }

    pub(super) fn push(&mut self, entry: &ExportedEntry) -> anyhow::Result<()> {
        let index = entry.index.to_string();
        let row = row(entry);
        let cells = std::iter::once(index)
            .chain(row.into_iter().map(|it| harmless(it.unwrap_or_default())));
        self.0.write_record(cells)?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// The cells of an entry behind its index.
pub(super) fn row(entry: &ExportedEntry) -> [Option<String>; 14] {
    let record = entry.clone().into_record();
    let text = |field| match record.value(field) {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    };
    let erased: Vec<&str> = record.erased().into_iter().map(AuditField::name).collect();
    [
        Some(record.id.to_string()),
        Some(record.organization.to_string()),
        Some(
            record
                .created_at
                .to_rfc3339_opts(SecondsFormat::Micros, true),
        ),
        Some(record.actor_type.clone()),
        text(AuditField::ActorId),
        Some(record.action.clone()),
        Some(record.object_type.clone()),
        text(AuditField::ObjectId),
        text(AuditField::Reason),
        text(AuditField::Before),
        text(AuditField::After),
        text(AuditField::RequestId),
        Some(entry.leaf_hash.to_string()),
        Some(erased.join(" ")),
    ]
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}
