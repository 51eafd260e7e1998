//! Delegations between agents.

use aim_domain::id::{AgentId, AgentKeyId, DelegationId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::token::TokenLimit;
use aim_entities::{agent_key, delegation as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its identity.
    pub id: DelegationId,
    /// Whose its agents are.
    pub organization: OrganizationId,
    /// Who hands on.
    pub delegator: AgentId,
    /// To whom.
    pub delegate: AgentId,
    /// With which key the delegator signed: the delegation ends when it is revoked.
    pub key: AgentKeyId,
    /// The delegation that this one hands on; `None` where it is the delegator's own grants.
    pub parent: Option<DelegationId>,
    /// How many links the chain has up to this one.
    pub depth: usize,
    /// What is handed on.
    pub limits: Vec<TokenLimit>,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// Why.
    pub revoked_reason: Option<String>,
}

/// Which delegations.
#[derive(Debug, Clone, Default)]
pub struct DelegationFilter {
    /// By this agent.
    pub delegator: Option<AgentId>,
    /// To this agent.
    pub delegate: Option<AgentId>,
}

fn convert(row: entity::Model) -> Result<Delegation, StoreError> {
    Ok(Delegation {
        id: DelegationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        delegator: AgentId::from_uuid(row.delegator_id),
        delegate: AgentId::from_uuid(row.delegate_id),
        key: AgentKeyId::from_uuid(row.agent_key_id),
        parent: row.parent_id.map(DelegationId::from_uuid),
        depth: usize::try_from(row.depth).unwrap_or(usize::MAX),
        limits: code::from_json("delegations.limits", row.limits)?,
        reason: row.reason,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        revoked_by: row.revoked_by,
        revoked_reason: row.revoked_reason,
    })
}

impl Store {
    /// Delegations to these agents that are neither revoked nor expired, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_delegations_to(
        &self,
        agents: &[AgentId],
    ) -> Result<Vec<Delegation>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::DelegateId.is_in(agents.iter().map(AgentId::as_uuid)))
            .filter(entity::Column::RevokedAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()))
            .order_by_asc(entity::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// Delegations by id, revoked and expired ones too, in no order. Not scoped: a chain stays within
    /// its organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_delegations(
        &self,
        ids: &[DelegationId],
    ) -> Result<Vec<Delegation>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(DelegationId::as_uuid)))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// Which of these keys were revoked.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_revoked_keys(
        &self,
        keys: &[AgentKeyId],
    ) -> Result<Vec<AgentKeyId>, StoreError> {
        let rows: Vec<Uuid> = agent_key::Entity::find()
            .select_only()
            .column(agent_key::Column::Id)
            .filter(agent_key::Column::Id.is_in(keys.iter().map(AgentKeyId::as_uuid)))
            .filter(agent_key::Column::RevokedAt.is_not_null())
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(AgentKeyId::from_uuid).collect())
    }

    /// A delegation of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_delegation(
        &self,
        scope: Scope,
        id: DelegationId,
    ) -> Result<Option<Delegation>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of delegations.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_delegations(
        &self,
        scope: Scope,
        filter: &DelegationFilter,
        page: PageRequest,
    ) -> Result<Page<Delegation>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(agent) = filter.delegator {
            query = query.filter(entity::Column::DelegatorId.eq(agent.as_uuid()));
        }
        if let Some(agent) = filter.delegate {
            query = query.filter(entity::Column::DelegateId.eq(agent.as_uuid()));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// How many live delegations an agent has received.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_delegations_to(&self, agent: AgentId) -> Result<u64, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::DelegateId.eq(agent.as_uuid()))
            .filter(entity::Column::RevokedAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()));
        Ok(query.count(self.on()).await?)
    }

    /// Writes a delegation.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_delegation(&mut self, new: &Delegation) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            delegator_id: Set(new.delegator.as_uuid()),
            delegate_id: Set(new.delegate.as_uuid()),
            agent_key_id: Set(new.key.as_uuid()),
            parent_id: Set(new.parent.map(|id| id.as_uuid())),
            depth: Set(i32::try_from(new.depth).unwrap_or(i32::MAX)),
            limits: Set(code::json(&new.limits)),
            reason: Set(new.reason.clone()),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            revoked_at: Set(None),
            revoked_by: Set(None),
            revoked_reason: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes a delegation back; false when it was before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_delegation(
        &mut self,
        id: DelegationId,
        reason: &str,
        by: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedBy, Expr::value(by))
            .col_expr(entity::Column::RevokedReason, Expr::value(reason))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
