//! The corpus: one policy, one action, and whether it matches, worked out by another program in
//! another language (`tests/data/policy_cases.py`).

use std::collections::HashSet;
use std::net::IpAddr;

use aim_domain::agent::AgentType;
use aim_domain::anomaly::Severity;
use aim_domain::id::{AgentId, PolicyId};
use aim_domain::policy::{
    Effect, Policies, PolicyContext, PolicyMode, PolicyScope, PolicyText, Rule, StoredPolicy,
};
use aim_domain::risk::RiskLevel;
use aim_domain::trust::TrustScore;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

const CASES: &str = include_str!("../data/policy_cases.json");

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    rule: Rule,
    scope: PolicyScope,
    facts: Facts,
    matches: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Facts {
    agent: AgentId,
    agent_type: AgentType,
    tags: Vec<String>,
    action: String,
    resource: Option<String>,
    risk: RiskLevel,
    trust: Option<TrustScore>,
    granted: bool,
    address: Option<IpAddr>,
    at: DateTime<Utc>,
}

fn policy(number: usize, case: &Case) -> StoredPolicy {
    StoredPolicy {
        id: PolicyId::from_uuid(Uuid::from_u128(number as u128)),
        version: 1,
        mode: PolicyMode::Enforced,
        text: Ok(PolicyText {
            name: case.name.clone(),
            description: String::new(),
            rule: case.rule.clone(),
            effect: Effect::Forbid,
            severity: Severity::Low,
            priority: 0,
            scope: case.scope.clone(),
            approvers: 1,
            notify: Vec::new(),
        }),
    }
}

fn context(facts: &Facts) -> PolicyContext<'_> {
    PolicyContext {
        agent: facts.agent,
        agent_type: facts.agent_type,
        tags: &facts.tags,
        action: &facts.action,
        resource: facts.resource.as_deref(),
        risk: facts.risk,
        trust: facts.trust,
        is_granted: facts.granted,
        address: facts.address,
        at: facts.at,
        mcp: None,
    }
}

#[test]
fn every_case_comes_out_as_it_was_worked_out() {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() >= 300, "{}", cases.len());
    let matching = cases.iter().filter(|case| case.matches).count();
    assert!(matching * 4 > cases.len() && matching * 4 < cases.len() * 3);
    let kinds: HashSet<_> = cases
        .iter()
        .map(|case| std::mem::discriminant(&case.rule))
        .collect();
    // Rules about MCP servers have theirs in `mcp_policies.rs`.
    assert_eq!(kinds.len(), 8, "every other kind of rule has cases");
    let all: Policies = cases
        .iter()
        .enumerate()
        .map(|(n, c)| policy(n, c))
        .collect();
    for (number, case) in cases.iter().enumerate() {
        let context = context(&case.facts);
        let alone = policy(number, case);
        let text = alone.text.as_ref().unwrap();
        let found = text.scope.covers(&context) && text.rule.matches(&context);
        assert_eq!(found, case.matches, "{case:#?}");
        let alone: Policies = [alone].into_iter().collect();
        assert_eq!(alone.evaluate(&context).count, usize::from(case.matches));
        // Among all the others it is found as often as one by one.
        let one_by_one = cases.iter().enumerate().filter(|(n, other)| {
            let text = policy(*n, other).text.unwrap();
            text.scope.covers(&context) && text.rule.matches(&context)
        });
        assert_eq!(all.evaluate(&context).count, one_by_one.count());
    }
}
