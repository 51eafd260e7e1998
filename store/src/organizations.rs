//! Organizations.

use aim_domain::approval::ApprovalSettings;
use aim_domain::id::OrganizationId;
use aim_domain::kill_switch::KillSwitch;
use aim_domain::trust::TrustWeights;
use aim_domain::verification::DecisionSettings;
use aim_entities::organization as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, approval_settings, code, kill_switches};

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
    /// How much each trust factor counts.
    pub trust_weights: TrustWeights,
    /// Its kill switch, while engaged.
    pub kill_switch: Option<KillSwitch>,
    /// What it wants of approvals, where it said so.
    pub approvals: Option<ApprovalSettings>,
}

fn weights(column: Option<serde_json::Value>) -> Result<TrustWeights, StoreError> {
    let set = column
        .map(|weights| code::from_json("organizations.trust_weights", weights))
        .transpose()?;
    Ok(set.unwrap_or_default())
}

pub(crate) fn convert(row: entity::Model) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: OrganizationId::from_uuid(row.id),
        name: row.name,
        settings: code::from_json("organizations.settings", row.settings)?,
        created_at: row.created_at,
        trust_weights: weights(row.trust_weights)?,
        kill_switch: kill_switches::convert(
            row.kill_switch_reason,
            row.kill_switch_engaged_by,
            row.kill_switch_engaged_at,
        ),
        approvals: approval_settings::parse(row.approval_settings)?,
    })
}

impl Store {
    /// The ids of all organizations, for what an operator does to the whole installation.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_organization_ids(&self) -> Result<Vec<OrganizationId>, StoreError> {
        let ids: Vec<uuid::Uuid> = entity::Entity::find()
            .select_only()
            .column(entity::Column::Id)
            .order_by_asc(entity::Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids.into_iter().map(OrganizationId::from_uuid).collect())
    }

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

    /// The trust weights of these organizations, in no order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_trust_weights(
        &self,
        ids: &[OrganizationId],
    ) -> Result<Vec<(OrganizationId, TrustWeights)>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(5_000) {
            let ids = chunk.iter().map(OrganizationId::as_uuid);
            let rows: Vec<(Uuid, Option<serde_json::Value>)> = entity::Entity::find()
                .select_only()
                .columns([entity::Column::Id, entity::Column::TrustWeights])
                .filter(entity::Column::Id.is_in(ids))
                .into_tuple()
                .all(self.reader())
                .await?;
            for (id, column) in rows {
                found.push((OrganizationId::from_uuid(id), weights(column)?));
            }
        }
        Ok(found)
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
            trust_weights: Set(Some(code::json(&organization.trust_weights))),
            kill_switch_reason: Set(None),
            kill_switch_engaged_by: Set(None),
            kill_switch_engaged_at: Set(None),
            limits: Set(None),
            key_policy: Set(None),
            policy_revision: Set(0),
            approval_settings: Set(None),
            mcp_revision: Set(0),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
    /// Writes how much each trust factor counts for an organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_trust_weights(
        &mut self,
        id: OrganizationId,
        to: TrustWeights,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::TrustWeights, Expr::value(code::json(&to)))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
