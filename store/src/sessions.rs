//! Sessions: families of refresh tokens, of people and of programs.

use aim_domain::id::{OrganizationId, SessionId, UserId};
use aim_domain::role::Permission;
use aim_domain::scope::Scope;
use aim_domain::session::{Client, SessionKind, SignInMethod};
use aim_entities::{session as entity, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A session.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// Who holds it.
    pub kind: SessionKind,
    /// How it was opened.
    pub method: SignInMethod,
    /// What a person calls it; programs' sessions have a name.
    pub name: Option<String>,
    /// What a program may do with it at most; people's sessions have no list.
    pub permissions: Vec<Permission>,
    /// Where it was last refreshed from.
    pub client: Client,
    /// What its refresh tokens are found by.
    pub family_hash: String,
    /// What tells the newest of them.
    pub secret_hash: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// By when it has to be refreshed again.
    pub refresh_by: DateTime<Utc>,
    /// When it ends whatever happens.
    pub expires_at: DateTime<Utc>,
    /// When it ended before its time.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoked_reason: Option<String>,
}

impl Session {
    /// Whether it is good at `now`.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.refresh_by
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a refresh changes.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// Tells the token that was shown.
    pub from: &'a str,
    /// Tells the next one.
    pub to: &'a str,
    /// By when the next has to be used.
    pub refresh_by: DateTime<Utc>,
    /// Where it was asked from.
    pub client: &'a Client,
}

fn convert(row: entity::Model) -> Result<Session, StoreError> {
    let permissions = row
        .permissions
        .map(|it| code::from_json("sessions.permissions", it))
        .transpose()?;
    Ok(Session {
        id: SessionId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        user: UserId::from_uuid(row.user_id),
        kind: code::parse("sessions.kind", &row.kind)?,
        method: code::parse("sessions.method", &row.method)?,
        name: row.name,
        permissions: permissions.unwrap_or_default(),
        client: Client {
            address: row.client_address.and_then(|it| it.parse().ok()),
            user_agent: row.user_agent,
        },
        family_hash: row.family_hash,
        secret_hash: row.secret_hash,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        refresh_by: row.refresh_by,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        revoked_reason: row.revoked_reason,
    })
}

/// Sessions of this kind that are good at `now`.
fn live(kind: SessionKind, now: DateTime<Utc>) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::Kind.eq(code::text(&kind)))
        .filter(entity::Column::RevokedAt.is_null())
        .filter(entity::Column::RefreshBy.gt(now))
}

impl Store {
    /// The session with this id. Not scoped: a token names its session.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid());
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The session whose refresh tokens have this hash of their family. Not scoped, as above.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_session_of_family(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        let query = entity::Entity::find().filter(entity::Column::FamilyHash.eq(hash));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of live sessions, of one person or of everybody in the scope.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_sessions(
        &self,
        scope: Scope,
        user: Option<UserId>,
        kind: SessionKind,
        page: PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let mut query = live(kind, self.now())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(user) = user {
            query = query.filter(entity::Column::UserId.eq(user.as_uuid()));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// Whether this person has opened a session from this address since `since`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn has_session_from(
        &self,
        user: UserId,
        address: &str,
        since: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .filter(entity::Column::ClientAddress.eq(address))
            .filter(entity::Column::LastUsedAt.gt(since));
        Ok(query.one(self.reader()).await?.is_some())
    }
}

impl Tx {
    /// Writes a new session and the time of the person's sign-in.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_session(&mut self, new: &Session) -> Result<(), StoreError> {
        let permissions = (new.kind == SessionKind::Sdk).then(|| code::json(&new.permissions));
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            user_id: Set(new.user.as_uuid()),
            kind: Set(code::text(&new.kind)),
            method: Set(code::text(&new.method)),
            name: Set(new.name.clone()),
            permissions: Set(permissions),
            client_address: Set(new.client.address.map(|it| it.to_string())),
            user_agent: Set(new.client.user_agent.clone()),
            family_hash: Set(new.family_hash.clone()),
            secret_hash: Set(new.secret_hash.clone()),
            created_at: Set(new.created_at),
            last_used_at: Set(new.last_used_at),
            refresh_by: Set(new.refresh_by),
            expires_at: Set(new.expires_at),
            revoked_at: Set(None),
            revoked_reason: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        if new.kind == SessionKind::Person {
            user::Entity::update_many()
                .col_expr(user::Column::LastLoginAt, Expr::value(new.created_at))
                .filter(user::Column::Id.eq(new.user.as_uuid()))
                .exec(self.on())
                .await?;
        }
        Ok(())
    }

    /// Puts the next refresh token in the place of the one that was shown; false when that one is not
    /// the newest or the session has ended. Of many at one time one is first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn rotate_session(
        &mut self,
        id: SessionId,
        rotation: &Rotation<'_>,
    ) -> Result<bool, StoreError> {
        use entity::Column as C;
        let address = rotation.client.address.map(|it| it.to_string());
        let done = entity::Entity::update_many()
            .col_expr(C::SecretHash, Expr::value(rotation.to))
            .col_expr(C::LastUsedAt, Expr::value(self.now()))
            .col_expr(C::RefreshBy, Expr::value(rotation.refresh_by))
            .col_expr(C::ClientAddress, Expr::value(address))
            .col_expr(
                C::UserAgent,
                Expr::value(rotation.client.user_agent.clone()),
            )
            .filter(C::Id.eq(id.as_uuid()))
            .filter(C::SecretHash.eq(rotation.from))
            .filter(C::RevokedAt.is_null())
            .filter(C::RefreshBy.gt(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends these sessions; how many had not ended before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_sessions(
        &mut self,
        ids: &[SessionId],
        reason: &str,
    ) -> Result<u64, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedReason, Expr::value(reason))
            .filter(entity::Column::Id.is_in(ids.iter().map(SessionId::as_uuid)))
            .filter(entity::Column::RevokedAt.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }

    /// Ends all sessions of a person, of one kind or of every; how many had not ended before. Logins that
    /// wait to become a session of that person end first, so that none gets in between.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_sessions_of(
        &mut self,
        user: UserId,
        kind: Option<SessionKind>,
        reason: &str,
    ) -> Result<u64, StoreError> {
        if kind.is_none_or(|kind| kind == SessionKind::Person) {
            self.end_logins_of(user).await?;
        }
        let mut query = entity::Entity::update_many()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedReason, Expr::value(reason))
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .filter(entity::Column::RevokedAt.is_null());
        if let Some(kind) = kind {
            query = query.filter(entity::Column::Kind.eq(code::text(&kind)));
        }
        Ok(query.exec(self.on()).await?.rows_affected)
    }

    /// The live sessions of a person beyond the `keep` that were used last.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn sessions_beyond(
        &self,
        user: UserId,
        keep: u64,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows: Vec<Uuid> = live(SessionKind::Person, self.now())
            .select_only()
            .column(entity::Column::Id)
            .filter(entity::Column::UserId.eq(user.as_uuid()))
            .order_by_desc(entity::Column::LastUsedAt)
            .order_by_desc(entity::Column::Id)
            .offset(keep)
            .limit(1_000)
            .into_tuple()
            .all(self.on())
            .await?;
        Ok(rows.into_iter().map(SessionId::from_uuid).collect())
    }

    /// Forgets sessions that ended by themselves before `before`; whoever was seen doing what with
    /// them stays in the audit trail.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_ended_sessions(
        &mut self,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::ExpiresAt.lt(before))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
