//! The audit trail that proves itself: a Merkle tree over each organization's entries (RFC 9162),
//! signed checkpoints (C2SP tlog-checkpoint), proofs, and their verification with no database.

mod checkpoint;
mod entry;
mod export;
mod merkle;
mod note;
mod ocsf;
mod person;
mod ring;
mod tiles;
mod tree;
mod verify;

pub use checkpoint::{Checkpoint, cosignature_message};
pub use entry::{AuditField, AuditRecord, Committed, SALT_BYTES, Seed};
pub use export::{ExportLine, ExportedCheckpoint, ExportedEntry, ExportedLog};
pub use merkle::{Hash, ProofError, leaf_hash, node_hash, verify_consistency, verify_inclusion};
pub use note::{KeyKind, Note, NoteError, NoteSignature, VerifierKey, sign_note};
pub use ocsf::{OCSF_VERSION, ocsf_event};
pub use ring::{KeyRing, KeyRotation};
pub use tiles::{TILE_WIDTH, TileId, Tiles};
pub use tree::{Nodes, TreeError, consistency_proof, inclusion_proof, needed_nodes, root_of};
pub use verify::{Bad, Finding, Verdict, Verifier};

/// What a log is called in its checkpoints: the same for ever, whoever serves it.
#[must_use]
pub fn origin_of(organization: crate::id::OrganizationId) -> String {
    format!("aim/audit/{organization}")
}
