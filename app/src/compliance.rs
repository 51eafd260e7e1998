//! A framework, held against what is on record now.

use std::collections::{BTreeSet, HashMap};

use aim_domain::alert::AlertStatus;
use aim_domain::compliance::{
    CheckKind, Framework, FrameworkId, Measured, Measurement, ReportLine, frameworks,
};
use aim_domain::policy::{Effect, Policies};
use aim_domain::scope::Scope;
use aim_store::audit_log::AuditCheckpoint;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{App, AppError, Permit};

/// People who have not been here for so long are idle.
const IDLE: TimeDelta = TimeDelta::days(90);
/// A key that is older than this is old.
const OLD_KEY: TimeDelta = TimeDelta::days(365);
/// An alert is acknowledged within this,
const TAKEN_UP: TimeDelta = TimeDelta::hours(24);
/// and resolved within this.
const RESOLVED: TimeDelta = TimeDelta::days(7);
/// An entry is under a signed checkpoint within this.
const SIGNED: TimeDelta = TimeDelta::minutes(10);

/// A framework with what each of its checks came to.
#[derive(Debug, Clone)]
pub struct ComplianceReport {
    /// Which.
    pub framework: &'static Framework,
    /// Of each control, in its order.
    pub controls: Vec<Vec<Measurement>>,
    /// When it was measured.
    pub at: DateTime<Utc>,
    /// The audit log's newest checkpoint then; `None` where there is none.
    pub checkpoint: Option<AuditCheckpoint>,
}

impl ComplianceReport {
    /// Line by line, each a check of a control.
    #[must_use]
    pub fn lines(&self) -> Vec<ReportLine> {
        let controls = self.framework.controls.iter().zip(&self.controls);
        let lines = controls.flat_map(|(control, measured)| {
            let checks = control.checks.iter().zip(measured);
            checks.map(|(check, it)| ReportLine {
                control: control.id.clone(),
                title: control.title.clone(),
                check: it.kind,
                wanted: it.kind.wanted().to_owned(),
                days: check.days,
                outcome: it.outcome(),
                count: it.measured.count,
                lacking: it.measured.lacking,
            })
        });
        lines.collect()
    }
}

impl App {
    /// Measures what a framework asks for.
    ///
    /// # Errors
    /// `NotFound` for the framework, `Unavailable` when the database does not answer.
    pub async fn compliance_report(
        &self,
        permit: &Permit,
        id: FrameworkId,
    ) -> Result<ComplianceReport, AppError> {
        self.measure_framework(permit.scope(), id).await
    }

    /// The same, also for the job that keeps reports.
    pub(crate) async fn measure_framework(
        &self,
        scope: Scope,
        id: FrameworkId,
    ) -> Result<ComplianceReport, AppError> {
        let framework = frameworks().iter().find(|it| it.id == id);
        let framework = framework.ok_or_else(|| AppError::not_found("framework"))?;
        let at = self.clock.now();
        let checkpoint = self.store.find_audit_checkpoint(scope, None).await?;
        let controls = &framework.controls;
        let checks = || controls.iter().map(|control| &control.checks);
        // Each is measured once, whatever asks for it.
        let asked: BTreeSet<_> = checks().flatten().map(|it| (it.kind, it.days)).collect();
        let mut found = HashMap::with_capacity(asked.len());
        for (kind, days) in asked {
            let size = checkpoint.as_ref().map_or(0, |it| it.size);
            let measured = self.measure(scope, kind, (at, size, days)).await?;
            found.insert((kind, days), measured);
        }
        let measured = |kind, days| {
            let measured = found.get(&(kind, days)).cloned().unwrap_or_default();
            Measurement { kind, measured }
        };
        let controls =
            checks().map(|all| all.iter().map(|it| measured(it.kind, it.days)).collect());
        Ok(ComplianceReport {
            framework,
            controls: controls.collect(),
            at,
            checkpoint,
        })
    }

    async fn measure(
        &self,
        scope: Scope,
        kind: CheckKind,
        (now, size, days): (DateTime<Utc>, u64, Option<u32>),
    ) -> Result<Measured, AppError> {
        let store = &self.store;
        Ok(match kind {
            CheckKind::SecondFactor => store.measure_second_factors(scope).await?,
            CheckKind::PeopleActive => store.measure_people(scope, now - IDLE).await?,
            CheckKind::ApiKeysEnd => store.measure_api_keys(scope, now).await?,
            CheckKind::AgentsProven => store.measure_agents(scope).await?,
            CheckKind::AgentKeysEnd => store.measure_agent_keys(scope, now, None).await?,
            CheckKind::AgentKeysYoung => {
                let since = Some(now - OLD_KEY);
                store.measure_agent_keys(scope, now, since).await?
            }
            CheckKind::GrantsNarrow => store.measure_grants(scope, now, false).await?,
            CheckKind::GrantsExplained => store.measure_grants(scope, now, true).await?,
            CheckKind::TrustKnown => store.measure_trust(scope).await?,
            CheckKind::PoliciesEnforced => {
                let policies = self.policies_of(scope.organization).await?;
                let counting = policies.as_deref().map_or(0, |it| it.enforced().count());
                Measured::of_one(counting > 0)
            }
            CheckKind::HumanOversight => {
                let found = store.find_organization(scope.organization).await?;
                let waits = found.is_some_and(|it| it.settings.approval_from.is_some());
                let policies = self.policies_of(scope.organization).await?;
                let asks = policies.as_deref().is_some_and(asks_a_person);
                Measured::of_one(waits || asks)
            }
            CheckKind::AlertsTakenUp => {
                let until = now - TAKEN_UP;
                store
                    .measure_alerts(scope, until, &[AlertStatus::Open])
                    .await?
            }
            CheckKind::AlertsResolved => {
                let (until, late) = (
                    now - RESOLVED,
                    [AlertStatus::Open, AlertStatus::Acknowledged],
                );
                store.measure_alerts(scope, until, &late).await?
            }
            CheckKind::AuditSigned => store.measure_audit(scope, size, now - SIGNED).await?,
            CheckKind::AuditUnbroken => {
                let stop = store.find_audit_stop(scope).await?;
                Measured::of_one(stop.is_none())
            }
            CheckKind::AuditWitnessed => {
                let witnesses = store.list_audit_witnesses(scope).await?;
                Measured::of_one(!witnesses.is_empty())
            }
            CheckKind::AuditKept => {
                let kept = store.find_audit_retention(scope).await?.days;
                let is_kept = kept.is_none_or(|kept| kept >= days.unwrap_or_default());
                Measured::of_one(is_kept)
            }
            CheckKind::AccessReviewed => {
                let days = TimeDelta::days(days.unwrap_or_default().into());
                store
                    .measure_access_reviews(scope, (now, now - days))
                    .await?
            }
        })
    }
}

fn asks_a_person(policies: &Policies) -> bool {
    policies
        .enforced()
        .any(|text| text.effect == Effect::RequireApproval)
}
