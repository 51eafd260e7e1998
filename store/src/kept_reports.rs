//! Reports as they were when they were made.

use aim_domain::compliance::{FrameworkId, ReportBody, ReportPeriod};
use aim_domain::id::{AuditEntryId, KeptReportId, OrganizationId, ReportScheduleId};
use aim_domain::scope::Scope;
use aim_entities::kept_report as entity;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReport {
    /// Its identity.
    pub id: KeptReportId,
    /// Whose.
    pub organization: OrganizationId,
    /// By which schedule.
    pub schedule: ReportScheduleId,
    /// On which framework.
    pub framework: FrameworkId,
    /// How often.
    pub every: ReportPeriod,
    /// The period that it is of.
    pub period_start: DateTime<Utc>,
    /// When it was measured.
    pub measured_at: DateTime<Utc>,
    /// What it says.
    pub body: ReportBody,
    /// SHA-256 of its CSV, in hex.
    pub csv_sha256: String,
    /// Leaves of the audit log under the newest checkpoint then.
    pub tree_size: Option<u64>,
    /// The root of these, in hex.
    pub root_hash: Option<String>,
    /// The entry of the audit log that has the digest.
    pub audit_entry: AuditEntryId,
}

fn convert(row: entity::Model) -> Result<KeptReport, StoreError> {
    Ok(KeptReport {
        id: KeptReportId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        schedule: ReportScheduleId::from_uuid(row.schedule_id),
        framework: code::parse("kept_reports.framework", &row.framework)?,
        every: code::parse("kept_reports.every", &row.every)?,
        period_start: row.period_start,
        measured_at: row.measured_at,
        body: code::from_json("kept_reports.body", row.body)?,
        csv_sha256: row.csv_sha256,
        tree_size: row.tree_size.map(|it| u64::try_from(it).unwrap_or(0)),
        root_hash: row.root_hash,
        audit_entry: AuditEntryId::from_uuid(row.audit_entry_id),
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
}

impl Store {
    /// A report of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_kept_report(
        &self,
        scope: Scope,
        id: KeptReportId,
    ) -> Result<Option<KeptReport>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of reports, newest first, of one framework or of all.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_kept_reports(
        &self,
        scope: Scope,
        framework: Option<FrameworkId>,
        page: PageRequest,
    ) -> Result<Page<KeptReport>, StoreError> {
        let mut query = of(scope);
        if let Some(framework) = framework {
            query = query.filter(entity::Column::Framework.eq(code::text(&framework)));
        }
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Writes a report; false when its period has one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_kept_report(&mut self, new: &KeptReport) -> Result<bool, StoreError> {
        let size = new
            .tree_size
            .map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            schedule_id: Set(new.schedule.as_uuid()),
            framework: Set(code::text(&new.framework)),
            every: Set(code::text(&new.every)),
            period_start: Set(new.period_start),
            measured_at: Set(new.measured_at),
            body: Set(code::json(&new.body)),
            csv_sha256: Set(new.csv_sha256.clone()),
            tree_size: Set(size),
            root_hash: Set(new.root_hash.clone()),
            audit_entry_id: Set(new.audit_entry.as_uuid()),
        };
        let period = [entity::Column::ScheduleId, entity::Column::PeriodStart];
        let there = OnConflict::columns(period).do_nothing().to_owned();
        let insert = entity::Entity::insert(row).on_conflict(there);
        Ok(insert.exec_without_returning(self.on()).await? == 1)
    }
}
