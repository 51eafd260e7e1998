//! Policies about events: what is found in one, and how many there are.

use aim_domain::agent::AgentType;
use aim_domain::anomaly::{AnomalyKind, Finding, Severity};
use aim_domain::id::{AgentId, EventId, PolicyId};
use aim_domain::policy::{
    Effect, ObservedEvent, Policies, PolicyContext, PolicyMode, PolicyScope, PolicyText,
    RateWindow, Rule, StoredPolicy,
};
use aim_domain::risk::RiskLevel;
use chrono::DateTime;
use uuid::Uuid;

fn text(rule: Rule, effect: Effect) -> PolicyText {
    PolicyText {
        name: "a test".to_owned(),
        description: String::new(),
        rule,
        effect,
        severity: Severity::High,
        priority: 0,
        scope: PolicyScope::default(),
        approvers: 1,
        notify: Vec::new(),
    }
}

fn stored(number: u128, mode: PolicyMode, text: PolicyText) -> StoredPolicy {
    let id = PolicyId::from_uuid(Uuid::from_u128(number));
    let (version, text) = (1, Ok(text));
    StoredPolicy {
        id,
        version,
        mode,
        text,
    }
}

const CONTEXT: PolicyContext<'_> = PolicyContext {
    agent: AgentId::from_uuid(Uuid::from_u128(1)),
    agent_type: AgentType::LlmAgent,
    tags: &[],
    action: "http:post",
    resource: None,
    risk: RiskLevel::Medium,
    trust: None,
    is_granted: true,
    address: None,
    at: DateTime::UNIX_EPOCH,
    mcp: None,
};

fn finding(kind: AnomalyKind, severity: Severity) -> Finding {
    Finding {
        kind,
        severity,
        score: 0.5,
        summary: format!("{kind:?} {severity:?}"),
        evidence: Vec::new(),
        event: EventId::from_uuid(Uuid::nil()),
        time: DateTime::UNIX_EPOCH,
        policies: Vec::new(),
    }
}

const fn of_kinds(kinds: Vec<AnomalyKind>, severity: Severity) -> Rule {
    Rule::Finding { kinds, severity }
}

#[test]
fn findings_match_by_kind_and_severity() {
    use AnomalyKind::{NewDomain, RateSpike};
    use Severity::{High, Low, Medium};
    let found = [finding(NewDomain, Medium), finding(RateSpike, Low)];
    for (rule, why) in [
        (of_kinds(vec![NewDomain], Low), Some("NewDomain Medium")),
        (of_kinds(vec![NewDomain], Medium), Some("NewDomain Medium")),
        (of_kinds(vec![NewDomain], High), None),
        (of_kinds(vec![RateSpike], Medium), None),
        (
            of_kinds(vec![RateSpike, NewDomain], Low),
            Some("NewDomain Medium"),
        ),
        (of_kinds(Vec::new(), Low), Some("NewDomain Medium")),
        (of_kinds(vec![AnomalyKind::OffHours], Low), None),
    ] {
        let policy = stored(
            1,
            PolicyMode::Enforced,
            text(rule.clone(), Effect::Quarantine),
        );
        let policies: Policies = [policy].into_iter().collect();
        assert!(policies.watches_events());
        let event = ObservedEvent {
            findings: &found,
            counts: [0; 3],
        };
        let hits = policies.judge_event(&CONTEXT, &event);
        assert_eq!(hits.first().map(|hit| hit.why.as_str()), why, "{rule:?}");
        assert_eq!(policies.may_match(&event), why.is_some());
        // No decision is asked, and none costs more.
        assert_eq!(policies.evaluate(&CONTEXT).count, 0);
        assert_eq!(policies.widest_slice(), 0);
    }
}

#[test]
fn a_rate_is_told_once_a_window_by_the_event_that_is_one_too_many() {
    let rule = Rule::RateAbove {
        window: RateWindow::TenMinutes,
        most: 100,
    };
    let policy = stored(1, PolicyMode::Enforced, text(rule, Effect::Alert));
    let policies: Policies = [policy].into_iter().collect();
    let matching = (0..300_u32).filter(|count| {
        let event = ObservedEvent {
            findings: &[],
            counts: [1, *count, 1_000],
        };
        !policies.judge_event(&CONTEXT, &event).is_empty()
    });
    assert_eq!(matching.collect::<Vec<_>>(), [101]);
}

#[test]
fn scope_and_mode_count_as_for_decisions() {
    let rule = of_kinds(Vec::new(), Severity::Low);
    let mut elsewhere = text(rule.clone(), Effect::Quarantine);
    elsewhere.scope.tags = vec!["production".to_owned()];
    let of = |effect| text(rule.clone(), effect);
    let policies: Policies = [
        stored(1, PolicyMode::Shadow, of(Effect::Quarantine)),
        stored(2, PolicyMode::Enforced, of(Effect::Alert)),
        stored(3, PolicyMode::Disabled, of(Effect::Quarantine)),
        stored(4, PolicyMode::Enforced, elsewhere),
        stored(5, PolicyMode::Enforced, of(Effect::Quarantine)),
    ]
    .into_iter()
    .collect();
    let found = [finding(AnomalyKind::NewDomain, Severity::Low)];
    let event = ObservedEvent {
        findings: &found,
        counts: [0; 3],
    };
    let numbers = |context| {
        let hits = policies.judge_event(&context, &event);
        let ids = hits.iter().map(|hit| hit.policy.as_uuid().as_u128());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(numbers(CONTEXT), [5, 2, 1]);
    let tags = ["production".to_owned()];
    assert_eq!(
        numbers(PolicyContext {
            tags: &tags,
            ..CONTEXT
        }),
        [4, 5, 2, 1]
    );
}

#[test]
fn what_comes_too_late_or_waits_for_itself_is_refused() {
    for effect in [Effect::Forbid, Effect::RequireApproval] {
        let faults = text(of_kinds(Vec::new(), Severity::Low), effect).faults();
        assert_eq!(faults[0].0, "effect", "{faults:?}");
    }
    let own = of_kinds(vec![AnomalyKind::PolicyAlert], Severity::Low);
    assert_eq!(text(own, Effect::Alert).faults()[0].0, "rule");
    // As it is kept, it is read again.
    let rule = Rule::RateAbove {
        window: RateWindow::Hour,
        most: 7,
    };
    let kept = serde_json::to_string(&rule).unwrap();
    assert_eq!(kept, r#"{"kind":"RATE_ABOVE","window":"HOUR","most":7}"#);
    assert_eq!(serde_json::from_str::<Rule>(&kept).unwrap(), rule);
}
