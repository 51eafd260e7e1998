//! A kill switch stands before everything else that decides.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::id::{AgentId, AgentKeyId, CapabilityGrantId, OrganizationId};
use aim_domain::kill_switch::KillSwitch;
use aim_domain::name::ActionName;
use aim_domain::signature::SecretKey;
use aim_domain::verification::{
    ActionRequest, AgentFacts, Arguments, Asked, Decision, DecisionSettings, KeyFacts, ReasonCode,
    decide,
};
use chrono::DateTime;
use uuid::Uuid;

pub(crate) fn facts(status: AgentStatus) -> AgentFacts {
    let public_key = SecretKey::from_seed(&[1; 32]).public_key();
    AgentFacts {
        agent: AgentId::from_uuid(Uuid::from_u128(1)),
        organization: OrganizationId::from_uuid(Uuid::from_u128(2)),
        name: "reader".to_owned(),
        status,
        keys: vec![KeyFacts {
            id: AgentKeyId::from_uuid(Uuid::from_u128(3)),
            key_id: public_key.thumbprint().into(),
            public_key,
            expires_at: None,
            revoked_at: None,
        }],
        delegations: Vec::new(),
        grants: vec![CapabilityGrant {
            id: CapabilityGrantId::from_uuid(Uuid::from_u128(4)),
            capability: Pattern::capability("files:*").unwrap(),
            resource: None,
            expires_at: None,
        }],
        trust: None,
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

#[test]
fn while_engaged_nothing_else_is_asked() {
    let switch = KillSwitch {
        reason: "secret doubts".to_owned(),
        engaged_by: "user:1".to_owned(),
        engaged_at: DateTime::UNIX_EPOCH,
    };
    let request = ActionRequest {
        action: ActionName::parse("files:read").unwrap(),
        resource: None,
        arguments: Arguments::default(),
        declared_risk: None,
        session: None,
        task: None,
    };
    for (agent, organization, expected) in [
        (false, false, None),
        (true, false, Some(ReasonCode::AgentKilled)),
        (false, true, Some(ReasonCode::OrganizationKilled)),
        (true, true, Some(ReasonCode::OrganizationKilled)),
    ] {
        for status in [AgentStatus::Verified, AgentStatus::Revoked] {
            let facts = AgentFacts {
                kill_switch: agent.then(|| Box::new(switch.clone())),
                organization_kill_switch: organization.then(|| Box::new(switch.clone())),
                ..facts(status)
            };
            let asked = Asked {
                key: facts.keys[0].id,
                at: DateTime::UNIX_EPOCH,
                address: None,
            };
            let verdict = decide(&request, asked, &facts);
            let codes: Vec<_> = verdict.reasons.iter().map(|reason| reason.code).collect();
            match expected {
                Some(code) => {
                    assert_eq!(verdict.decision, Decision::Denied);
                    assert_eq!(codes, [code]);
                    assert!(!verdict.reasons[0].message.contains("doubts"));
                    assert_eq!(verdict.obligations, []);
                }
                None if status == AgentStatus::Verified => {
                    assert_eq!(verdict.decision, Decision::Allowed);
                }
                None => assert_eq!(codes, [ReasonCode::AgentRevoked]),
            }
        }
    }
}
