//! Policies and their versions.

use aim_domain::id::{OrganizationId, PolicyId, PolicyVersionId};
use aim_domain::policy::{PolicyMode, PolicyText, StoredPolicy};
use aim_domain::scope::Scope;
use aim_entities::{organization, policy as entity, policy_version as version};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, Select, sea_query::Expr, sea_query::ExprTrait,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A policy as it counts now.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its identity.
    pub id: PolicyId,
    /// Whose.
    pub organization: OrganizationId,
    /// How it counts.
    pub mode: PolicyMode,
    /// Since when there is one of this identity.
    pub created_at: DateTime<Utc>,
    /// When it was put away.
    pub archived_at: Option<DateTime<Utc>>,
    /// What it says.
    pub published: Published,
}

/// A published text.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Counted from 1 for each policy.
    pub version: i32,
    /// What it says.
    pub text: PolicyText,
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// One version of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyVersion {
    /// Its identity.
    pub id: PolicyVersionId,
    /// Of which policy.
    pub policy: PolicyId,
    /// What it says.
    pub published: Published,
}

fn convert(row: entity::Model) -> Result<Policy, StoreError> {
    Ok(Policy {
        id: PolicyId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        mode: code::parse("policies.mode", &row.mode)?,
        created_at: row.created_at,
        archived_at: row.archived_at,
        published: Published {
            version: row.version,
            text: code::from_json("policies.body", row.body)?,
            reason: row.reason,
            by: row.published_by,
            at: row.published_at,
        },
    })
}

fn convert_version(row: version::Model) -> Result<PolicyVersion, StoreError> {
    Ok(PolicyVersion {
        id: PolicyVersionId::from_uuid(row.id),
        policy: PolicyId::from_uuid(row.policy_id),
        published: Published {
            version: row.version,
            text: code::from_json("policy_versions.body", row.body)?,
            reason: row.reason,
            by: row.published_by,
            at: row.published_at,
        },
    })
}

/// Those of an organization that were not put away.
fn live(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
        .filter(entity::Column::LiveName.is_not_null())
}

/// What is asked in decisions. A text that cannot be read is kept as an error, which denies; so does a
/// mode that is not known.
async fn load<C: ConnectionTrait>(
    on: &C,
    organization: OrganizationId,
) -> Result<Vec<StoredPolicy>, StoreError> {
    let rows: Vec<(uuid::Uuid, i32, String, serde_json::Value)> = live(organization)
        .select_only()
        .columns([
            entity::Column::Id,
            entity::Column::Version,
            entity::Column::Mode,
            entity::Column::Body,
        ])
        .into_tuple()
        .all(on)
        .await?;
    let stored = |(id, version, mode, body): (uuid::Uuid, i32, String, _)| {
        let mode = code::parse("policies.mode", &mode);
        let text = serde_json::from_value(body).map_err(|error| error.to_string());
        StoredPolicy {
            id: PolicyId::from_uuid(id),
            version,
            text: match &mode {
                Ok(_) => text,
                Err(error) => Err(error.to_string()),
            },
            mode: mode.unwrap_or(PolicyMode::Enforced),
        }
    };
    Ok(rows.into_iter().map(stored).collect())
}

impl Store {
    /// A number that changes with every change of an organization's policies.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_policy_revision(&self, id: OrganizationId) -> Result<i64, StoreError> {
        let found: Option<i64> = organization::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(organization::Column::PolicyRevision)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// The policies of an organization, for decisions.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_policies(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        load(self.reader(), organization).await
    }

    /// A policy of the scope's organization, also one that was put away.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_policy(
        &self,
        scope: Scope,
        id: PolicyId,
    ) -> Result<Option<Policy>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of the policies that were not put away.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_policies(
        &self,
        scope: Scope,
        mode: Option<PolicyMode>,
        page: PageRequest,
    ) -> Result<Page<Policy>, StoreError> {
        let mut query = live(scope.organization);
        if let Some(mode) = mode {
            query = query.filter(entity::Column::Mode.eq(code::text(&mode)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// What a version of a policy says.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_policy_text(
        &self,
        scope: Scope,
        policy: PolicyId,
        number: i32,
    ) -> Result<Option<PolicyText>, StoreError> {
        let query = version::Entity::find()
            .filter(version::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(version::Column::PolicyId.eq(policy.as_uuid()))
            .filter(version::Column::Version.eq(number));
        let found = query.one(self.reader()).await?.map(convert_version);
        Ok(found.transpose()?.map(|it| it.published.text))
    }

    /// A page of the versions of a policy.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_policy_versions(
        &self,
        scope: Scope,
        policy: PolicyId,
        page: PageRequest,
    ) -> Result<Page<PolicyVersion>, StoreError> {
        let query = version::Entity::find()
            .filter(version::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(version::Column::PolicyId.eq(policy.as_uuid()));
        let id = version::Column::Id;
        page::fetch(self.reader(), query, id, page, convert_version).await
    }
}

impl Tx {
    /// Says that the policies of an organization change: whoever has them in memory reads them again,
    /// and nobody else changes them until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn move_policies(&mut self, id: OrganizationId) -> Result<(), StoreError> {
        let column = organization::Column::PolicyRevision;
        organization::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(organization::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// The policies of an organization as this transaction sees them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_policies(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<StoredPolicy>, StoreError> {
        load(self.on(), organization).await
    }

    /// How many policies of an organization were not put away.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_policies(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        Ok(live(organization).count(self.on()).await?)
    }

    /// Writes a policy, or what it says from now on, and the version that it is.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when another has its name.
    pub async fn put_policy(
        &mut self,
        new: &Policy,
        version: PolicyVersionId,
    ) -> Result<(), StoreError> {
        let published = &new.published;
        let body = code::json(&published.text);
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            version: Set(published.version),
            body: Set(body.clone()),
            reason: Set(published.reason.clone()),
            published_by: Set(published.by.clone()),
            published_at: Set(published.at),
            mode: Set(code::text(&new.mode)),
            live_name: Set(Some(published.text.name.clone())),
            created_at: Set(new.created_at),
            archived_at: Set(None),
        };
        if published.version == 1 {
            entity::Entity::insert(row)
                .exec_without_returning(self.on())
                .await?;
        } else {
            entity::Entity::update(row).exec(self.on()).await?;
        }
        let row = version::ActiveModel {
            id: Set(version.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            version: Set(published.version),
            body: Set(body),
            reason: Set(published.reason.clone()),
            published_by: Set(published.by.clone()),
            published_at: Set(published.at),
            policy_id: Set(new.id.as_uuid()),
        };
        version::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Sets how a policy counts; false when it was put away meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_policy_mode(
        &mut self,
        scope: Scope,
        id: PolicyId,
        mode: PolicyMode,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Mode, Expr::value(code::text(&mode)))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::LiveName.is_not_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Puts a policy away; its versions stay. False when it was put away before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn archive_policy(&mut self, scope: Scope, id: PolicyId) -> Result<bool, StoreError> {
        let disabled = code::text(&PolicyMode::Disabled);
        let none: Option<String> = None;
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Mode, Expr::value(disabled))
            .col_expr(entity::Column::LiveName, Expr::value(none))
            .col_expr(entity::Column::ArchivedAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::LiveName.is_not_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
