//! What frameworks ask for, held against what is on record.

use aim_app::ComplianceReport as Report;
use aim_domain::compliance::{CheckKind as Kind, Measurement, report_csv};
use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::id::global_id;

/// What a compliance check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::compliance::CheckKind")]
pub(crate) enum CheckKind {
    /// People sign in with a second factor, or by an issuer.
    SecondFactor,
    /// People who are let in still come.
    PeopleActive,
    /// API keys end.
    ApiKeysEnd,
    /// Agents have shown that they have their keys.
    AgentsProven,
    /// Agents' keys end.
    AgentKeysEnd,
    /// Agents' keys are younger than a year.
    AgentKeysYoung,
    /// Grants are about something, not about everything.
    GrantsNarrow,
    /// Grants say why.
    GrantsExplained,
    /// Verified agents have a trust score.
    TrustKnown,
    /// At least one policy counts.
    PoliciesEnforced,
    /// Some actions wait for a person.
    HumanOversight,
    /// Alerts of high or critical severity are taken up within a day.
    AlertsTakenUp,
    /// Alerts of high or critical severity are resolved within a week.
    AlertsResolved,
    /// Entries of the audit log are under a signed checkpoint.
    AuditSigned,
    /// The audit log is what was signed.
    AuditUnbroken,
    /// Somebody else vouches for the audit log.
    AuditWitnessed,
    /// The audit log keeps contents for long enough.
    AuditKept,
    /// A person said lately that those who may get in shall.
    AccessReviewed,
}

/// What the numbers of a compliance check say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::compliance::CheckOutcome")]
pub(crate) enum CheckOutcome {
    /// None lacks what is asked for.
    Met,
    /// Some do.
    NotMet,
    /// There is nothing that it is about.
    NotApplicable,
}

/// A framework by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::compliance::FrameworkId")]
pub(crate) enum ComplianceFramework {
    /// AICPA Trust Services Criteria.
    Soc2,
    /// ISO/IEC 27001, Annex A.
    Iso27001,
    /// HIPAA Security Rule.
    Hipaa,
    /// General Data Protection Regulation.
    Gdpr,
    /// EU Artificial Intelligence Act.
    EuAiAct,
    /// NIST AI Risk Management Framework.
    NistAiRmf,
}

/// A framework with what its checks came to. It says what was counted and nothing more: whether that
/// is enough is for people to judge.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ComplianceReport {
    /// Which framework.
    framework: ComplianceFramework,
    /// What it is called.
    name: String,
    /// Which edition.
    edition: String,
    /// Where its text is.
    source: String,
    /// When it was measured.
    measured_at: DateTime<Utc>,
    /// Leaves of the audit log under the newest checkpoint then; null where there is none.
    audit_tree_size: Option<u64>,
    /// The root of these, in hex: entries up to there can be proven.
    audit_root_hash: Option<String>,
    /// Its controls, as far as something on record bears on them.
    controls: Vec<ComplianceControl>,
    /// The same as CSV (RFC 4180), a line for each check of each control.
    csv: String,
}

/// A control, article or subcategory of a framework.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ComplianceControl {
    /// As the framework numbers it.
    number: String,
    /// What it is about.
    title: String,
    /// What bears on it.
    checks: Vec<ComplianceCheck>,
}

/// A check: a question that two numbers answer.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ComplianceCheck {
    /// What is asked.
    kind: CheckKind,
    /// What has to be so.
    wanted: String,
    /// Days that contents have to be kept, of `AUDIT_KEPT`, or that a word may be old, of `ACCESS_REVIEWED`.
    days: Option<u32>,
    /// What the numbers say.
    outcome: CheckOutcome,
    /// How many things it is about.
    count: u64,
    /// How many of them lack what is asked for.
    lacking_count: u64,
    /// Up to ten of those: global ids where there is an object of that kind, else plain ids.
    lacking: Vec<ID>,
}

impl From<Report> for ComplianceReport {
    fn from(report: Report) -> Self {
        let csv = report_csv(report.at, &report.lines());
        let framework = report.framework;
        let controls = framework.controls.iter().zip(report.controls);
        let controls: Vec<ComplianceControl> = controls
            .map(|(control, measured)| {
                let checks = control.checks.iter().zip(measured);
                let checks = checks.map(|(check, it)| ComplianceCheck::of(check.days, it));
                ComplianceControl {
                    number: control.id.clone(),
                    title: control.title.clone(),
                    checks: checks.collect(),
                }
            })
            .collect();
        let checkpoint = report.checkpoint.as_ref();
        Self {
            framework: framework.id.into(),
            name: framework.name.clone(),
            edition: framework.edition.clone(),
            source: framework.source.clone(),
            measured_at: report.at,
            audit_tree_size: checkpoint.map(|it| it.size),
            audit_root_hash: checkpoint.map(|it| it.root.to_string()),
            controls,
            csv,
        }
    }
}

impl ComplianceCheck {
    fn of(days: Option<u32>, measurement: Measurement) -> Self {
        let outcome = measurement.outcome();
        let (kind, measured) = (measurement.kind, measurement.measured);
        let node = node_of(kind);
        let ids = measured.examples.into_iter();
        let ids = ids.map(|id| match node {
            Some(node) => global_id(node, id),
            None => id.to_string().into(),
        });
        Self {
            kind: kind.into(),
            wanted: kind.wanted().to_owned(),
            days,
            outcome: outcome.into(),
            count: measured.count,
            lacking_count: measured.lacking,
            lacking: ids.collect(),
        }
    }
}

/// What kind of object a check's examples are, where those have global ids.
const fn node_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::SecondFactor | Kind::PeopleActive => Some("User"),
        Kind::AgentsProven | Kind::TrustKnown => Some("Agent"),
        Kind::AlertsTakenUp | Kind::AlertsResolved => Some("Alert"),
        Kind::AuditSigned => Some("AuditEntry"),
        _ => None,
    }
}
