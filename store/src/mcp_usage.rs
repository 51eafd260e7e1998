//! How MCP servers are used: added to as it happens, never counted.

use std::collections::{BTreeMap, HashMap};

use aim_domain::analytics::McpUsage;
use aim_domain::id::{AgentId, McpServerId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::{agent, mcp_usage as entity};
use aim_eventlog::portions;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::agents::{Agent, convert};
use crate::page::{self, Page, PageRequest, Sorted};
use crate::{Store, StoreError, Tx};

/// What is added to the use of a server by an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewMcpUsage {
    /// Whose.
    pub organization: OrganizationId,
    /// Which server.
    pub server: McpServerId,
    /// By which agent.
    pub agent: AgentId,
    /// What is added.
    pub usage: McpUsage,
}

/// How an agent uses a server.
#[derive(Debug, Clone, PartialEq)]
pub struct McpAgentUsage {
    /// Which agent.
    pub id: AgentId,
    /// The agent.
    pub agent: Agent,
    /// How.
    pub usage: McpUsage,
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn usage(row: &entity::Model) -> McpUsage {
    McpUsage {
        allowed: unsigned(row.allowed),
        denied: unsigned(row.denied),
        pending: unsigned(row.pending),
        succeeded: unsigned(row.succeeded),
        failed: unsigned(row.failed),
        last_used_at: row.last_used_at,
    }
}

type Row = ((Uuid, Uuid), (OrganizationId, McpUsage, u64));

fn active(((server, agent), (organization, usage, agents)): &Row) -> entity::ActiveModel {
    entity::ActiveModel {
        server_id: Set(*server),
        agent_id: Set(*agent),
        organization_id: Set(organization.as_uuid()),
        agents: Set(signed(*agents)),
        allowed: Set(signed(usage.allowed)),
        denied: Set(signed(usage.denied)),
        pending: Set(signed(usage.pending)),
        succeeded: Set(signed(usage.succeeded)),
        failed: Set(signed(usage.failed)),
        last_used_at: Set(usage.last_used_at),
    }
}

/// Counts grow by what is new; the last use is the later one.
fn adding() -> OnConflict {
    use entity::Column as C;
    let own = |column: C| Expr::col((entity::Entity, column));
    let new = |column: C| Expr::col((Alias::new("excluded"), column));
    let mut conflict = OnConflict::columns([C::ServerId, C::AgentId]);
    for column in [
        C::Agents,
        C::Allowed,
        C::Denied,
        C::Pending,
        C::Succeeded,
        C::Failed,
    ] {
        conflict.value(column, own(column).add(new(column)));
    }
    let at = C::LastUsedAt;
    let is_later = own(at).is_null().or(new(at).gt(own(at)));
    let later = Expr::case(is_later, new(at)).finally(own(at));
    conflict.value(at, later);
    conflict
}

impl Store {
    /// How servers of the scope's organization are used, with how many agents use them; servers that
    /// nobody used are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_mcp_usage(
        &self,
        scope: Scope,
        servers: &[McpServerId],
    ) -> Result<HashMap<McpServerId, (McpUsage, u64)>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::ServerId.is_in(servers.iter().map(McpServerId::as_uuid)))
            .filter(entity::Column::AgentId.eq(Uuid::nil()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        let of = |row: &entity::Model| {
            let server = McpServerId::from_uuid(row.server_id);
            (server, (usage(row), unsigned(row.agents)))
        };
        Ok(rows.iter().map(of).collect())
    }

    /// A page of the agents that use a server, those that were registered last first, with how they do.
    /// How many they are is known.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_agent_usage(
        &self,
        scope: Scope,
        server: McpServerId,
        page: PageRequest,
    ) -> Result<Page<McpAgentUsage>, StoreError> {
        use entity::Column as C;
        let known = self.load_mcp_usage(scope, &[server]).await?;
        let total = known.get(&server).map_or(0, |(_, agents)| *agents);
        let mut users = Query::select();
        users
            .column(C::AgentId)
            .from(entity::Entity)
            .and_where(Expr::col(C::ServerId).eq(server.as_uuid()))
            .and_where(Expr::col(C::OrganizationId).eq(scope.organization.as_uuid()))
            .and_where(Expr::cust("allowed + denied + pending > 0"));
        let id = agent::Column::Id;
        let query = agent::Entity::find()
            .filter(agent::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(id.in_subquery(users));
        let by = (id, Sorted::newest_first(id));
        let page = page::fetch_counted(self.reader(), query, by, (page, total), convert).await?;
        let rows = entity::Entity::find()
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::ServerId.eq(server.as_uuid()))
            .filter(C::AgentId.is_in(page.items.iter().map(|it| it.id.as_uuid())))
            .all(self.reader())
            .await?;
        let used: HashMap<_, _> = rows.iter().map(|it| (it.agent_id, usage(it))).collect();
        Ok(page.with_items(|agents| {
            let with_usage = |agent: Agent| McpAgentUsage {
                id: agent.id,
                usage: used.get(&agent.id.as_uuid()).copied().unwrap_or_default(),
                agent,
            };
            agents.into_iter().map(with_usage).collect()
        }))
    }
}

impl Tx {
    /// Adds to the use of servers; no two of one call may be of the same server and agent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_mcp_usage(&mut self, new: &[NewMcpUsage]) -> Result<(), StoreError> {
        let mut servers: BTreeMap<(Uuid, Uuid), (OrganizationId, McpUsage, u64)> = BTreeMap::new();
        for chunk in portions(new) {
            let rows = chunk.iter().map(|it| {
                let key = (it.server.as_uuid(), it.agent.as_uuid());
                active(&(key, (it.organization, it.usage, 0)))
            });
            let after = entity::Entity::insert_many(rows)
                .on_conflict(adding())
                .exec_with_returning(self.on())
                .await?;
            let after: HashMap<_, _> = after
                .iter()
                .map(|row| ((row.server_id, row.agent_id), usage(row).total()))
                .collect();
            for it in chunk {
                let key = (it.server.as_uuid(), it.agent.as_uuid());
                let whole = servers.entry((key.0, Uuid::nil()));
                let (_, sum, agents) = whole.or_insert((it.organization, McpUsage::default(), 0));
                sum.add(&it.usage);
                // What is there now is what was added: there was no call before.
                let total = it.usage.total();
                *agents += u64::from(total > 0 && after.get(&key) == Some(&total));
            }
        }
        let servers: Vec<Row> = servers.into_iter().collect();
        for chunk in portions(&servers) {
            entity::Entity::insert_many(chunk.iter().map(active))
                .on_conflict(adding())
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Throws all of it away, to be counted again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub(crate) async fn forget_mcp_usage(&mut self) -> Result<(), StoreError> {
        entity::Entity::delete_many().exec(self.on()).await?;
        Ok(())
    }
}
