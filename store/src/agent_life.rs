//! What happens to agents: challenges, changes of what is said of them, deletion.

use aim_domain::id::AgentId;
use aim_entities::agent as entity;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::agents::Agent;
use crate::{Store, StoreError, Tx, code};

impl Store {
    /// The challenge that an agent may answer now, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_agent_challenge(&self, agent: AgentId) -> Result<Option<String>, StoreError> {
        let row = entity::Entity::find_by_id(agent.as_uuid())
            .filter(entity::Column::ChallengeExpiresAt.gt(self.now()))
            .one(self.reader())
            .await?;
        Ok(row.and_then(|row| row.challenge))
    }
}

impl Tx {
    /// Sets the challenge that an agent has to answer, in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_challenge(
        &mut self,
        agent: AgentId,
        challenge: &str,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Challenge, Expr::value(challenge))
            .col_expr(entity::Column::ChallengeExpiresAt, Expr::value(expires_at))
            .filter(entity::Column::Id.eq(agent.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Uses a challenge up; false when it was used, replaced or has expired.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn take_challenge(
        &mut self,
        agent: AgentId,
        challenge: &str,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Challenge, Expr::value(None::<String>))
            .filter(entity::Column::Id.eq(agent.as_uuid()))
            .filter(entity::Column::Challenge.eq(challenge))
            .filter(entity::Column::ChallengeExpiresAt.gt(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Writes what is said of an agent; false when somebody changed it since it was read, or it is
    /// deleted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_agent(&mut self, to: &Agent) -> Result<bool, StoreError> {
        use entity::Column as C;
        let done = entity::Entity::update_many()
            .col_expr(C::DisplayName, Expr::value(to.display_name.clone()))
            .col_expr(C::Description, Expr::value(to.description.clone()))
            .col_expr(C::AgentType, Expr::value(code::text(&to.agent_type)))
            .col_expr(C::Version, Expr::value(to.version.clone()))
            .col_expr(C::RepositoryUrl, Expr::value(to.repository_url.clone()))
            .col_expr(
                C::DocumentationUrl,
                Expr::value(to.documentation_url.clone()),
            )
            .col_expr(
                C::DeclaredCapabilities,
                Expr::value(code::json(&to.declared_capabilities)),
            )
            .col_expr(C::TalksTo, Expr::value(code::json(&to.talks_to)))
            .col_expr(C::Tags, Expr::value(code::json(&to.tags)))
            .col_expr(C::UpdatedAt, Expr::value(self.now()))
            .filter(C::Id.eq(to.id.as_uuid()))
            .filter(C::UpdatedAt.eq(to.updated_at))
            .filter(C::DeletedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Marks an agent as deleted; false when it was so before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_agent(&mut self, agent: AgentId) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::DeletedAt, Expr::value(self.now()))
            .col_expr(entity::Column::UpdatedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(agent.as_uuid()))
            .filter(entity::Column::DeletedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
