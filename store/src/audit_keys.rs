//! The keys that checkpoints are signed with: public halves only.

use aim_domain::audit::KeyRotation;
use aim_domain::signature::PublicKey;
use aim_entities::audit_key as entity;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryOrder};

use crate::{Store, StoreError, Tx, code};

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditKey {
    /// Its number, from 1 on.
    pub number: i32,
    /// The key.
    pub key: PublicKey,
    /// How it came in place of the one before; none for the first.
    pub rotation: Option<KeyRotation>,
}

fn convert(row: entity::Model) -> Result<AuditKey, StoreError> {
    let rotation = row
        .rotation
        .map(|it| code::from_json("audit_keys.rotation", it));
    Ok(AuditKey {
        number: row.number,
        key: PublicKey::parse(&row.public_key).map_err(|_| StoreError::Corrupt {
            column: "audit_keys.public_key",
            value: row.public_key,
        })?,
        rotation: rotation.transpose()?,
    })
}

async fn list(on: &impl ConnectionTrait) -> Result<Vec<AuditKey>, StoreError> {
    let rows = entity::Entity::find().order_by_asc(entity::Column::Number);
    rows.all(on).await?.into_iter().map(convert).collect()
}

impl Store {
    /// All keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_keys(&self) -> Result<Vec<AuditKey>, StoreError> {
        list(self.reader()).await
    }
}

impl Tx {
    /// All keys, oldest first, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_keys(&self) -> Result<Vec<AuditKey>, StoreError> {
        list(self.on()).await
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when somebody was faster.
    pub async fn insert_audit_key(&mut self, new: &AuditKey) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            number: Set(new.number),
            public_key: Set(new.key.to_base64url()),
            rotation: Set(new.rotation.as_ref().map(code::json)),
            created_at: Set(self.now()),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
