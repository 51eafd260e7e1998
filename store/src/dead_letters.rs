//! Events that were given up on.

use aim_domain::id::{DeadLetterId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::dead_letter as entity;
use aim_eventlog::{Partition, portions};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx};

/// An event to give up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Its identity.
    pub id: DeadLetterId,
    /// Whose, where that is known.
    pub organization: Option<OrganizationId>,
    /// Where it was read.
    pub partition: Partition,
    /// At which position.
    pub position: i64,
    /// Why, for programs.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The original bytes.
    pub payload: Vec<u8>,
    /// The original signature.
    pub signature: Option<String>,
}

/// An event that was given up on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identity.
    pub id: DeadLetterId,
    /// The topic it was read from.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The position.
    pub position: i64,
    /// Why, for programs.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// The original bytes.
    pub payload: Vec<u8>,
    /// When it was given up on.
    pub created_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        id: DeadLetterId::from_uuid(row.id),
        topic: row.topic,
        partition: row.partition,
        position: row.position,
        reason: row.reason,
        detail: row.detail,
        payload: row.payload,
        created_at: row.created_at,
    })
}

impl Store {
    /// A page of dead letters.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_dead_letters(
        &self,
        scope: Scope,
        reason: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(reason) = reason {
            query = query.filter(entity::Column::Reason.eq(reason));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Writes dead letters.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_dead_letters(
        &mut self,
        letters: &[NewDeadLetter],
    ) -> Result<(), StoreError> {
        for chunk in portions(letters) {
            let rows = chunk.iter().map(|letter| entity::ActiveModel {
                id: Set(letter.id.as_uuid()),
                organization_id: Set(letter.organization.map(|id| id.as_uuid())),
                topic: Set(letter.partition.topic.name().to_owned()),
                partition: Set(letter.partition.number),
                position: Set(letter.position),
                reason: Set(letter.reason.clone()),
                detail: Set(letter.detail.clone()),
                payload: Set(letter.payload.clone()),
                signature: Set(letter.signature.clone()),
                created_at: Set(self.now()),
            });
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }
}
