//! How often reports are made and kept.

use aim_domain::compliance::{FrameworkId, ReportPeriod};
use aim_domain::id::{NotificationTargetId, OrganizationId, ReportScheduleId};
use aim_domain::scope::Scope;
use aim_entities::report_schedule as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// How often a report is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSchedule {
    /// Its identity.
    pub id: ReportScheduleId,
    /// Whose.
    pub organization: OrganizationId,
    /// On which framework.
    pub framework: FrameworkId,
    /// How often.
    pub every: ReportPeriod,
    /// Who is told of each.
    pub target: Option<NotificationTargetId>,
    /// When the next is due.
    pub next_at: DateTime<Utc>,
    /// Who made it, as `user:<id>`.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<ReportSchedule, StoreError> {
    Ok(ReportSchedule {
        id: ReportScheduleId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        framework: code::parse("report_schedules.framework", &row.framework)?,
        every: code::parse("report_schedules.every", &row.every)?,
        target: row.target_id.map(NotificationTargetId::from_uuid),
        next_at: row.next_at,
        created_by: row.created_by,
        created_at: row.created_at,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

impl Store {
    /// A schedule of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_report_schedule(
        &self,
        scope: Scope,
        id: ReportScheduleId,
    ) -> Result<Option<ReportSchedule>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of schedules, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_report_schedules(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<ReportSchedule>, StoreError> {
        page::fetch(self.reader(), of(scope), entity::Column::Id, page, convert).await
    }

    /// Up to `limit` schedules of all organizations whose next report is due, for the job that makes it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_due_report_schedules(
        &self,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<ReportSchedule>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::NextAt.lte(now))
            .order_by_asc(entity::Column::NextAt)
            .limit(limit);
        let rows = query.all(self.reader()).await?;
        rows.into_iter().map(convert).collect()
    }
}

impl Tx {
    /// How many schedules an organization has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_report_schedules(&self, scope: Scope) -> Result<u64, StoreError> {
        Ok(of(scope).count(self.on()).await?)
    }

    /// Writes a new schedule.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_report_schedule(&mut self, new: &ReportSchedule) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            framework: Set(code::text(&new.framework)),
            every: Set(code::text(&new.every)),
            target_id: Set(new.target.map(|it| it.as_uuid())),
            next_at: Set(new.next_at),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Moves on to the next period; false when somebody else did, or the schedule is gone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn advance_report_schedule(
        &mut self,
        due: &ReportSchedule,
        next_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::NextAt, Expr::value(next_at))
            .filter(entity::Column::Id.eq(due.id.as_uuid()))
            .filter(entity::Column::NextAt.eq(due.next_at))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends a schedule; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_report_schedule(
        &mut self,
        scope: Scope,
        id: ReportScheduleId,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
