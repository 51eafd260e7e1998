//! Invitations to join an organization. Only the hashes of their tokens are kept.

use aim_domain::id::{InvitationId, OrganizationId, UserId};
use aim_domain::join::Invitation;
use aim_domain::scope::Scope;
use aim_entities::invitation as entity;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select, UpdateMany,
    sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

fn convert(row: entity::Model) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: InvitationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        email: row.email,
        role: code::parse("invitations.role", &row.role)?,
        invited_by: row.invited_by,
        created_at: row.created_at,
        expires_at: row.expires_at,
        accepted_at: row.accepted_at,
        user: row.user_id.map(UserId::from_uuid),
        revoked_at: row.revoked_at,
        revoked_by: row.revoked_by,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

impl Store {
    /// An invitation of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_invitation(
        &self,
        scope: Scope,
        id: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// An invitation by its id. Not scoped: for the letter that it is sent with.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_any_invitation(
        &self,
        id: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let row = entity::Entity::find_by_id(id.as_uuid());
        row.one(self.reader()).await?.map(convert).transpose()
    }

    /// The invitation with this token. Not scoped: who accepts has no scope yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_invitation_by_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<Invitation>, StoreError> {
        let query = entity::Entity::find().filter(entity::Column::TokenHash.eq(token_hash));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of invitations.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_invitations(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<Invitation>, StoreError> {
        page::fetch(self.reader(), of(scope), entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// The invitations of the scope's organization that can be accepted.
    fn open(&self) -> UpdateMany<entity::Entity> {
        entity::Entity::update_many()
            .filter(entity::Column::AcceptedAt.is_null())
            .filter(entity::Column::RevokedAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()))
    }

    /// How many invitations of an organization can be accepted.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_open_invitations(&self, scope: Scope) -> Result<u64, StoreError> {
        let query = of(scope)
            .filter(entity::Column::AcceptedAt.is_null())
            .filter(entity::Column::RevokedAt.is_null())
            .filter(entity::Column::ExpiresAt.gt(self.now()));
        Ok(query.count(self.on()).await?)
    }

    /// Writes an invitation. It has no token until its letter is sent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_invitation(&mut self, new: &Invitation) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            email: Set(new.email.clone()),
            role: Set(code::text(&new.role)),
            token_hash: Set(None),
            invited_by: Set(new.invited_by.clone()),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            accepted_at: Set(None),
            user_id: Set(None),
            revoked_at: Set(None),
            revoked_by: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Gives an open invitation a token, in place of the one before; false when it is not open.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_invitation_token(
        &mut self,
        id: InvitationId,
        token_hash: &str,
    ) -> Result<bool, StoreError> {
        let query = self
            .open()
            .col_expr(entity::Column::TokenHash, Expr::value(token_hash))
            .filter(entity::Column::Id.eq(id.as_uuid()));
        Ok(query.exec(self.on()).await?.rows_affected == 1)
    }

    /// Takes back the open invitations of an organization for an address; how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_invitations_of(
        &mut self,
        scope: Scope,
        email: &str,
        by: &str,
    ) -> Result<u64, StoreError> {
        let query = self
            .open()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedBy, Expr::value(by))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::Email.eq(email));
        Ok(query.exec(self.on()).await?.rows_affected)
    }

    /// Takes an open invitation back; false when it is not open.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn revoke_invitation(
        &mut self,
        scope: Scope,
        id: InvitationId,
        by: &str,
    ) -> Result<bool, StoreError> {
        let query = self
            .open()
            .col_expr(entity::Column::RevokedAt, Expr::value(self.now()))
            .col_expr(entity::Column::RevokedBy, Expr::value(by))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::Id.eq(id.as_uuid()));
        Ok(query.exec(self.on()).await?.rows_affected == 1)
    }

    /// Uses an open invitation up; false when it is not open any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn accept_invitation(
        &mut self,
        id: InvitationId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let query = self
            .open()
            .col_expr(entity::Column::AcceptedAt, Expr::value(self.now()))
            .col_expr(entity::Column::UserId, Expr::value(user.as_uuid()))
            .filter(entity::Column::Id.eq(id.as_uuid()));
        Ok(query.exec(self.on()).await?.rows_affected == 1)
    }
}
