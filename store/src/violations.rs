//! Attempts at what nothing grants.

use aim_domain::anomaly::Severity;
use aim_domain::id::{AgentId, CapabilityViolationId, OrganizationId, VerificationId};
use aim_domain::scope::Scope;
use aim_domain::violation::CapabilityViolation;
use aim_entities::capability_violation as entity;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select, sea_query::Expr};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Which attempts.
#[derive(Debug, Clone, Default)]
pub struct ViolationFilter {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// As bad as this.
    pub severity: Option<Severity>,
    /// At this action.
    pub action: Option<String>,
}

fn convert(row: entity::Model) -> Result<CapabilityViolation, StoreError> {
    Ok(CapabilityViolation {
        id: CapabilityViolationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        action: row.action,
        resource: Some(row.resource).filter(|text| !text.is_empty()),
        risk: code::parse("capability_violations.risk", &row.risk)?,
        severity: code::parse("capability_violations.severity", &row.severity)?,
        count: row.attempts,
        first_at: row.first_at,
        last_at: row.last_at,
        verification: VerificationId::from_uuid(row.verification_id),
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

impl Store {
    /// A page of attempts.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_violations(
        &self,
        scope: Scope,
        filter: &ViolationFilter,
        page: PageRequest,
    ) -> Result<Page<CapabilityViolation>, StoreError> {
        let mut query = of(scope);
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(severity) = &filter.severity {
            query = query.filter(entity::Column::Severity.eq(code::text(severity)));
        }
        if let Some(action) = &filter.action {
            query = query.filter(entity::Column::Action.eq(action));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Adds attempts to those of the same agent at the same action on the same resource. Called within
    /// the transaction that moves the stream's position, so that each is counted once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_violation(&mut self, new: &CapabilityViolation) -> Result<(), StoreError> {
        use entity::Column as C;
        let resource = new.resource.clone().unwrap_or_default();
        let known = entity::Entity::find()
            .filter(C::AgentId.eq(new.agent.as_uuid()))
            .filter(C::Action.eq(&new.action))
            .filter(C::Resource.eq(&resource))
            .one(self.on())
            .await?;
        let Some(known) = known.map(convert).transpose()? else {
            let row = entity::ActiveModel {
                id: Set(new.id.as_uuid()),
                organization_id: Set(new.organization.as_uuid()),
                agent_id: Set(new.agent.as_uuid()),
                action: Set(new.action.clone()),
                resource: Set(resource),
                risk: Set(code::text(&new.risk)),
                severity: Set(code::text(&new.severity)),
                attempts: Set(new.count),
                first_at: Set(new.first_at),
                last_at: Set(new.last_at),
                verification_id: Set(new.verification.as_uuid()),
            };
            entity::Entity::insert(row)
                .exec_without_returning(self.on())
                .await?;
            return Ok(());
        };
        let mut all = known;
        all.add(new);
        entity::Entity::update_many()
            .col_expr(C::Attempts, Expr::value(all.count))
            .col_expr(C::Risk, Expr::value(code::text(&all.risk)))
            .col_expr(C::Severity, Expr::value(code::text(&all.severity)))
            .col_expr(C::LastAt, Expr::value(all.last_at))
            .col_expr(C::VerificationId, Expr::value(all.verification.as_uuid()))
            .filter(C::Id.eq(all.id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
