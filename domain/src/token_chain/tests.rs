use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::agent::{AgentStatus, AgentType};
use crate::capability::CapabilityGrant;
use crate::delegation::DelegationLink;
use crate::id::{AgentKeyId, CapabilityGrantId, OrganizationId};
use crate::name::ActionName;
use crate::signature::SecretKey;
use crate::verification::{
    ActionRequest, Arguments, Asked, Decision, DecisionSettings, KeyFacts, decide, decide_within,
};

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const ACTIONS: [&str; 3] = ["files:read", "files:write", "db:query"];

fn uuid(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

fn agent(number: usize) -> AgentId {
    AgentId::from_uuid(uuid(number))
}

fn limit(capability: &str) -> TokenLimit {
    TokenLimit {
        capability: Pattern::capability(capability).unwrap(),
        resource: None,
    }
}

fn grant(capability: &str) -> CapabilityGrant {
    CapabilityGrant {
        id: CapabilityGrantId::from_uuid(Uuid::nil()),
        capability: Pattern::capability(capability).unwrap(),
        resource: None,
        expires_at: None,
    }
}

/// Agents `from`, `from + 1` and so on hand `capability` on.
fn chain(id: usize, from: usize, links: usize, capability: &str) -> DelegationFacts {
    let link = |number| DelegationLink {
        id: DelegationId::from_uuid(uuid(id + number)),
        delegator: agent(from + number),
        limits: vec![limit(capability)],
        expires_at: NOW + chrono::Duration::seconds(10),
        is_broken: false,
    };
    DelegationFacts {
        links: (0..links).map(link).collect(),
        grants: vec![grant(capability)],
    }
}

fn facts(grants: &[&str], delegations: Vec<DelegationFacts>) -> AgentFacts {
    let public_key = SecretKey::from_seed(&[7; 32]).public_key();
    AgentFacts {
        agent: agent(99),
        organization: OrganizationId::from_uuid(Uuid::nil()),
        name: "bearer".to_owned(),
        agent_type: AgentType::Custom,
        tags: Box::default(),
        policies: None,
        approvals: None,
        mcp: None,
        status: AgentStatus::Verified,
        keys: vec![KeyFacts {
            id: AgentKeyId::from_uuid(Uuid::nil()),
            key_id: Arc::from(public_key.thumbprint()),
            public_key,
            expires_at: None,
            revoked_at: None,
        }],
        grants: grants.iter().map(|it| grant(it)).collect(),
        delegations,
        trust: None,
        trust_override: None,
        kill_switch: None,
        organization_kill_switch: None,
        settings: DecisionSettings::default(),
        action_classes: None,
    }
}

fn request(action: &str) -> ActionRequest {
    ActionRequest {
        action: ActionName::parse(action).unwrap(),
        resource: None,
        arguments: Arguments::new(serde_json::Map::new()).unwrap(),
        declared_risk: None,
        session: None,
        task: None,
    }
}

#[test]
fn the_bearer_is_outermost_and_the_subject_at_the_beginning() {
    for links in 1..=DELEGATION_DEPTH_MAX {
        let named = TokenChain::of(&chain(10, 0, links, "files:*")).unwrap();
        assert_eq!(named.subject(), Some(agent(0)));
        let actors = named.actors(agent(99));
        let mut wanted = vec![agent(99)];
        wanted.extend((1..links).rev().map(agent));
        assert_eq!(actors, wanted, "{links} links");
        let read = TokenChain::named(named.delegation(), agent(0), &actors);
        assert_eq!(read, Some((agent(99), named)));
    }
    let deep = chain(10, 0, DELEGATION_DEPTH_MAX + 1, "files:*");
    assert_eq!(TokenChain::of(&deep), None);
    let id = DelegationId::from_uuid(Uuid::nil());
    let actors = [agent(1); DELEGATION_DEPTH_MAX + 1];
    assert_eq!(TokenChain::named(id, agent(0), &actors), None);
    assert_eq!(TokenChain::named(id, agent(0), &[]), None);
    assert_eq!(TokenChain::of(&chain(10, 0, 0, "files:*")), None);
}

#[test]
fn a_chain_is_only_what_everybody_in_it_is_the_same() {
    let whole = chain(10, 0, 3, "files:*");
    let named = TokenChain::of(&whole).unwrap();
    assert!(named.is(&whole));
    for (what, other) in [
        ("shorter", chain(11, 1, 2, "files:*")),
        ("others", chain(10, 1, 3, "files:*")),
        ("another last link", chain(9, 0, 3, "files:*")),
        ("none", chain(10, 0, 0, "files:*")),
    ] {
        assert!(!named.is(&other), "{what}");
    }
}

#[test]
fn a_token_stands_on_one_authority() {
    let asked = |names: &[&str]| -> Vec<Pattern> {
        let names = names.iter();
        names.map(|it| Pattern::capability(*it).unwrap()).collect()
    };
    let mut expired = chain(30, 6, 1, "mail:*");
    expired.links[0].expires_at = NOW;
    let all = || {
        vec![
            chain(10, 0, 2, "files:*"),
            chain(20, 3, 1, "db:*"),
            expired.clone(),
        ]
    };
    let on = |found: Result<(Vec<TokenLimit>, Option<TokenChain>), NoStand>| {
        found.map(|(limits, chain)| (limits.len(), chain.map(|it| it.delegation().as_uuid())))
    };
    let scope = |name: &str| Err(NoStand::Scope(Pattern::capability(name).unwrap()));
    let (files, db, mail) = (uuid(11), uuid(20), uuid(30));
    let id = |id| Some(DelegationId::from_uuid(id));
    for (grants, names, by, wanted) in [
        (&["files:read"][..], &[][..], None, Ok((1, None))),
        (&["files:read"], &["files:read"], None, Ok((1, None))),
        (
            &["files:read"],
            &["files:write"],
            None,
            Ok((1, Some(files))),
        ),
        (&["files:read"], &["db:query"], None, Ok((1, Some(db)))),
        // Neither covers both.
        (
            &["files:read"],
            &["files:read", "db:query"],
            None,
            scope("db:query"),
        ),
        (&["files:read"], &["mail:send"], None, scope("mail:send")),
        (&[], &[], None, Ok((1, Some(files)))),
        (
            &["files:read"],
            &["files:read"],
            id(files),
            Ok((1, Some(files))),
        ),
        (
            &["files:read"],
            &["files:read"],
            id(db),
            scope("files:read"),
        ),
        (&["mail:*"], &[], id(mail), Err(NoStand::Delegation)),
        // A link in the middle is not to this agent.
        (&[], &[], id(uuid(10)), Err(NoStand::Delegation)),
    ] {
        let found = stand(&facts(grants, all()), &asked(names), by, NOW);
        assert_eq!(on(found), wanted, "{grants:?} {names:?} {by:?}");
    }
    assert_eq!(
        on(stand(&facts(&[], vec![]), &[], None, NOW)),
        Ok((0, None))
    );
}

/// A slow twin: facts that have nothing but what the token stands on.
#[test]
fn a_token_is_good_for_what_it_stands_on_and_nothing_else() {
    let asked = Asked {
        key: AgentKeyId::from_uuid(Uuid::nil()),
        at: NOW,
        address: None,
    };
    let mut seen = std::collections::HashMap::new();
    for case in 0..(1_u32 << 8) {
        let bit = |number: u32| case & (1 << number) != 0;
        let mut first = chain(10, 0, 3, if bit(0) { "files:*" } else { "files:read" });
        let mut second = chain(20, 3, 1, if bit(1) { "files:*" } else { "db:*" });
        for (link, at) in first.links.iter_mut().zip(2..) {
            link.is_broken = bit(at);
        }
        if bit(5) {
            second.links[0].expires_at = NOW;
        }
        if bit(6) {
            first.grants.clear();
        }
        let grants: &[&str] = if bit(7) { &["files:write"] } else { &[] };
        let whole = facts(grants, vec![first.clone(), second.clone()]);
        for (on, alone) in [
            (None, facts(grants, vec![])),
            (TokenChain::of(&first), facts(&[], vec![first.clone()])),
            (TokenChain::of(&second), facts(&[], vec![second.clone()])),
        ] {
            for action in ACTIONS {
                let request = request(action);
                let limits = [limit("*")];
                let found = decide_within(&limits, on.as_ref(), &request, asked, &whole);
                let wanted = decide(&request, asked, &alone);
                assert_eq!(found.decision, wanted.decision, "{case:b} {on:?} {action}");
                let codes = |it: &crate::verification::Verdict| -> Vec<_> {
                    it.reasons.iter().map(|reason| reason.code).collect()
                };
                assert_eq!(codes(&found), codes(&wanted), "{case:b} {on:?} {action}");
                *seen.entry(found.decision).or_insert(0) += 1;
            }
        }
    }
    assert!(
        seen[&Decision::Allowed] > 100 && seen[&Decision::Denied] > 100,
        "{seen:?}"
    );
}
