//! Programs that want to act as a person. Of their codes only hashes are kept.
//!
//! Guarantee: a request is answered once and redeemed once, however many nodes try at one time; each
//! step is one statement that names the state it starts from.

use aim_domain::id::{OrganizationId, SessionId, UserId};
use aim_domain::login::LoginFlow;
use aim_domain::session::SignInMethod;
use aim_entities::login_request as entity;
use chrono::{DateTime, Duration, Utc};
use entity::Column as C;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, UpdateMany,
};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

/// A wish to act as a person.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginRequest {
    /// Its identity.
    pub id: Uuid,
    /// How the program is told.
    pub flow: LoginFlow,
    /// What it calls its machine.
    pub device: String,
    /// Where it asked from.
    pub client_address: Option<String>,
    /// Hash of the code that it redeems.
    pub secret_hash: String,
    /// Hash of the code that the person types.
    pub user_code_hash: Option<String>,
    /// Where its browser is sent back to.
    pub redirect_uri: Option<String>,
    /// Of the verifier that it shows when it redeems.
    pub challenge: Option<String>,
    /// How long it waits between two questions.
    pub interval: Duration,
    /// Until when it can be answered and redeemed.
    pub expires_at: DateTime<Utc>,
    /// The answer.
    pub answer: Option<LoginAnswer>,
    /// The session that was opened.
    pub session: Option<SessionId>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAnswer {
    /// Of which organization they are.
    pub organization: OrganizationId,
    /// Who.
    pub user: UserId,
    /// How they had signed in.
    pub method: SignInMethod,
    /// It is worth nothing once the person's password or state changed.
    pub token_generation: i32,
    /// Whether they agreed.
    pub is_approved: bool,
}

impl std::fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequest")
            .field("id", &self.id)
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}

fn convert(row: entity::Model) -> Result<LoginRequest, StoreError> {
    let method = row.method.as_deref();
    let method = method.map(|text| code::parse("login_requests.method", text));
    let answer = || {
        Some(LoginAnswer {
            organization: OrganizationId::from_uuid(row.organization_id?),
            user: UserId::from_uuid(row.user_id?),
            method: method.transpose().ok()??,
            token_generation: row.token_generation?,
            is_approved: row.is_approved?,
        })
    };
    Ok(LoginRequest {
        id: row.id,
        flow: code::parse("login_requests.flow", &row.flow)?,
        answer: answer(),
        device: row.device,
        client_address: row.client_address,
        secret_hash: row.secret_hash,
        user_code_hash: row.user_code_hash,
        redirect_uri: row.redirect_uri,
        challenge: row.challenge,
        interval: Duration::seconds(row.interval_seconds.into()),
        expires_at: row.expires_at,
        session: row.session_id.map(SessionId::from_uuid),
    })
}

fn seconds(interval: Duration) -> i32 {
    i32::try_from(interval.num_seconds()).unwrap_or(i32::MAX)
}

fn of(id: Uuid) -> UpdateMany<entity::Entity> {
    entity::Entity::update_many().filter(C::Id.eq(id))
}

impl Store {
    /// The request with this hash of a code, over or not. Not scoped: whoever holds the code has no
    /// scope yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_login_request(
        &self,
        secret_hash: &str,
    ) -> Result<Option<LoginRequest>, StoreError> {
        let query = entity::Entity::find().filter(C::SecretHash.eq(secret_hash));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The request with this hash of a user code, while nobody has answered it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_login_by_user_code(
        &self,
        user_code_hash: &str,
    ) -> Result<Option<LoginRequest>, StoreError> {
        let query = entity::Entity::find()
            .filter(C::UserCodeHash.eq(user_code_hash))
            .filter(C::AnsweredAt.is_null())
            .filter(C::ExpiresAt.gt(self.now()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// How many requests wait for an answer, of everybody and of one address.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_waiting_logins(&self, address: &str) -> Result<(u64, u64), StoreError> {
        let waiting = || {
            entity::Entity::find()
                .filter(C::ExpiresAt.gt(self.now()))
                .filter(C::AnsweredAt.is_null())
        };
        let all = waiting().count(self.reader()).await?;
        let own = waiting().filter(C::ClientAddress.eq(address));
        Ok((all, own.count(self.reader()).await?))
    }
}

impl Tx {
    /// Keeps a request.
    ///
    /// # Errors
    /// `Duplicate` when there is one of the same id or code; [`StoreError`] when the database cannot be
    /// asked.
    pub async fn insert_login_request(&mut self, new: &LoginRequest) -> Result<(), StoreError> {
        let answer = new.answer.as_ref();
        let row = entity::ActiveModel {
            id: Set(new.id),
            flow: Set(code::text(&new.flow)),
            device: Set(new.device.clone()),
            client_address: Set(new.client_address.clone()),
            secret_hash: Set(new.secret_hash.clone()),
            user_code_hash: Set(new.user_code_hash.clone()),
            redirect_uri: Set(new.redirect_uri.clone()),
            challenge: Set(new.challenge.clone()),
            interval_seconds: Set(seconds(new.interval)),
            next_poll_at: Set(self.now()),
            created_at: Set(self.now()),
            expires_at: Set(new.expires_at),
            organization_id: Set(answer.map(|it| it.organization.as_uuid())),
            user_id: Set(answer.map(|it| it.user.as_uuid())),
            method: Set(answer.map(|it| code::text(&it.method))),
            token_generation: Set(answer.map(|it| it.token_generation)),
            answered_at: Set(answer.map(|_| self.now())),
            is_approved: Set(answer.map(|it| it.is_approved)),
            used_at: Set(None),
            session_id: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Writes what a person said; false when it was answered before, or its time is over.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn answer_login(
        &mut self,
        id: Uuid,
        answer: &LoginAnswer,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let done = of(id)
            .col_expr(
                C::OrganizationId,
                Expr::value(answer.organization.as_uuid()),
            )
            .col_expr(C::UserId, Expr::value(answer.user.as_uuid()))
            .col_expr(C::Method, Expr::value(code::text(&answer.method)))
            .col_expr(C::TokenGeneration, Expr::value(answer.token_generation))
            .col_expr(C::IsApproved, Expr::value(answer.is_approved))
            .col_expr(C::AnsweredAt, Expr::value(now))
            .filter(C::AnsweredAt.is_null())
            .filter(C::ExpiresAt.gt(now))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Counts a question of the program; false when it came too early, and then it has to wait longer.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn poll_login(
        &mut self,
        request: &LoginRequest,
        longer: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let in_time = of(request.id)
            .col_expr(C::NextPollAt, Expr::value(now + request.interval))
            .filter(C::NextPollAt.lte(now))
            .exec(self.on())
            .await?;
        if in_time.rows_affected == 1 {
            return Ok(true);
        }
        of(request.id)
            .col_expr(C::IntervalSeconds, Expr::value(seconds(longer)))
            .col_expr(C::NextPollAt, Expr::value(now + longer))
            .exec(self.on())
            .await?;
        Ok(false)
    }

    /// Uses an approved request up for a session; false when it was used, or its time is over.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_login(&mut self, id: Uuid, session: SessionId) -> Result<bool, StoreError> {
        let now = self.now();
        let done = of(id)
            .col_expr(C::UsedAt, Expr::value(now))
            .col_expr(C::SessionId, Expr::value(session.as_uuid()))
            .filter(C::UsedAt.is_null())
            .filter(C::IsApproved.eq(true))
            .filter(C::ExpiresAt.gt(now))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends what a person has answered and no program has redeemed yet.
    pub(crate) async fn end_logins_of(&mut self, user: UserId) -> Result<(), StoreError> {
        let now = self.now();
        entity::Entity::update_many()
            .col_expr(C::ExpiresAt, Expr::value(now))
            .filter(C::UserId.eq(user.as_uuid()))
            .filter(C::UsedAt.is_null())
            .filter(C::ExpiresAt.gt(now))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Forgets requests that were over at `then`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_old_logins(&mut self, then: DateTime<Utc>) -> Result<(), StoreError> {
        entity::Entity::delete_many()
            .filter(C::ExpiresAt.lt(then))
            .exec(self.on())
            .await?;
        Ok(())
    }
}
