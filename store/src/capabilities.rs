//! The standard catalogue.

use aim_domain::risk::RiskLevel;
use aim_entities::capability as entity;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryOrder, sea_query::OnConflict};

use crate::{Store, StoreError, Tx, code};

/// A named permission of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Such as `files:read`.
    pub name: String,
    /// Such as `files`.
    pub category: String,
    /// What it allows.
    pub description: String,
    /// How risky it is.
    pub risk: RiskLevel,
    /// Whether it changes something.
    pub is_write: bool,
}

impl Store {
    /// The whole catalogue, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_capabilities(&self) -> Result<Vec<Capability>, StoreError> {
        let rows = entity::Entity::find()
            .order_by_asc(entity::Column::Name)
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Capability {
                    risk: code::parse("capabilities.risk", &row.risk)?,
                    name: row.name,
                    category: row.category,
                    description: row.description,
                    is_write: row.is_write,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Writes the entries of the catalogue that are not there yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_capabilities(&mut self, all: &[Capability]) -> Result<(), StoreError> {
        let rows = all.iter().map(|capability| entity::ActiveModel {
            name: Set(capability.name.clone()),
            category: Set(capability.category.clone()),
            description: Set(capability.description.clone()),
            risk: Set(code::text(&capability.risk)),
            is_write: Set(capability.is_write),
        });
        entity::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(entity::Column::Name)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
