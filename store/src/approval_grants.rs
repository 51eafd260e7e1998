//! What persons agreed to beforehand.

use aim_domain::approval::ApprovalGrant;
use aim_domain::capability::Pattern;
use aim_domain::id::{AgentId, ApprovalGrantId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::approval_grant as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, Select,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx};

/// A grant with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalGrantRecord {
    /// The row.
    pub id: ApprovalGrantId,
    /// Whose.
    pub organization: OrganizationId,
    /// For which agent.
    pub agent: AgentId,
    /// What.
    pub grant: ApprovalGrant,
    /// How often at most; `None` is any number of times.
    pub max_uses: Option<u32>,
    /// How often so far, where that is limited.
    pub use_count: u32,
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub granted_by: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Which grants.
#[derive(Debug, Clone, Default)]
pub struct ApprovalGrantFilter {
    /// For this agent.
    pub agent: Option<AgentId>,
    /// Only those that are good for something now, or those that are not any more.
    pub is_live: Option<bool>,
}

fn convert(row: entity::Model) -> Result<ApprovalGrantRecord, StoreError> {
    let corrupt = |value: &str| StoreError::Corrupt {
        column: "approval_grants.action",
        value: value.to_owned(),
    };
    let id = ApprovalGrantId::from_uuid(row.id);
    let count = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let resource = row
        .resource
        .map(|text| Pattern::resource(&text).map_err(|_| corrupt(&text)));
    Ok(ApprovalGrantRecord {
        id,
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        grant: ApprovalGrant {
            id,
            action: Pattern::capability(&row.action).map_err(|_| corrupt(&row.action))?,
            resource: resource.transpose()?,
            expires_at: row.expires_at,
            is_counted: row.max_uses.is_some(),
        },
        max_uses: row.max_uses.map(count),
        use_count: count(row.use_count),
        reason: row.reason,
        granted_by: row.granted_by,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
    })
}

/// Not revoked, not expired, not used up.
fn is_live(now: DateTime<Utc>) -> Condition {
    use entity::Column as C;
    let has_uses = Expr::col(C::UseCount).lt(Expr::col(C::MaxUses));
    Condition::all()
        .add(C::RevokedAt.is_null())
        .add(C::ExpiresAt.gt(now))
        .add(C::MaxUses.is_null().or(has_uses))
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

impl Store {
    /// What is good for something now, of these agents, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_live_approval_grants(
        &self,
        agents: &[AgentId],
    ) -> Result<Vec<ApprovalGrantRecord>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::AgentId.is_in(agents.iter().map(AgentId::as_uuid)))
            .filter(is_live(self.now()))
            .order_by_asc(entity::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// A grant of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_approval_grant(
        &self,
        scope: Scope,
        id: ApprovalGrantId,
    ) -> Result<Option<ApprovalGrantRecord>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of grants.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_approval_grants(
        &self,
        scope: Scope,
        filter: &ApprovalGrantFilter,
        page: PageRequest,
    ) -> Result<Page<ApprovalGrantRecord>, StoreError> {
        let mut query = of(scope);
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(wanted) = filter.is_live {
            let live = is_live(self.now());
            query = query.filter(if wanted { live } else { live.not() });
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Writes a grant.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_approval_grant(
        &mut self,
        new: &ApprovalGrantRecord,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            agent_id: Set(new.agent.as_uuid()),
            action: Set(new.grant.action.as_str().to_owned()),
            resource: Set(new.grant.resource.as_ref().map(|it| it.as_str().to_owned())),
            max_uses: Set(new.max_uses.map(i64::from)),
            use_count: Set(0),
            reason: Set(new.reason.clone()),
            granted_by: Set(new.granted_by.clone()),
            created_at: Set(new.created_at),
            expires_at: Set(new.grant.expires_at),
            revoked_at: Set(None),
            revoked_by: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Takes one of the uses of a grant; false when it is good for nothing any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_approval_grant(&mut self, id: ApprovalGrantId) -> Result<bool, StoreError> {
        let one_more = Expr::col(entity::Column::UseCount).add(1);
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::UseCount, one_more)
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(is_live(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes a grant back; false when it was taken back before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_approval_grant(
        &mut self,
        scope: Scope,
        id: ApprovalGrantId,
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
