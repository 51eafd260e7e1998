//! The people of an organization, those who may not sign in now among them.

use aim_domain::id::UserId;
use aim_domain::people::PersonChange;
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_entities::user as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::Expr,
};

use crate::page::{self, Page, PageRequest};
use crate::users::{User, convert as user};
use crate::{Store, StoreError, Tx, code};

/// A person as who manages people sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their identity.
    pub id: UserId,
    /// The person.
    pub user: User,
    /// Since when they may not sign in.
    pub deactivated_at: Option<DateTime<Utc>>,
    /// When they last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
}

fn convert(row: entity::Model) -> Result<Member, StoreError> {
    Ok(Member {
        id: UserId::from_uuid(row.id),
        deactivated_at: row.deactivated_at,
        last_sign_in_at: row.last_login_at,
        user: user(row)?,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find()
        .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
        .filter(entity::Column::RemovedAt.is_null())
}

impl Store {
    /// A person of the scope's organization, whether they may sign in or not.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_member(
        &self,
        scope: Scope,
        id: UserId,
    ) -> Result<Option<Member>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of them.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_members(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<Member>, StoreError> {
        page::fetch(self.reader(), of(scope), entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// A person, and how many active owners there are; neither changes until the commit.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_member(
        &mut self,
        scope: Scope,
        id: UserId,
    ) -> Result<Option<(Member, u64)>, StoreError> {
        let is_owner = entity::Column::Role.eq(code::text(&Role::Owner));
        // Owners and the person in one statement and one order: two owners who shut each other out at
        // one time wait for each other here, and the second finds one owner.
        let query = of(scope)
            .filter(
                Condition::any()
                    .add(entity::Column::Id.eq(id.as_uuid()))
                    .add(is_owner),
            )
            .order_by_asc(entity::Column::Id)
            .lock_exclusive();
        let rows = query.all(self.on()).await?;
        let all = rows.into_iter().map(convert);
        let all: Vec<Member> = all.collect::<Result<_, _>>()?;
        let is_active = |it: &&Member| it.user.role == Role::Owner && it.deactivated_at.is_none();
        let owners = all.iter().filter(is_active).count() as u64;
        let found = all.into_iter().find(|it| it.id == id);
        Ok(found.map(|member| (member, owners)))
    }

    /// People of an organization who may sign in.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_active_users(&self, scope: Scope) -> Result<u64, StoreError> {
        let active = of(scope).filter(entity::Column::DeactivatedAt.is_null());
        Ok(active.count(self.on()).await?)
    }

    /// Writes a change of a person. Nothing that names a removed one is kept but their id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn change_member(
        &mut self,
        id: UserId,
        change: PersonChange,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let now = self.now();
        let query = entity::Entity::update_many()
            .col_expr(C::UpdatedAt, Expr::value(now))
            .filter(C::Id.eq(id.as_uuid()));
        let query = match change {
            PersonChange::Role(to) => query.col_expr(C::Role, Expr::value(code::text(&to))),
            PersonChange::Deactivate => query.col_expr(C::DeactivatedAt, Expr::value(now)),
            PersonChange::Activate => {
                query.col_expr(C::DeactivatedAt, Expr::value(None::<DateTime<Utc>>))
            }
            PersonChange::Remove => query
                .col_expr(C::RemovedAt, Expr::value(now))
                .col_expr(C::Email, Expr::value(format!("{id}@removed.invalid")))
                .col_expr(C::Name, Expr::value("removed"))
                .col_expr(C::PasswordHash, Expr::value("")),
        };
        query.exec(self.on()).await?;
        Ok(())
    }
}
