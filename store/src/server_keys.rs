//! Keys of the installation itself. What is kept of their private halves is sealed by `app/`.

use aim_entities::server_key as entity;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::{Store, StoreError, Tx};

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// What it is for.
    pub purpose: String,
    /// The how-manieth for that.
    pub number: i32,
    /// Its public half.
    pub public_key: Vec<u8>,
    /// Its private half, sealed.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKey")
            .field("purpose", &self.purpose)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// All keys for a purpose, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_server_keys(&self, purpose: &str) -> Result<Vec<ServerKey>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Purpose.eq(purpose))
            .order_by_desc(entity::Column::Number)
            .all(self.reader())
            .await?;
        let key = |row: entity::Model| ServerKey {
            purpose: row.purpose,
            number: row.number,
            public_key: row.public_key,
            sealed: row.sealed,
        };
        Ok(rows.into_iter().map(key).collect())
    }
}

impl Tx {
    /// Writes a key; false when there is one with this purpose and number, of whoever was faster.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_server_key(&mut self, key: &ServerKey) -> Result<bool, StoreError> {
        let row = entity::ActiveModel {
            purpose: Set(key.purpose.clone()),
            number: Set(key.number),
            public_key: Set(key.public_key.clone()),
            sealed: Set(key.sealed.clone()),
            created_at: Set(self.now()),
        };
        let once = OnConflict::new().do_nothing().to_owned();
        let insert = entity::Entity::insert(row).on_conflict(once);
        Ok(insert.exec_without_returning(self.on()).await? == 1)
    }
}
