//! MCP servers that somebody saw and nobody registered.

use aim_domain::id::{McpSightingId, OrganizationId};
use aim_domain::mcp::{McpSightingMethod, McpTransport};
use aim_domain::scope::Scope;
use aim_domain::sighting::SightingStatus;
use aim_domain::trust::TrustScore;
use aim_entities::mcp_sighting as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, Select,
};

use crate::mcp_servers::holding;
use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A server that was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct McpSighting {
    /// Its identity.
    pub id: McpSightingId,
    /// Whose.
    pub organization: OrganizationId,
    /// What two reports of one server have in common.
    pub fingerprint: String,
    /// What it is called.
    pub name: String,
    /// How it is spoken to, where that is known.
    pub transport: Option<McpTransport>,
    /// Where, for those that are at a URL.
    pub url: Option<String>,
    /// The digest of the command that starts it.
    pub command_digest: Option<String>,
    /// How it was seen.
    pub method: McpSightingMethod,
    /// How sure its reporter is.
    pub confidence: TrustScore,
    /// What it was found in.
    pub source: Option<String>,
    /// What became of it.
    pub status: SightingStatus,
    /// Who saw it first, as `user:<id>` or `agent:<id>`.
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
pub struct McpSightingFilter {
    /// Of which this became.
    pub status: Option<SightingStatus>,
    /// Seen like this.
    pub method: Option<McpSightingMethod>,
    /// With a name, URL or source that holds this text, whatever its case.
    pub search: Option<String>,
}

fn convert(row: entity::Model) -> Result<McpSighting, StoreError> {
    let transport = row.transport.as_deref();
    Ok(McpSighting {
        id: McpSightingId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        transport: transport
            .map(|text| code::parse("mcp_sightings.transport", text))
            .transpose()?,
        method: code::parse("mcp_sightings.method", &row.method)?,
        confidence: code::score(row.confidence),
        status: code::parse("mcp_sightings.status", &row.status)?,
        count: u64::try_from(row.sighting_count).unwrap_or(0),
        fingerprint: row.fingerprint,
        name: row.name,
        url: row.url,
        command_digest: row.command_digest,
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
    pub async fn find_mcp_sighting(
        &self,
        scope: Scope,
        id: McpSightingId,
    ) -> Result<Option<McpSighting>, StoreError> {
        let query = of(scope.organization).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of sightings, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_sightings(
        &self,
        scope: Scope,
        filter: &McpSightingFilter,
        page: PageRequest,
    ) -> Result<Page<McpSighting>, StoreError> {
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
            query = query.filter(
                Condition::any()
                    .add(holds(C::Name))
                    .add(holds(C::Url))
                    .add(holds(C::Source)),
            );
        }
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }
}

impl Tx {
    /// The sightings with these fingerprints, as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_sightings(
        &self,
        organization: OrganizationId,
        fingerprints: &[&str],
    ) -> Result<Vec<McpSighting>, StoreError> {
        let query = of(organization)
            .filter(entity::Column::Fingerprint.is_in(fingerprints.iter().copied()));
        let rows = query.all(self.on()).await?;
        rows.into_iter().map(convert).collect()
    }

    /// How many sightings an organization has, and how many of them this reporter saw first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_mcp_sightings(
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
    pub async fn insert_mcp_sightings(&mut self, new: &[McpSighting]) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let rows = new.iter().map(|it| entity::ActiveModel {
            id: Set(it.id.as_uuid()),
            organization_id: Set(it.organization.as_uuid()),
            fingerprint: Set(it.fingerprint.clone()),
            name: Set(it.name.clone()),
            transport: Set(it.transport.as_ref().map(code::text)),
            url: Set(it.url.clone()),
            command_digest: Set(it.command_digest.clone()),
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
        let known =
            OnConflict::columns([entity::Column::OrganizationId, entity::Column::Fingerprint])
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
    pub async fn touch_mcp_sightings(&mut self, ids: &[McpSightingId]) -> Result<(), StoreError> {
        use entity::Column as C;
        if ids.is_empty() {
            return Ok(());
        }
        entity::Entity::update_many()
            .col_expr(C::LastSeenAt, Expr::value(self.now()))
            .col_expr(C::SightingCount, Expr::col(C::SightingCount).add(1))
            .filter(C::Id.is_in(ids.iter().map(McpSightingId::as_uuid)))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Leaves a sighting alone; false when it was before, or is gone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn dismiss_mcp_sighting(
        &mut self,
        scope: Scope,
        id: McpSightingId,
        (by, reason): (&str, &str),
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(
                C::Status,
                Expr::value(code::text(&SightingStatus::Dismissed)),
            )
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

    /// Takes out of the inbox what a registered server is: `adopted`, what is at its URL, and what is known
    /// by its name alone. Returns what was taken.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn take_mcp_sightings(
        &mut self,
        organization: OrganizationId,
        adopted: Option<McpSightingId>,
        (name, url): (&str, Option<&str>),
    ) -> Result<Vec<McpSightingId>, StoreError> {
        use entity::Column as C;
        let by_name = C::Name.eq(name).and(C::Url.is_null());
        let mut is_it = Condition::any().add(match url {
            // A process of the same name is another server.
            Some(url) => C::Url.eq(url).or(by_name.and(C::Transport.is_null())),
            None => by_name,
        });
        if let Some(id) = adopted {
            is_it = is_it.add(C::Id.eq(id.as_uuid()));
        }
        let found = of(organization).filter(is_it).all(self.on()).await?;
        let ids: Vec<_> = found.into_iter().map(|row| row.id).collect();
        if !ids.is_empty() {
            entity::Entity::delete_many()
                .filter(C::Id.is_in(ids.iter().copied()))
                .exec(self.on())
                .await?;
        }
        Ok(ids.into_iter().map(McpSightingId::from_uuid).collect())
    }
}
