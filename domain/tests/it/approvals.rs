//! Where a person has to agree, what stands for that, and what an approval comes to when it is presented.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use aim_domain::agent::AgentStatus;
use aim_domain::approval::{ApprovalFacts, ApprovalGrant, ApprovalSettings, present};
use aim_domain::capability::Pattern;
use aim_domain::id::{AgentKeyId, ApprovalGrantId};
use aim_domain::name::{ActionName, Resource};
use aim_domain::risk::RiskLevel;
use aim_domain::verification::{
    ActionRequest, AgentFacts, Arguments, Asked, Decision, Obligation, ReasonCode, Verdict, decide,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::kill_switch::facts;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn request(resource: Option<&str>) -> ActionRequest {
    ActionRequest {
        action: ActionName::parse("files:read").unwrap(),
        resource: resource.map(|it| Resource::parse(it).unwrap()),
        arguments: Arguments::default(),
        declared_risk: Some(RiskLevel::Critical),
        session: None,
        task: None,
    }
}

fn decided(facts: &AgentFacts, resource: Option<&str>, seconds: i64) -> Verdict {
    let asked = Asked {
        key: AgentKeyId::from_uuid(Uuid::from_u128(3)),
        at: at(seconds),
        address: None,
    };
    decide(&request(resource), asked, facts)
}

fn with(settings: ApprovalSettings, grants: Vec<ApprovalGrant>) -> AgentFacts {
    AgentFacts {
        approvals: Some(Arc::new(ApprovalFacts { settings, grants })),
        ..facts(AgentStatus::Verified)
    }
}

fn grant(resource: Option<&str>) -> ApprovalGrant {
    ApprovalGrant {
        id: ApprovalGrantId::from_uuid(Uuid::from_u128(9)),
        action: Pattern::capability("files:*").unwrap(),
        resource: resource.map(|it| Pattern::resource(it).unwrap()),
        expires_at: at(100),
        is_counted: false,
    }
}

#[test]
fn it_waits_as_long_as_the_organization_says() {
    let verdict = decided(&facts(AgentStatus::Verified), None, 0);
    assert_eq!(verdict.decision, Decision::PendingApproval);
    assert_eq!((verdict.approvers, verdict.expires_at), (1, at(900)));
    let patient = ApprovalSettings {
        wait_seconds: 60,
        two_persons_from: Some(RiskLevel::High),
        ..ApprovalSettings::default()
    };
    let verdict = decided(&with(patient, Vec::new()), None, 0);
    assert_eq!((verdict.approvers, verdict.expires_at), (2, at(60)));
}

#[test]
fn a_word_beforehand_is_good_for_what_it_names_until_it_ends() {
    let facts = with(ApprovalSettings::default(), vec![grant(Some("/data/*"))]);
    for (resource, seconds, expected) in [
        (Some("/data/x"), 99, Decision::Allowed),
        (Some("/data/x"), 100, Decision::PendingApproval),
        (Some("/etc/x"), 99, Decision::PendingApproval),
        (None, 99, Decision::PendingApproval),
    ] {
        let verdict = decided(&facts, resource, seconds);
        assert_eq!(verdict.decision, expected, "{resource:?} {seconds}");
    }
    let two = ApprovalSettings {
        two_persons_for: vec![Pattern::capability("files:*").unwrap()],
        ..ApprovalSettings::default()
    };
    let verdict = decided(&with(two, vec![grant(None)]), None, 0);
    assert_eq!(
        verdict.decision,
        Decision::PendingApproval,
        "it stands for one person"
    );
    let ungranted = AgentFacts {
        grants: Vec::new(),
        ..with(ApprovalSettings::default(), vec![grant(None)])
    };
    let verdict = decided(&ungranted, None, 0);
    assert_eq!(verdict.decision, Decision::Denied, "it grants nothing");
}

#[test]
fn what_is_presented_is_allowed_when_nothing_else_speaks_against_it() {
    let two = ApprovalSettings {
        two_persons_from: Some(RiskLevel::Critical),
        ..ApprovalSettings::default()
    };
    let code = |verdict: &Verdict| verdict.reasons.last().map(|it| it.code);
    for (settings, given, decision, reason) in [
        (
            ApprovalSettings::default(),
            1,
            Decision::Allowed,
            ReasonCode::ApprovalGiven,
        ),
        (two.clone(), 2, Decision::Allowed, ReasonCode::ApprovalGiven),
        (two, 1, Decision::Denied, ReasonCode::ApprovalInsufficient),
        (
            ApprovalSettings::default(),
            0,
            Decision::Denied,
            ReasonCode::ApprovalInsufficient,
        ),
    ] {
        let verdict = present(decided(&with(settings, Vec::new()), None, 0), given, at(10));
        assert_eq!((verdict.decision, code(&verdict)), (decision, Some(reason)));
        assert_eq!(verdict.expires_at, at(10) + TimeDelta::seconds(300));
        let owes = (decision == Decision::Allowed).then_some(Obligation::ReportResult);
        assert_eq!(verdict.obligations.first().copied(), owes);
    }
    let stopped = facts(AgentStatus::Quarantined);
    let verdict = present(decided(&stopped, None, 0), 2, at(10));
    assert_eq!(verdict.decision, Decision::Denied);
    assert_eq!(code(&verdict), Some(ReasonCode::AgentQuarantined));
}
