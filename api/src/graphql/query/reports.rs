//! Schedules of reports, and the reports that were kept.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    ComplianceFramework, KeptReport, KeptReportConnection, ReportScheduleConnection,
};

/// Which kept reports; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct KeptReportFilter {
    /// On this framework.
    framework: Option<ComplianceFramework>,
}

/// Queries about reports.
#[derive(Debug, Default)]
pub(crate) struct ReportQueries;

#[Object]
impl ReportQueries {
    /// Reports that are made again and again, newest first. Needs `ADMIN`.
    async fn report_schedules(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<ReportScheduleConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("ReportSchedule", first, after, last, before)?;
        let found = request.app.list_report_schedules(&permit, page);
        Ok(found.await.map_err(fault)?.into())
    }

    /// A kept report. Needs `ADMIN`.
    async fn kept_report(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id of the report.")] id: ID,
    ) -> Result<Option<KeptReport>> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let id = parse_id("KeptReport", "id", &id)?;
        let found = request.app.find_kept_report(&permit, id);
        Ok(found.await.map_err(fault)?.map(KeptReport::from))
    }

    /// Kept reports, newest first. Needs `ADMIN`.
    async fn kept_reports(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which reports; all when left out.")] filter: Option<KeptReportFilter>,
    ) -> Result<KeptReportConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("KeptReport", first, after, last, before)?;
        let framework = filter.unwrap_or_default().framework.map(Into::into);
        let found = request.app.list_kept_reports(&permit, framework, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
