//! Lists of agents: filters, and orders other than by age.

use std::collections::HashMap;

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::scope::Scope;
use aim_entities::agent as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::agent_search::{FEW, Found};
use crate::agents::{Agent, convert};
use crate::page::{self, Page, PageRequest, Sorted};
use crate::{Backend, Store, StoreError, code};

/// Which agents, and in which order. Deleted ones are left out unless they are asked for.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// In this status.
    pub status: Option<AgentStatus>,
    /// Of this kind.
    pub agent_type: Option<AgentType>,
    /// With this name.
    pub name: Option<String>,
    /// With a name, display name or description that holds this text, whatever its case.
    pub search: Option<String>,
    /// With this tag.
    pub tag: Option<String>,
    /// That say they talk to the server of this name.
    pub talks_to: Option<String>,
    /// Whose last live key expires before this time, or that have none.
    pub keys_end_before: Option<DateTime<Utc>>,
    /// Only deleted ones.
    pub is_deleted: bool,
    /// In which order.
    pub order: AgentOrder,
}

/// What a list of agents is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AgentOrderField {
    /// When it was registered.
    #[default]
    CreatedAt,
    /// Its name.
    Name,
    /// Its newest action; those without one count as the oldest.
    LastSeenAt,
    /// Its score; those without one count as the lowest.
    Trust,
}

/// An order of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentOrder {
    /// By what.
    pub field: AgentOrderField,
    /// Whether the least comes first.
    pub is_ascending: bool,
}

impl Default for AgentOrder {
    fn default() -> Self {
        Self {
            field: AgentOrderField::CreatedAt,
            is_ascending: false,
        }
    }
}

impl Store {
    fn agents(&self, scope: Scope, filter: &AgentFilter) -> Select<entity::Entity> {
        use entity::Column as C;
        let mut query =
            entity::Entity::find().filter(C::OrganizationId.eq(scope.organization.as_uuid()));
        query = match filter.is_deleted {
            true => query.filter(C::DeletedAt.is_not_null()),
            false => query.filter(C::DeletedAt.is_null()),
        };
        if let Some(status) = &filter.status {
            query = query.filter(C::Status.eq(code::text(status)));
        }
        if let Some(kind) = &filter.agent_type {
            query = query.filter(C::AgentType.eq(code::text(kind)));
        }
        if let Some(name) = &filter.name {
            query = query.filter(C::Name.eq(name));
        }
        if let Some(search) = &filter.search {
            query = query.filter(C::Id.in_subquery(self.ids_holding(scope, search)));
        }
        if let Some(tag) = &filter.tag {
            query = query.filter(self.has_tag(tag));
        }
        if let Some(server) = &filter.talks_to {
            query = query.filter(self.talks_to(server));
        }
        if let Some(end) = filter.keys_end_before {
            query = query.filter(outlived(end).not());
        }
        query
    }

    fn has_tag(&self, tag: &str) -> Expr {
        match self.backend() {
            Backend::Postgres => Expr::cust_with_values("tags @> to_jsonb($1::text)", [tag]),
            Backend::Sqlite => Expr::cust_with_values(
                "EXISTS (SELECT 1 FROM json_each(agents.tags) WHERE value = ?)",
                [tag],
            ),
        }
    }

    fn talks_to(&self, server: &str) -> Expr {
        match self.backend() {
            Backend::Postgres => Expr::cust_with_values("talks_to @> to_jsonb($1::text)", [server]),
            Backend::Sqlite => Expr::cust_with_values(
                "EXISTS (SELECT 1 FROM json_each(agents.talks_to) WHERE value = ?)",
                [server],
            ),
        }
    }

    /// A page of agents.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_agents(
        &self,
        scope: Scope,
        filter: &AgentFilter,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        use entity::Column as C;
        let found = self.find_by_text(scope, filter).await?;
        let rest = || AgentFilter {
            search: None,
            ..filter.clone()
        };
        let query = match found.as_deref() {
            Some(Found::These(ids)) if filter.order.field == AgentOrderField::CreatedAt => {
                let page = page::cut(ids, filter.order.is_ascending, page);
                return self.load_page(self.agents(scope, &rest()), page).await;
            }
            Some(Found::These(ids)) if ids.len() <= FEW => {
                self.agents(scope, &rest()).filter(self.is_among(ids))
            }
            Some(many) => {
                let counted = (page, many.total());
                if let Some(page) = self.list_by_text(scope, filter, counted).await? {
                    return Ok(page);
                }
                match many {
                    Found::These(ids) => self
                        .agents(scope, &rest())
                        .filter(Store::is_among_many(ids)),
                    Found::Many(_) => self.agents(scope, filter),
                }
            }
            None => self.agents(scope, filter),
        };
        let total = match found {
            Some(found) => found.total(),
            None => match self.count_agents(scope, filter).await? {
                Some(kept) => kept,
                None => query.clone().count(self.reader()).await?,
            },
        };
        let by = match filter.order.field {
            AgentOrderField::CreatedAt => Expr::col(C::Id),
            AgentOrderField::Name => Expr::col(C::Name),
            // Without parameters, as the indexes have them.
            AgentOrderField::LastSeenAt => Expr::cust(match self.backend() {
                Backend::Postgres => "COALESCE(last_seen_at, TIMESTAMPTZ '1970-01-01 00:00:00+00')",
                Backend::Sqlite => "COALESCE(last_seen_at, '1970-01-01T00:00:00+00:00')",
            }),
            AgentOrderField::Trust => Expr::cust("COALESCE(trust_score, -1)"),
        };
        let sorted = Sorted {
            by,
            is_ascending: filter.order.is_ascending,
        };
        let by = (C::Id, sorted);
        page::fetch_counted(self.reader(), query, by, (page, total), convert).await
    }
}

impl Store {
    /// The agents of a page that only their ids are known of, as far as `query` still lets them through.
    async fn load_page(
        &self,
        query: Select<entity::Entity>,
        page: Page<Uuid>,
    ) -> Result<Page<Agent>, StoreError> {
        let query = query.filter(self.is_among(&page.items));
        let rows = query.all(self.reader()).await?.into_iter();
        let mut rows: HashMap<Uuid, entity::Model> = rows.map(|row| (row.id, row)).collect();
        let agents = page.items.iter().filter_map(|id| rows.remove(id));
        let agents: Vec<Agent> = agents.map(convert).collect::<Result<_, _>>()?;
        Ok(page.with_items(|_| agents))
    }
}

/// Whether an agent has a key that is good at `end`.
fn outlived(end: DateTime<Utc>) -> Expr {
    use aim_entities::agent_key::{Column as K, Entity};
    let mut keys = Query::select();
    keys.expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, K::AgentId)).equals((entity::Entity, entity::Column::Id)))
        .and_where(Expr::col((Entity, K::RevokedAt)).is_null())
        .and_where(
            Expr::col((Entity, K::ExpiresAt))
                .is_null()
                .or(Expr::col((Entity, K::ExpiresAt)).gte(end)),
        );
    Expr::exists(keys)
}
