//! What a round makes of the entries that wait: their leaves, the tiles and checkpoints over them, and
//! which logs are not what was signed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aim_domain::audit::{
    Checkpoint, KeyRing, Seed, TileId, Tiles, TreeError, origin_of, root_of, sign_note,
};
use aim_domain::id::OrganizationId;
use aim_domain::signature::{PublicKey, SecretKey};
use aim_store::StoreError;
use aim_store::audit_log::{AuditTree, record_of};
use aim_store::audit_sequencer::{NewCheckpoint, NewLeaf, Sequenced, UnsequencedEntry};
use rand::RngExt;

use crate::{App, AppError, ErrorCode, Ids};

/// What signs, and what has signed.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) current: SecretKey,
    pub(super) trusted: Vec<PublicKey>,
}

/// What a round is to write.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) sequenced: Sequenced,
    /// Logs that are not what was signed, and why.
    pub(super) bad: BTreeMap<OrganizationId, String>,
}

impl Plan {
    /// Leaves a log alone.
    pub(super) fn give_up(&mut self, organization: OrganizationId, why: String) {
        self.sequenced = self.sequenced.only(|it| it != organization);
        self.bad.insert(organization, why);
    }
}

impl App {
    /// Plans a round. Logs that cannot be read are bad, the others go on.
    pub(super) async fn plan_audit(
        &self,
        organizations: &BTreeSet<OrganizationId>,
        entries: Vec<UnsequencedEntry>,
        keys: &Keys,
    ) -> Result<Plan, AppError> {
        let all: Vec<_> = organizations.iter().copied().collect();
        match self.look_at(&all).await {
            Ok(logs) => self.plan(logs, entries, keys).await,
            // One of them holds something that is none of ours.
            Err(StoreError::Corrupt { .. }) => self.plan_one_by_one(&all, entries, keys).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn plan_one_by_one(
        &self,
        organizations: &[OrganizationId],
        entries: Vec<UnsequencedEntry>,
        keys: &Keys,
    ) -> Result<Plan, AppError> {
        let mut logs = Logs::default();
        let mut bad = BTreeMap::new();
        for organization in organizations {
            match self.look_at(&[*organization]).await {
                Ok(one) => logs.join(one),
                Err(error @ StoreError::Corrupt { .. }) => {
                    bad.insert(*organization, error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        let readable = |it: &UnsequencedEntry| !bad.contains_key(&it.organization);
        let entries = entries.into_iter().filter(readable).collect();
        let mut plan = self.plan(logs, entries, keys).await?;
        plan.bad.extend(bad);
        Ok(plan)
    }

    async fn look_at(&self, organizations: &[OrganizationId]) -> Result<Logs, StoreError> {
        let trees = self.store.load_audit_trees(organizations).await?;
        let has_tree = |it: &OrganizationId| trees.iter().any(|tree| tree.organization == *it);
        let new: Vec<_> = organizations
            .iter()
            .copied()
            .filter(|it| !has_tree(it))
            .collect();
        let unfinished = |tree: &AuditTree| {
            let organization = tree.organization;
            let ids = TileId::unfinished(tree.size).into_iter();
            ids.map(move |id| (organization, id))
        };
        let wanted: Vec<_> = trees.iter().flat_map(unfinished).collect();
        let newest = self.store.load_newest_checkpoints(&trees).await?;
        Ok(Logs {
            tiles: self.store.load_audit_tiles(&wanted).await?,
            notes: newest.into_iter().map(|(id, it)| (id, it.note)).collect(),
            headless: self.store.list_checkpointed(&new).await?,
            trees,
        })
    }

    async fn plan(
        &self,
        logs: Logs,
        entries: Vec<UnsequencedEntry>,
        keys: &Keys,
    ) -> Result<Plan, AppError> {
        // Growing a bad one would put our signature under what somebody made of it.
        let bad = logs.bad(&keys.trusted);
        let sound = |it: &UnsequencedEntry| !bad.contains_key(&it.organization);
        let entries: Vec<_> = entries.into_iter().filter(sound).collect();
        let ids = Arc::clone(&self.ids);
        let key = keys.current.clone();
        let work = move || fold(entries, &logs.trees, logs.tiles, &key, &ids);
        let folded = tokio::task::spawn_blocking(work).await;
        let sequenced = folded
            .map_err(|error| AppError::new(ErrorCode::Internal, error.to_string()))?
            .map_err(|error| {
                tracing::error!(%error, "the audit log's tiles do not fit its size");
                AppError::new(ErrorCode::Internal, "internal error")
            })?;
        Ok(Plan { sequenced, bad })
    }
}

/// Logs as they are kept.
#[derive(Debug, Default)]
struct Logs {
    trees: Vec<AuditTree>,
    /// What is not full of each tree.
    tiles: HashMap<OrganizationId, Tiles>,
    /// The newest checkpoint of each.
    notes: HashMap<OrganizationId, String>,
    /// Those with checkpoints and no tree.
    headless: Vec<OrganizationId>,
}

impl Logs {
    fn join(&mut self, other: Self) {
        self.trees.extend(other.trees);
        self.tiles.extend(other.tiles);
        self.notes.extend(other.notes);
        self.headless.extend(other.headless);
    }

    /// Which are not what was signed.
    fn bad(&self, trusted: &[PublicKey]) -> BTreeMap<OrganizationId, String> {
        let mut bad = BTreeMap::new();
        for tree in &self.trees {
            let note = self.notes.get(&tree.organization).map(String::as_str);
            if let Err(why) = was_signed(tree, &self.tiles, note, trusted) {
                bad.insert(tree.organization, why.to_owned());
            }
        }
        for organization in &self.headless {
            bad.insert(*organization, "its size is missing".to_owned());
        }
        bad
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
    // Only logs that grow get a checkpoint.
    let mut logs: HashMap<OrganizationId, Growing> = HashMap::new();
    let mut grown = |organization: OrganizationId| {
        let tree = trees.iter().find(|it| it.organization == organization);
        Growing {
            size: tree.map_or(0, |it| it.size),
            number: tree.map_or(0, |it| it.checkpoint_number),
            tiles: tiles.remove(&organization).unwrap_or_default(),
        }
    };
    let mut random = rand::rng();
    let mut round = Sequenced::default();
    for UnsequencedEntry {
        organization,
        entry,
        ..
    } in entries
    {
        let log = logs
            .entry(organization)
            .or_insert_with(|| grown(organization));
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
