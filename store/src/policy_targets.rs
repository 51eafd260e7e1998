//! Which notification targets the texts of policies tell.

use std::collections::HashMap;

use aim_domain::id::{NotificationTargetId, PolicyId};
use aim_domain::policy::PolicyRef;
use aim_domain::scope::Scope;
use aim_entities::{notification_target as target, policy, policy_target as entity};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::policies::Policy;
use crate::{Store, StoreError, Tx};

/// Policies that are named in a message; there may be ten thousand.
const NAMES_MAX: u64 = 4;

impl Store {
    /// Whether any policy ever told one of these targets.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn do_policies_tell(
        &self,
        targets: &[NotificationTargetId],
    ) -> Result<bool, StoreError> {
        let targets = targets.iter().map(NotificationTargetId::as_uuid);
        let found: Option<Uuid> = entity::Entity::find()
            .select_only()
            .column(entity::Column::PolicyId)
            .filter(entity::Column::TargetId.is_in(targets))
            .limit(1)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(found.is_some())
    }

    /// Whom the texts of these policies tell, of those that tell anybody.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_policy_targets(
        &self,
        policies: impl IntoIterator<Item = PolicyId>,
    ) -> Result<HashMap<PolicyRef, Vec<NotificationTargetId>>, StoreError> {
        let ids = policies.into_iter().map(|id| id.as_uuid());
        let query = entity::Entity::find().filter(entity::Column::PolicyId.is_in(ids));
        let mut told: HashMap<_, Vec<_>> = HashMap::new();
        for row in query.all(self.reader()).await? {
            let text = PolicyRef {
                policy: PolicyId::from_uuid(row.policy_id),
                version: row.version,
            };
            let id = NotificationTargetId::from_uuid(row.target_id);
            told.entry(text).or_default().push(id);
        }
        Ok(told)
    }

    /// Those of these targets that are the scope's organization's.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_own_targets(
        &self,
        scope: Scope,
        ids: &[NotificationTargetId],
    ) -> Result<Vec<NotificationTargetId>, StoreError> {
        let found: Vec<Uuid> = target::Entity::find()
            .select_only()
            .column(target::Column::Id)
            .filter(target::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(target::Column::Id.is_in(ids.iter().map(NotificationTargetId::as_uuid)))
            .into_tuple()
            .all(self.reader())
            .await?;
        let ids = found.into_iter().map(NotificationTargetId::from_uuid);
        Ok(ids.collect())
    }
}

impl Tx {
    /// Writes whom this text of a policy tells. False when one of them is not there any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_policy_targets(&mut self, new: &Policy) -> Result<bool, StoreError> {
        let ids = &new.published.text.notify;
        if ids.is_empty() {
            return Ok(true);
        }
        let there = target::Entity::find()
            .filter(target::Column::OrganizationId.eq(new.organization.as_uuid()))
            .filter(target::Column::Id.is_in(ids.iter().map(NotificationTargetId::as_uuid)))
            .count(self.on())
            .await?;
        if there != ids.len() as u64 {
            return Ok(false);
        }
        let rows = ids.iter().map(|id| entity::ActiveModel {
            policy_id: Set(new.id.as_uuid()),
            version: Set(new.published.version),
            target_id: Set(id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
        });
        entity::Entity::insert_many(rows)
            .exec_without_returning(self.on())
            .await?;
        Ok(true)
    }

    /// The names of policies that were not put away and tell a target, the first of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_policies_telling(
        &self,
        scope: Scope,
        target: NotificationTargetId,
    ) -> Result<Vec<String>, StoreError> {
        let of_policy =
            |ours, theirs| Expr::col((entity::Entity, ours)).equals((policy::Entity, theirs));
        let tells = Query::select()
            .expr(Expr::value(1))
            .from(entity::Entity)
            .and_where(of_policy(entity::Column::PolicyId, policy::Column::Id))
            .and_where(of_policy(entity::Column::Version, policy::Column::Version))
            .and_where(Expr::col((entity::Entity, entity::Column::TargetId)).eq(target.as_uuid()))
            .to_owned();
        let names: Vec<Option<String>> = policy::Entity::find()
            .select_only()
            .column(policy::Column::LiveName)
            .filter(policy::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(policy::Column::LiveName.is_not_null())
            .filter(Expr::exists(tells))
            .order_by_asc(policy::Column::LiveName)
            .limit(NAMES_MAX)
            .into_tuple()
            .all(self.on())
            .await?;
        Ok(names.into_iter().flatten().collect())
    }

    /// Forgets that any text of a policy told a target.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn forget_policy_target(
        &mut self,
        target: NotificationTargetId,
    ) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(entity::Column::TargetId.eq(target.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
