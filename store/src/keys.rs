//! Keys of agents.

use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_domain::signature::PublicKey;
use aim_domain::verification::KeyFacts;
use aim_entities::agent_key as entity;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{Store, StoreError, Tx};

pub(crate) fn convert(row: entity::Model) -> Result<KeyFacts, StoreError> {
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
        key_id: row.key_id.into(),
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
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

    /// All keys of an agent, newest first, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_keys(
        &self,
        agents: &[AgentId],
    ) -> Result<Vec<(AgentId, KeyFacts)>, StoreError> {
        let ids = agents.iter().map(AgentId::as_uuid);
        let rows = entity::Entity::find()
            .filter(entity::Column::AgentId.is_in(ids))
            .order_by_desc(entity::Column::Id)
            .limit(10_000)
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|row| Ok((AgentId::from_uuid(row.agent_id), convert(row)?)))
            .collect()
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
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Revokes every live key of an agent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_keys(&mut self, agent: AgentId, reason: &str) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedReason, Expr::value(reason))
            .filter(entity::Column::AgentId.eq(agent.as_uuid()))
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(())
    }
}
