//! What compliance checks count.

use aim_domain::agent::AgentStatus;
use aim_domain::alert::AlertStatus;
use aim_domain::anomaly::Severity;
use aim_domain::compliance::Measured;
use aim_domain::scope::Scope;
use aim_entities::{
    agent, agent_key, alert, api_key, audit_entry as entry, audit_leaf as leaf, capability_grant,
    identity, passkey, second_factor, user,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ModelTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
    Select, sea_query::ExprTrait,
};
use uuid::Uuid;

use crate::{Store, StoreError, code};

/// Examples of what lacks something.
const EXAMPLES: u64 = 10;

impl Store {
    /// How many rows there are of all, and which of them lack something.
    pub(crate) async fn measure<E>(
        &self,
        all: Select<E>,
        lacking: Select<E>,
        id: E::Column,
    ) -> Result<Measured, StoreError>
    where
        E: EntityTrait<Model: Send + Sync>,
        E::Model: ModelTrait,
    {
        let count = all.count(self.reader()).await?;
        let lacks = lacking.clone().count(self.reader()).await?;
        let examples = lacking.select_only().column(id).limit(EXAMPLES);
        let examples: Vec<Uuid> = examples.into_tuple().all(self.reader()).await?;
        Ok(Measured::new(count, lacks, examples))
    }

    /// People who may sign in; lacking a second factor, a passkey and an identity of an issuer.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_second_factors(&self, scope: Scope) -> Result<Measured, StoreError> {
        let codes = second_factor::Entity::find()
            .select_only()
            .column(second_factor::Column::UserId)
            .filter(second_factor::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(second_factor::Column::ConfirmedAt.is_not_null());
        let passkeys = passkey::Entity::find()
            .select_only()
            .column(passkey::Column::UserId)
            .filter(passkey::Column::OrganizationId.eq(scope.organization.as_uuid()));
        let identities = identity::Entity::find()
            .select_only()
            .column(identity::Column::UserId)
            .filter(identity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        let lacking = people(scope)
            .filter(user::Column::Id.not_in_subquery(codes.into_query()))
            .filter(user::Column::Id.not_in_subquery(passkeys.into_query()))
            .filter(user::Column::Id.not_in_subquery(identities.into_query()));
        self.measure(people(scope), lacking, user::Column::Id).await
    }

    /// People who may sign in; lacking a sign-in since then, and not made since then.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_people(
        &self,
        scope: Scope,
        since: DateTime<Utc>,
    ) -> Result<Measured, StoreError> {
        let never = user::Column::LastLoginAt.is_null();
        let lacking = people(scope)
            .filter(user::Column::CreatedAt.lt(since))
            .filter(never.or(user::Column::LastLoginAt.lt(since)));
        self.measure(people(scope), lacking, user::Column::Id).await
    }

    /// API keys that are good; lacking an end.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_api_keys(
        &self,
        scope: Scope,
        now: DateTime<Utc>,
    ) -> Result<Measured, StoreError> {
        let endless = api_key::Column::ExpiresAt.is_null();
        let good = endless.clone().or(api_key::Column::ExpiresAt.gt(now));
        let all = api_key::Entity::find()
            .filter(api_key::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(api_key::Column::DisabledAt.is_null())
            .filter(good);
        let lacking = all.clone().filter(endless);
        self.measure(all, lacking, api_key::Column::Id).await
    }

    /// Agents that were not revoked; lacking a proof of their key.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_agents(&self, scope: Scope) -> Result<Measured, StoreError> {
        let all = agents(scope).filter(agent::Column::Status.ne(code::text(&AgentStatus::Revoked)));
        let lacking = all
            .clone()
            .filter(agent::Column::Status.eq(code::text(&AgentStatus::Pending)));
        self.measure(all, lacking, agent::Column::Id).await
    }

    /// Verified agents; lacking a score.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_trust(&self, scope: Scope) -> Result<Measured, StoreError> {
        let all =
            agents(scope).filter(agent::Column::Status.eq(code::text(&AgentStatus::Verified)));
        let lacking = all.clone().filter(agent::Column::TrustScore.is_null());
        self.measure(all, lacking, agent::Column::Id).await
    }

    /// Live keys of agents; lacking an end, or, with `since`, made before then.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_agent_keys(
        &self,
        scope: Scope,
        now: DateTime<Utc>,
        since: Option<DateTime<Utc>>,
    ) -> Result<Measured, StoreError> {
        let endless = agent_key::Column::ExpiresAt.is_null();
        let live = endless.clone().or(agent_key::Column::ExpiresAt.gt(now));
        let all = agent_key::Entity::find()
            .filter(agent_key::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(agent_key::Column::RevokedAt.is_null())
            .filter(live);
        let lacking = match since {
            Some(since) => all.clone().filter(agent_key::Column::CreatedAt.lt(since)),
            None => all.clone().filter(endless),
        };
        self.measure(all, lacking, agent_key::Column::Id).await
    }

    /// Live grants; lacking a limit to some actions, or, where that is asked, a reason.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_grants(
        &self,
        scope: Scope,
        now: DateTime<Utc>,
        asks_reason: bool,
    ) -> Result<Measured, StoreError> {
        let endless = capability_grant::Column::ExpiresAt.is_null();
        let live = endless.or(capability_grant::Column::ExpiresAt.gt(now));
        let all = capability_grant::Entity::find()
            .filter(capability_grant::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(capability_grant::Column::RevokedAt.is_null())
            .filter(live);
        let lacking = if asks_reason {
            let none = capability_grant::Column::Reason.is_null();
            none.or(capability_grant::Column::Reason.eq(""))
        } else {
            capability_grant::Column::Capability.eq("*")
        };
        let lacking = all.clone().filter(lacking);
        self.measure(all, lacking, capability_grant::Column::Id)
            .await
    }

    /// Alerts of high or critical severity that were raised before `until` and, of these, the ones in
    /// one of these states.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_alerts(
        &self,
        scope: Scope,
        until: DateTime<Utc>,
        late: &[AlertStatus],
    ) -> Result<Measured, StoreError> {
        let severities = [Severity::High, Severity::Critical].map(|it| code::text(&it));
        let all = alert::Entity::find()
            .filter(alert::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(alert::Column::Severity.is_in(severities))
            .filter(alert::Column::CreatedAt.lt(until));
        let states = late.iter().map(code::text);
        let lacking = all.clone().filter(alert::Column::Status.is_in(states));
        self.measure(all, lacking, alert::Column::Id).await
    }

    /// Entries of the audit log up to then; lacking a place under the checkpoint of `size` leaves.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_audit(
        &self,
        scope: Scope,
        size: u64,
        until: DateTime<Utc>,
    ) -> Result<Measured, StoreError> {
        let organization = scope.organization.as_uuid();
        let last = i64::try_from(size).unwrap_or(i64::MAX) - 1;
        let signed: Option<Uuid> = leaf::Entity::find_by_id((organization, last))
            .select_only()
            .column(leaf::Column::EntryId)
            .into_tuple()
            .one(self.reader())
            .await?;
        let position: Option<i64> = match signed {
            Some(id) => {
                let found = entry::Entity::find_by_id(id).select_only();
                let found = found.column(entry::Column::Position).into_tuple();
                found.one(self.reader()).await?
            }
            None => None,
        };
        let behind = entry::Entity::find()
            .filter(entry::Column::OrganizationId.eq(organization))
            .filter(entry::Column::Position.gt(position.unwrap_or(i64::MIN)))
            .filter(entry::Column::CreatedAt.lt(until));
        let measured = self
            .measure(behind.clone(), behind, entry::Column::Id)
            .await?;
        Ok(Measured {
            count: measured.count + size,
            ..measured
        })
    }
}

/// Those who may sign in.
fn people(scope: Scope) -> Select<user::Entity> {
    user::Entity::find()
        .filter(user::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(user::Column::DeactivatedAt.is_null())
        .filter(user::Column::RemovedAt.is_null())
}

fn agents(scope: Scope) -> Select<agent::Entity> {
    agent::Entity::find()
        .filter(agent::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(agent::Column::DeletedAt.is_null())
}
