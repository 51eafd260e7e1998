//! What policies say of calls of tools of MCP servers.

use aim_domain::anomaly::Severity;
use aim_domain::id::{McpServerId, PolicyId};
use aim_domain::mcp::{McpConcern, McpFacts, McpServerFacts, McpServerStatus};
use aim_domain::policy::{
    Effect, Policies, PolicyContext, PolicyMode, PolicyScope, PolicyText, Rule, RuleError,
    StoredPolicy,
};
use aim_domain::risk::RiskLevel;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Servers with nothing, one thing and everything wrong with them.
fn servers() -> McpFacts {
    let mut all = McpFacts::default();
    for (name, status, drift) in [
        ("fine", McpServerStatus::Verified, None),
        (
            "drifted",
            McpServerStatus::Verified,
            Some("tool `add` is new"),
        ),
        ("new", McpServerStatus::Pending, None),
        ("stopped", McpServerStatus::Suspended, None),
    ] {
        let facts = McpServerFacts {
            id: McpServerId::from_uuid(Uuid::nil()),
            status,
            drift: drift.map(Into::into),
        };
        all.add(name, None, facts);
    }
    all
}

/// Why a policy with this rule matches the action; `None` when it does not.
fn why(concerns: &[McpConcern], action: &str) -> Option<String> {
    let rule = Rule::McpServer {
        concerns: concerns.to_vec(),
    };
    let text = PolicyText {
        name: "servers".to_owned(),
        description: String::new(),
        rule,
        effect: Effect::Forbid,
        severity: Severity::High,
        priority: 0,
        scope: PolicyScope::default(),
        approvers: 1,
        notify: Vec::new(),
    };
    assert_eq!(text.faults(), []);
    let policy = StoredPolicy {
        id: PolicyId::from_uuid(Uuid::nil()),
        version: 1,
        mode: PolicyMode::Enforced,
        text: Ok(text),
    };
    let policies: Policies = [policy].into_iter().collect();
    let servers = servers();
    let verdict = policies.evaluate(&PolicyContext {
        agent: aim_domain::id::AgentId::from_uuid(Uuid::nil()),
        agent_type: aim_domain::agent::AgentType::Custom,
        tags: &[],
        action,
        resource: None,
        risk: RiskLevel::Low,
        trust: None,
        is_granted: true,
        address: None,
        at: now(),
        mcp: McpFacts::call(Some(&servers), action, None),
    });
    verdict.hits.first().map(|hit| hit.why.clone())
}

#[test]
fn each_concern_matches_the_servers_it_is_about() {
    use McpConcern::{Drift, Unknown, Unverified};
    for (server, wrong) in [
        ("fine", &[][..]),
        ("drifted", &[Drift]),
        ("new", &[Unverified]),
        ("stopped", &[Unverified]),
        ("stranger", &[Unknown, Unverified, Drift]),
    ] {
        for concern in [Unknown, Unverified, Drift] {
            let found = why(&[concern], &format!("mcp:{server}/add"));
            assert_eq!(
                found.is_some(),
                wrong.contains(&concern),
                "{server} {concern:?}"
            );
        }
        let any = why(
            &[Unknown, Unverified, Drift],
            &format!("mcp__{server}__add"),
        );
        assert_eq!(any.is_some(), !wrong.is_empty(), "{server}");
    }
    assert_eq!(why(&[Unknown], "files:read"), None, "no call of a tool");
    let words = why(&[Unknown, Drift], "mcp:drifted/add").unwrap();
    assert!(words.contains("tool `add` is new"), "{words}");
}

#[test]
fn a_rule_without_a_concern_is_refused() {
    let empty = Rule::McpServer {
        concerns: Vec::new(),
    };
    assert_eq!(empty.check(), Err(RuleError::Empty("concerns")));
    let many = Rule::McpServer {
        concerns: vec![McpConcern::Drift; 5],
    };
    assert_eq!(many.check(), Err(RuleError::TooMany("concerns", 5, 3)));
}
