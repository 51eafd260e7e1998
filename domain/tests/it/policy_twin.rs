//! Policies and the decision, computed once more in the slow and obvious way of `docs/policies.md`:
//! every policy is asked, nothing is indexed, and every rule is written anew.
//!
//! `PROPTEST_CASES=1000000 cargo test -p aim-domain --test it policy_twin` asks a million times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::sync::Arc;

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::anomaly::Severity;
use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::id::{AgentId, AgentKeyId, CapabilityGrantId, OrganizationId, PolicyId};
use aim_domain::mcp::McpConcern;
use aim_domain::name::{ActionName, Resource};
use aim_domain::policy::{
    AddressPattern, DayOfWeek, Effect, HITS_OF_A_KIND, Policies, PolicyMode, PolicyScope,
    PolicyText, Rule, StoredPolicy, TimeWindow, WhenTime, Zone,
};
use aim_domain::risk::RiskLevel;
use aim_domain::signature::SecretKey;
use aim_domain::trust::TrustScore;
use aim_domain::verification::{
    ActionRequest, AgentFacts, Arguments, Asked, Decision, DecisionSettings, KeyFacts, ReasonCode,
    decide,
};
use chrono::{DateTime, Datelike, TimeDelta, Timelike};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;

const ACTIONS: &[&str] = &["a:x", "a:y", "b:x", "c", "a:"];
const ACTION_PATTERNS: &[&str] = &[
    "a:x", "a:y", "b:x", "c", "a:*", "*", "*:x", "b:*", "*a*", "c*",
];
const RESOURCES: &[&str] = &[
    "/p/1",
    "/p/2",
    "/q",
    "https://h.example/1",
    "https://i.example/",
];
const RESOURCE_PATTERNS: &[&str] = &["/p/*", "/q", "*", "*1", "https://h.example/*"];
const HOST_PATTERNS: &[&str] = &["h.example", "*.example", "i.*"];
const ADDRESSES: &[&str] = &["10.0.0.1", "10.9.0.1", "192.168.3.4", "2001:db8::1"];
const ADDRESS_PATTERNS: &[&str] = &["10.0.0.0/16", "10.9.0.1", "192.168.*.4", "2001:db8::/32"];
const TAGS: &[&str] = &["blue", "red"];
const TYPES: &[AgentType] = &[AgentType::LlmAgent, AgentType::Workflow];

/// One of the texts that a pattern stands for, found by trying every length of every star.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => match text.strip_prefix(before) {
            None => false,
            Some(rest) => (0..=rest.len()).any(|at| like(after, &rest[at..])),
        },
    }
}

fn any_like(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|it| like(it.as_str(), text))
}

fn address_like(pattern: &AddressPattern, address: IpAddr) -> bool {
    match (pattern.as_str(), address.to_string().as_str()) {
        ("10.0.0.0/16", text) => text.starts_with("10.0."),
        ("192.168.*.4", text) => text.starts_with("192.168.") && text.ends_with(".4"),
        ("2001:db8::/32", text) => text.starts_with("2001:db8:"),
        (pattern, text) => pattern == text,
    }
}

/// The policy's facts, as the twin sees them.
#[derive(Debug)]
struct Scene {
    facts: AgentFacts,
    request: ActionRequest,
    asked: Asked,
    is_granted: bool,
    risk: RiskLevel,
}

fn matches(text: &PolicyText, scene: &Scene) -> bool {
    let scope = &text.scope;
    let resource = scene.request.resource.as_ref().map(Resource::as_str);
    let mut holds = vec![];
    if !scope.agents.is_empty() {
        holds.push(scope.agents.contains(&scene.facts.agent));
    }
    if !scope.agent_types.is_empty() {
        holds.push(scope.agent_types.contains(&scene.facts.agent_type));
    }
    if !scope.tags.is_empty() {
        let mut tags = scope.tags.iter();
        holds.push(tags.any(|it| scene.facts.tags.contains(it)));
    }
    if !scope.actions.is_empty() {
        holds.push(any_like(&scope.actions, scene.request.action.as_str()));
    }
    if !scope.resources.is_empty() {
        holds.push(resource.is_some_and(|it| any_like(&scope.resources, it)));
    }
    holds.push(rule_matches(&text.rule, scene, resource));
    !holds.contains(&false)
}

fn rule_matches(rule: &Rule, scene: &Scene, resource: Option<&str>) -> bool {
    match rule {
        Rule::Cedar { .. } => unreachable!("`policy_cedar` compares these"),
        Rule::Finding { .. } | Rule::RateAbove { .. } => unreachable!("no decision asks these"),
        Rule::Always {} => true,
        Rule::CapabilityViolation {} => !scene.is_granted,
        // No action here calls a tool; `mcp_policies.rs` has those that do.
        Rule::McpServer { .. } => false,
        Rule::RiskFrom { risk } => (*risk as u8) <= (scene.risk as u8),
        Rule::TrustBelow {
            least,
            with_unscored,
        } => match scene.facts.trust {
            Some(trust) => trust.ten_thousandths() < least.ten_thousandths(),
            None => *with_unscored,
        },
        Rule::ResourceOutside { allowed } => match resource {
            Some(resource) => !any_like(allowed, resource),
            None => true,
        },
        Rule::HostOutside { allowed } => {
            match resource.and_then(|it| it.strip_prefix("https://")) {
                Some(rest) => !any_like(allowed, rest.split('/').next().unwrap()),
                None => false,
            }
        }
        Rule::Network { allow, deny } => match scene.asked.address {
            Some(it) if deny.iter().any(|pattern| address_like(pattern, it)) => true,
            Some(it) => !allow.is_empty() && !allow.iter().any(|pattern| address_like(pattern, it)),
            None => !allow.is_empty(),
        },
        Rule::Time {
            zone: _,
            windows,
            when,
        } => {
            let inside = windows.iter().any(|it| in_window(it, scene.asked.at));
            inside == matches!(when, WhenTime::Inside)
        }
    }
}

/// Minute by minute: does the window cover this one? All zones here are UTC.
fn in_window(window: &TimeWindow, at: DateTime<chrono::Utc>) -> bool {
    let minute = |text: String| {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap()
    };
    let (from, to) = (minute(window.from()), minute(window.to()));
    let now = (
        at.hour() * 60 + at.minute(),
        at.weekday().num_days_from_monday(),
    );
    (0..7).any(|day| {
        let begins = window.days().is_empty() || window.days().contains(&DayOfWeek::ALL[day]);
        let until = if from < to { to } else { to + 1_440 };
        begins && (from..until).any(|it| (it % 1_440, (day as u32 + it / 1_440) % 7) == now)
    })
}

fn patterns(all: &'static [&'static str]) -> impl Strategy<Value = Vec<Pattern>> {
    subsequence(all, 0..=2).prop_map(|texts| {
        let texts = texts.into_iter();
        texts.map(|it| Pattern::resource(it).unwrap()).collect()
    })
}

fn addresses() -> impl Strategy<Value = Vec<AddressPattern>> {
    subsequence(ADDRESS_PATTERNS, 0..=2).prop_map(|texts| {
        let texts = texts.into_iter();
        texts.map(|it| AddressPattern::parse(it).unwrap()).collect()
    })
}

fn windows() -> impl Strategy<Value = Vec<TimeWindow>> {
    let time = (0..24_u32, select(vec![0_u32, 30]));
    let days = subsequence(&DayOfWeek::ALL[..], 0..=3);
    let one = (days, time.clone(), time).prop_filter_map("empty", |(days, from, to)| {
        let text = |(hour, minute)| format!("{hour:02}:{minute:02}");
        TimeWindow::new(days, &text(from), &text(to)).ok()
    });
    prop::collection::vec(one, 1..3)
}

fn risk() -> impl Strategy<Value = RiskLevel> {
    use RiskLevel::{Critical, High, Low, Medium};
    select(vec![Low, Medium, High, Critical])
}

fn trust() -> impl Strategy<Value = TrustScore> {
    select(vec![0, 1_999, 2_000, 5_000, 9_000]).prop_map(TrustScore::from_ten_thousandths)
}

fn rule() -> impl Strategy<Value = Rule> {
    let when = select(vec![WhenTime::Inside, WhenTime::Outside]);
    prop_oneof![
        Just(Rule::Always {}),
        Just(Rule::CapabilityViolation {}),
        Just(Rule::McpServer {
            concerns: vec![McpConcern::Unknown]
        }),
        risk().prop_map(|risk| Rule::RiskFrom { risk }),
        (trust(), any::<bool>()).prop_map(|(least, with_unscored)| Rule::TrustBelow {
            least,
            with_unscored
        }),
        patterns(RESOURCE_PATTERNS).prop_map(|allowed| Rule::ResourceOutside { allowed }),
        patterns(HOST_PATTERNS).prop_map(|allowed| Rule::HostOutside { allowed }),
        (addresses(), addresses()).prop_map(|(allow, deny)| Rule::Network { allow, deny }),
        (windows(), when).prop_map(|(windows, when)| Rule::Time {
            zone: Zone::UTC,
            windows,
            when
        }),
    ]
}

fn agent(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}

fn scope() -> impl Strategy<Value = PolicyScope> {
    let agents = prop_oneof![3 => Just(vec![]), 1 => subsequence(vec![agent(1), agent(2)], 0..=2)];
    let types = prop_oneof![3 => Just(vec![]), 1 => subsequence(TYPES, 0..=1)];
    let tags = prop_oneof![3 => Just(vec![]), 1 => subsequence(TAGS, 0..=2)];
    let all = (agents, types, tags, patterns(ACTION_PATTERNS));
    (all, patterns(RESOURCE_PATTERNS)).prop_map(
        |((agents, agent_types, tags, actions), resources)| PolicyScope {
            agents,
            agent_types,
            tags: tags.into_iter().map(str::to_owned).collect(),
            actions,
            resources,
        },
    )
}

fn policy() -> impl Strategy<Value = (PolicyMode, Result<PolicyText, String>)> {
    use Effect::{Alert, Forbid, Quarantine, RequireApproval};
    use PolicyMode::{Disabled, Enforced, Shadow};
    let mode = select(vec![Enforced, Enforced, Shadow, Disabled]);
    let effect = select(vec![
        Alert,
        Alert,
        RequireApproval,
        RequireApproval,
        Quarantine,
        Forbid,
    ]);
    let how = (effect, 0..3_u16, 1..=2_u8);
    let text = (rule(), how, scope()).prop_map(|(rule, (effect, priority, persons), scope)| {
        // Only who asks persons can ask two of them.
        let approvers = if effect == RequireApproval {
            persons
        } else {
            1
        };
        Ok(PolicyText {
            name: "twin".to_owned(),
            description: String::new(),
            rule,
            effect,
            severity: Severity::Low,
            priority,
            scope,
            approvers,
            notify: Vec::new(),
        })
    });
    let broken = Just(Err("cannot be read".to_owned()));
    (mode, prop_oneof![30 => text, 1 => broken])
}

/// An agent that nothing but policies, grants and trust stands against.
fn facts_of(number: u128, is_granted: bool, trust: Option<TrustScore>) -> AgentFacts {
    let public_key = SecretKey::from_seed(&[1; 32]).public_key();
    let key = KeyFacts {
        id: AgentKeyId::from_uuid(Uuid::from_u128(3)),
        key_id: "key".into(),
        public_key,
        expires_at: None,
        revoked_at: None,
    };
    let grant = CapabilityGrant {
        id: CapabilityGrantId::from_uuid(Uuid::from_u128(4)),
        capability: Pattern::capability("*").unwrap(),
        resource: None,
        expires_at: None,
    };
    AgentFacts {
        agent: agent(number),
        organization: OrganizationId::from_uuid(Uuid::from_u128(2)),
        name: "twin".to_owned(),
        status: AgentStatus::Verified,
        keys: vec![key],
        grants: is_granted.then_some(grant).into_iter().collect(),
        delegations: Vec::new(),
        trust,
        trust_override: None,
        kill_switch: None,
        organization_kill_switch: None,
        settings: DecisionSettings::default(),
        action_classes: None,
        agent_type: AgentType::Custom,
        tags: Box::default(),
        policies: None,
        approvals: None,
        mcp: None,
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let what = (select(ACTIONS), prop::option::of(select(RESOURCES)), risk());
    let who = (
        1..3_u128,
        select(TYPES),
        subsequence(TAGS, 0..=2),
        any::<bool>(),
    );
    let how = (
        prop::option::of(select(ADDRESSES)),
        0..10_080_i64,
        prop::option::of(trust()),
    );
    (what, who, how).prop_map(
        |((action, resource, risk), who, (address, minute, trust))| {
            let (number, agent_type, tags, is_granted) = who;
            let facts = AgentFacts {
                agent_type,
                tags: tags.into_iter().map(str::to_owned).collect(),
                ..facts_of(number, is_granted, trust)
            };
            let asked = Asked {
                key: facts.keys[0].id,
                at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
                address: address.map(|it| it.parse().unwrap()),
            };
            let action = ActionName::parse(action).unwrap();
            let request = ActionRequest {
                action,
                resource: resource.map(|it| Resource::parse(it).unwrap()),
                arguments: Arguments::default(),
                declared_risk: Some(risk),
                session: None,
                task: None,
            };
            let risk = request.risk(aim_domain::action::classify(request.action.as_str()));
            Scene {
                facts,
                request,
                asked,
                is_granted,
                risk,
            }
        },
    )
}

/// What matched, in order: watching only, effect (an error before all), priority from the highest, id.
fn expected<'a>(all: &'a [StoredPolicy], scene: &Scene) -> Vec<&'a StoredPolicy> {
    let mut found: Vec<&StoredPolicy> = Vec::new();
    for policy in all {
        let asked = policy.mode != PolicyMode::Disabled;
        if asked
            && policy
                .text
                .as_ref()
                .map_or(true, |text| matches(text, scene))
        {
            found.push(policy);
        }
    }
    found.sort_by_key(|policy| {
        let (effect, persons, priority) = match &policy.text {
            Err(_) => (0, 0, 0),
            Ok(text) => {
                let effect = match text.effect {
                    Effect::Forbid => 1,
                    Effect::Quarantine => 2,
                    Effect::RequireApproval => 3,
                    Effect::Alert => 4,
                };
                (
                    effect,
                    -i32::from(text.approvers),
                    -i32::from(text.priority),
                )
            }
        };
        (
            policy.mode == PolicyMode::Shadow,
            effect,
            persons,
            priority,
            policy.id,
        )
    });
    found
}

/// The decision by the table of the documentation.
fn decision(found: &[&StoredPolicy], scene: &Scene) -> Decision {
    let enforced = found.iter().filter(|it| it.mode == PolicyMode::Enforced);
    let effects: Vec<Option<Effect>> = enforced
        .map(|it| it.text.as_ref().ok().map(|text| text.effect))
        .collect();
    let least = if scene.risk >= RiskLevel::High {
        5_000
    } else {
        2_000
    };
    let is_trusted = scene
        .facts
        .trust
        .is_none_or(|it| it.ten_thousandths() >= least);
    let stops = [None, Some(Effect::Forbid), Some(Effect::Quarantine)];
    if !scene.is_granted || !is_trusted || stops.iter().any(|it| effects.contains(it)) {
        Decision::Denied
    } else if effects.contains(&Some(Effect::RequireApproval)) || scene.risk == RiskLevel::Critical
    {
        Decision::PendingApproval
    } else {
        Decision::Allowed
    }
}

/// As many persons as the policy says that asks for the most; one where only the risk asks.
fn persons(found: &[&StoredPolicy], decision: Decision) -> u8 {
    if decision != Decision::PendingApproval {
        return 0;
    }
    let mut most = 1;
    for policy in found {
        // One that cannot be read only watches here: enforced, it would have denied.
        let Ok(text) = &policy.text else { continue };
        let asks = policy.mode == PolicyMode::Enforced && text.effect == Effect::RequireApproval;
        if asks && text.approvers > most {
            most = text.approvers;
        }
    }
    most
}

fn check(all: Vec<(PolicyMode, Result<PolicyText, String>)>, mut scene: Scene) {
    let stored = all
        .into_iter()
        .enumerate()
        .map(|(number, (mode, text))| StoredPolicy {
            id: PolicyId::from_uuid(Uuid::from_u128(number as u128)),
            version: 1,
            mode,
            text,
        });
    let all: Vec<StoredPolicy> = stored.collect();
    let found = expected(&all, &scene);
    scene.facts.policies = Some(Arc::new(all.iter().cloned().collect::<Policies>()));
    let verdict = decide(&scene.request, scene.asked, &scene.facts);
    assert_eq!(verdict.decision, decision(&found, &scene));
    assert_eq!(verdict.policies.count, found.len());
    assert_eq!(verdict.approvers, persons(&found, verdict.decision));
    // Of each mode and effect the first few.
    let kind = |it: &StoredPolicy| (it.mode, it.text.as_ref().ok().map(|text| text.effect));
    let kept: Vec<PolicyId> = found
        .iter()
        .enumerate()
        .filter(|(at, it)| {
            let before = found[..*at].iter().filter(|other| kind(other) == kind(it));
            before.count() < HITS_OF_A_KIND
        })
        .map(|(_, it)| it.id)
        .collect();
    let hits: Vec<PolicyId> = verdict.policies.hits.iter().map(|it| it.policy).collect();
    assert_eq!(hits, kept);
    let has = |code| verdict.reasons.iter().any(|it| it.code == code);
    let counts = |it: &&StoredPolicy| it.mode == PolicyMode::Enforced;
    let is_broken = found
        .iter()
        .copied()
        .filter(counts)
        .any(|it| it.text.is_err());
    assert_eq!(has(ReasonCode::PolicyError), is_broken);
    assert!(!verdict.reasons.is_empty());
}

proptest! {
    #[test]
    fn the_sliced_set_says_what_all_policies_say_one_by_one(
        all in prop::collection::vec(policy(), 0..12),
        scene in scene(),
    ) {
        check(all, scene);
    }
}
