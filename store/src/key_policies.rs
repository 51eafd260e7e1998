//! What organizations want of their agents' keys.

use std::collections::{BTreeSet, HashMap};

use aim_domain::agent_key::KeyPolicy;
use aim_domain::id::OrganizationId;
use aim_entities::organization as entity;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

impl Store {
    /// The policies of these organizations; the default where nothing was set.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_key_policies(
        &self,
        ids: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, KeyPolicy>, StoreError> {
        let rows: Vec<(Uuid, Option<serde_json::Value>)> = entity::Entity::find()
            .select_only()
            .columns([entity::Column::Id, entity::Column::KeyPolicy])
            .filter(entity::Column::Id.is_in(ids.iter().map(OrganizationId::as_uuid)))
            .into_tuple()
            .all(self.reader())
            .await?;
        let policy = |column: Option<_>| {
            let set = column.map(|set| code::from_json("organizations.key_policy", set));
            Ok::<_, StoreError>(set.transpose()?.unwrap_or_default())
        };
        let rows = rows.into_iter();
        rows.map(|(id, column)| Ok((OrganizationId::from_uuid(id), policy(column)?)))
            .collect()
    }

    /// On how many days before the end some organization reminds.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_reminder_days(&self) -> Result<BTreeSet<u16>, StoreError> {
        let set: Vec<Option<serde_json::Value>> = entity::Entity::find()
            .select_only()
            .column(entity::Column::KeyPolicy)
            .filter(entity::Column::KeyPolicy.is_not_null())
            .into_tuple()
            .all(self.reader())
            .await?;
        let mut days: BTreeSet<u16> = KeyPolicy::default().reminder_days.into_iter().collect();
        for policy in set.into_iter().flatten() {
            let policy: KeyPolicy = code::from_json("organizations.key_policy", policy)?;
            days.extend(policy.reminder_days);
        }
        Ok(days)
    }

    /// The policy of an organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn get_key_policy(&self, id: OrganizationId) -> Result<KeyPolicy, StoreError> {
        let mut found = self.load_key_policies(&[id]).await?;
        Ok(found.remove(&id).unwrap_or_default())
    }
}

impl Tx {
    /// Writes what an organization wants of its agents' keys.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_key_policy(
        &mut self,
        id: OrganizationId,
        to: &KeyPolicy,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::KeyPolicy, Expr::value(code::json(to)))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
