//! What policies cost a decision: `cargo bench -p aim-domain --bench policies`.
//!
//! 10,000 policies, as many of them asked each time as an organization may have asked, and of those as
//! costly ones as there are: time zones, long lists of networks and patterns with several stars. Then the
//! same with as many in Cedar as an organization may have asked.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints what it finds and ends when it cannot"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aim_domain::agent::AgentType;
use aim_domain::anomaly::Severity;
use aim_domain::capability::Pattern;
use aim_domain::id::{AgentId, PolicyId};
use aim_domain::policy::{
    AddressPattern, CEDAR_COST, CEDAR_STATEMENT_COST, CedarRule, Effect, POLICIES_MAX, Policies,
    PolicyContext, PolicyMode, PolicyScope, PolicyText, Rule, SLICE_MAX, StoredPolicy, TimeWindow,
    WhenTime, Zone,
};
use aim_domain::risk::RiskLevel;
use aim_domain::trust::TrustScore;
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

const ROUNDS: i64 = 50_000;
/// Each question is put so often, and the quickest answer counts: what is left is what it costs, not what
/// else the machine does.
const REPEATS: u32 = 4;

/// The rules in turn; most do not match, as in an ordinary decision.
fn rule(number: usize) -> Rule {
    match number % 6 {
        0 => Rule::Time {
            zone: Zone::parse("Europe/Berlin").unwrap(),
            windows: vec![TimeWindow::new(Vec::new(), "23:50", "23:59").unwrap()],
            when: WhenTime::Inside,
        },
        1 => Rule::Network {
            allow: Vec::new(),
            deny: (0..20)
                .map(|block| AddressPattern::parse(format!("172.16.{block}.0/24")).unwrap())
                .collect(),
        },
        2 => Rule::TrustBelow {
            least: TrustScore::from_ten_thousandths(1_000),
            with_unscored: false,
        },
        3 => Rule::RiskFrom {
            risk: RiskLevel::Critical,
        },
        4 => Rule::ResourceOutside {
            allowed: vec![Pattern::resource("*/reports/*/20*.csv").unwrap()],
        },
        _ => Rule::CapabilityViolation {},
    }
}

/// In Cedar, of three statements each; none matches.
fn cedar(number: usize) -> Rule {
    let text = format!(
        r#"forbid(principal, action in Action::"files", resource) when {{ resource.name like "*/secret{number}/*" }};
           forbid(principal, action, resource) when {{ context has trust && context.trust.lessThan(decimal("0.1")) }};
           forbid(principal, action, resource) unless {{ ["files.example"].containsAll(resource.hosts) }};"#
    );
    let text = CedarRule::parse(text).unwrap();
    Rule::Cedar { text }
}

fn policy(number: usize) -> StoredPolicy {
    let mut scope = PolicyScope::default();
    // Four hundred for everything, fifty for this action, fifty for its beginning, the rest for others.
    let action = match number {
        0..400 => None,
        400..450 => Some("files:read".to_owned()),
        450..500 => Some("files:r*".to_owned()),
        _ => Some(format!("app{}:{}", number % 190, number % 7)),
    };
    scope
        .actions
        .extend(action.map(|it| Pattern::capability(it).unwrap()));
    StoredPolicy {
        id: PolicyId::from_uuid(Uuid::from_u128(number as u128)),
        version: 1,
        mode: PolicyMode::Enforced,
        text: Ok(PolicyText {
            name: format!("policy {number}"),
            description: String::new(),
            rule: rule(number),
            effect: Effect::Forbid,
            severity: Severity::Low,
            priority: 100,
            scope,
            approvers: 1,
            notify: Vec::new(),
        }),
    }
}

fn main() {
    measure("built-in rules", (0..POLICIES_MAX).map(policy));
    // As many in Cedar as may be asked at once, and all others about other actions, up to twenty of them
    // about one.
    let many = (SLICE_MAX - 20) / (CEDAR_COST + 3 * CEDAR_STATEMENT_COST);
    measure(
        "rules in Cedar",
        (0..POLICIES_MAX).map(|number| {
            let mut policy = policy(number + SLICE_MAX);
            policy.id = PolicyId::from_uuid(Uuid::from_u128(number as u128));
            if let (true, Ok(text)) = (number < many, &mut policy.text) {
                text.scope = PolicyScope::default();
                text.rule = cedar(number);
            }
            policy
        }),
    );
}

fn measure(what: &str, all: impl Iterator<Item = StoredPolicy>) {
    println!("== {what}");
    let begun = Instant::now();
    let policies: Policies = all.collect();
    println!(
        "{} policies compiled in {:?}",
        policies.len(),
        begun.elapsed()
    );
    println!(
        "widest slice {} of at most {SLICE_MAX}",
        policies.widest_slice()
    );
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..ROUNDS {
        let resource = format!("/srv/data/reports/{}/2026-{round}.csv", round % 12);
        let context = PolicyContext {
            agent: AgentId::from_uuid(Uuid::from_u128(1)),
            agent_type: AgentType::LlmAgent,
            tags: &[],
            action: "files:read",
            resource: Some(&resource),
            risk: RiskLevel::Low,
            trust: Some(TrustScore::from_ten_thousandths(8_000)),
            is_granted: true,
            address: "10.1.2.3".parse().ok(),
            at: DateTime::UNIX_EPOCH + TimeDelta::seconds(round * 61),
            mcp: None,
        };
        let once = || {
            let begun = Instant::now();
            black_box(policies.evaluate(black_box(&context)));
            begun.elapsed()
        };
        times.extend((0..REPEATS).map(|_| once()).min());
    }
    times.sort_unstable();
    for (name, at) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        println!("{name} {:?}", times[(times.len() as f64 * at) as usize]);
    }
}
