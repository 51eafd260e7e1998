//! Policies in Cedar: what is refused, what matches, and that asking fewer gives the same answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use aim_domain::agent::AgentType;
use aim_domain::anomaly::Severity;
use aim_domain::id::{AgentId, PolicyId};
use aim_domain::policy::{
    CEDAR_COST, CEDAR_MAX_BYTES, CEDAR_STATEMENT_COST, CedarError, CedarRule, Effect,
    HITS_OF_A_KIND, Policies, PolicyContext, PolicyMode, PolicyScope, PolicyText, Rule,
    StoredPolicy,
};
use aim_domain::risk::RiskLevel;
use aim_domain::trust::TrustScore;
use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

fn agent(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

fn rule(cedar: &str) -> Rule {
    let text = CedarRule::parse(cedar).unwrap();
    let rule = Rule::Cedar { text };
    assert_eq!(rule.check(), Ok(()), "{cedar}");
    rule
}

fn context<'a>(
    action: &'a str,
    resource: Option<&'a str>,
    tags: &'a [String],
) -> PolicyContext<'a> {
    PolicyContext {
        agent: agent(1),
        agent_type: AgentType::LlmAgent,
        tags,
        action,
        resource,
        risk: RiskLevel::High,
        trust: Some(TrustScore::from_ten_thousandths(4_999)),
        is_granted: true,
        address: Some("::ffff:10.1.2.3".parse().unwrap()),
        at: DateTime::from_timestamp(1_780_000_000, 0).unwrap(),
        mcp: None,
    }
}

#[test]
fn every_fact_can_be_looked_at() {
    let tags = vec!["production".to_owned()];
    let now = context("files:write:all", Some("https://evil.example/x"), &tags);
    for (when, matches) in [
        (
            r#"principal == Agent::"00000000-0000-0000-0000-000000000001""#,
            true,
        ),
        (
            r#"principal == Agent::"00000000-0000-0000-0000-000000000002""#,
            false,
        ),
        (r#"principal.agentType == "LLM_AGENT""#, true),
        (r#"principal.tags.contains("production")"#, true),
        (r#"principal.tags.contains("test")"#, false),
        (r#"action == Action::"files:write:all""#, true),
        (r#"action == Action::"files:write""#, false),
        (r#"action in Action::"files:write""#, true),
        (r#"action in Action::"files""#, true),
        (r#"action in Action::"file""#, false),
        (r#"context.action like "files:*""#, true),
        (r#"resource == Resource::"https://evil.example/x""#, true),
        (r#"resource.name like "*/x""#, true),
        (r#"resource.hosts.contains("evil.example")"#, true),
        (r#"["good.example"].containsAll(resource.hosts)"#, false),
        (r#"["HIGH", "CRITICAL"].contains(context.risk)"#, true),
        (
            r#"context has trust && context.trust.lessThan(decimal("0.5"))"#,
            true,
        ),
        (
            r#"context has trust && context.trust.lessThan(decimal("0.4999"))"#,
            false,
        ),
        (r#"context.isGranted"#, true),
        (
            r#"context has address && context.address.isInRange(ip("10.0.0.0/8"))"#,
            true,
        ),
        (r#"context.time > datetime("2026-05-28")"#, true),
        (r#"context.time > datetime("2026-05-29")"#, false),
    ] {
        let text = format!("forbid(principal, action, resource) when {{ {when} }};");
        assert_eq!(rule(&text).matches(&now), matches, "{when}");
    }
    // What is not known is not there.
    let unknown = PolicyContext {
        trust: None,
        address: None,
        resource: None,
        ..now
    };
    for (when, matches) in [
        ("context has trust", false),
        ("context has address", false),
        (r#"resource == Resource::"""#, true),
        ("resource.hosts.isEmpty()", true),
    ] {
        let text = format!("forbid(principal, action, resource) when {{ {when} }};");
        assert_eq!(rule(&text).matches(&unknown), matches, "{when}");
    }
}

#[test]
fn what_is_not_permitted_is_denied_where_something_is() {
    let permits = rule(
        r#"permit(principal, action == Action::"files:read", resource);
           forbid(principal, action, resource) when { resource.name like "*.pem" };"#,
    );
    for (action, resource, matches) in [
        ("files:read", "/a", false),
        ("files:read", "/a.pem", true),
        ("files:write", "/a", true),
    ] {
        let now = context(action, Some(resource), &[]);
        assert_eq!(permits.matches(&now), matches, "{action} {resource}");
    }
    let now = context("files:write", Some("/a"), &[]);
    assert_eq!(permits.explain(&now), "no `permit` of its Cedar text holds");
    let named =
        rule(r#"@reason("no keys, ask the key vault") forbid(principal, action, resource);"#);
    assert_eq!(named.explain(&now), "no keys, ask the key vault");
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_remedy() {
    let refused = |text: &str| match CedarRule::parse(text) {
        Err(error) => error.to_string(),
        Ok(text) => Rule::Cedar { text }.check().unwrap_err().to_string(),
    };
    for (text, says) in [
        ("", "has no statement"),
        ("  // nothing", "has no statement"),
        (
            "forbid(principal, action, resource)",
            "is not Cedar: unexpected end",
        ),
        (
            "forbid(principal, action, resource) when { context.danger };",
            "`danger`",
        ),
        (
            "forbid(principal, action, resource) when { context.risk > 3 };",
            "String",
        ),
        (
            "forbid(principal, action, resource) when { context.trust.lessThan(decimal(\"0.5\")) };",
            "trust",
        ),
        (
            "forbid(principal == User::\"x\", action, resource);",
            "User",
        ),
        (
            "forbid(principal == Agent::\"x\", action, resource);",
            "is no agent; give its UUID",
        ),
        (
            "forbid(principal, action, resource) when { principal == Resource::\"x\" };",
            "",
        ),
        (
            "forbid(principal == ?principal, action, resource);",
            "in the place of `?principal`",
        ),
        (
            "forbid(principal, action, resource) when { false };",
            "impossible",
        ),
        (
            "forbid(principal, action, resource) when { decimal(\"x\").lessThan(decimal(\"1.0\")) };",
            "decimal",
        ),
    ] {
        let found = refused(text);
        assert!(found.contains(says), "{text}: {found}");
    }
    let many = "forbid(principal, action, resource);".repeat(21);
    assert_eq!(
        CedarRule::parse(&many),
        Err(CedarError::TooMuch(21, "statements", 20))
    );
    let long = " ".repeat(CEDAR_MAX_BYTES + 1);
    assert!(matches!(
        CedarRule::parse(long),
        Err(CedarError::TooMuch(4_097, "bytes", 4_096))
    ));
}

/// What reads it is called once for each bracket; a deep one must not end the process.
#[test]
fn no_text_overflows_the_stack_of_a_worker() {
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let read = small.spawn(|| {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("!", ""),
            ("-", ""),
            ("if true then ", " else 1"),
            ("{a:", "}"),
            ("1 + ", ""),
            ("x.", "y"),
            ("true && ", ""),
        ] {
            for times in [10, 31, 33, 300, 2_000] {
                let text = format!(
                    "forbid(principal, action, resource) when {{ {}1{} }};",
                    open.repeat(times),
                    close.repeat(times)
                );
                if let Ok(text) = CedarRule::parse(text) {
                    let rule = Rule::Cedar { text };
                    let _ = rule.check();
                    let _ = rule.matches(&context("a", None, &[]));
                }
            }
        }
    });
    read.unwrap().join().unwrap();
}

#[test]
fn an_error_denies_and_passes_nothing_over() {
    // Good by its types; too large a number all the same.
    let text = "forbid(principal, action, resource) when { 9223372036854775807 + 1 > 0 };";
    let policies: Policies = [stored(
        1,
        Rule::Cedar {
            text: CedarRule::parse(text).unwrap(),
        },
    )]
    .into_iter()
    .collect();
    let verdict = policies.evaluate(&context("a", None, &[]));
    let hit = &verdict.hits[0];
    assert!(hit.is_error && hit.effect == Effect::Forbid, "{hit:?}");
    assert!(hit.why.contains("overflow"), "{}", hit.why);
    assert_eq!(verdict.stops().count(), 1);
}

fn stored(number: u128, rule: Rule) -> StoredPolicy {
    StoredPolicy {
        id: PolicyId::from_uuid(Uuid::from_u128(number)),
        version: 1,
        mode: PolicyMode::Enforced,
        text: Ok(PolicyText {
            name: format!("policy {number}"),
            description: String::new(),
            rule,
            effect: Effect::Forbid,
            severity: Severity::Low,
            priority: 0,
            scope: PolicyScope::default(),
            approvers: 1,
            notify: Vec::new(),
        }),
    }
}

#[test]
fn a_rule_in_cedar_counts_as_many() {
    let one = |text: &str| [stored(1, rule(text))].into_iter().collect::<Policies>();
    assert_eq!(
        one("forbid(principal, action, resource);").widest_slice(),
        CEDAR_COST + CEDAR_STATEMENT_COST
    );
}

const ACTIONS: &[&str] = &["a", "a:x", "a:x:y", "a:", "b:x", "b", ":x"];
const PRINCIPALS: &[&str] = &[
    "principal",
    r#"principal == Agent::"00000000-0000-0000-0000-000000000001""#,
    r#"principal == Agent::"00000000-0000-0000-0000-000000000002""#,
    "principal is Agent",
];
const CONDITIONS: &[&str] = &[
    "",
    r#"when { resource.name like "/p*" }"#,
    r#"unless { principal.tags.contains("red") }"#,
    r#"when { context.risk == "HIGH" && action in Action::"a" }"#,
];

fn of_action() -> impl Strategy<Value = String> {
    let named = select(ACTIONS).prop_map(|it| format!("Action::\"{it}\""));
    prop_oneof![
        Just("action".to_owned()),
        named.clone().prop_map(|it| format!("action == {it}")),
        named.clone().prop_map(|it| format!("action in {it}")),
        (named.clone(), named).prop_map(|(a, b)| format!("action in [{a}, {b}]")),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let statement = (
        prop_oneof![8 => Just("forbid"), 1 => Just("permit")],
        select(PRINCIPALS),
        of_action(),
        select(CONDITIONS),
    );
    let statement = statement.prop_map(|(effect, principal, action, condition)| {
        format!("{effect}({principal}, {action}, resource) {condition};")
    });
    proptest::collection::vec(statement, 1..4).prop_map(|all| all.join("\n"))
}

proptest! {
    /// Each text asked by itself, whether it is found or not, against those that the index finds.
    #[test]
    fn sliced_answers_are_the_unsliced_ones(
        texts in proptest::collection::vec(text(), 1..12),
        who in 1_u128..4,
        action in select(ACTIONS),
        resource in select(&[None, Some("/p/1"), Some("/q")][..]),
        is_red in any::<bool>(),
    ) {
        let tags = if is_red { vec!["red".to_owned()] } else { Vec::new() };
        let now = PolicyContext { agent: agent(who), ..context(action, resource, &tags) };
        let all: Vec<StoredPolicy> = (1..).zip(&texts)
            .map(|(number, text)| stored(number, Rule::Cedar { text: CedarRule::parse(text.as_str()).unwrap() }))
            .collect();
        let wanted: BTreeSet<PolicyId> = all.iter()
            .filter(|it| it.text.as_ref().unwrap().rule.matches(&now))
            .map(|it| it.id)
            .collect();
        let verdict = all.into_iter().collect::<Policies>().evaluate(&now);
        prop_assert_eq!(verdict.count, wanted.len());
        let found: BTreeSet<PolicyId> = verdict.hits.iter().map(|hit| hit.policy).collect();
        prop_assert!(found.is_subset(&wanted));
        prop_assert_eq!(found.len(), wanted.len().min(HITS_OF_A_KIND));
    }
}
