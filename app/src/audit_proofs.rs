//! Reading the log: entries with their place, checkpoints, proofs.

use aim_domain::audit::{
    Hash, KeyKind, TreeError, VerifierKey, consistency_proof, inclusion_proof, needed_nodes,
    origin_of, root_of,
};
use aim_domain::id::AuditEntryId;
use aim_store::audit::AuditEntry;
use aim_store::audit_export::AuditExport;
use aim_store::audit_log::AuditCheckpoint;
use aim_store::audit_retention::{AuditErasure, AuditRetention};
use aim_store::audit_stops::AuditStop;
use aim_store::audit_witnesses::AuditWitness;
use aim_store::{Page, PageRequest};
use serde_json::json;

use crate::{App, AppError, ErrorCode, Permit};

/// What a log is.
#[derive(Debug, Clone)]
pub struct AuditLogState {
    /// Its name in checkpoints.
    pub origin: String,
    /// How many entries have an index.
    pub size: u64,
    /// The keys it has signed with, newest first.
    pub keys: Vec<VerifierKey>,
    /// Whose co-signatures it takes.
    pub witnesses: Vec<AuditWitness>,
    /// What is kept.
    pub retention: AuditRetention,
    /// Whether it stands still.
    pub stop: Option<AuditStop>,
}

/// A proof, and the tree it is about.
#[derive(Debug, Clone)]
pub struct AuditProof {
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The proof's hashes, in the order that RFC 9162 has them.
    pub hashes: Vec<Hash>,
}

impl App {
    /// An entry of the trail.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_audit_entry(
        &self,
        permit: &Permit,
        id: AuditEntryId,
    ) -> Result<Option<AuditEntry>, AppError> {
        Ok(self.store.find_audit_entry(permit.scope(), id).await?)
    }

    /// What the permit's organization's log is.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn audit_log(&self, permit: &Permit) -> Result<AuditLogState, AppError> {
        let scope = permit.scope();
        let origin = origin_of(scope.organization);
        let keys = self.store.list_audit_keys().await?.into_iter().rev();
        let keys = keys.map(|it| VerifierKey {
            name: origin.clone(),
            kind: KeyKind::Log,
            key: it.key,
        });
        Ok(AuditLogState {
            keys: keys.collect(),
            origin,
            size: self
                .store
                .find_audit_tree(scope)
                .await?
                .map_or(0, |it| it.size),
            witnesses: self.store.list_audit_witnesses(scope).await?,
            retention: self.store.find_audit_retention(scope).await?,
            stop: self.store.find_audit_stop(scope).await?,
        })
    }

    /// The checkpoint of this size, or the newest.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_audit_checkpoint(
        &self,
        permit: &Permit,
        size: Option<u64>,
    ) -> Result<Option<AuditCheckpoint>, AppError> {
        let found = self
            .store
            .find_audit_checkpoint(permit.scope(), size)
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        Ok(self.cosigned(vec![found]).await?.pop())
    }

    /// A page of checkpoints, newest first.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_audit_checkpoints(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<AuditCheckpoint>, AppError> {
        let found = self
            .store
            .list_audit_checkpoints(permit.scope(), page)
            .await?;
        Ok(Page {
            items: self.cosigned(found.items).await?,
            has_next: found.has_next,
            has_previous: found.has_previous,
            total: found.total,
        })
    }

    /// Checkpoints with the co-signatures of witnesses under their notes.
    async fn cosigned(
        &self,
        mut checkpoints: Vec<AuditCheckpoint>,
    ) -> Result<Vec<AuditCheckpoint>, AppError> {
        let mut lines = self.store.load_cosignatures(&checkpoints).await?;
        for checkpoint in &mut checkpoints {
            for line in lines.remove(&checkpoint.id.as_uuid()).unwrap_or_default() {
                checkpoint.note.push_str(&line);
                checkpoint.note.push('\n');
            }
        }
        Ok(checkpoints)
    }

    /// The proof that an index is part of the log of a size, or of the newest checkpoint's. None
    /// when the log is not that large.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer, `Internal` when what is kept of the tree is
    /// not whole.
    pub async fn prove_audit_inclusion(
        &self,
        permit: &Permit,
        index: u64,
        size: Option<u64>,
    ) -> Result<Option<AuditProof>, AppError> {
        let Some(size) = self.provable(permit, size).await?.filter(|it| index < *it) else {
            return Ok(None);
        };
        let mut nodes = needed_nodes(|nodes| inclusion_proof(index, size, nodes));
        nodes.extend(needed_nodes(|nodes| root_of(size, nodes)));
        let tiles = self.store.load_audit_nodes(permit.scope(), &nodes).await?;
        let hashes = inclusion_proof(index, size, &tiles).map_err(broken)?;
        let root = root_of(size, &tiles).map_err(broken)?;
        Ok(Some(AuditProof { size, root, hashes }))
    }

    /// The proof that the log of one size is the beginning of that of another, or of the newest
    /// checkpoint's. None when the log is not that large.
    ///
    /// # Errors
    /// As [`App::prove_audit_inclusion`].
    pub async fn prove_audit_consistency(
        &self,
        permit: &Permit,
        from: u64,
        to: Option<u64>,
    ) -> Result<Option<(Hash, AuditProof)>, AppError> {
        let Some(size) = self
            .provable(permit, to)
            .await?
            .filter(|it| 0 < from && from <= *it)
        else {
            return Ok(None);
        };
        let mut nodes = needed_nodes(|nodes| consistency_proof(from, size, nodes));
        for size in [from, size] {
            nodes.extend(needed_nodes(|nodes| root_of(size, nodes)));
        }
        let tiles = self.store.load_audit_nodes(permit.scope(), &nodes).await?;
        let hashes = consistency_proof(from, size, &tiles).map_err(broken)?;
        let before = root_of(from, &tiles).map_err(broken)?;
        let root = root_of(size, &tiles).map_err(broken)?;
        Ok(Some((before, AuditProof { size, root, hashes })))
    }

    async fn provable(&self, permit: &Permit, size: Option<u64>) -> Result<Option<u64>, AppError> {
        let tree = self.store.find_audit_tree(permit.scope()).await?;
        let whole = tree.map_or(0, |it| it.size);
        Ok(size.or(Some(whole)).filter(|it| *it <= whole))
    }

    /// A page of orders to erase.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_audit_erasures(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<AuditErasure>, AppError> {
        Ok(self.store.list_audit_erasures(permit.scope(), page).await?)
    }

    /// Begins an export of the whole log; that it was made is itself an entry.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn export_audit(&self, permit: &Permit) -> Result<AuditExport, AppError> {
        let export = AuditExport::begin(&self.store, permit.scope()).await?;
        let mut tx = self.store.begin().await?;
        tx.audit(permit.audit(
            &self.ids,
            "audit.export",
            ("audit-log", permit.scope().organization.to_string()),
            None,
            (None, Some(json!({ "size": export.size() }))),
        ));
        tx.commit().await?;
        Ok(export)
    }
}

fn broken(error: TreeError) -> AppError {
    tracing::error!(%error, "what is kept of the audit log's tree is not whole");
    AppError::new(ErrorCode::Internal, "internal error")
}
