//! The sequencer: gives entries their indexes, grows the trees, signs checkpoints.
//!
//! No request waits for it. One process at a time works (a lease), and what two might do at once the
//! database lets one do (see `store/audit_sequencer.rs`).

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use aim_domain::audit::{
    Checkpoint, KeyRing, Seed, TileId, Tiles, TreeError, origin_of, root_of, sign_note,
};
use aim_domain::id::OrganizationId;
use aim_domain::signature::{PublicKey, SecretKey};
use aim_store::audit_keys::AuditKey;
use aim_store::audit_log::{AuditTree, record_of};
use aim_store::audit_sequencer::{NewCheckpoint, NewLeaf, Sequenced, UnsequencedEntry};
use aim_store::{Backend, StoreError};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, ErrorCode, Ids};

/// Most entries of a round: bounds how long its transaction holds SQLite's one writer.
const BATCH: u64 = 2_000;
/// How long entries gather before the next round, so that a busy log has few checkpoints a second.
const REST: Duration = Duration::from_millis(300);
/// How long an idle sequencer waits before it looks again: other processes do not ring here.
const IDLE: Duration = Duration::from_millis(500);
/// How long one that may not work, or could not, waits.
const BACK_OFF: Duration = Duration::from_secs(1);
/// How long a lease is good.
const LEASE: TimeDelta = TimeDelta::seconds(5);

/// Where the keys for checkpoints are.
pub trait AuditKeys: Debug + Send + Sync {
    /// The keys at hand; asked again whenever none of them is the log's.
    fn load(&self) -> Vec<SecretKey>;
}

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There may be more.
    Full,
    /// Everything has its index.
    Done,
    /// There was nothing.
    Idle,
    /// Somebody else works, or this process does not have the key.
    NotOurs,
}

/// A process's claim to be the sequencer.
#[derive(Debug)]
struct Seat {
    holder: String,
    held_until: DateTime<Utc>,
    key: Option<SecretKey>,
    /// The keys that the log has signed with.
    trusted: Vec<PublicKey>,
    has_warned: bool,
}

impl App {
    /// Sequences until `stop` fires.
    pub async fn sequence_audit(&self, keys: Arc<dyn AuditKeys>, stop: CancellationToken) {
        let mut listener = self.store.wake().listen();
        let mut seat = Seat {
            holder: self.ids.next().to_string(),
            held_until: DateTime::UNIX_EPOCH,
            key: None,
            trusted: Vec::new(),
            has_warned: false,
        };
        while !stop.is_cancelled() {
            listener.heed();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.sequence_round(&mut seat, keys.as_ref()) => outcome,
            };
            let rest = async {
                match outcome {
                    Ok(Round::Full) => {}
                    Ok(Round::Done) => tokio::time::sleep(REST).await,
                    Ok(Round::Idle) => listener.wait(IDLE).await,
                    Ok(Round::NotOurs) => tokio::time::sleep(BACK_OFF).await,
                    Err(error) => {
                        tracing::warn!(%error, "audit entries were not sequenced; trying again");
                        tokio::time::sleep(BACK_OFF).await;
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = rest => {}
            }
        }
    }

    async fn sequence_round(
        &self,
        seat: &mut Seat,
        keys: &dyn AuditKeys,
    ) -> Result<Round, AppError> {
        let Some(key) = self.audit_key(seat, keys).await? else {
            return Ok(Round::NotOurs);
        };
        if !self.take_seat(seat).await? {
            return Ok(Round::NotOurs);
        }
        let position = self.store.get_audit_sequencer().await?.position;
        let entries = self.store.list_unsequenced(position, BATCH).await?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            metrics::gauge!("aim_audit_behind_seconds").set(0.0);
            return Ok(Round::Idle);
        };
        let behind = self.clock.now() - first.entry.created_at;
        metrics::gauge!("aim_audit_behind_seconds").set(behind.as_seconds_f64());
        let (to, count) = (last.position, entries.len());
        let sequenced = self.fold(entries, key, &seat.trusted).await?;
        let mut tx = self.store.begin().await?;
        if !tx
            .advance_audit_sequencer(&seat.holder, position, to)
            .await?
        {
            seat.held_until = DateTime::UNIX_EPOCH;
            return Ok(Round::NotOurs);
        }
        tx.write_sequenced(&sequenced).await?;
        tx.commit().await?;
        metrics::counter!("aim_audit_leaves_total").increment(count as u64);
        Ok(if count as u64 == BATCH {
            Round::Full
        } else {
            Round::Done
        })
    }

    /// The log's key, if this process has it. The first process to start makes its own the log's.
    async fn audit_key(
        &self,
        seat: &mut Seat,
        keys: &dyn AuditKeys,
    ) -> Result<Option<SecretKey>, AppError> {
        let mut known = self.store.list_audit_keys().await?;
        if known.is_empty() {
            let Some(first) = keys.load().into_iter().next() else {
                return Ok(None);
            };
            let new = AuditKey {
                number: 1,
                key: first.public_key(),
                rotation: None,
            };
            let mut tx = self.store.begin().await?;
            match tx.insert_audit_key(&new).await {
                Ok(()) => tx.commit().await?,
                Err(StoreError::Duplicate(_)) => {}
                Err(error) => return Err(error.into()),
            }
            known = self.store.list_audit_keys().await?;
        }
        seat.trusted = known.iter().map(|it| it.key.clone()).collect();
        let Some(current) = known.last() else {
            return Ok(None);
        };
        let is_current = |it: &SecretKey| it.public_key() == current.key;
        if !seat.key.as_ref().is_some_and(is_current) {
            seat.key = keys.load().into_iter().find(is_current);
            if seat.key.is_none() && !seat.has_warned {
                seat.has_warned = true;
                tracing::warn!(
                    key = current.key.to_base64url(),
                    "this process does not have the key of the audit log, and leaves it to others; \
                     see `audit_key_file`"
                );
            }
        }
        Ok(seat.key.clone())
    }

    async fn take_seat(&self, seat: &mut Seat) -> Result<bool, AppError> {
        let now = self.clock.now();
        // SQLite has one process: whoever held the lease before is gone, and nobody else comes.
        let is_alone = self.store.backend() == Backend::Sqlite;
        let is_first = seat.held_until == DateTime::UNIX_EPOCH;
        if seat.held_until - now > LEASE / 2 || (is_alone && !is_first) {
            return Ok(true);
        }
        let until = now + LEASE;
        let mut tx = self.store.begin().await?;
        let held = tx
            .hold_audit_sequencer(&seat.holder, until, is_alone)
            .await?;
        tx.commit().await?;
        if held {
            seat.held_until = until;
        }
        Ok(held)
    }

    /// What a round writes.
    async fn fold(
        &self,
        entries: Vec<UnsequencedEntry>,
        key: SecretKey,
        trusted: &[PublicKey],
    ) -> Result<Sequenced, AppError> {
        let mut organizations: Vec<_> = entries.iter().map(|it| it.organization).collect();
        organizations.sort_unstable();
        organizations.dedup();
        let trees = self.store.load_audit_trees(&organizations).await?;
        let unfinished = |tree: &AuditTree| {
            let organization = tree.organization;
            let ids = TileId::unfinished(tree.size).into_iter();
            ids.map(move |id| (organization, id))
        };
        let wanted: Vec<_> = trees.iter().flat_map(unfinished).collect();
        let tiles = self.store.load_audit_tiles(&wanted).await?;
        let signed = self.store.load_newest_checkpoints(&trees).await?;
        for tree in &trees {
            let note = signed.get(&tree.organization).map(|it| it.note.as_str());
            if let Err(why) = was_signed(tree, &tiles, note, trusted) {
                // Growing it would put our signature under what somebody made of it.
                tracing::error!(
                    organization = %tree.organization,
                    size = tree.size,
                    why,
                    "the audit log is not what was signed; it is not grown: run `aim audit verify`"
                );
                return Err(AppError::new(ErrorCode::Internal, "internal error"));
            }
        }
        let ids = Arc::clone(&self.ids);
        let work = move || fold(entries, &trees, tiles, &key, &ids);
        let folded = tokio::task::spawn_blocking(work).await;
        folded
            .map_err(|error| AppError::new(ErrorCode::Internal, error.to_string()))?
            .map_err(|error| {
                tracing::error!(%error, "the audit log's tiles do not fit its size");
                AppError::new(ErrorCode::Internal, "internal error")
            })
    }
}

/// Checks that a tree is, as it is kept, the one that its newest checkpoint was signed over.
fn was_signed(
    tree: &AuditTree,
    tiles: &HashMap<OrganizationId, Tiles>,
    note: Option<&str>,
    trusted: &[PublicKey],
) -> Result<(), &'static str> {
    let ring = KeyRing::new(origin_of(tree.organization), trusted.to_vec());
    let note = note.ok_or("its newest checkpoint is missing")?;
    let checkpoint = ring
        .open(note)
        .map_err(|_| "its newest checkpoint is not signed")?;
    let none = Tiles::default();
    let tiles = tiles.get(&tree.organization).unwrap_or(&none);
    let root = root_of(tree.size, tiles).map_err(|_| "its tiles do not belong to its size")?;
    if (checkpoint.size, checkpoint.root) == (tree.size, root) {
        Ok(())
    } else {
        Err("its tiles are not those that were signed")
    }
}

/// A log that grows.
struct Growing {
    size: u64,
    number: u64,
    tiles: Tiles,
}

fn fold(
    entries: Vec<UnsequencedEntry>,
    trees: &[AuditTree],
    mut tiles: HashMap<OrganizationId, Tiles>,
    key: &SecretKey,
    ids: &Ids,
) -> Result<Sequenced, TreeError> {
    let mut logs: HashMap<OrganizationId, Growing> = HashMap::new();
    for tree in trees {
        let log = Growing {
            size: tree.size,
            number: tree.checkpoint_number,
            tiles: tiles.remove(&tree.organization).unwrap_or_default(),
        };
        logs.insert(tree.organization, log);
    }
    let mut random = rand::rng();
    let mut round = Sequenced::default();
    for UnsequencedEntry {
        organization,
        entry,
        ..
    } in entries
    {
        let log = logs.entry(organization).or_insert_with(|| Growing {
            size: 0,
            number: 0,
            tiles: Tiles::default(),
        });
        let mut bytes = [0; aim_domain::audit::SALT_BYTES];
        random.fill(&mut bytes);
        let seed = Seed::from_bytes(bytes);
        let id = entry.id;
        let hash = record_of(organization, log.size, entry, &seed).leaf_hash();
        round.leaves.push(NewLeaf {
            organization,
            index: log.size,
            entry: id,
            hash,
            seed,
        });
        log.tiles.append(hash, log.size);
        log.size += 1;
    }
    for (organization, log) in logs {
        let root = root_of(log.size, &log.tiles)?;
        let origin = origin_of(organization);
        let checkpoint = Checkpoint {
            origin: origin.clone(),
            size: log.size,
            root,
        };
        round.checkpoints.push(NewCheckpoint {
            id: ids.next(),
            organization,
            number: log.number + 1,
            size: log.size,
            root,
            note: sign_note(checkpoint.text(), &origin, key).to_string(),
        });
        let changed = log.tiles.changed();
        round
            .tiles
            .extend(changed.map(|(id, bytes)| (organization, id, bytes)));
    }
    Ok(round)
}
