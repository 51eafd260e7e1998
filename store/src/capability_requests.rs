//! What agents ask to be granted.

use aim_domain::capability::Pattern;
use aim_domain::capability_request::{CapabilityRequest, CapabilityRequestStatus as Status};
use aim_domain::id::{AgentId, CapabilityGrantId, CapabilityRequestId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::capability_request as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Between the texts of a key: none of them has control characters.
const SEPARATOR: char = '\u{1f}';

/// Which requests.
#[derive(Debug, Clone, Default)]
pub struct CapabilityRequestFilter {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// Of which this became.
    pub status: Option<Status>,
}

/// A person's answer.
#[derive(Debug, Clone)]
pub struct CapabilityRequestAnswer {
    /// What becomes of it.
    pub status: Status,
    /// Who answers, as `user:<id>`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The grant that comes of it.
    pub grant: Option<CapabilityGrantId>,
}

fn convert(row: entity::Model) -> Result<CapabilityRequest, StoreError> {
    let corrupt = |value: &str| StoreError::Corrupt {
        column: "capability_requests.capability",
        value: value.to_owned(),
    };
    let resource = row
        .resource
        .map(|text| Pattern::resource(&text).map_err(|_| corrupt(&text)));
    Ok(CapabilityRequest {
        id: CapabilityRequestId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        capability: Pattern::capability(&row.capability).map_err(|_| corrupt(&row.capability))?,
        resource: resource.transpose()?,
        life_seconds: row.life_seconds.and_then(|it| u32::try_from(it).ok()),
        reason: row.reason,
        status: code::parse("capability_requests.status", &row.status)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        decided_reason: row.decided_reason,
        grant: row.grant_id.map(CapabilityGrantId::from_uuid),
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

/// Those whose status is this at `now`.
fn with_status(status: Status, now: DateTime<Utc>) -> Condition {
    use entity::Column as C;
    let written = Condition::all().add(C::Status.eq(code::text(&status)));
    let pending = C::Status.eq(code::text(&Status::Pending));
    match status {
        Status::Pending => written.add(C::ExpiresAt.gt(now)),
        Status::Expired => Condition::any()
            .add(written)
            .add(Condition::all().add(pending).add(C::ExpiresAt.lte(now))),
        Status::Approved | Status::Rejected => written,
    }
}

impl Store {
    /// A request of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_capability_request(
        &self,
        scope: Scope,
        id: CapabilityRequestId,
    ) -> Result<Option<CapabilityRequest>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        let found = query.one(self.reader()).await?.map(convert).transpose()?;
        Ok(found.map(|it| it.at(self.now())))
    }

    /// A page of requests.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_capability_requests(
        &self,
        scope: Scope,
        filter: &CapabilityRequestFilter,
        page: PageRequest,
    ) -> Result<Page<CapabilityRequest>, StoreError> {
        let now = self.now();
        let mut query = of(scope);
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(status) = filter.status {
            query = query.filter(with_status(status, now));
        }
        let as_of_now = |row| convert(row).map(|it| it.at(now));
        page::fetch(self.reader(), query, entity::Column::Id, page, as_of_now).await
    }
}

impl Tx {
    /// Writes a request; false when the agent waits for the same already. What waited too long makes
    /// room first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_capability_request(
        &mut self,
        new: &CapabilityRequest,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::Status, Expr::value(code::text(&Status::Expired)))
            .col_expr(C::LiveKey, Expr::cust("NULL"))
            .filter(C::AgentId.eq(new.agent.as_uuid()))
            .filter(C::Status.eq(code::text(&Status::Pending)))
            .filter(C::ExpiresAt.lte(self.now()))
            .exec(self.on())
            .await?;
        let resource = new.resource.as_ref().map(|it| it.as_str().to_owned());
        let capability = new.capability.as_str();
        let key = match &resource {
            Some(resource) => format!("{capability}{SEPARATOR}{resource}"),
            None => capability.to_owned(),
        };
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            agent_id: Set(new.agent.as_uuid()),
            capability: Set(capability.to_owned()),
            resource: Set(resource),
            life_seconds: Set(new.life_seconds.map(i64::from)),
            reason: Set(new.reason.clone()),
            status: Set(code::text(&new.status)),
            live_key: Set(Some(key)),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            decided_by: Set(None),
            decided_at: Set(None),
            decided_reason: Set(None),
            grant_id: Set(None),
        };
        let once = OnConflict::columns([C::AgentId, C::LiveKey])
            .do_nothing()
            .to_owned();
        let insert = entity::Entity::insert(row).on_conflict(once);
        Ok(insert.exec_without_returning(self.on()).await? == 1)
    }

    /// How many requests of an agent wait.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_pending_requests(&mut self, agent: AgentId) -> Result<u64, StoreError> {
        let waiting = with_status(Status::Pending, self.now());
        let query = entity::Entity::find()
            .filter(entity::Column::AgentId.eq(agent.as_uuid()))
            .filter(waiting);
        Ok(query.count(self.on()).await?)
    }

    /// A request of the scope's organization, kept from others until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_capability_request(
        &mut self,
        scope: Scope,
        id: CapabilityRequestId,
    ) -> Result<Option<CapabilityRequest>, StoreError> {
        let query = of(scope)
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .lock_exclusive();
        let found = query.one(self.on()).await?.map(convert).transpose()?;
        Ok(found.map(|it| it.at(self.now())))
    }

    /// Writes a person's answer; false when the request waits no more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn answer_capability_request(
        &mut self,
        id: CapabilityRequestId,
        answer: &CapabilityRequestAnswer,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let grant = answer.grant.map(|it| it.as_uuid());
        let done = entity::Entity::update_many()
            .col_expr(C::Status, Expr::value(code::text(&answer.status)))
            .col_expr(C::LiveKey, Expr::cust("NULL"))
            .col_expr(C::DecidedBy, Expr::value(answer.by.clone()))
            .col_expr(C::DecidedAt, Expr::value(self.now()))
            .col_expr(C::DecidedReason, Expr::value(answer.reason.clone()))
            .col_expr(C::GrantId, Expr::value(grant))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(with_status(Status::Pending, self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
