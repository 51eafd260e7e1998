//! Grants of capabilities.

use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::id::{AgentId, CapabilityGrantId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::capability_grant as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx};

/// Most live grants of one agent; the decision looks at each.
pub const GRANTS_MAX: u64 = 200;

/// A grant with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// Whose.
    pub organization: OrganizationId,
    /// To whom.
    pub agent: AgentId,
    /// What.
    pub grant: CapabilityGrant,
    /// By whom, as `user:<id>`.
    pub granted_by: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    pub revoked_by: Option<String>,
}

/// Which grants.
#[derive(Debug, Clone, Default)]
pub struct GrantFilter {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// Of this capability, or pattern.
    pub capability: Option<String>,
    /// Only those that are good for something now, or those that are not any more.
    pub is_live: Option<bool>,
}

fn convert(row: entity::Model) -> Result<GrantRecord, StoreError> {
    let corrupt = |value: &str| StoreError::Corrupt {
        column: "capability_grants.capability",
        value: value.to_owned(),
    };
    let capability = Pattern::capability(&row.capability).map_err(|_| corrupt(&row.capability))?;
    let resource = row
        .resource
        .map(|text| Pattern::resource(&text).map_err(|_| corrupt(&text)))
        .transpose()?;
    Ok(GrantRecord {
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        grant: CapabilityGrant {
            id: CapabilityGrantId::from_uuid(row.id),
            capability,
            resource,
            expires_at: row.expires_at,
        },
        granted_by: row.granted_by,
        reason: row.reason,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
        revoked_by: row.revoked_by,
    })
}

impl Store {
    /// Grants of agents that are not revoked, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_grants(&self, agents: &[AgentId]) -> Result<Vec<GrantRecord>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::AgentId.is_in(agents.iter().map(AgentId::as_uuid)))
            .filter(entity::Column::RevokedAt.is_null())
            .order_by_asc(entity::Column::Id)
            .limit(GRANTS_MAX * agents.len() as u64)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// A page of grants, those that ended too.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_grant_history(
        &self,
        scope: Scope,
        filter: &GrantFilter,
        page: PageRequest,
    ) -> Result<Page<GrantRecord>, StoreError> {
        use entity::Column as C;
        let mut query =
            entity::Entity::find().filter(C::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(agent) = filter.agent {
            query = query.filter(C::AgentId.eq(agent.as_uuid()));
        }
        if let Some(capability) = &filter.capability {
            query = query.filter(C::Capability.eq(capability));
        }
        if let Some(wanted) = filter.is_live {
            let lasts = Condition::any()
                .add(C::ExpiresAt.is_null())
                .add(C::ExpiresAt.gt(self.now()));
            let live = Condition::all().add(C::RevokedAt.is_null()).add(lasts);
            query = query.filter(if wanted { live } else { live.not() });
        }
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }

    /// A grant of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_grant(
        &self,
        scope: Scope,
        id: CapabilityGrantId,
    ) -> Result<Option<GrantRecord>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }
}

impl Tx {
    /// Writes a grant.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_grant(&mut self, record: &GrantRecord) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(record.grant.id.as_uuid()),
            organization_id: Set(record.organization.as_uuid()),
            agent_id: Set(record.agent.as_uuid()),
            capability: Set(record.grant.capability.as_str().to_owned()),
            resource: Set(record
                .grant
                .resource
                .as_ref()
                .map(|p| p.as_str().to_owned())),
            granted_by: Set(record.granted_by.clone()),
            reason: Set(record.reason.clone()),
            created_at: Set(record.created_at),
            expires_at: Set(record.grant.expires_at),
            revoked_at: Set(None),
            revoked_by: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes a grant back; false when it was not live.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_grant(
        &mut self,
        scope: Scope,
        id: CapabilityGrantId,
        by: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedBy, Expr::value(by))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
