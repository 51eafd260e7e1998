//! Making the reports that are due.
//!
//! Guarantee: each period of a schedule has one report, on however many nodes this runs and whatever
//! dies: the report, its audit entry, its fact, what its target is told, and when the next is due are
//! one transaction, whose condition is that nobody made it before. A period in which no process ran
//! has none: what was then is not on record in these numbers, and nobody makes it up.

use std::time::Duration;

use aim_domain::compliance::{CheckOutcome, ReportBody, ReportKept, report_csv};
use aim_domain::digest::hex;
use aim_domain::event::NewEvent;
use aim_domain::id::{AgentId, KeptReportId};
use aim_domain::notification::TargetKind;
use aim_domain::scope::Scope;
use aim_store::Tx;
use aim_store::kept_reports::KeptReport;
use aim_store::report_schedules::ReportSchedule;
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::hold_job::{Pace, Round, Seat};
use crate::notices::Notice;
use crate::{App, AppError};

const JOB: &str = "reports";
/// Reports of one round.
const BATCH: u64 = 10;
/// How long another process waits after this one died.
const LEASE: TimeDelta = TimeDelta::seconds(10);
const PACE: Pace = Pace {
    rest: Duration::from_millis(100),
    idle: Duration::from_secs(1),
    problem: "reports were not made",
};

impl App {
    /// Makes reports until `stop` fires.
    pub async fn keep_reports(&self, stop: CancellationToken) {
        let mut listener = self.store.wake().listen();
        let mut seat = self.seat(JOB, LEASE);
        while !stop.is_cancelled() {
            listener.heed();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.report_round(&mut seat) => outcome,
            };
            PACE.rest(outcome, &mut listener, &stop).await;
        }
    }

    async fn report_round(&self, seat: &mut Seat) -> Result<Round, AppError> {
        if !self.hold_job(seat).await? {
            return Ok(Round::NotOurs);
        }
        let now = self.clock.now();
        let due = self.store.load_due_report_schedules(now, BATCH).await?;
        for schedule in &due {
            self.keep_report(schedule).await?;
        }
        Ok(match due.is_empty() {
            true => Round::Idle,
            false => Round::More,
        })
    }

    async fn keep_report(&self, due: &ReportSchedule) -> Result<(), AppError> {
        let scope = Scope::of(due.organization);
        let measured = self.measure_framework(scope, due.framework).await?;
        let lines = measured.lines();
        let csv = report_csv(measured.at, &lines);
        let organization = self.store.find_organization(due.organization).await?;
        let id = KeptReportId::from_uuid(self.ids.next());
        let object = ("report", id.to_string());
        let mut entry = self.by_system(JOB, due.organization, "report.keep", object);
        let report = KeptReport {
            id,
            organization: due.organization,
            schedule: due.id,
            framework: due.framework,
            every: due.every,
            period_start: due.every.start(measured.at),
            measured_at: measured.at,
            body: ReportBody {
                organization: organization.map(|it| it.name).unwrap_or_default(),
                name: measured.framework.name.clone(),
                edition: measured.framework.edition.clone(),
                lines,
            },
            csv_sha256: hex(&Sha256::digest(csv.as_bytes())),
            tree_size: measured.checkpoint.as_ref().map(|it| it.size),
            root_hash: measured.checkpoint.map(|it| it.root.to_string()),
            audit_entry: entry.id,
        };
        entry.after = Some(
            json!({ "framework": report.framework, "every": report.every,
            "periodStart": report.period_start, "csvSha256": report.csv_sha256 }),
        );
        let next_at = due.every.next(report.period_start);
        let mut tx = self.store.begin().await?;
        if !tx.advance_report_schedule(due, next_at).await? {
            return Ok(());
        }
        if !tx.insert_kept_report(&report).await? {
            // A clock that was set back: the period has one.
            return Ok(tx.commit().await?);
        }
        let event = self.event(
            due.organization,
            AgentId::from_uuid(due.organization.as_uuid()),
            kept(&report),
        );
        self.tell_target(&mut tx, due, &event).await?;
        tx.emit(&event);
        tx.audit(entry);
        tx.commit().await?;
        self.deliveries_were_written();
        Ok(())
    }

    /// Tells the schedule's own target, under the key by which it would be told if it wanted all facts of
    /// this kind: it is told once.
    async fn tell_target(
        &self,
        tx: &mut Tx,
        due: &ReportSchedule,
        event: &NewEvent,
    ) -> Result<(), AppError> {
        let Some(id) = due.target else {
            return Ok(());
        };
        let scope = Scope::of(due.organization);
        let found = self.store.find_notification_target(scope, id).await?;
        let Some(target) = found.filter(|it| it.disabled_at.is_none()) else {
            return Ok(());
        };
        let notice = Notice::of(&event.fact);
        let (key, payload) = match target.kind {
            TargetKind::Webhook => {
                let body = json!({ "type": ReportKept::TYPE, "timestamp": event.time,
                    "data": event.fact });
                (format!("event:{}", event.id), body.to_string())
            }
            TargetKind::Slack | TargetKind::Email => {
                let Some(notice) = notice else { return Ok(()) };
                let payload = serde_json::to_string(&notice).unwrap_or_default();
                (notice.key, payload)
            }
        };
        let delivery = self.new_delivery(&target, ReportKept::TYPE, key, payload);
        Ok(tx.insert_notification_deliveries(&[delivery]).await?)
    }
}

/// What others are told of a report.
fn kept(report: &KeptReport) -> ReportKept {
    let count = |outcome| {
        let lines = report.body.lines.iter();
        lines.filter(|it| it.outcome == outcome).count() as u64
    };
    ReportKept {
        report: report.id,
        schedule: report.schedule,
        framework: report.framework,
        every: report.every,
        period_start: report.period_start,
        measured_at: report.measured_at,
        met: count(CheckOutcome::Met),
        not_met: count(CheckOutcome::NotMet),
        csv_sha256: report.csv_sha256.clone(),
    }
}
