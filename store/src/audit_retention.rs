//! Retention, legal hold, and erasing what entries hold of persons.
//!
//! Guarantee: while a legal hold is engaged nothing is erased. Whoever erases locks the row that the
//! hold is in, and finds it free, in the transaction that erases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aim_domain::audit::AuditField;
use aim_domain::id::OrganizationId;
use aim_domain::scope::Scope;
use aim_entities::{
    audit_entry as entry, audit_erasure as erasure, audit_leaf as leaf, audit_retention as entity,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::audit_log::{KeptLeaf, leaves_from, left_of, signed, unsigned};
use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalHold {
    /// Why.
    pub reason: String,
    /// By whom.
    pub engaged_by: String,
    /// Since when.
    pub engaged_at: DateTime<Utc>,
}

/// What an organization keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditRetention {
    /// Days after which contents are erased; for ever when none.
    pub days: Option<u32>,
    /// Entries before this index have been erased by retention.
    pub swept: u64,
    /// What stops retention and erasure.
    pub hold: Option<LegalHold>,
}

/// Names an erasure, for pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureId(Uuid);

impl ErasureId {
    /// From its UUID.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The plain UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

/// An order to erase what is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditErasure {
    /// Its identity.
    pub id: ErasureId,
    /// Whose trail.
    pub organization: OrganizationId,
    /// The person; gone once it is done.
    pub subject: Option<String>,
    /// Other texts that name the person; gone once it is done.
    pub terms: Vec<String>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub ordered_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Entries up to this position are looked at.
    pub up_to_position: i64,
    /// Entries before this index have been looked at.
    pub next_index: u64,
    /// Entries of which something was erased.
    pub erased_count: u64,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
}

fn convert(row: entity::Model) -> AuditRetention {
    let hold = row.hold_at.map(|engaged_at| LegalHold {
        reason: row.hold_reason.unwrap_or_default(),
        engaged_by: row.hold_by.unwrap_or_default(),
        engaged_at,
    });
    AuditRetention {
        days: row.days.and_then(|it| u32::try_from(it).ok()),
        swept: unsigned(row.swept),
        hold,
    }
}

fn convert_erasure(row: erasure::Model) -> Result<AuditErasure, StoreError> {
    let terms = row
        .terms
        .map(|it| code::from_json("audit_erasures.terms", it));
    Ok(AuditErasure {
        id: ErasureId(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        subject: row.subject,
        terms: terms.transpose()?.unwrap_or_default(),
        reason: row.reason,
        ordered_by: row.ordered_by,
        created_at: row.created_at,
        up_to_position: row.up_to_position,
        next_index: unsigned(row.next_index),
        erased_count: unsigned(row.erased_count),
        finished_at: row.finished_at,
    })
}

impl Store {
    /// What the scope's organization keeps.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_audit_retention(&self, scope: Scope) -> Result<AuditRetention, StoreError> {
        let id = scope.organization.as_uuid();
        let row = entity::Entity::find_by_id(id).one(self.reader()).await?;
        Ok(row.map(convert).unwrap_or_default())
    }

    /// Organizations that do not keep contents for ever, and have no hold.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_retentions(
        &self,
    ) -> Result<Vec<(OrganizationId, AuditRetention)>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Days.is_not_null())
            .filter(entity::Column::HoldAt.is_null())
            .all(self.reader())
            .await?;
        let pair =
            |row: entity::Model| (OrganizationId::from_uuid(row.organization_id), convert(row));
        Ok(rows.into_iter().map(pair).collect())
    }

    /// Orders that are not done, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_open_erasures(&self) -> Result<Vec<AuditErasure>, StoreError> {
        let rows = erasure::Entity::find()
            .filter(erasure::Column::FinishedAt.is_null())
            .order_by_asc(erasure::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert_erasure).collect()
    }

    /// A page of orders, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_erasures(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<AuditErasure>, StoreError> {
        let query = erasure::Entity::find()
            .filter(erasure::Column::OrganizationId.eq(scope.organization.as_uuid()));
        let id = erasure::Column::Id;
        page::fetch(self.reader(), query, id, page, convert_erasure).await
    }
}

impl Tx {
    async fn ensure_retention(&self, organization: OrganizationId) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            organization_id: Set(organization.as_uuid()),
            days: Set(None),
            swept: Set(0),
            hold_reason: Set(None),
            hold_by: Set(None),
            hold_at: Set(None),
        };
        let id = entity::Column::OrganizationId;
        let there = OnConflict::column(id).update_column(id).to_owned();
        entity::Entity::insert(row)
            .on_conflict(there)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Says for how many days contents are kept; for ever when none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn set_audit_retention(
        &mut self,
        organization: OrganizationId,
        days: Option<u32>,
    ) -> Result<(), StoreError> {
        self.ensure_retention(organization).await?;
        let days = days.and_then(|it| i32::try_from(it).ok());
        entity::Entity::update_many()
            .col_expr(entity::Column::Days, Expr::value(days))
            .filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Engages a hold, or releases it; false when it is so already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_audit_hold(
        &mut self,
        organization: OrganizationId,
        hold: Option<&LegalHold>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        self.ensure_retention(organization).await?;
        let mut update = entity::Entity::update_many()
            .col_expr(C::HoldReason, Expr::value(hold.map(|it| it.reason.clone())))
            .col_expr(C::HoldBy, Expr::value(hold.map(|it| it.engaged_by.clone())))
            .col_expr(C::HoldAt, Expr::value(hold.map(|it| it.engaged_at)))
            .filter(C::OrganizationId.eq(organization.as_uuid()));
        update = match hold {
            Some(_) => update.filter(C::HoldAt.is_null()),
            None => update.filter(C::HoldAt.is_not_null()),
        };
        Ok(update.exec(self.on()).await?.rows_affected == 1)
    }

    /// Locks out a hold until this transaction ends; with `swept`, also moves what retention has
    /// done from one index to another. False when there is a hold, or somebody else moved it:
    /// nothing may be erased then.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_audit_erasing(
        &mut self,
        organization: OrganizationId,
        swept: Option<(u64, u64)>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        self.ensure_retention(organization).await?;
        let mut update = entity::Entity::update_many()
            .filter(C::OrganizationId.eq(organization.as_uuid()))
            .filter(C::HoldAt.is_null());
        update = match swept {
            Some((from, to)) => update
                .col_expr(C::Swept, Expr::value(signed(to)))
                .filter(C::Swept.eq(signed(from))),
            None => update.col_expr(C::Swept, Expr::col(C::Swept)),
        };
        Ok(update.exec(self.on()).await?.rows_affected == 1)
    }

    /// Leaves from an index on, with their entries, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_leaves(
        &self,
        organization: OrganizationId,
        from: u64,
        max: u64,
    ) -> Result<Vec<KeptLeaf>, StoreError> {
        leaves_from(self.on(), organization, from, max).await
    }

    /// Erases fields of entries: values and salts go, commitments stay. Returns of how many entries
    /// something went.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn erase_audit_fields(
        &mut self,
        organization: OrganizationId,
        targets: &[(&KeptLeaf, BTreeSet<AuditField>)],
    ) -> Result<u64, StoreError> {
        let seeds = self.seeds(organization, targets).await?;
        let mut rows = Vec::new();
        let mut groups: BTreeMap<BTreeSet<AuditField>, Vec<Uuid>> = BTreeMap::new();
        for (kept, fields) in targets {
            let Some(record) = &kept.record else { continue };
            let erased: BTreeSet<_> = record.erased().into_iter().collect();
            let new: BTreeSet<_> = fields.difference(&erased).copied().collect();
            if new.is_empty() {
                continue;
            }
            let all: BTreeSet<_> = new.union(&erased).copied().collect();
            let left = seeds.get(&kept.index).map(|row| left_of(row, record, &all));
            let Some(left) = left.transpose()? else {
                continue;
            };
            rows.push(leaf::ActiveModel {
                organization_id: Set(organization.as_uuid()),
                leaf_index: Set(signed(kept.index)),
                entry_id: Set(record.id.as_uuid()),
                leaf_hash: Set(kept.hash.as_bytes().to_vec()),
                salt: Set(None),
                kept: Set(Some(code::json(&left))),
            });
            groups.entry(new).or_default().push(record.id.as_uuid());
        }
        if rows.is_empty() {
            return Ok(0);
        }
        let count = rows.len() as u64;
        use leaf::Column as L;
        let mut without = OnConflict::columns([L::OrganizationId, L::LeafIndex]);
        without.update_columns([L::Salt, L::Kept]);
        leaf::Entity::insert_many(rows)
            .on_conflict(without)
            .exec_without_returning(self.on())
            .await?;
        for (fields, ids) in groups {
            blank(self.on(), &fields, ids).await?;
        }
        Ok(count)
    }

    /// The leaves of targets as they are now.
    async fn seeds(
        &self,
        organization: OrganizationId,
        targets: &[(&KeptLeaf, BTreeSet<AuditField>)],
    ) -> Result<HashMap<u64, leaf::Model>, StoreError> {
        let indexes = targets.iter().map(|(kept, _)| signed(kept.index));
        let rows = leaf::Entity::find()
            .filter(leaf::Column::OrganizationId.eq(organization.as_uuid()))
            .filter(leaf::Column::LeafIndex.is_in(indexes))
            .all(self.on())
            .await?;
        Ok(rows
            .into_iter()
            .map(|it| (unsigned(it.leaf_index), it))
            .collect())
    }

    /// Gives an order to erase what is kept of a person in everything written so far.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_audit_erasure(&mut self, new: &AuditErasure) -> Result<(), StoreError> {
        let newest: Option<i64> = entry::Entity::find()
            .select_only()
            .column(entry::Column::Position)
            .order_by_desc(entry::Column::Position)
            .limit(1)
            .into_tuple()
            .one(self.on())
            .await?;
        let row = erasure::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            subject: Set(new.subject.clone()),
            terms: Set(Some(code::json(&new.terms))),
            reason: Set(new.reason.clone()),
            ordered_by: Set(new.ordered_by.clone()),
            created_at: Set(new.created_at),
            up_to_position: Set(newest.unwrap_or(0)),
            next_index: Set(0),
            erased_count: Set(0),
            finished_at: Set(None),
        };
        erasure::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Notes how far an order has come. One that is done forgets whom it was about.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else has carried it on.
    pub async fn advance_audit_erasure(
        &mut self,
        before: &AuditErasure,
        next_index: u64,
        erased: u64,
        is_done: bool,
    ) -> Result<(), StoreError> {
        use erasure::Column as C;
        let mut update = erasure::Entity::update_many()
            .col_expr(C::NextIndex, Expr::value(signed(next_index)))
            .col_expr(
                C::ErasedCount,
                Expr::value(signed(before.erased_count + erased)),
            );
        if is_done {
            update = update
                .col_expr(C::FinishedAt, Expr::value(Some(self.now())))
                .col_expr(C::Subject, Expr::value(None::<String>))
                .col_expr(C::Terms, Expr::value(None::<serde_json::Value>));
        }
        let done = update
            .filter(C::Id.eq(before.id.as_uuid()))
            .filter(C::NextIndex.eq(signed(before.next_index)))
            .filter(C::FinishedAt.is_null())
            .exec(self.on())
            .await?;
        if done.rows_affected == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict("audit_erasures"))
        }
    }
}

/// Empties columns of entries.
async fn blank(
    on: &impl ConnectionTrait,
    fields: &BTreeSet<AuditField>,
    ids: Vec<Uuid>,
) -> Result<(), StoreError> {
    use entry::Column as C;
    let mut update = entry::Entity::update_many();
    for field in fields {
        update = match field {
            AuditField::ActorId => update.col_expr(C::ActorId, Expr::value("")),
            AuditField::ObjectId => update.col_expr(C::ObjectId, Expr::value("")),
            AuditField::RequestId => update.col_expr(C::RequestId, Expr::value("")),
            AuditField::Reason => update.col_expr(C::Reason, Expr::value(None::<String>)),
            AuditField::Before => {
                update.col_expr(C::Before, Expr::value(None::<serde_json::Value>))
            }
            AuditField::After => update.col_expr(C::After, Expr::value(None::<serde_json::Value>)),
        };
    }
    update.filter(C::Id.is_in(ids)).exec(on).await?;
    Ok(())
}
