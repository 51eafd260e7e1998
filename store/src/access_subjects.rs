//! Who and what may get in: what reviews of access are about, and whether they were made.

use aim_domain::access_review::{AccessSubject, AccessWord};
use aim_domain::agent::AgentStatus;
use aim_domain::compliance::Measured;
use aim_domain::id::UserId;
use aim_domain::scope::Scope;
use aim_domain::session::SessionKind;
use aim_entities::{access_review_item as item, agent, api_key, session, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::ExprTrait,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

/// Somebody, or something, that may get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessHolder {
    /// Of which kind.
    pub subject: AccessSubject,
    /// Which.
    pub id: Uuid,
    /// The person whose access it is; agents are nobody's own.
    pub owner: Option<UserId>,
    /// What it is called.
    pub name: String,
    /// What it may do, in short.
    pub access: String,
}

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
        .filter(agent::Column::Status.ne(code::text(&AgentStatus::Revoked)))
}

fn api_keys(scope: Scope, now: DateTime<Utc>) -> Select<api_key::Entity> {
    let endless = api_key::Column::ExpiresAt.is_null();
    api_key::Entity::find()
        .filter(api_key::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(api_key::Column::DisabledAt.is_null())
        .filter(endless.or(api_key::Column::ExpiresAt.gt(now)))
}

fn sdk_tokens(scope: Scope, now: DateTime<Utc>) -> Select<session::Entity> {
    session::Entity::find()
        .filter(session::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(session::Column::Kind.eq(code::text(&SessionKind::Sdk)))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::RefreshBy.gt(now))
}

/// A list of permissions as one text.
fn listed(permissions: Option<&serde_json::Value>) -> String {
    let all = permissions.and_then(|it| it.as_array()).into_iter();
    let names: Vec<_> = all.flatten().filter_map(|it| it.as_str()).collect();
    names.join(" ")
}

impl Tx {
    /// Up to `limit` of a kind, as this transaction sees them, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_access_holders(
        &self,
        scope: Scope,
        subject: AccessSubject,
        limit: u64,
    ) -> Result<Vec<AccessHolder>, StoreError> {
        let now = self.now();
        let holder = |id, owner: Option<Uuid>, name, access| AccessHolder {
            subject,
            id,
            owner: owner.map(UserId::from_uuid),
            name,
            access,
        };
        Ok(match subject {
            AccessSubject::User => {
                let query = people(scope).order_by_asc(user::Column::Id).limit(limit);
                let rows = query.all(self.on()).await?.into_iter();
                rows.map(|it| holder(it.id, Some(it.id), it.email, it.role))
                    .collect()
            }
            AccessSubject::Agent => {
                let query = agents(scope).order_by_asc(agent::Column::Id).limit(limit);
                let query = query.select_only().columns([
                    agent::Column::Id,
                    agent::Column::Name,
                    agent::Column::Status,
                ]);
                let rows: Vec<(Uuid, String, String)> = query.into_tuple().all(self.on()).await?;
                let rows = rows.into_iter();
                rows.map(|(id, name, status)| holder(id, None, name, status))
                    .collect()
            }
            AccessSubject::ApiKey => {
                let query = api_keys(scope, now).order_by_asc(api_key::Column::Id);
                let rows = query.limit(limit).all(self.on()).await?.into_iter();
                rows.map(|it| {
                    let access = listed(Some(&it.permissions));
                    holder(it.id, Some(it.user_id), it.name, access)
                })
                .collect()
            }
            AccessSubject::SdkToken => {
                let query = sdk_tokens(scope, now).order_by_asc(session::Column::Id);
                let rows = query.limit(limit).all(self.on()).await?.into_iter();
                rows.map(|it| {
                    let access = listed(it.permissions.as_ref());
                    holder(it.id, Some(it.user_id), it.name.unwrap_or_default(), access)
                })
                .collect()
            }
        })
    }
}

impl Store {
    /// Everybody and everything that had access before `since` and has it still; lacking a person's word
    /// since then that it stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn measure_access_reviews(
        &self,
        scope: Scope,
        (now, since): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Measured, StoreError> {
        let kept = |subject: AccessSubject| {
            item::Entity::find()
                .select_only()
                .column(item::Column::SubjectId)
                .filter(item::Column::OrganizationId.eq(scope.organization.as_uuid()))
                .filter(item::Column::Subject.eq(code::text(&subject)))
                .filter(item::Column::Word.eq(code::text(&AccessWord::Keep)))
                .filter(item::Column::AnsweredAt.gte(since))
                .into_query()
        };
        let all = people(scope).filter(user::Column::CreatedAt.lt(since));
        let id = user::Column::Id;
        let lacking = all
            .clone()
            .filter(id.not_in_subquery(kept(AccessSubject::User)));
        let people = self.measure(all, lacking, id).await?;

        let all = agents(scope).filter(agent::Column::CreatedAt.lt(since));
        let id = agent::Column::Id;
        let lacking = all
            .clone()
            .filter(id.not_in_subquery(kept(AccessSubject::Agent)));
        let agents = self.measure(all, lacking, id).await?;

        let all = api_keys(scope, now).filter(api_key::Column::CreatedAt.lt(since));
        let id = api_key::Column::Id;
        let lacking = all
            .clone()
            .filter(id.not_in_subquery(kept(AccessSubject::ApiKey)));
        let keys = self.measure(all, lacking, id).await?;

        let all = sdk_tokens(scope, now).filter(session::Column::CreatedAt.lt(since));
        let id = session::Column::Id;
        let lacking = all
            .clone()
            .filter(id.not_in_subquery(kept(AccessSubject::SdkToken)));
        let tokens = self.measure(all, lacking, id).await?;

        let all = [people, agents, keys, tokens];
        let sum = |count: fn(&Measured) -> u64| all.iter().map(count).sum();
        let (count, lacking) = (sum(|it| it.count), sum(|it| it.lacking));
        let examples = all.iter().flat_map(|it| it.examples.clone()).collect();
        Ok(Measured::new(count, lacking, examples))
    }
}
