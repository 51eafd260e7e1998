//! Reports that are made by themselves, and are kept.

use aim_domain::compliance::report_csv;
use aim_store::kept_reports::KeptReport as Row;
use aim_store::report_schedules::ReportSchedule as ScheduleRow;
use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::id::global_id;
use super::compliance::{CheckKind, CheckOutcome, ComplianceFramework};

/// How often a report is made; days are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::compliance::ReportPeriod")]
pub(crate) enum ReportPeriod {
    /// Each day.
    Daily,
    /// Each week, which begins on Monday.
    Weekly,
    /// Each month.
    Monthly,
    /// Each quarter of a year.
    Quarterly,
}

/// A compliance report that is made again and again.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ReportSchedule {
    /// Global id.
    id: ID,
    /// On which framework.
    framework: ComplianceFramework,
    /// How often.
    every: ReportPeriod,
    /// The notification target that is told of each, by global id.
    notification_target_id: Option<ID>,
    /// When the next is due.
    next_at: DateTime<Utc>,
    /// Who scheduled it, as `user:<id>`.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
}

impl From<ScheduleRow> for ReportSchedule {
    fn from(row: ScheduleRow) -> Self {
        Self {
            id: global_id("ReportSchedule", row.id),
            framework: row.framework.into(),
            every: row.every.into(),
            notification_target_id: row.target.map(|it| global_id("NotificationTarget", it)),
            next_at: row.next_at,
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}

connection!(
    ReportScheduleConnection,
    ReportScheduleEdge,
    ReportSchedule,
    ScheduleRow,
    "ReportSchedule"
);

/// A compliance report as it was when it was made. It says what was counted and nothing more.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct KeptReport {
    /// Global id; `GET /v1/reports/{id}` sends it as a file.
    id: ID,
    /// By which schedule, by global id.
    report_schedule_id: ID,
    /// On which framework.
    framework: ComplianceFramework,
    /// What it is called.
    name: String,
    /// Which edition.
    edition: String,
    /// How often it is made.
    every: ReportPeriod,
    /// When the period began that it is of.
    period_start: DateTime<Utc>,
    /// When it was measured.
    measured_at: DateTime<Utc>,
    /// Leaves of the audit log under the newest checkpoint then; null where there was none.
    audit_tree_size: Option<u64>,
    /// The root of these, in hex: entries up to there can be proven.
    audit_root_hash: Option<String>,
    /// The entry of the audit log that has the digest of its CSV, by global id: it can be proven.
    audit_entry_id: ID,
    /// SHA-256 of its CSV, in hex.
    csv_sha256: String,
    /// Check by check.
    lines: Vec<ReportLine>,
    /// The same as CSV (RFC 4180).
    csv: String,
}

/// A check of a control, with what it came to.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ReportLine {
    /// As the framework numbers the control.
    control: String,
    /// What the control is about.
    title: String,
    /// What was asked.
    check: CheckKind,
    /// What has to be so.
    wanted: String,
    /// Days, of checks that have them.
    days: Option<u32>,
    /// What the numbers say.
    outcome: CheckOutcome,
    /// How many things it is about.
    count: u64,
    /// How many of them lack what is asked for.
    lacking_count: u64,
}

impl From<Row> for KeptReport {
    fn from(row: Row) -> Self {
        let lines = row.body.lines.iter().map(|line| ReportLine {
            control: line.control.clone(),
            title: line.title.clone(),
            check: line.check.into(),
            wanted: line.wanted.clone(),
            days: line.days,
            outcome: line.outcome.into(),
            count: line.count,
            lacking_count: line.lacking,
        });
        Self {
            id: global_id("KeptReport", row.id),
            report_schedule_id: global_id("ReportSchedule", row.schedule),
            framework: row.framework.into(),
            lines: lines.collect(),
            csv: report_csv(row.measured_at, &row.body.lines),
            name: row.body.name,
            edition: row.body.edition,
            every: row.every.into(),
            period_start: row.period_start,
            measured_at: row.measured_at,
            audit_tree_size: row.tree_size,
            audit_root_hash: row.root_hash,
            audit_entry_id: global_id("AuditEntry", row.audit_entry),
            csv_sha256: row.csv_sha256,
        }
    }
}

connection!(
    KeptReportConnection,
    KeptReportEdge,
    KeptReport,
    Row,
    "KeptReport"
);
