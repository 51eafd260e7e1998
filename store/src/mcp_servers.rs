//! MCP servers.

use aim_domain::id::{McpManifestId, McpServerId, OrganizationId};
use aim_domain::mcp::{McpServerStatus, McpTransport};
use aim_domain::scope::Scope;
use aim_entities::{mcp_server as entity, organization};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, Select,
};

use crate::page::{self, Page, PageRequest};
use crate::{Backend, Store, StoreError, Tx, code};

/// A server of tools.
#[derive(Debug, Clone, PartialEq)]
pub struct McpServer {
    /// Its identity.
    pub id: McpServerId,
    /// Whose.
    pub organization: OrganizationId,
    /// Its name, unique among those that were not deleted.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How it is spoken to.
    pub transport: McpTransport,
    /// Where, for those that are at a URL; unique among those that were not deleted.
    pub url: Option<String>,
    /// The Ed25519 key that it signs challenges with, in base64url.
    pub public_key: Option<String>,
    /// Words that people sort servers by.
    pub tags: Vec<String>,
    /// Where it is in its life.
    pub status: McpServerStatus,
    /// Why.
    pub status_reason: Option<String>,
    /// Since when.
    pub status_changed_at: DateTime<Utc>,
    /// By whom.
    pub status_changed_by: String,
    /// What a person approved last.
    pub approved_manifest: Option<McpManifestId>,
    /// What it said last.
    pub observed_manifest: Option<McpManifestId>,
    /// When.
    pub observed_at: Option<DateTime<Utc>>,
    /// Why it could not be asked, last time.
    pub failure: Option<String>,
    /// When.
    pub failed_at: Option<DateTime<Utc>>,
    /// When it last proved to have its key.
    pub key_proven_at: Option<DateTime<Utc>>,
    /// Since when it is not what was approved.
    pub drift_since: Option<DateTime<Utc>>,
    /// By whom it was registered.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Which servers. Deleted ones are left out unless they are asked for.
#[derive(Debug, Clone, Default)]
pub struct McpServerFilter {
    /// In this status.
    pub status: Option<McpServerStatus>,
    /// Spoken to like this.
    pub transport: Option<McpTransport>,
    /// With a name, URL or description that holds this text, whatever its case.
    pub search: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// That are, or are not, what was approved.
    pub is_in_drift: Option<bool>,
    /// Only deleted ones.
    pub is_deleted: bool,
}

/// A pattern of LIKE that holds `text` as it stands.
pub(crate) fn holding(text: &str) -> LikeExpr {
    let mut escaped = String::with_capacity(text.len() + 2);
    escaped.push('%');
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped.push('%');
    LikeExpr::new(escaped).escape('\\')
}

fn convert(row: entity::Model) -> Result<McpServer, StoreError> {
    Ok(McpServer {
        id: McpServerId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        transport: code::parse("mcp_servers.transport", &row.transport)?,
        tags: code::from_json("mcp_servers.tags", row.tags)?,
        status: code::parse("mcp_servers.status", &row.status)?,
        name: row.name,
        description: row.description,
        url: row.url,
        public_key: row.public_key,
        status_reason: row.status_reason,
        status_changed_at: row.status_changed_at,
        status_changed_by: row.status_changed_by,
        approved_manifest: row.approved_manifest_id.map(McpManifestId::from_uuid),
        observed_manifest: row.observed_manifest_id.map(McpManifestId::from_uuid),
        observed_at: row.observed_at,
        failure: row.failure,
        failed_at: row.failed_at,
        key_proven_at: row.key_proven_at,
        drift_since: row.drift_since,
        created_by: row.created_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
        deleted_at: row.deleted_at,
    })
}

/// Those of an organization that were not deleted.
fn live(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(entity::Column::DeletedAt.is_null())
}

async fn find<C: ConnectionTrait>(
    on: &C,
    scope: Scope,
    id: McpServerId,
) -> Result<Option<McpServer>, StoreError> {
    let query = entity::Entity::find_by_id(id.as_uuid())
        .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
    query.one(on).await?.map(convert).transpose()
}

impl Store {
    /// A server of the scope's organization, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_server(
        &self,
        scope: Scope,
        id: McpServerId,
    ) -> Result<Option<McpServer>, StoreError> {
        find(self.reader(), scope, id).await
    }

    /// Several servers of the scope's organization, in no order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_servers(
        &self,
        scope: Scope,
        ids: &[McpServerId],
    ) -> Result<Vec<McpServer>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(McpServerId::as_uuid)))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// A number that changes with every change of an organization's servers.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_revision(&self, id: OrganizationId) -> Result<i64, StoreError> {
        let found: Option<i64> = organization::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(organization::Column::McpRevision)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// All servers of an organization that were not deleted, for decisions.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_mcp_servers(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<McpServer>, StoreError> {
        let rows = live(organization).all(self.reader()).await?;
        rows.into_iter().map(convert).collect()
    }

    /// A page of servers, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_servers(
        &self,
        scope: Scope,
        filter: &McpServerFilter,
        page: PageRequest,
    ) -> Result<Page<McpServer>, StoreError> {
        use entity::Column as C;
        let mut query = match filter.is_deleted {
            false => live(scope.organization),
            true => entity::Entity::find()
                .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
                .filter(C::DeletedAt.is_not_null()),
        };
        if let Some(status) = &filter.status {
            query = query.filter(C::Status.eq(code::text(status)));
        }
        if let Some(transport) = &filter.transport {
            query = query.filter(C::Transport.eq(code::text(transport)));
        }
        if let Some(search) = &filter.search {
            let holds = |column: C| Func::lower(Expr::col(column)).like(holding(search));
            let url = Func::lower(Func::coalesce([Expr::col(C::Url), Expr::value("")]));
            query = query.filter(
                Condition::any()
                    .add(holds(C::Name))
                    .add(holds(C::Description))
                    .add(Expr::from(url).like(holding(search))),
            );
        }
        if let Some(tag) = &filter.tag {
            let has_tag = match self.backend() {
                Backend::Postgres => Expr::cust_with_values("tags @> to_jsonb($1::text)", [tag]),
                Backend::Sqlite => Expr::cust_with_values(
                    "EXISTS (SELECT 1 FROM json_each(mcp_servers.tags) WHERE value = ?)",
                    [tag],
                ),
            };
            query = query.filter(has_tag);
        }
        query = match filter.is_in_drift {
            Some(true) => query.filter(C::DriftSince.is_not_null()),
            Some(false) => query.filter(C::DriftSince.is_null()),
            None => query,
        };
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }
}

impl Tx {
    /// Says that the servers of an organization change: whoever has them in memory reads them again, and
    /// nobody else changes them until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn move_mcp_servers(&mut self, id: OrganizationId) -> Result<(), StoreError> {
        let column = organization::Column::McpRevision;
        organization::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(organization::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// A server as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_server(
        &self,
        scope: Scope,
        id: McpServerId,
    ) -> Result<Option<McpServer>, StoreError> {
        find(self.on(), scope, id).await
    }

    /// How many servers of an organization were not deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_mcp_servers(&self, id: OrganizationId) -> Result<u64, StoreError> {
        Ok(live(id).count(self.on()).await?)
    }

    /// Writes a new server, or what a known one is from now on.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when another has its name or its URL.
    pub async fn put_mcp_server(
        &mut self,
        server: &McpServer,
        is_new: bool,
    ) -> Result<(), StoreError> {
        let is_live = server.deleted_at.is_none();
        let row = entity::ActiveModel {
            id: Set(server.id.as_uuid()),
            organization_id: Set(server.organization.as_uuid()),
            name: Set(server.name.clone()),
            live_name: Set(is_live.then(|| server.name.clone())),
            description: Set(server.description.clone()),
            transport: Set(code::text(&server.transport)),
            url: Set(server.url.clone()),
            live_url: Set(server.url.clone().filter(|_| is_live)),
            public_key: Set(server.public_key.clone()),
            tags: Set(code::json(&server.tags)),
            status: Set(code::text(&server.status)),
            status_reason: Set(server.status_reason.clone()),
            status_changed_at: Set(server.status_changed_at),
            status_changed_by: Set(server.status_changed_by.clone()),
            approved_manifest_id: Set(server.approved_manifest.map(|it| it.as_uuid())),
            observed_manifest_id: Set(server.observed_manifest.map(|it| it.as_uuid())),
            observed_at: Set(server.observed_at),
            failure: Set(server.failure.clone()),
            failed_at: Set(server.failed_at),
            key_proven_at: Set(server.key_proven_at),
            drift_since: Set(server.drift_since),
            created_by: Set(server.created_by.clone()),
            created_at: Set(server.created_at),
            updated_at: Set(self.now()),
            deleted_at: Set(server.deleted_at),
        };
        if is_new {
            entity::Entity::insert(row)
                .exec_without_returning(self.on())
                .await?;
        } else {
            entity::Entity::update(row).exec(self.on()).await?;
        }
        Ok(())
    }
}
