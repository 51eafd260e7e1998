//! Reports that are kept: what each line says, and when the next is made.

use std::fmt::Write;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{CheckKind, CheckOutcome, FrameworkId};
use crate::code;
use crate::id::{KeptReportId, ReportScheduleId};

/// Most schedules of an organization.
pub const REPORT_SCHEDULES_MAX: u64 = 20;

/// How often a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportPeriod {
    /// Each day.
    Daily,
    /// Each week, which begins on Monday.
    Weekly,
    /// Each month.
    Monthly,
    /// Each quarter of a year.
    Quarterly,
}

impl ReportPeriod {
    /// When the period began that `now` is in; days are those of UTC.
    #[must_use]
    pub fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let day = now.date_naive();
        let first_of = |month| NaiveDate::from_ymd_opt(day.year(), month, 1);
        let start = match self {
            Self::Daily => Some(day),
            Self::Weekly => {
                let since = day.weekday().num_days_from_monday();
                day.checked_sub_days(Days::new(since.into()))
            }
            Self::Monthly => first_of(day.month()),
            Self::Quarterly => first_of(day.month0() / 3 * 3 + 1),
        };
        start.unwrap_or(day).and_time(NaiveTime::MIN).and_utc()
    }

    /// When the period ends that began at `start`.
    #[must_use]
    pub fn next(self, start: DateTime<Utc>) -> DateTime<Utc> {
        let next = match self {
            Self::Daily => start.checked_add_days(Days::new(1)),
            Self::Weekly => start.checked_add_days(Days::new(7)),
            Self::Monthly => start.checked_add_months(Months::new(1)),
            Self::Quarterly => start.checked_add_months(Months::new(3)),
        };
        next.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// A check of a control, with what it came to: a line of each form of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLine {
    /// As the framework numbers the control.
    pub control: String,
    /// What the control is about.
    pub title: String,
    /// What was asked.
    pub check: CheckKind,
    /// What has to be so.
    pub wanted: String,
    /// Days, of checks that have them.
    pub days: Option<u32>,
    /// What the numbers say.
    pub outcome: CheckOutcome,
    /// How many things it is about.
    pub count: u64,
    /// How many of them lack what is asked for.
    pub lacking: u64,
}

/// What a kept report says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportBody {
    /// Which organization, by its name then.
    pub organization: String,
    /// What the framework is called.
    pub name: String,
    /// Which edition.
    pub edition: String,
    /// Line by line.
    pub lines: Vec<ReportLine>,
}

/// The lines as CSV (RFC 4180).
#[must_use]
pub fn report_csv(at: DateTime<Utc>, lines: &[ReportLine]) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut text =
        "measured_at,control,title,check,wanted,days,outcome,count,lacking\r\n".to_owned();
    for line in lines {
        let days = line.days.map(|it| it.to_string()).unwrap_or_default();
        let _ = write!(
            text,
            "{at},{},{},{},{},{days},{},{},{}\r\n",
            quoted(&line.control),
            quoted(&line.title),
            code::text(&line.check),
            quoted(&line.wanted),
            code::text(&line.outcome),
            line.count,
            line.lacking
        );
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A report was made and is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportKept {
    /// Which.
    pub report: KeptReportId,
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
    /// Checks whose numbers lack nothing.
    pub met: u64,
    /// Checks that something lacks.
    pub not_met: u64,
    /// SHA-256 of its CSV, in hex.
    pub csv_sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn periods_follow_each_other_without_gaps() {
        use ReportPeriod::{Daily, Monthly, Quarterly, Weekly};
        for (every, now, start, next) in [
            (Daily, "2026-02-28T23:59:59Z", "2026-02-28", "2026-03-01"),
            (Weekly, "2026-11-29T12:00:00Z", "2026-11-23", "2026-11-30"),
            (Weekly, "2026-11-30T00:00:00Z", "2026-11-30", "2026-12-07"),
            (Monthly, "2026-01-31T08:00:00Z", "2026-01-01", "2026-02-01"),
            (
                Quarterly,
                "2026-12-31T08:00:00Z",
                "2026-10-01",
                "2027-01-01",
            ),
            (
                Quarterly,
                "2026-05-01T00:00:00Z",
                "2026-04-01",
                "2026-07-01",
            ),
        ] {
            let found = every.start(at(now));
            assert_eq!(found, at(&format!("{start}T00:00:00Z")), "{every:?} {now}");
            let after = every.next(found);
            assert_eq!(after, at(&format!("{next}T00:00:00Z")), "{every:?} {now}");
            assert_eq!(every.start(after), after);
        }
    }

    #[test]
    fn cells_hold_whatever_they_say() {
        let line = ReportLine {
            control: "A.1".to_owned(),
            title: "say \"no\", twice".to_owned(),
            check: CheckKind::AuditKept,
            wanted: "kept".to_owned(),
            days: Some(90),
            outcome: CheckOutcome::NotMet,
            count: 2,
            lacking: 1,
        };
        let csv = report_csv(at("2026-01-01T00:00:00Z"), &[line]);
        let wanted = "2026-01-01T00:00:00Z,\"A.1\",\"say \"\"no\"\", twice\",AUDIT_KEPT,\"kept\",90,\
                      NOT_MET,2,1\r\n";
        assert_eq!(csv.split_once("\r\n").unwrap().1, wanted);
    }
}
