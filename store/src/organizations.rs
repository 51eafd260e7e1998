//! Organizations.

use aim_domain::id::OrganizationId;
use aim_domain::kill_switch::KillSwitch;
use aim_domain::verification::DecisionSettings;
use aim_entities::organization as entity;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryOrder};

use crate::{Store, StoreError, Tx, code, kill_switches};

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Organization {
    /// Its identity.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it set for decisions.
    pub settings: DecisionSettings,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// Its kill switch, while engaged.
    pub kill_switch: Option<KillSwitch>,
}

fn convert(row: entity::Model) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: OrganizationId::from_uuid(row.id),
        name: row.name,
        settings: code::from_json("organizations.settings", row.settings)?,
        created_at: row.created_at,
        kill_switch: kill_switches::convert(
            row.kill_switch_reason,
            row.kill_switch_engaged_by,
            row.kill_switch_engaged_at,
        ),
    })
}

impl Store {
    /// The organization, if it exists.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let row = entity::Entity::find_by_id(id.as_uuid())
            .one(self.reader())
            .await?;
        row.map(convert).transpose()
    }

    /// The organization made first: the one the bootstrap administrator belongs to.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_first_organization(&self) -> Result<Option<Organization>, StoreError> {
        let query = entity::Entity::find().order_by_asc(entity::Column::Id);
        query.one(self.reader()).await?.map(convert).transpose()
    }
}

impl Tx {
    /// Writes a new organization.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the slug is taken.
    pub async fn insert_organization(
        &mut self,
        organization: &Organization,
        slug: &str,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(organization.id.as_uuid()),
            name: Set(organization.name.clone()),
            slug: Set(slug.to_owned()),
            settings: Set(code::json(&organization.settings)),
            created_at: Set(organization.created_at),
            kill_switch_reason: Set(None),
            kill_switch_engaged_by: Set(None),
            kill_switch_engaged_at: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
