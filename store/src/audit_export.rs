//! A whole log, part by part, in memory that does not grow with it.

use std::collections::VecDeque;

use aim_domain::audit::{ExportLine, ExportedCheckpoint, ExportedEntry, ExportedLog, origin_of};
use aim_domain::scope::Scope;

use crate::audit_log::AuditCheckpoint;
use crate::{Store, StoreError};

/// Entries, and checkpoints, of one part.
const PART: u64 = 1_000;

/// A log being exported.
#[derive(Debug)]
pub struct AuditExport {
    store: Store,
    scope: Scope,
    /// Up to the newest checkpoint there was at the beginning.
    size: u64,
    last_number: u64,
    next: u64,
    read_number: u64,
    checkpoints: VecDeque<AuditCheckpoint>,
    has_begun: bool,
}

impl AuditExport {
    /// Begins an export of a log as it is now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn begin(store: &Store, scope: Scope) -> Result<Self, StoreError> {
        let newest = store.find_audit_checkpoint(scope, None).await?;
        Ok(Self {
            store: store.clone(),
            scope,
            size: newest.as_ref().map_or(0, |it| it.size),
            last_number: newest.as_ref().map_or(0, |it| it.number),
            next: 0,
            read_number: 0,
            checkpoints: VecDeque::new(),
            has_begun: false,
        })
    }

    /// How many entries there will be, if none is missing.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The next lines; none at the end. An entry whose row is gone has no line, which a verifier
    /// finds.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn next(&mut self) -> Result<Vec<ExportLine>, StoreError> {
        let mut lines = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            lines.push(self.head().await?);
        }
        if self.next < self.size {
            let most = PART.min(self.size - self.next);
            let leaves = self.store.list_audit_leaves(self.scope, self.next, most);
            let leaves = leaves.await?;
            let last = leaves.last().map(|it| it.index);
            for leaf in leaves {
                if leaf.index >= self.size {
                    break;
                }
                self.checkpoints_up_to(leaf.index, &mut lines).await?;
                if let Some(record) = leaf.record {
                    let mut entry = ExportedEntry::new(record, leaf.hash);
                    entry.index = leaf.index;
                    lines.push(ExportLine::Entry(Box::new(entry)));
                }
            }
            self.next = last.map_or(self.size, |it| it + 1);
        }
        if self.next >= self.size {
            self.checkpoints_up_to(self.size, &mut lines).await?;
        }
        Ok(lines)
    }

    async fn head(&self) -> Result<ExportLine, StoreError> {
        let keys = self.store.list_audit_keys().await?;
        Ok(ExportLine::Log(ExportedLog {
            version: 1,
            organization: self.scope.organization,
            origin: origin_of(self.scope.organization),
            rotations: keys.into_iter().filter_map(|it| it.rotation).collect(),
        }))
    }

    /// The checkpoints of at most `size` entries that were not written yet.
    async fn checkpoints_up_to(
        &mut self,
        size: u64,
        lines: &mut Vec<ExportLine>,
    ) -> Result<(), StoreError> {
        loop {
            if self.checkpoints.is_empty() && self.read_number < self.last_number {
                let found = self
                    .store
                    .list_checkpoints_after(self.scope, self.read_number, PART)
                    .await?;
                self.read_number = found.last().map_or(self.last_number, |it| it.number);
                let last = self.last_number;
                let old = found.into_iter().filter(|it| it.number <= last);
                self.checkpoints.extend(old);
            }
            let is_due = |it: &mut AuditCheckpoint| it.size <= size;
            let Some(due) = self.checkpoints.pop_front_if(is_due) else {
                return Ok(());
            };
            lines.push(ExportLine::Checkpoint(ExportedCheckpoint {
                number: due.number,
                note: due.note,
            }));
        }
    }
}
