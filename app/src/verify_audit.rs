//! Verifying a log where it is kept: what an export shows, and that nothing was put beside it.

use aim_domain::audit::{Bad, ExportLine, Finding, Hash, TileId, Verdict, Verifier, node_hash};
use aim_domain::scope::Scope;
use aim_store::audit_export::AuditExport;
use aim_store::{Store, StoreError};

/// Verifies the log of an organization in its database. The inner result is the verdict.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked.
pub async fn verify_audit(
    store: &Store,
    scope: Scope,
    mut verifier: Verifier,
) -> Result<Result<Verdict, Finding>, StoreError> {
    // Everything up to here has an index, whatever comes while we read.
    let stop = store.find_audit_stop(scope).await?;
    let position = match &stop {
        Some(stop) => stop.position,
        None => store.get_audit_progress().await?.position,
    };
    let tree = store.find_audit_tree(scope).await?;
    let mut export = AuditExport::begin(store, scope).await?;
    let mut kept = KeptTree::new(store, scope);
    let mut findings = Vec::new();
    'reading: loop {
        let lines = export.next().await?;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            let leaf = match &line {
                ExportLine::Entry(entry) => Some(entry.leaf_hash),
                _ => None,
            };
            if let Err(finding) = verifier.take(line) {
                findings.push(finding);
                break 'reading;
            }
            if let Some(leaf) = leaf {
                findings.extend(kept.push(leaf).await?);
            }
        }
    }
    findings.extend(kept.finish().await?);
    findings.extend(checkpoint_rows(store, scope).await?);
    findings.extend(put_beside(store, scope, position).await?);
    let tree_size = tree.map_or(0, |it| it.size);
    if tree_size > export.size() {
        findings.push(Finding {
            bad: Bad::CheckpointOrder,
            index: export.size(),
            before: None,
            detail: format!("the log has {tree_size} entries, and no checkpoint covers them all"),
        });
    }
    if let (true, Some(stop)) = (findings.is_empty(), stop) {
        findings.push(Finding {
            bad: Bad::Uncovered,
            index: tree_size,
            before: None,
            detail: format!(
                "the log stands still since {}, and entries wait: {}",
                stop.stopped_at, stop.reason
            ),
        });
    }
    if findings.is_empty() {
        return Ok(verifier.finish());
    }
    findings.sort_by_key(|it| it.index);
    Ok(Err(findings.swap_remove(0)))
}

/// Columns beside a checkpoint's note must say what the note says, and each must cover more than the
/// one before.
async fn checkpoint_rows(store: &Store, scope: Scope) -> Result<Option<Finding>, StoreError> {
    let mut number = 0;
    // What the checkpoint before covers, and the one before that.
    let (mut covered, mut before) = (0, 0);
    loop {
        let rows = store.list_checkpoints_after(scope, number, 1_000).await?;
        let Some(last) = rows.last().map(|it| it.number) else {
            return Ok(None);
        };
        for row in rows {
            let said = format!("\n{}\n{}\n\n", row.size, row.root);
            let finding = |bad, index, why: &str| Finding {
                bad,
                index,
                before: None,
                detail: format!("the row of checkpoint {} {why}", row.number),
            };
            if !row.note.contains(&said) {
                return Ok(Some(finding(Bad::Checkpoint, covered, "is not its note")));
            }
            if row.size <= covered {
                let why = "covers no more than the one before";
                return Ok(Some(finding(Bad::CheckpointOrder, before, why)));
            }
            (before, covered) = (covered, row.size);
        }
        number = last;
    }
}

/// An entry that was put among those that have an index, without one.
async fn put_beside(
    store: &Store,
    scope: Scope,
    position: i64,
) -> Result<Option<Finding>, StoreError> {
    let Some((at, id)) = store.find_entry_without_leaf(scope, position).await? else {
        return Ok(None);
    };
    let index = store.find_index_behind(scope, at).await?;
    Ok(Some(Finding {
        bad: Bad::OutOfPlace,
        index,
        before: None,
        detail: format!("entry {id} was put there later: it has no index"),
    }))
}

/// The tiles, against the leaves they were made of.
struct KeptTree<'a> {
    store: &'a Store,
    scope: Scope,
    /// The unfinished tile of each level, and how many were finished.
    levels: Vec<(Vec<Hash>, u64)>,
    is_bad: bool,
}

impl<'a> KeptTree<'a> {
    const fn new(store: &'a Store, scope: Scope) -> Self {
        Self {
            store,
            scope,
            levels: Vec::new(),
            is_bad: false,
        }
    }

    async fn push(&mut self, leaf: Hash) -> Result<Option<Finding>, StoreError> {
        let (mut hash, mut level) = (leaf, 0);
        loop {
            if self.levels.len() == level {
                self.levels.push((Vec::new(), 0));
            }
            self.levels[level].0.push(hash);
            if self.levels[level].0.len() < 256 || self.is_bad {
                return Ok(None);
            }
            let finding = self.compare(level).await?;
            if finding.is_some() {
                self.is_bad = true;
                return Ok(finding);
            }
            let (hashes, finished) = &mut self.levels[level];
            hash = fold(hashes);
            hashes.clear();
            *finished += 1;
            level += 1;
        }
    }

    async fn finish(&self) -> Result<Option<Finding>, StoreError> {
        if self.is_bad {
            return Ok(None);
        }
        for level in 0..self.levels.len() {
            if let Some(finding) = self.compare(level).await? {
                return Ok(Some(finding));
            }
        }
        Ok(None)
    }

    /// The first leaf under the first hash of the unfinished tile of a level that is kept otherwise.
    async fn compare(&self, level: usize) -> Result<Option<Finding>, StoreError> {
        let (hashes, index) = &self.levels[level];
        if hashes.is_empty() {
            return Ok(None);
        }
        let id = TileId {
            level: u32::try_from(level).unwrap_or(u32::MAX),
            index: *index,
        };
        let wanted = [(self.scope.organization, id)];
        let found = match self.store.load_audit_tiles(&wanted).await {
            Ok(found) => found,
            Err(StoreError::Corrupt { .. }) => std::collections::HashMap::new(),
            Err(error) => return Err(error),
        };
        let tile = found
            .get(&self.scope.organization)
            .and_then(|it| it.get(id));
        let tile = tile.unwrap_or_default();
        let same = hashes.iter().zip(tile).take_while(|(a, b)| a == b).count();
        if same == hashes.len() {
            return Ok(None);
        }
        let first = (index * 256 + same as u64) << (8 * level);
        Ok(Some(Finding {
            bad: Bad::Tree,
            index: first,
            before: None,
            detail: format!("tile {index} of level {level} does not fit the entries"),
        }))
    }
}

fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}
