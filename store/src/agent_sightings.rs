//! Agents that somebody saw and nobody registered.

use std::collections::HashSet;

use aim_domain::id::{AgentSightingId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::sighting::{AgentSightingMethod, SightingStatus};
use aim_domain::trust::TrustScore;
use aim_entities::{agent, agent_key, agent_sighting as entity};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Select,
};

use crate::mcp_servers::holding;
use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// An agent that was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSighting {
    /// Its identity.
    pub id: AgentSightingId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: String,
    /// The thumbprint of its key, where that is known.
    pub key_id: Option<String>,
    /// The key itself, base64url, where that is known.
    pub public_key: Option<String>,
    /// How it was seen first.
    pub method: AgentSightingMethod,
    /// How sure its reporter is.
    pub confidence: TrustScore,
    /// What it was found in.
    pub source: Option<String>,
    /// What became of it.
    pub status: SightingStatus,
    /// Who saw it first, as `user:<id>`, `agent:<id>` or `system:stream`.
    pub reported_by: String,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last seen.
    pub last_seen_at: DateTime<Utc>,
    /// How often it was reported.
    pub count: u64,
    /// Who left it alone.
    pub dismissed_by: Option<String>,
    /// When.
    pub dismissed_at: Option<DateTime<Utc>>,
    /// Why.
    pub dismissal_reason: Option<String>,
}

/// Which sightings.
#[derive(Debug, Clone, Default)]
pub struct AgentSightingFilter {
    /// Of which this became.
    pub status: Option<SightingStatus>,
    /// Seen like this first.
    pub method: Option<AgentSightingMethod>,
    /// With a name or source that holds this text, whatever its case.
    pub search: Option<String>,
}

fn convert(row: entity::Model) -> Result<AgentSighting, StoreError> {
    Ok(AgentSighting {
        id: AgentSightingId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        key_id: Some(row.key_id).filter(|it| !it.is_empty()),
        method: code::parse("agent_sightings.method", &row.method)?,
        confidence: code::score(row.confidence),
        status: code::parse("agent_sightings.status", &row.status)?,
        count: u64::try_from(row.sighting_count).unwrap_or(0),
        name: row.name,
        public_key: row.public_key,
        source: row.source,
        reported_by: row.reported_by,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        dismissed_by: row.dismissed_by,
        dismissed_at: row.dismissed_at,
        dismissal_reason: row.dismissal_reason,
    })
}

fn of(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
}

impl Store {
    /// A sighting of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_agent_sighting(
        &self,
        scope: Scope,
        id: AgentSightingId,
    ) -> Result<Option<AgentSighting>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of sightings, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_agent_sightings(
        &self,
        scope: Scope,
        filter: &AgentSightingFilter,
        page: PageRequest,
    ) -> Result<Page<AgentSighting>, StoreError> {
        use entity::Column as C;
        let mut query = of(scope.organization);
        if let Some(status) = &filter.status {
            query = query.filter(C::Status.eq(code::text(status)));
        }
        if let Some(method) = &filter.method {
            query = query.filter(C::Method.eq(code::text(method)));
        }
        if let Some(search) = &filter.search {
            let holds = |column: C| {
                let text = Func::coalesce([Expr::col(column), Expr::value("")]);
                Expr::from(Func::lower(text)).like(holding(search))
            };
            let any = Condition::any().add(holds(C::Name)).add(holds(C::Source));
            query = query.filter(any);
        }
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }
}

/// What is registered of what was seen.
#[derive(Debug, Default)]
pub struct RegisteredAlready {
    /// Names of agents.
    pub names: HashSet<String>,
    /// Thumbprints of keys, also of those that have ended.
    pub key_ids: HashSet<String>,
}

impl Tx {
    /// Which of these names and keys an organization's agents have, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_registered(
        &self,
        organization: OrganizationId,
        names: &[&str],
        key_ids: &[&str],
    ) -> Result<RegisteredAlready, StoreError> {
        use agent::Column as A;
        use agent_key::Column as K;
        let names = agent::Entity::find()
            .select_only()
            .column(A::Name)
            .filter(A::OrganizationId.eq(organization.as_uuid()))
            .filter(A::DeletedAt.is_null())
            .filter(A::Name.is_in(names.iter().copied()));
        let key_ids = agent_key::Entity::find()
            .select_only()
            .column(K::KeyId)
            .filter(K::OrganizationId.eq(organization.as_uuid()))
            .filter(K::KeyId.is_in(key_ids.iter().copied()));
        let names: Vec<String> = names.into_tuple().all(self.on()).await?;
        let key_ids: Vec<String> = key_ids.into_tuple().all(self.on()).await?;
        Ok(RegisteredAlready {
            names: names.into_iter().collect(),
            key_ids: key_ids.into_iter().collect(),
        })
    }

    /// The sightings with these names, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_agent_sightings(
        &self,
        organization: OrganizationId,
        names: &[&str],
    ) -> Result<Vec<AgentSighting>, StoreError> {
        let query = of(organization).filter(entity::Column::Name.is_in(names.iter().copied()));
        let rows = query.all(self.on()).await?;
        rows.into_iter().map(convert).collect()
    }

    /// How many sightings an organization has, and how many of them this reporter saw first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_agent_sightings(
        &self,
        organization: OrganizationId,
        reporter: &str,
    ) -> Result<(u64, u64), StoreError> {
        let all = of(organization).count(self.on()).await?;
        let own = of(organization).filter(entity::Column::ReportedBy.eq(reporter));
        Ok((all, own.count(self.on()).await?))
    }

    /// Writes new sightings; one that somebody else wrote meanwhile stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_agent_sightings(
        &mut self,
        new: &[AgentSighting],
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        if new.is_empty() {
            return Ok(());
        }
        let rows = new.iter().map(|it| entity::ActiveModel {
            id: Set(it.id.as_uuid()),
            organization_id: Set(it.organization.as_uuid()),
            name: Set(it.name.clone()),
            key_id: Set(it.key_id.clone().unwrap_or_default()),
            public_key: Set(it.public_key.clone()),
            method: Set(code::text(&it.method)),
            confidence: Set(i32::from(it.confidence.ten_thousandths())),
            source: Set(it.source.clone()),
            status: Set(code::text(&it.status)),
            reported_by: Set(it.reported_by.clone()),
            first_seen_at: Set(it.first_seen_at),
            last_seen_at: Set(it.last_seen_at),
            sighting_count: Set(1),
            dismissed_by: Set(None),
            dismissed_at: Set(None),
            dismissal_reason: Set(None),
        });
        let known = OnConflict::columns([C::OrganizationId, C::Name, C::KeyId])
            .do_nothing()
            .to_owned();
        entity::Entity::insert_many(rows)
            .on_conflict(known)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Sightings were reported again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn touch_agent_sightings(
        &mut self,
        ids: &[AgentSightingId],
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        if ids.is_empty() {
            return Ok(());
        }
        entity::Entity::update_many()
            .col_expr(C::LastSeenAt, Expr::value(self.now()))
            .col_expr(C::SightingCount, Expr::col(C::SightingCount).add(1))
            .filter(C::Id.is_in(ids.iter().map(AgentSightingId::as_uuid)))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Leaves a sighting alone; false when it was before, or is gone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn dismiss_agent_sighting(
        &mut self,
        scope: Scope,
        id: AgentSightingId,
        (by, reason): (&str, &str),
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let dismissed = Expr::value(code::text(&SightingStatus::Dismissed));
        let done = entity::Entity::update_many()
            .col_expr(C::Status, dismissed)
            .col_expr(C::DismissedBy, Expr::value(by))
            .col_expr(C::DismissedAt, Expr::value(self.now()))
            .col_expr(C::DismissalReason, Expr::value(reason))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Status.eq(code::text(&SightingStatus::Open)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes out of the inbox what a registered agent is: `adopted`, what has its key, and what is known by
    /// its name alone. Returns what was taken.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn take_agent_sightings(
        &mut self,
        organization: OrganizationId,
        adopted: Option<AgentSightingId>,
        (name, key_id): (&str, &str),
    ) -> Result<Vec<AgentSightingId>, StoreError> {
        use entity::Column as C;
        let by_name = C::Name.eq(name).and(C::KeyId.eq(""));
        let mut is_it = Condition::any().add(C::KeyId.eq(key_id)).add(by_name);
        if let Some(id) = adopted {
            is_it = is_it.add(C::Id.eq(id.as_uuid()));
        }
        let ids = of(organization).select_only().column(C::Id).filter(is_it);
        let ids: Vec<uuid::Uuid> = ids.into_tuple().all(self.on()).await?;
        if !ids.is_empty() {
            entity::Entity::delete_many()
                .filter(C::Id.is_in(ids.iter().copied()))
                .exec(self.on())
                .await?;
        }
        Ok(ids.into_iter().map(AgentSightingId::from_uuid).collect())
    }
}
