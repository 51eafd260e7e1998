//! What agents said they saw of MCP servers.

use aim_domain::agent::AgentStatus;
use aim_domain::id::{AgentId, AgentKeyId, McpAttestationId, McpServerId, OrganizationId};
use aim_domain::mcp::McpWord;
use aim_domain::scope::Scope;
use aim_domain::trust::TrustScore;
use aim_entities::{agent, mcp_attestation as entity, mcp_manifest, mcp_server};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Most words that count together, the strongest: bounds what one look costs.
const WORDS_MAX: u64 = 5_000;

/// A signed word of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct McpAttestation {
    /// Its identity.
    pub id: McpAttestationId,
    /// Whose.
    pub organization: OrganizationId,
    /// About which server.
    pub server: McpServerId,
    /// Of which agent.
    pub agent: AgentId,
    /// The key that signed it.
    pub key: AgentKeyId,
    /// The person behind the agent, as `user:<id>`.
    pub sponsor: String,
    /// The digest of the manifest that was seen.
    pub digest: String,
    /// The names of the tools that were seen.
    pub tools: Vec<String>,
    /// How long the server took to answer.
    pub latency_ms: u32,
    /// When it was seen.
    pub observed_at: DateTime<Utc>,
    /// The agent's signature, in base64url.
    pub signature: String,
    /// What it weighs.
    pub weight: TrustScore,
    /// How strong it is beside others; `None` is without weight.
    pub standing: Option<DateTime<Utc>>,
    /// When it was said.
    pub received_at: DateTime<Utc>,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// Why.
    pub revoked_reason: Option<String>,
}

/// Which attestations.
#[derive(Debug, Clone, Default)]
pub struct McpAttestationFilter {
    /// About this server.
    pub server: Option<McpServerId>,
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// That were taken back, or were not.
    pub is_revoked: Option<bool>,
}

/// The strongest of what a person's agents say the same of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedWord {
    /// About which server.
    pub server: McpServerId,
    /// The word.
    pub word: McpWord,
    /// How many agents say it.
    pub agent_count: u64,
}

fn convert(row: entity::Model) -> Result<McpAttestation, StoreError> {
    Ok(McpAttestation {
        id: McpAttestationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        server: McpServerId::from_uuid(row.server_id),
        agent: AgentId::from_uuid(row.agent_id),
        key: AgentKeyId::from_uuid(row.agent_key_id),
        tools: code::from_json("mcp_attestations.tools", row.tools)?,
        latency_ms: u32::try_from(row.latency_ms).unwrap_or(u32::MAX),
        weight: code::score(row.weight),
        standing: row.standing.and_then(DateTime::from_timestamp_micros),
        sponsor: row.sponsor,
        digest: row.digest,
        observed_at: row.observed_at,
        signature: row.signature,
        received_at: row.received_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        revoked_by: row.revoked_by,
        revoked_reason: row.revoked_reason,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

/// Words that count at a time: of agents that may act, about servers of which something is approved, not
/// taken back, not over.
fn counting(servers: &[McpServerId], now: DateTime<Utc>) -> SelectStatement {
    let word = |column: entity::Column| Expr::col((entity::Entity, column));
    let of_agent = |column: agent::Column| Expr::col((agent::Entity, column));
    let agrees =
        word(entity::Column::Digest).equals((mcp_manifest::Entity, mcp_manifest::Column::Digest));
    let standing = word(entity::Column::Standing).max();
    let mut query = Query::select();
    query
        .column((entity::Entity, entity::Column::ServerId))
        .column((entity::Entity, entity::Column::Sponsor))
        .expr_as(agrees.clone(), Alias::new("agrees"))
        .expr_as(standing.clone(), Alias::new("strongest"))
        .expr_as(word(entity::Column::Id).count(), Alias::new("agents"))
        .from(entity::Entity)
        .inner_join(
            mcp_server::Entity,
            Expr::col((mcp_server::Entity, mcp_server::Column::Id))
                .equals((entity::Entity, entity::Column::ServerId)),
        )
        .inner_join(
            mcp_manifest::Entity,
            Expr::col((mcp_manifest::Entity, mcp_manifest::Column::Id))
                .equals((mcp_server::Entity, mcp_server::Column::ApprovedManifestId)),
        )
        .inner_join(
            agent::Entity,
            of_agent(agent::Column::Id).equals((entity::Entity, entity::Column::AgentId)),
        )
        .and_where(word(entity::Column::ServerId).is_in(servers.iter().map(McpServerId::as_uuid)))
        .and_where(word(entity::Column::RevokedAt).is_null())
        .and_where(word(entity::Column::ExpiresAt).gt(now))
        .and_where(of_agent(agent::Column::Status).eq(code::text(&AgentStatus::Verified)))
        .and_where(of_agent(agent::Column::DeletedAt).is_null())
        .and_where(of_agent(agent::Column::KillSwitchEngagedAt).is_null())
        .group_by_col((entity::Entity, entity::Column::ServerId))
        .group_by_col((entity::Entity, entity::Column::Sponsor))
        .add_group_by([agrees])
        .order_by_expr(standing, Order::Desc)
        .limit(WORDS_MAX);
    query
}

impl Store {
    /// An attestation of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_attestation(
        &self,
        scope: Scope,
        id: McpAttestationId,
    ) -> Result<Option<McpAttestation>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of attestations, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_attestations(
        &self,
        scope: Scope,
        filter: &McpAttestationFilter,
        page: PageRequest,
    ) -> Result<Page<McpAttestation>, StoreError> {
        use entity::Column as C;
        let mut query = of(scope);
        if let Some(server) = filter.server {
            query = query.filter(C::ServerId.eq(server.as_uuid()));
        }
        if let Some(agent) = filter.agent {
            query = query.filter(C::AgentId.eq(agent.as_uuid()));
        }
        query = match filter.is_revoked {
            Some(true) => query.filter(C::RevokedAt.is_not_null()),
            Some(false) => query.filter(C::RevokedAt.is_null()),
            None => query,
        };
        page::fetch(self.reader(), query, C::Id, page, convert).await
    }

    /// What counts at a time of what agents say of these servers, the strongest word of each person first;
    /// without a scope, for the stream, which serves every organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_mcp_words(
        &self,
        servers: &[McpServerId],
        now: DateTime<Utc>,
    ) -> Result<Vec<CountedWord>, StoreError> {
        let rows = self.reader().query_all(&counting(servers, now)).await?;
        let counted = rows.into_iter().map(|row| {
            let server: Uuid = row.try_get_by_index(0)?;
            let standing: Option<i64> = row.try_get_by_index(3)?;
            let agents: i64 = row.try_get_by_index(4)?;
            Ok(CountedWord {
                server: McpServerId::from_uuid(server),
                word: McpWord {
                    sponsor: row.try_get_by_index(1)?,
                    agrees: row.try_get_by_index(2)?,
                    standing: standing.and_then(DateTime::from_timestamp_micros),
                },
                agent_count: u64::try_from(agents).unwrap_or(0),
            })
        });
        counted.collect()
    }

    /// The digests of what is approved of these servers of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_approved_mcp_digests(
        &self,
        scope: Scope,
        servers: &[McpServerId],
    ) -> Result<Vec<(McpServerId, String)>, StoreError> {
        use mcp_manifest::Column as C;
        let approved = Query::select()
            .column(mcp_server::Column::ApprovedManifestId)
            .from(mcp_server::Entity)
            .and_where(mcp_server::Column::Id.is_in(servers.iter().map(McpServerId::as_uuid)))
            .and_where(mcp_server::Column::ApprovedManifestId.is_not_null())
            .to_owned();
        let rows: Vec<(Uuid, String)> = mcp_manifest::Entity::find()
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::Id.in_subquery(approved))
            .select_only()
            .columns([C::ServerId, C::Digest])
            .into_tuple()
            .all(self.reader())
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(id, digest)| (McpServerId::from_uuid(id), digest))
            .collect())
    }
}

impl Tx {
    /// What an agent says of a server now, as this transaction sees it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_live_mcp_attestation(
        &self,
        server: McpServerId,
        agent: AgentId,
    ) -> Result<Option<McpAttestation>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::ServerId.eq(server.as_uuid()))
            .filter(entity::Column::LiveAgentId.eq(agent.as_uuid()));
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// Writes an attestation. It takes the place of what the agent said of the server before; what was
    /// taken back stays on the list of that.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the agent says something else at the same time.
    pub async fn put_mcp_attestation(&mut self, new: &McpAttestation) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::delete_many()
            .filter(C::ServerId.eq(new.server.as_uuid()))
            .filter(C::LiveAgentId.eq(new.agent.as_uuid()))
            .exec(self.on())
            .await?;
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            server_id: Set(new.server.as_uuid()),
            agent_id: Set(new.agent.as_uuid()),
            live_agent_id: Set(Some(new.agent.as_uuid())),
            agent_key_id: Set(new.key.as_uuid()),
            sponsor: Set(new.sponsor.clone()),
            digest: Set(new.digest.clone()),
            tools: Set(code::json(&new.tools)),
            latency_ms: Set(i64::from(new.latency_ms)),
            observed_at: Set(new.observed_at),
            signature: Set(new.signature.clone()),
            weight: Set(i32::from(new.weight.ten_thousandths())),
            standing: Set(new.standing.map(|it| it.timestamp_micros())),
            received_at: Set(new.received_at),
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

    /// Takes an attestation back; false when it was before, or is said no more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_mcp_attestation(
        &mut self,
        scope: Scope,
        id: McpAttestationId,
        (by, reason): (&str, &str),
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::LiveAgentId, Expr::value(None::<Uuid>))
            .col_expr(C::RevokedAt, Expr::value(self.now()))
            .col_expr(C::RevokedBy, Expr::value(by))
            .col_expr(C::RevokedReason, Expr::value(reason))
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
