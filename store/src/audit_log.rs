//! The logs as they are kept: leaves, tiles, checkpoints.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aim_domain::audit::{AuditField, AuditRecord, Committed, Hash, Seed, TileId, Tiles};
use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::{
    audit_checkpoint as checkpoint, audit_entry as entry, audit_leaf as leaf, audit_tile as tile,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::audit::{AuditEntry, AuditLeaf, convert};
use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, code};

/// Conditions of one statement.
const CHUNK: usize = 200;

/// How large an organization's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditTree {
    /// Whose.
    pub organization: OrganizationId,
    /// How many leaves.
    pub size: u64,
    /// The number of its newest checkpoint.
    pub checkpoint_number: u64,
}

/// Names a checkpoint, for pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointId(Uuid);

impl CheckpointId {
    /// The plain UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

/// A checkpoint as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// Its identity.
    pub id: CheckpointId,
    /// Its number, from 1 on.
    pub number: u64,
    /// How many leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The signed note, without co-signatures.
    pub note: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// A leaf with what it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLeaf {
    /// Its index.
    pub index: u64,
    /// Its hash in the tree.
    pub hash: Hash,
    /// Its entry; none when the row is gone.
    pub record: Option<AuditRecord>,
    /// Where that stands among all organizations' entries.
    pub position: i64,
}

/// What is left of a field's salts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kept {
    /// The value is there, with this salt.
    Salt(Seed),
    /// The value is gone.
    Hash(Hash),
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// An entry as the tree has it, with salts from one seed.
#[must_use]
pub fn record_of(
    organization: OrganizationId,
    index: u64,
    entry: AuditEntry,
    seed: &Seed,
) -> AuditRecord {
    record(organization, index, entry, |field, value| Committed::Open {
        value,
        salt: seed.salt(field),
    })
}

fn record(
    organization: OrganizationId,
    index: u64,
    entry: AuditEntry,
    commit: impl Fn(AuditField, Value) -> Committed,
) -> AuditRecord {
    let text = |value: Option<String>| value.map_or(Value::Null, Value::String);
    let fields = [
        (AuditField::ActorId, Value::String(entry.actor_id)),
        (AuditField::After, entry.after.unwrap_or_default()),
        (AuditField::Before, entry.before.unwrap_or_default()),
        (AuditField::ObjectId, Value::String(entry.object_id)),
        (AuditField::Reason, text(entry.reason)),
        (AuditField::RequestId, Value::String(entry.request_id)),
    ];
    let fields = fields.into_iter();
    AuditRecord {
        index,
        organization,
        id: entry.id,
        actor_type: entry.actor_type,
        action: entry.action,
        object_type: entry.object_type,
        created_at: entry.created_at,
        fields: fields
            .map(|(field, value)| (field, commit(field, value)))
            .collect(),
    }
}

/// What is kept of the salts of a leaf.
fn kept(row: &leaf::Model) -> Result<BTreeMap<AuditField, Kept>, StoreError> {
    match &row.kept {
        Some(kept) => code::from_json("audit_leaves.kept", kept.clone()),
        None => Ok(BTreeMap::new()),
    }
}

/// An entry with its leaf's salts. Where they were taken away the value cannot be shown to be the
/// one that was logged, and the leaf is another.
fn record_of_rows(row: &leaf::Model, entry: entry::Model) -> Result<AuditRecord, StoreError> {
    let organization = OrganizationId::from_uuid(entry.organization_id);
    let seed = row.salt.as_deref().and_then(Seed::from_slice);
    let kept = kept(row)?;
    let commit = |field, value| match (&seed, kept.get(&field)) {
        (_, Some(Kept::Hash(hash))) => Committed::Erased { hash: *hash },
        (_, Some(Kept::Salt(salt))) => Committed::Open {
            value,
            salt: salt.clone(),
        },
        (Some(seed), None) => Committed::Open {
            value,
            salt: seed.salt(field),
        },
        (None, None) => Committed::Erased {
            hash: Hash::default(),
        },
    };
    let index = unsigned(row.leaf_index);
    Ok(record(organization, index, convert(entry)?, commit))
}

/// What is left of a leaf's salts once the values of `erased` are gone.
pub(crate) fn left_of(
    row: &leaf::Model,
    record: &AuditRecord,
    erased: &BTreeSet<AuditField>,
) -> Result<BTreeMap<AuditField, Kept>, StoreError> {
    let before = kept(row)?;
    let seed = row.salt.as_deref().and_then(Seed::from_slice);
    let left = |(field, committed): (&AuditField, &Committed)| {
        let hash = Kept::Hash(committed.hash(*field));
        if erased.contains(field) {
            return (*field, hash);
        }
        let salt = seed.as_ref().map(|it| Kept::Salt(it.salt(*field)));
        (*field, before.get(field).cloned().or(salt).unwrap_or(hash))
    };
    Ok(record.fields.iter().map(left).collect())
}

fn hash(column: &'static str, bytes: &[u8]) -> Result<Hash, StoreError> {
    Hash::from_slice(bytes).map_err(|_| StoreError::Corrupt {
        column,
        value: format!("{} bytes", bytes.len()),
    })
}

fn convert_checkpoint(row: checkpoint::Model) -> Result<AuditCheckpoint, StoreError> {
    Ok(AuditCheckpoint {
        id: CheckpointId(row.id),
        number: unsigned(row.number),
        size: unsigned(row.size),
        root: hash("audit_checkpoints.root", &row.root)?,
        note: row.note,
        created_at: row.created_at,
    })
}

fn checkpoints_of(scope: Scope) -> sea_orm::Select<checkpoint::Entity> {
    let organization = scope.organization.as_uuid();
    checkpoint::Entity::find().filter(checkpoint::Column::OrganizationId.eq(organization))
}

/// Leaves from an index on, with their entries.
pub(crate) async fn leaves_from(
    on: &impl ConnectionTrait,
    organization: OrganizationId,
    from: u64,
    max: u64,
) -> Result<Vec<KeptLeaf>, StoreError> {
    let rows = leaf::Entity::find()
        .filter(leaf::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(leaf::Column::LeafIndex.gte(signed(from)))
        .order_by_asc(leaf::Column::LeafIndex)
        .limit(max)
        .all(on)
        .await?;
    let ids = rows.iter().map(|row| row.entry_id);
    let entries = entry::Entity::find()
        .filter(entry::Column::Id.is_in(ids))
        .all(on)
        .await?;
    let mut entries: HashMap<Uuid, entry::Model> =
        entries.into_iter().map(|it| (it.id, it)).collect();
    let together = |row: leaf::Model| {
        let entry = entries.remove(&row.entry_id);
        Ok(KeptLeaf {
            index: unsigned(row.leaf_index),
            hash: hash("audit_leaves.leaf_hash", &row.leaf_hash)?,
            position: entry.as_ref().map_or(0, |it| it.position),
            record: entry.map(|it| record_of_rows(&row, it)).transpose()?,
        })
    };
    rows.into_iter().map(together).collect()
}

impl Store {
    /// Where entries stand; those without an index yet are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_audit_leaves(
        &self,
        ids: &[AuditEntryId],
    ) -> Result<HashMap<AuditEntryId, AuditLeaf>, StoreError> {
        let rows = leaf::Entity::find()
            .filter(leaf::Column::EntryId.is_in(ids.iter().map(AuditEntryId::as_uuid)))
            .all(self.reader())
            .await?;
        let convert = |row: leaf::Model| {
            let fields = kept(&row)?.into_iter();
            let erased = fields.filter(|(_, it)| matches!(it, Kept::Hash(_)));
            let leaf = AuditLeaf {
                index: unsigned(row.leaf_index),
                hash: hash("audit_leaves.leaf_hash", &row.leaf_hash)?,
                erased: erased.map(|(field, _)| field).collect(),
            };
            Ok((AuditEntryId::from_uuid(row.entry_id), leaf))
        };
        rows.into_iter().map(convert).collect()
    }

    /// Leaves from an index on, with their entries.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_leaves(
        &self,
        scope: Scope,
        from: u64,
        max: u64,
    ) -> Result<Vec<KeptLeaf>, StoreError> {
        leaves_from(self.reader(), scope.organization, from, max).await
    }

    /// Tiles of several logs.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_audit_tiles(
        &self,
        wanted: &[(OrganizationId, TileId)],
    ) -> Result<HashMap<OrganizationId, Tiles>, StoreError> {
        use tile::Column as C;
        let mut found: HashMap<OrganizationId, Tiles> = HashMap::new();
        for chunk in wanted.chunks(CHUNK) {
            let mut any = Condition::any();
            for (organization, id) in chunk {
                let one = Condition::all()
                    .add(C::OrganizationId.eq(organization.as_uuid()))
                    .add(C::Level.eq(i32::try_from(id.level).unwrap_or(i32::MAX)))
                    .add(C::TileIndex.eq(signed(id.index)));
                any = any.add(one);
            }
            let rows = tile::Entity::find().filter(any).all(self.reader()).await?;
            for row in rows {
                let id = TileId {
                    level: u32::try_from(row.level).unwrap_or(0),
                    index: unsigned(row.tile_index),
                };
                let of = OrganizationId::from_uuid(row.organization_id);
                let inserted = found.entry(of).or_default().insert(id, &row.hashes);
                inserted.map_err(|_| StoreError::Corrupt {
                    column: "audit_tiles.hashes",
                    value: format!("{} bytes", row.hashes.len()),
                })?;
            }
        }
        Ok(found)
    }

    /// The tiles that nodes of a log lie in.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_audit_nodes(
        &self,
        scope: Scope,
        nodes: &BTreeSet<(u32, u64)>,
    ) -> Result<Tiles, StoreError> {
        let ids = TileId::of_nodes(nodes).into_iter();
        let wanted: Vec<_> = ids.map(|id| (scope.organization, id)).collect();
        let mut found = self.load_audit_tiles(&wanted).await?;
        Ok(found.remove(&scope.organization).unwrap_or_default())
    }

    /// How large a log is; nothing yet for a new organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_audit_tree(&self, scope: Scope) -> Result<Option<AuditTree>, StoreError> {
        let found = self.load_audit_trees(&[scope.organization]).await?;
        Ok(found.into_iter().next())
    }

    /// The checkpoint of this size, or the newest.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_audit_checkpoint(
        &self,
        scope: Scope,
        size: Option<u64>,
    ) -> Result<Option<AuditCheckpoint>, StoreError> {
        let mut query = checkpoints_of(scope).order_by_desc(checkpoint::Column::Number);
        if let Some(size) = size {
            query = query.filter(checkpoint::Column::Size.eq(signed(size)));
        }
        let found = query.limit(1).one(self.reader()).await?;
        found.map(convert_checkpoint).transpose()
    }

    /// The newest checkpoints of trees.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_newest_checkpoints(
        &self,
        trees: &[AuditTree],
    ) -> Result<HashMap<OrganizationId, AuditCheckpoint>, StoreError> {
        use checkpoint::Column as C;
        let mut found = HashMap::new();
        for chunk in trees.chunks(CHUNK) {
            let one = |tree: &AuditTree| {
                Condition::all()
                    .add(C::OrganizationId.eq(tree.organization.as_uuid()))
                    .add(C::Number.eq(signed(tree.checkpoint_number)))
            };
            let any = chunk.iter().map(one).fold(Condition::any(), Condition::add);
            let rows = checkpoint::Entity::find().filter(any).all(self.reader());
            for row in rows.await? {
                let organization = OrganizationId::from_uuid(row.organization_id);
                found.insert(organization, convert_checkpoint(row)?);
            }
        }
        Ok(found)
    }

    /// A page of checkpoints, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_checkpoints(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<AuditCheckpoint>, StoreError> {
        let id = checkpoint::Column::Id;
        page::fetch(
            self.reader(),
            checkpoints_of(scope),
            id,
            page,
            convert_checkpoint,
        )
        .await
    }

    /// Checkpoints behind a number, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_checkpoints_after(
        &self,
        scope: Scope,
        number: u64,
        max: u64,
    ) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let rows = checkpoints_of(scope)
            .filter(checkpoint::Column::Number.gt(signed(number)))
            .order_by_asc(checkpoint::Column::Number)
            .limit(max)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert_checkpoint).collect()
    }

    /// The position of the first entry that should have an index and has none: nobody gave it one,
    /// so it was put there later.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_entry_without_leaf(
        &self,
        scope: Scope,
        up_to: i64,
    ) -> Result<Option<(i64, AuditEntryId)>, StoreError> {
        use sea_orm::sea_query::{Expr, ExprTrait, Query};
        let leaves = Query::select()
            .expr(Expr::value(1))
            .from(leaf::Entity)
            .and_where(
                Expr::col((leaf::Entity, leaf::Column::EntryId))
                    .equals((entry::Entity, entry::Column::Id)),
            )
            .to_owned();
        let found = entry::Entity::find()
            .filter(entry::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entry::Column::Position.lte(up_to))
            .filter(Expr::exists(leaves).not())
            .order_by_asc(entry::Column::Position)
            .limit(1)
            .one(self.reader())
            .await?;
        Ok(found.map(|row| (row.position, AuditEntryId::from_uuid(row.id))))
    }

    /// The index of the first entry behind a position; the log's size when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_index_behind(&self, scope: Scope, position: i64) -> Result<u64, StoreError> {
        let next = entry::Entity::find()
            .filter(entry::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entry::Column::Position.gt(position))
            .order_by_asc(entry::Column::Position)
            .limit(1)
            .one(self.reader())
            .await?;
        if let Some(next) = next {
            let id = AuditEntryId::from_uuid(next.id);
            if let Some(leaf) = self.load_audit_leaves(&[id]).await?.remove(&id) {
                return Ok(leaf.index);
            }
        }
        Ok(self.find_audit_tree(scope).await?.map_or(0, |it| it.size))
    }
}
