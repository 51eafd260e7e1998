//! Having reports made again and again.

use aim_app::ScheduleReport;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{ComplianceFramework, ReportPeriod, ReportSchedule};
use super::super::user_error::payload;

/// A report to make again and again.
#[derive(Debug, InputObject)]
struct ScheduleReportInput {
    /// On which framework.
    framework: ComplianceFramework,
    /// How often.
    every: ReportPeriod,
    /// The notification target to tell of each, by global id.
    notification_target_id: Option<ID>,
}

/// A schedule to end.
#[derive(Debug, InputObject)]
struct UnscheduleReportInput {
    /// Global id of the schedule.
    report_schedule_id: ID,
}

payload!(ScheduleReportPayload, ScheduleReportError, /// The schedule.
    report_schedule: ReportSchedule);
payload!(UnscheduleReportPayload, UnscheduleReportError, /// The schedule as it was.
    report_schedule: ReportSchedule);

/// Mutations of schedules of reports.
#[derive(Debug, Default)]
pub(crate) struct ReportMutations;

#[Object]
impl ReportMutations {
    /// Has a report made and kept now, and at the beginning of each period. Needs `ADMIN`.
    async fn schedule_report(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which report, how often, and who is told.")] input: ScheduleReportInput,
    ) -> Result<ScheduleReportPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let target = input.notification_target_id;
        let target = target.map(|id| parse_id("NotificationTarget", "notificationTargetId", &id));
        let input = ScheduleReport {
            framework: input.framework.into(),
            every: input.every.into(),
            target: target.transpose()?,
        };
        let outcome = request.app.schedule_report(&permit, input);
        ScheduleReportPayload::of(outcome.await)
    }

    /// Ends a schedule; the reports that it made stay. Needs `ADMIN`.
    async fn unschedule_report(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: UnscheduleReportInput,
    ) -> Result<UnscheduleReportPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = parse_id(
            "ReportSchedule",
            "reportScheduleId",
            &input.report_schedule_id,
        )?;
        let outcome = request.app.unschedule_report(&permit, id);
        UnscheduleReportPayload::of(outcome.await)
    }
}
