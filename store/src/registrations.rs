//! Requests to join an organization. Only the hashes of their tokens are kept.

use aim_domain::id::{OrganizationId, RegistrationId, UserId};
use aim_domain::join::{Registration, RegistrationStatus};
use aim_domain::scope::Scope;
use aim_entities::registration as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select,
    sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// How a request was decided.
#[derive(Debug, Clone)]
pub struct RegistrationDecision {
    /// [`RegistrationStatus::Approved`] or [`RegistrationStatus::Rejected`].
    pub status: RegistrationStatus,
    /// By whom, as `user:<id>`.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Who came in.
    pub user: Option<UserId>,
}

fn convert(row: entity::Model) -> Result<Registration, StoreError> {
    Ok(Registration {
        id: RegistrationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        email: row.email,
        name: row.name,
        status: code::parse("registrations.status", &row.status)?,
        created_at: row.created_at,
        confirmed_at: row.confirmed_at,
        decided_at: row.decided_at,
        decided_by: row.decided_by,
        reason: row.reason,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

fn status(status: RegistrationStatus) -> String {
    code::text(&status)
}

impl Store {
    /// A request of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_registration(
        &self,
        scope: Scope,
        id: RegistrationId,
    ) -> Result<Option<Registration>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The request with this token, if it is good. Not scoped: its holder has no scope yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_registration_by_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<Registration>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::TokenHash.eq(token_hash))
            .filter(entity::Column::TokenExpiresAt.gt(self.now()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of requests whose address was shown to be theirs, or of those with this status.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_registrations(
        &self,
        scope: Scope,
        with: Option<RegistrationStatus>,
        page: PageRequest,
    ) -> Result<Page<Registration>, StoreError> {
        let mut query = of(scope).filter(entity::Column::ConfirmedAt.is_not_null());
        if let Some(with) = with {
            query = query.filter(entity::Column::Status.eq(status(with)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// The request of an address that is not decided yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_open_registration(
        &self,
        scope: Scope,
        email: &str,
    ) -> Result<Option<Registration>, StoreError> {
        let open = [RegistrationStatus::Unverified, RegistrationStatus::Pending].map(status);
        let query = of(scope)
            .filter(entity::Column::Email.eq(email))
            .filter(entity::Column::Status.is_in(open));
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// How many requests of an organization wait for an administrator.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_pending_registrations(&self, scope: Scope) -> Result<u64, StoreError> {
        let pending = status(RegistrationStatus::Pending);
        let query = of(scope).filter(entity::Column::Status.eq(pending));
        Ok(query.count(self.on()).await?)
    }

    /// Writes a request whose address is not shown to be theirs yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_registration(&mut self, new: &Registration) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            email: Set(new.email.clone()),
            name: Set(new.name.clone()),
            status: Set(status(new.status)),
            token_hash: Set(None),
            token_expires_at: Set(None),
            password_hash: Set(None),
            created_at: Set(new.created_at),
            confirmed_at: Set(None),
            decided_at: Set(None),
            decided_by: Set(None),
            reason: Set(None),
            user_id: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Gives a request a token and the name that was given with it, in place of those before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_registration_token(
        &mut self,
        id: RegistrationId,
        name: &str,
        token_hash: &str,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::Name, Expr::value(name))
            .col_expr(entity::Column::TokenHash, Expr::value(token_hash))
            .col_expr(entity::Column::TokenExpiresAt, Expr::value(expires_at))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::Status.eq(status(RegistrationStatus::Unverified)))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Uses a token up: its holder has the address, and this password. `None` when it is not good.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn confirm_registration(
        &mut self,
        token_hash: &str,
        password_hash: &str,
    ) -> Result<Option<Registration>, StoreError> {
        let query = entity::Entity::find().filter(entity::Column::TokenHash.eq(token_hash));
        let Some(row) = query.one(self.on()).await? else {
            return Ok(None);
        };
        let pending = status(RegistrationStatus::Pending);
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Status, Expr::value(pending))
            .col_expr(entity::Column::PasswordHash, Expr::value(password_hash))
            .col_expr(entity::Column::ConfirmedAt, Expr::value(self.now()))
            .col_expr(entity::Column::TokenHash, Expr::value(None::<String>))
            .filter(entity::Column::TokenHash.eq(token_hash))
            .filter(entity::Column::TokenExpiresAt.gt(self.now()))
            .filter(entity::Column::Status.eq(status(RegistrationStatus::Unverified)))
            .exec(self.on())
            .await?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        Ok(Some(Registration {
            status: RegistrationStatus::Pending,
            confirmed_at: Some(self.now()),
            ..convert(row)?
        }))
    }

    /// Decides a pending request and forgets the password that it was made with; that password's
    /// hash, or `None` when it was not pending.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn decide_registration(
        &mut self,
        scope: Scope,
        id: RegistrationId,
        decision: &RegistrationDecision,
    ) -> Result<Option<String>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        let Some(row) = query.one(self.on()).await? else {
            return Ok(None);
        };
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Status, Expr::value(status(decision.status)))
            .col_expr(entity::Column::PasswordHash, Expr::value(None::<String>))
            .col_expr(entity::Column::DecidedAt, Expr::value(self.now()))
            .col_expr(entity::Column::DecidedBy, Expr::value(decision.by.clone()))
            .col_expr(entity::Column::Reason, Expr::value(decision.reason.clone()))
            .col_expr(
                entity::Column::UserId,
                Expr::value(decision.user.map(|user| user.as_uuid())),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::Status.eq(status(RegistrationStatus::Pending)))
            .exec(self.on())
            .await?;
        if done.rows_affected != 1 {
            return Ok(None);
        }
        Ok(row.password_hash)
    }

    /// Forgets requests whose address nobody showed to be theirs, made before `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_unverified_registrations(
        &mut self,
        then: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let unverified = status(RegistrationStatus::Unverified);
        let done = entity::Entity::delete_many()
            .filter(entity::Column::Status.eq(unverified))
            .filter(entity::Column::CreatedAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
