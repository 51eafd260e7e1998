//! Keys of agents.

use aim_domain::agent::AgentStatus;
use aim_domain::agent_key::KeyStatus;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::signature::PublicKey;
use aim_domain::verification::KeyFacts;
use aim_entities::agent_key as entity;
use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// How long a key that has ended is still among an agent's facts, so that whoever signs with it is
/// told why it is refused. After that it is unknown.
const REMEMBERED: Duration = Duration::days(90);

/// A key with its history.
#[derive(Debug, Clone)]
pub struct AgentKey {
    /// Its identity.
    pub id: AgentKeyId,
    /// Whose it is.
    pub agent: AgentId,
    /// Whose its agent is.
    pub organization: OrganizationId,
    /// What decisions know of it.
    pub facts: KeyFacts,
    /// Since when it is known.
    pub created_at: DateTime<Utc>,
    /// By whom it was brought; `None` for keys of before that was written down.
    pub created_by: Option<String>,
    /// When it last signed a request, to within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The key that takes its place.
    pub replaced_by: Option<AgentKeyId>,
    /// By whom it was revoked.
    pub revoked_by: Option<String>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// Where it is in its life.
    pub status: KeyStatus,
}

pub(crate) fn convert(row: &entity::Model) -> Result<KeyFacts, StoreError> {
    let corrupt = || StoreError::Corrupt {
        column: "agent_keys.public_key",
        value: row.key_id.clone(),
    };
    let bytes: [u8; 32] = row
        .public_key
        .as_slice()
        .try_into()
        .map_err(|_| corrupt())?;
    Ok(KeyFacts {
        id: AgentKeyId::from_uuid(row.id),
        public_key: PublicKey::from_bytes(&bytes).map_err(|_| corrupt())?,
        key_id: row.key_id.as_str().into(),
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
}

fn record(row: entity::Model, now: DateTime<Utc>) -> Result<AgentKey, StoreError> {
    let facts = convert(&row)?;
    let is_replaced = row.replaced_by.is_some();
    Ok(AgentKey {
        id: facts.id,
        agent: AgentId::from_uuid(row.agent_id),
        organization: OrganizationId::from_uuid(row.organization_id),
        status: KeyStatus::of(is_replaced, facts.expires_at, facts.revoked_at, now),
        facts,
        created_at: row.created_at,
        created_by: row.created_by,
        last_used_at: row.last_used_at,
        replaced_by: row.replaced_by.map(AgentKeyId::from_uuid),
        revoked_by: row.revoked_by,
        revoked_reason: row.revoked_reason,
    })
}

/// Keys that are good at `now`.
pub(crate) fn is_live(now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(entity::Column::RevokedAt.is_null())
        .add(
            Condition::any()
                .add(entity::Column::ExpiresAt.is_null())
                .add(entity::Column::ExpiresAt.gt(now)),
        )
}

impl Store {
    /// The agents whose keys have these thumbprints. Not scoped: a signature is how a scope is found.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_key_owners(
        &self,
        key_ids: &[&str],
    ) -> Result<Vec<(String, AgentId, AgentKeyId)>, StoreError> {
        let key_ids = key_ids.iter().copied();
        let query = entity::Entity::find().filter(entity::Column::KeyId.is_in(key_ids));
        let owner = |row: entity::Model| {
            (
                row.key_id,
                AgentId::from_uuid(row.agent_id),
                AgentKeyId::from_uuid(row.id),
            )
        };
        let rows = query.all(self.reader()).await?;
        Ok(rows.into_iter().map(owner).collect())
    }

    /// The keys of agents that are good, and those that ended lately; newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_keys(
        &self,
        agents: &[AgentId],
    ) -> Result<Vec<(AgentId, KeyFacts)>, StoreError> {
        use entity::Column as C;
        let ids = agents.iter().map(AgentId::as_uuid);
        let since = self.now() - REMEMBERED;
        let rows = entity::Entity::find()
            .filter(C::AgentId.is_in(ids))
            .filter(
                Condition::any()
                    .add(C::ExpiresAt.is_null())
                    .add(C::ExpiresAt.gt(since)),
            )
            .filter(
                Condition::any()
                    .add(C::RevokedAt.is_null())
                    .add(C::RevokedAt.gt(since)),
            )
            .order_by_desc(C::Id)
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|row| Ok((AgentId::from_uuid(row.agent_id), convert(&row)?)))
            .collect()
    }

    /// The live keys of the scope's agents that may act, newest first, with their agents.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_live_keys(
        &self,
        scope: Scope,
        limit: u64,
    ) -> Result<Vec<(AgentId, KeyFacts)>, StoreError> {
        let may_act = aim_entities::agent::Entity::find()
            .select_only()
            .column(aim_entities::agent::Column::Id)
            .filter(aim_entities::agent::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(aim_entities::agent::Column::Status.eq(code::text(&AgentStatus::Verified)))
            .into_query();
        let rows = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::AgentId.in_subquery(may_act))
            .filter(is_live(self.now()))
            .order_by_desc(entity::Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|row| Ok((AgentId::from_uuid(row.agent_id), convert(&row)?)))
            .collect()
    }

    /// A page of all keys that an agent ever had.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_key_history(
        &self,
        scope: Scope,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<AgentKey>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::AgentId.eq(agent.as_uuid()));
        let now = self.now();
        let convert = |row| record(row, now);
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// A key of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_agent_key(
        &self,
        scope: Scope,
        id: AgentKeyId,
    ) -> Result<Option<AgentKey>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        let row = query.one(self.reader()).await?;
        row.map(|row| record(row, self.now())).transpose()
    }
}

impl Tx {
    /// Writes a key of an agent.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the key is somebody's already.
    pub async fn insert_key(
        &mut self,
        organization: OrganizationId,
        agent: AgentId,
        key: &KeyFacts,
        by: &str,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(key.id.as_uuid()),
            organization_id: Set(organization.as_uuid()),
            agent_id: Set(agent.as_uuid()),
            key_id: Set(key.key_id.to_string()),
            public_key: Set(key.public_key.to_bytes().to_vec()),
            created_at: Set(self.now()),
            expires_at: Set(key.expires_at),
            revoked_at: Set(None),
            revoked_reason: Set(None),
            created_by: Set(Some(by.to_owned())),
            last_used_at: Set(None),
            revoked_by: Set(None),
            replaced_by: Set(None),
            reminded_days: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        self.note_key_end(agent).await
    }

    /// How many keys an agent was given since.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_keys_since(
        &self,
        agent: AgentId,
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::AgentId.eq(agent.as_uuid()))
            .filter(entity::Column::CreatedAt.gt(since));
        Ok(query.count(self.on()).await?)
    }

    /// Says that `new` takes the place of a live key; false when another does already, or it has
    /// ended. Of two that try at once one gets true.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn replace_key(
        &mut self,
        key: AgentKeyId,
        new: AgentKeyId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::ReplacedBy, Expr::value(new.as_uuid()))
            .filter(entity::Column::Id.eq(key.as_uuid()))
            .filter(entity::Column::ReplacedBy.is_null())
            .filter(is_live(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Lets every other live key of an agent end at `end`, or before where it would anyway. Returns
    /// them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn retire_keys(
        &mut self,
        agent: AgentId,
        new: AgentKeyId,
        end: DateTime<Utc>,
    ) -> Result<Vec<AgentKeyId>, StoreError> {
        use entity::Column as C;
        let others = Condition::all()
            .add(C::AgentId.eq(agent.as_uuid()))
            .add(C::Id.ne(new.as_uuid()))
            .add(is_live(self.now()));
        let query = entity::Entity::find().filter(others.clone());
        let live = query.all(self.on()).await?;
        entity::Entity::update_many()
            .col_expr(C::ReplacedBy, Expr::value(new.as_uuid()))
            .filter(others.clone())
            .filter(C::ReplacedBy.is_null())
            .exec(self.on())
            .await?;
        entity::Entity::update_many()
            .col_expr(C::ExpiresAt, Expr::value(end))
            .filter(others)
            .filter(
                Condition::any()
                    .add(C::ExpiresAt.is_null())
                    .add(C::ExpiresAt.gt(end)),
            )
            .exec(self.on())
            .await?;
        self.note_key_end(agent).await?;
        Ok(live
            .iter()
            .map(|row| AgentKeyId::from_uuid(row.id))
            .collect())
    }

    /// Revokes a key; false when it was revoked before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_key(
        &mut self,
        key: AgentKeyId,
        reason: &str,
        by: &str,
    ) -> Result<bool, StoreError> {
        let one = entity::Column::Id.eq(key.as_uuid());
        let done = self.revoke(one.into(), reason, by).await? == 1;
        let found = entity::Entity::find_by_id(key.as_uuid()).one(self.on());
        if let Some(row) = found.await? {
            self.note_key_end(AgentId::from_uuid(row.agent_id)).await?;
        }
        Ok(done)
    }

    /// Revokes every key of an agent that is not revoked yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_keys(
        &mut self,
        agent: AgentId,
        reason: &str,
        by: &str,
    ) -> Result<(), StoreError> {
        let all = entity::Column::AgentId.eq(agent.as_uuid());
        self.revoke(all.into(), reason, by).await?;
        self.note_key_end(agent).await
    }

    async fn revoke(
        &mut self,
        which: Condition,
        reason: &str,
        by: &str,
    ) -> Result<u64, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedReason, Expr::value(reason))
            .col_expr(entity::Column::RevokedBy, Expr::value(by))
            .filter(which)
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }

    /// Writes when keys were last used; an older time changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn touch_key(
        &mut self,
        key: AgentKeyId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        entity::Entity::update_many()
            .col_expr(C::LastUsedAt, Expr::value(at))
            .filter(C::Id.eq(key.as_uuid()))
            .filter(
                Condition::any()
                    .add(C::LastUsedAt.is_null())
                    .add(C::LastUsedAt.lt(at)),
            )
            .exec(self.on())
            .await?;
        Ok(())
    }
}
