//! Up to where entries have their indexes, and what gives them theirs writes.
//!
//! Guarantee: each entry gets one index, and none is passed over. Entries have positions in the order
//! of commits (see the migration); the sequencer reads them in that order and moves its own position
//! by compare-and-set in the transaction that writes the indexes. A lease (`leases.rs`) only keeps
//! processes from working in vain: of two that read the same round one writes.

use aim_domain::audit::{Hash, Seed, TileId};
use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_entities::{
    audit_checkpoint as checkpoint, audit_entry as entry, audit_leaf as leaf,
    audit_progress as entity, audit_tile as tile, audit_tree as tree,
};
use aim_eventlog::portions;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::audit::{AuditEntry, convert};
use crate::audit_log::{AuditTree, signed, unsigned};
use crate::{Store, StoreError, Tx};

/// How far the sequencer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditProgress {
    /// How often this was written.
    pub round: i64,
    /// Entries up to this position have an index, but those of logs that stand still.
    pub position: i64,
}

/// An entry without an index.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsequencedEntry {
    /// Where it stands among all organizations' entries.
    pub position: i64,
    /// Whose.
    pub organization: OrganizationId,
    /// The entry.
    pub entry: AuditEntry,
}

/// An index to write.
#[derive(Debug, Clone)]
pub struct NewLeaf {
    /// Whose log.
    pub organization: OrganizationId,
    /// The index.
    pub index: u64,
    /// The entry.
    pub entry: AuditEntryId,
    /// Its hash in the tree.
    pub hash: Hash,
    /// What its fields' salts come from.
    pub seed: Seed,
}

/// A checkpoint to write.
#[derive(Debug, Clone)]
pub struct NewCheckpoint {
    /// Its identity.
    pub id: Uuid,
    /// Whose log.
    pub organization: OrganizationId,
    /// Its number.
    pub number: u64,
    /// How many leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// Everything that one round of the sequencer writes.
#[derive(Debug, Default, Clone)]
pub struct Sequenced {
    /// Indexes.
    pub leaves: Vec<NewLeaf>,
    /// Tiles as they are now.
    pub tiles: Vec<(OrganizationId, TileId, Vec<u8>)>,
    /// A checkpoint for each log that grew.
    pub checkpoints: Vec<NewCheckpoint>,
}

impl Sequenced {
    /// What of it is about the logs that `is_wanted` names.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(OrganizationId) -> bool) -> Self {
        let mut some = self.clone();
        some.leaves.retain(|it| is_wanted(it.organization));
        some.tiles.retain(|(it, ..)| is_wanted(*it));
        some.checkpoints.retain(|it| is_wanted(it.organization));
        some
    }
}

impl Store {
    /// How far the sequencer is.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn get_audit_progress(&self) -> Result<AuditProgress, StoreError> {
        let row = entity::Entity::find_by_id(1).one(self.reader()).await?;
        let row = row.ok_or(StoreError::Conflict("audit_progress"))?;
        Ok(AuditProgress {
            round: row.round,
            position: row.position,
        })
    }

    /// Entries behind `position`, in the order of their commits.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_unsequenced(
        &self,
        position: i64,
        max: u64,
    ) -> Result<Vec<UnsequencedEntry>, StoreError> {
        let rows = entry::Entity::find()
            .filter(entry::Column::Position.gt(position))
            .order_by_asc(entry::Column::Position)
            .limit(max)
            .all(self.reader())
            .await?;
        rows.into_iter().map(unsequenced).collect()
    }

    /// The same, of one organization, up to and with another position.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_unsequenced_of(
        &self,
        organization: OrganizationId,
        after: i64,
        up_to: i64,
        max: u64,
    ) -> Result<Vec<UnsequencedEntry>, StoreError> {
        use entry::Column as C;
        let rows = entry::Entity::find()
            .filter(C::OrganizationId.eq(organization.as_uuid()))
            .filter(C::Position.gt(after))
            .filter(C::Position.lte(up_to))
            .order_by_asc(C::Position)
            .limit(max)
            .all(self.reader())
            .await?;
        rows.into_iter().map(unsequenced).collect()
    }

    /// Those of `organizations` that have checkpoints: none that has no tree should.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_checkpointed(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<OrganizationId>, StoreError> {
        if organizations.is_empty() {
            return Ok(Vec::new());
        }
        use checkpoint::Column as C;
        let ids: Vec<Uuid> = checkpoint::Entity::find()
            .select_only()
            .column(C::OrganizationId)
            .distinct()
            .filter(C::OrganizationId.is_in(organizations.iter().map(OrganizationId::as_uuid)))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids.into_iter().map(OrganizationId::from_uuid).collect())
    }

    /// The trees of organizations; those that have none yet are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_audit_trees(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<AuditTree>, StoreError> {
        let ids = organizations.iter().map(OrganizationId::as_uuid);
        let rows = tree::Entity::find()
            .filter(tree::Column::OrganizationId.is_in(ids))
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(AuditTree::from).collect())
    }
}

impl Tx {
    /// Moves the sequencer to a position, if nobody has written since `round` was read. False when
    /// somebody has: nothing of this transaction may be committed then.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn advance_audit(&mut self, round: i64, to: i64) -> Result<bool, StoreError> {
        use entity::Column as C;
        let update = entity::Entity::update_many()
            .col_expr(C::Position, Expr::value(to))
            .col_expr(C::Round, Expr::value(round + 1))
            .filter(C::Id.eq(1))
            .filter(C::Round.eq(round));
        Ok(update.exec(self.on()).await?.rows_affected == 1)
    }

    /// Writes a round.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn write_sequenced(&mut self, round: &Sequenced) -> Result<(), StoreError> {
        for chunk in portions(&round.leaves) {
            let rows = chunk.iter().map(leaf_row);
            leaf::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        for chunk in portions(&round.tiles) {
            let rows = chunk
                .iter()
                .map(|(organization, id, hashes)| tile::ActiveModel {
                    organization_id: Set(organization.as_uuid()),
                    level: Set(i32::try_from(id.level).unwrap_or(i32::MAX)),
                    tile_index: Set(signed(id.index)),
                    hashes: Set(hashes.clone()),
                });
            use tile::Column as C;
            let mut grown = OnConflict::columns([C::OrganizationId, C::Level, C::TileIndex]);
            tile::Entity::insert_many(rows)
                .on_conflict(grown.update_column(C::Hashes).to_owned())
                .exec_without_returning(self.on())
                .await?;
        }
        for chunk in portions(&round.checkpoints) {
            self.write_checkpoints(chunk).await?;
        }
        Ok(())
    }

    async fn write_checkpoints(&self, chunk: &[NewCheckpoint]) -> Result<(), StoreError> {
        use tree::Column as C;
        let rows = chunk.iter().map(|it| tree::ActiveModel {
            organization_id: Set(it.organization.as_uuid()),
            size: Set(signed(it.size)),
            checkpoint_number: Set(signed(it.number)),
        });
        let mut grown = OnConflict::column(C::OrganizationId);
        grown.update_columns([C::Size, C::CheckpointNumber]);
        tree::Entity::insert_many(rows)
            .on_conflict(grown)
            .exec_without_returning(self.on())
            .await?;
        let rows = chunk.iter().map(|it| checkpoint::ActiveModel {
            id: Set(it.id),
            organization_id: Set(it.organization.as_uuid()),
            number: Set(signed(it.number)),
            size: Set(signed(it.size)),
            root: Set(it.root.as_bytes().to_vec()),
            note: Set(it.note.clone()),
            created_at: Set(self.now()),
        });
        checkpoint::Entity::insert_many(rows)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}

fn unsequenced(row: entry::Model) -> Result<UnsequencedEntry, StoreError> {
    Ok(UnsequencedEntry {
        position: row.position,
        organization: OrganizationId::from_uuid(row.organization_id),
        entry: convert(row)?,
    })
}

fn leaf_row(new: &NewLeaf) -> leaf::ActiveModel {
    leaf::ActiveModel {
        organization_id: Set(new.organization.as_uuid()),
        leaf_index: Set(signed(new.index)),
        entry_id: Set(new.entry.as_uuid()),
        leaf_hash: Set(new.hash.as_bytes().to_vec()),
        salt: Set(Some(new.seed.as_bytes().to_vec())),
        kept: Set(None),
    }
}

impl From<tree::Model> for AuditTree {
    fn from(row: tree::Model) -> Self {
        Self {
            organization: OrganizationId::from_uuid(row.organization_id),
            size: unsigned(row.size),
            checkpoint_number: unsigned(row.checkpoint_number),
        }
    }
}
