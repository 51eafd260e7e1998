//! An export, line by line: the log's head, its entries in order, and every checkpoint behind the
//! last entry that it covers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::entry::{AuditField, AuditRecord, Committed};
use super::merkle::Hash;
use super::ring::KeyRotation;
use crate::id::{AuditEntryId, OrganizationId};

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ExportLine {
    /// The first line.
    Log(ExportedLog),
    /// An entry.
    Entry(Box<ExportedEntry>),
    /// A checkpoint over all entries before it.
    Checkpoint(ExportedCheckpoint),
}

/// Which log, and how its keys followed each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedLog {
    /// The form of the lines; 1.
    pub version: u32,
    /// Whose log.
    pub organization: OrganizationId,
    /// Its name in its checkpoints.
    pub origin: String,
    /// Keys that came in place of others, oldest first.
    pub rotations: Vec<KeyRotation>,
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedCheckpoint {
    /// Its number, from 1 on, without gaps.
    pub number: u64,
    /// The signed note.
    pub note: String,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedEntry {
    /// Its place, from 0 on, without gaps.
    pub index: u64,
    /// Its hash in the tree.
    pub leaf_hash: Hash,
    /// Whose log.
    pub organization: OrganizationId,
    /// Its identity.
    pub id: AuditEntryId,
    /// `user`, `agent` or `system`.
    pub actor_type: String,
    /// What.
    pub action: String,
    /// To what kind of object.
    pub object_type: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The fields that can hold data of a person: value and salt, or only the hash once erased.
    pub fields: BTreeMap<AuditField, Committed>,
}

impl ExportedEntry {
    /// An entry with the hash that is kept of it.
    #[must_use]
    pub fn new(record: AuditRecord, leaf_hash: Hash) -> Self {
        Self {
            index: record.index,
            leaf_hash,
            organization: record.organization,
            id: record.id,
            actor_type: record.actor_type,
            action: record.action,
            object_type: record.object_type,
            created_at: record.created_at,
            fields: record.fields,
        }
    }

    /// The entry as the tree has it.
    #[must_use]
    pub fn into_record(self) -> AuditRecord {
        AuditRecord {
            index: self.index,
            organization: self.organization,
            id: self.id,
            actor_type: self.actor_type,
            action: self.action,
            object_type: self.object_type,
            created_at: self.created_at,
            fields: self.fields,
        }
    }
}

impl ExportLine {
    /// Its text, without the line's end.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Nothing in it is a map with keys that are no text, the only thing JSON refuses.
        serde_json::to_string(self).unwrap_or_default()
    }
}
