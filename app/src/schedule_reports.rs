//! Schedules of reports, and the reports that were kept.

use aim_domain::compliance::{FrameworkId, REPORT_SCHEDULES_MAX, ReportPeriod};
use aim_domain::id::{KeptReportId, NotificationTargetId, ReportScheduleId};
use aim_store::kept_reports::KeptReport;
use aim_store::report_schedules::ReportSchedule;
use aim_store::{Page, PageRequest};
use serde_json::json;

use crate::{App, AppError, ErrorCode, Permit};

/// A report to make again and again.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleReport {
    /// On which framework.
    pub framework: FrameworkId,
    /// How often.
    pub every: ReportPeriod,
    /// Who is told of each.
    pub target: Option<NotificationTargetId>,
}

impl App {
    /// Makes a report now, and again at the beginning of each period.
    ///
    /// # Errors
    /// `InvalidInput` for the target, `Conflict` when there are too many schedules.
    pub async fn schedule_report(
        &self,
        permit: &Permit,
        input: ScheduleReport,
    ) -> Result<ReportSchedule, AppError> {
        let scope = permit.scope();
        if let Some(target) = input.target {
            let found = self.store.find_notification_target(scope, target).await?;
            if found.is_none() {
                let message = "is no notification target; make one first";
                return Err(AppError::field("notificationTargetId", message));
            }
        }
        let mut tx = self.store.begin().await?;
        // One after the other, so that the limit holds.
        tx.lock_limits(scope.organization).await?;
        let count = tx.count_report_schedules(scope).await?;
        if count >= REPORT_SCHEDULES_MAX {
            let message = format!("{count} reports are scheduled; unschedule some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let new = ReportSchedule {
            id: ReportScheduleId::from_uuid(self.ids.next()),
            organization: scope.organization,
            framework: input.framework,
            every: input.every,
            target: input.target,
            next_at: input.every.start(tx.now()),
            created_by: permit.actor(),
            created_at: tx.now(),
        };
        tx.insert_report_schedule(&new).await?;
        tx.audit(permit.audit(
            &self.ids,
            "report.schedule",
            ("report-schedule", new.id.to_string()),
            None,
            (
                None,
                Some(
                    json!({ "framework": new.framework, "every": new.every, "target": new.target }),
                ),
            ),
        ));
        tx.commit().await?;
        Ok(new)
    }

    /// Ends a schedule; its reports stay.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unschedule_report(
        &self,
        permit: &Permit,
        id: ReportScheduleId,
    ) -> Result<ReportSchedule, AppError> {
        let scope = permit.scope();
        let missing = || AppError::not_found("report schedule");
        let found = self.store.find_report_schedule(scope, id).await?;
        let before = found.ok_or_else(missing)?;
        let mut tx = self.store.begin().await?;
        if !tx.delete_report_schedule(scope, id).await? {
            return Err(missing());
        }
        tx.audit(permit.audit(
            &self.ids,
            "report.unschedule",
            ("report-schedule", id.to_string()),
            None,
            (
                Some(json!({ "framework": before.framework, "every": before.every })),
                None,
            ),
        ));
        tx.commit().await?;
        Ok(before)
    }

    /// A page of schedules.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_report_schedules(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<ReportSchedule>, AppError> {
        Ok(self
            .store
            .list_report_schedules(permit.scope(), page)
            .await?)
    }

    /// A kept report, if there is one.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_kept_report(
        &self,
        permit: &Permit,
        id: KeptReportId,
    ) -> Result<Option<KeptReport>, AppError> {
        Ok(self.store.find_kept_report(permit.scope(), id).await?)
    }

    /// A page of kept reports.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_kept_reports(
        &self,
        permit: &Permit,
        framework: Option<FrameworkId>,
        page: PageRequest,
    ) -> Result<Page<KeptReport>, AppError> {
        let found = self
            .store
            .list_kept_reports(permit.scope(), framework, page);
        Ok(found.await?)
    }
}
