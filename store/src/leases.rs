//! Leases: one process at a time does a job, whoever comes first, and another when it is gone.

use aim_entities::job_lease as entity;
use chrono::Duration;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use crate::{StoreError, Tx};

impl Tx {
    /// Takes or keeps the lease of a job for `life`; false while another holds it. Work that is done
    /// under a lease must still be right when two do it: a holder may be slower than its lease.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn take_lease(
        &mut self,
        name: &str,
        holder: Uuid,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let expires_at = self.now() + life;
        let first = entity::ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(holder),
            expires_at: Set(expires_at),
        };
        let nothing = OnConflict::column(entity::Column::Name)
            .do_nothing()
            .to_owned();
        let first = entity::Entity::insert(first).on_conflict(nothing);
        if first.exec_without_returning(self.on()).await? == 1 {
            return Ok(true);
        }
        let is_free = entity::Column::Holder
            .eq(holder)
            .or(entity::Column::ExpiresAt.lte(self.now()));
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Holder, Expr::value(holder))
            .col_expr(entity::Column::ExpiresAt, Expr::value(expires_at))
            .filter(entity::Column::Name.eq(name))
            .filter(is_free)
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Takes the lease of a job from whoever holds it: where no other process can be working.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn seize_lease(
        &mut self,
        name: &str,
        holder: Uuid,
        life: Duration,
    ) -> Result<(), StoreError> {
        use entity::Column as C;
        let row = entity::ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(holder),
            expires_at: Set(self.now() + life),
        };
        let mut ours = OnConflict::column(C::Name);
        ours.update_columns([C::Holder, C::ExpiresAt]);
        entity::Entity::insert(row)
            .on_conflict(ours)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
