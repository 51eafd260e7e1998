//! The decision: a pure function of the request, the facts and the time.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{ActionRequest, Decision, Obligation, Reason, ReasonCode};
use crate::action::{ActionClass, ActionClasses, classify};
use crate::agent::{AgentStatus, AgentType};
use crate::approval::{self, ApprovalFacts, ApprovalGrant};
use crate::capability::CapabilityGrant;
use crate::delegation::DelegationFacts;
use crate::id::{AgentId, AgentKeyId, McpServerId, OrganizationId};
use crate::kill_switch::KillSwitch;
use crate::mcp::McpFacts;
use crate::name::ActionName;
use crate::policy::{Effect, Policies, PolicyContext, PolicyHit, PolicyVerdict};
use crate::risk::RiskLevel;
use crate::signature::PublicKey;
use crate::token::TokenLimit;
use crate::token_chain::TokenChain;
use crate::trust::{TrustOverride, TrustScore, effective_trust};

/// How long an answer may be acted on, in seconds: long enough for a slow tool call, short enough
/// that a stored "yes" is soon worth nothing.
pub const VERIFICATION_TTL_SECONDS: i64 = 300;

/// One key of an agent.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// The row.
    pub id: AgentKeyId,
    /// RFC 7638 thumbprint, as `keyid` in signatures.
    pub key_id: Arc<str>,
    /// What signatures are checked with.
    pub public_key: PublicKey,
    /// Until when it is good; `None` is until revoked.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is not.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What an organization set for decisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionSettings {
    /// Least trust for an action of high or critical risk.
    pub least_trust_high_risk: TrustScore,
    /// Least trust for any action.
    pub least_trust: TrustScore,
    /// Least risk at which a person has to agree; `None` is never.
    pub approval_from: Option<RiskLevel>,
}

impl Default for DecisionSettings {
    fn default() -> Self {
        Self {
            least_trust_high_risk: TrustScore::from_ten_thousandths(5_000),
            least_trust: TrustScore::from_ten_thousandths(2_000),
            approval_from: Some(RiskLevel::Critical),
        }
    }
}

/// Everything a decision depends on.
#[derive(Debug, Clone)]
pub struct AgentFacts {
    /// Who.
    pub agent: AgentId,
    /// Its owner.
    pub organization: OrganizationId,
    /// Its name, for messages and events.
    pub name: String,
    /// Where it is in its life.
    pub status: AgentStatus,
    /// All its keys, revoked ones too.
    pub keys: Vec<KeyFacts>,
    /// Its grants, not revoked.
    pub grants: Vec<CapabilityGrant>,
    /// Chains of delegation that end at it.
    pub delegations: Vec<DelegationFacts>,
    /// Its score; `None` is `UNSCORED`.
    pub trust: Option<TrustScore>,
    /// What a person set it to, for a time.
    pub trust_override: Option<Box<TrustOverride>>,
    /// Its kill switch, while engaged.
    pub kill_switch: Option<Box<KillSwitch>>,
    /// Its organization's kill switch, while engaged.
    pub organization_kill_switch: Option<Box<KillSwitch>>,
    /// Its organization's settings.
    pub settings: DecisionSettings,
    /// What people of its organization said of actions; `None` is nothing. One copy for all agents.
    pub action_classes: Option<Arc<ActionClasses>>,
    /// What kind of program it is.
    pub agent_type: AgentType,
    /// What people filed it under.
    pub tags: Box<[String]>,
    /// The policies of its organization; `None` is none. One copy for all agents.
    pub policies: Option<Arc<Policies>>,
    /// What its organization wants of approvals, and what persons agreed to beforehand; `None` is what
    /// holds without a word of anybody.
    pub approvals: Option<Arc<ApprovalFacts>>,
    /// The MCP servers of its organization; `None` is none. One copy for all agents.
    pub mcp: Option<Arc<McpFacts>>,
}

/// How a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The key that signed it.
    pub key: AgentKeyId,
    /// When it is decided.
    pub at: DateTime<Utc>,
    /// Where it came from, where that is known.
    pub address: Option<IpAddr>,
}

/// The decision and everything that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// What the action is.
    pub class: ActionClass,
    /// The risk that counted.
    pub risk: RiskLevel,
    /// At least one.
    pub reasons: Vec<Reason>,
    /// What the agent owes.
    pub obligations: Vec<Obligation>,
    /// Until when the answer may be acted on.
    pub expires_at: DateTime<Utc>,
    /// Whether a grant or a delegation covers it; nobody asked where something stopped it before.
    pub is_granted: bool,
    /// The policies that matched, also those that only watch.
    pub policies: PolicyVerdict,
    /// How many persons have to agree; 0 where nobody has to.
    pub approvers: u8,
    /// What a person agreed to beforehand, where it took the place of asking.
    pub approved_beforehand: Option<ApprovalGrant>,
}

/// Decides whether the agent of `facts` may do `request`, asked like this.
///
/// Order: kill switch, agent state, key, capability, policies, trust, approval. The first three stop at
/// once; the rest collect every reason, so that one answer names all that would have to change.
#[must_use]
pub fn decide(request: &ActionRequest, asked: Asked, facts: &AgentFacts) -> Verdict {
    decide_on(Ground::All, request, asked, facts)
}

/// What an action may stand on.
#[derive(Clone, Copy)]
enum Ground<'a> {
    /// Grants of the agent itself, then any chain of delegation.
    All,
    /// Grants of the agent itself.
    Own,
    /// This chain.
    Chain(&'a TokenChain),
}

fn decide_on(
    ground: Ground<'_>,
    request: &ActionRequest,
    asked: Asked,
    facts: &AgentFacts,
) -> Verdict {
    let now = asked.at;
    let class = facts
        .class_of(&request.action)
        .unwrap_or_else(|| classify(request.action.as_str()));
    let risk = request.risk(class);
    let mut verdict = Verdict {
        decision: Decision::Denied,
        class,
        risk,
        reasons: Vec::new(),
        obligations: Vec::new(),
        expires_at: now + Duration::seconds(VERIFICATION_TTL_SECONDS),
        is_granted: true,
        policies: PolicyVerdict::default(),
        approvers: 0,
        approved_beforehand: None,
    };
    if let Some(reason) = facts.stopped(asked.key, now) {
        verdict.reasons.push(reason);
        return verdict;
    }
    let granted = grant_of(ground, request, facts, now);
    verdict.is_granted = granted.is_ok();
    verdict.policies = policies_of(request, asked, facts, (risk, granted.is_ok()));
    let mut against: Vec<Reason> = granted.as_ref().err().cloned().into_iter().collect();
    against.extend(verdict.policies.stops().map(policy_reason));
    against.extend(trust_stops(risk, facts, now));
    if !against.is_empty() {
        verdict.reasons = against;
        return verdict;
    }
    let mut reasons: Vec<Reason> = granted.into_iter().collect();
    let granting = reasons.len();
    reasons.extend(verdict.policies.approvals().map(policy_reason));
    if let Some(from) = facts.settings.approval_from.filter(|from| risk >= *from) {
        reasons.push(Reason::new(
            ReasonCode::ApprovalRequired,
            format!("an action of risk `{risk:?}` needs a person's approval from `{from:?}` on"),
        ));
    }
    let asks = reasons.len() > granting;
    verdict.reasons = reasons;
    if asks {
        approval::ask(&mut verdict, request, facts, now);
    } else {
        verdict.decision = Decision::Allowed;
        verdict.obligations = vec![Obligation::ReportResult];
    }
    verdict
}

/// What the organization's policies say.
fn policies_of(
    request: &ActionRequest,
    asked: Asked,
    facts: &AgentFacts,
    (risk, is_granted): (RiskLevel, bool),
) -> PolicyVerdict {
    let Some(policies) = &facts.policies else {
        return PolicyVerdict::default();
    };
    let (action, resource) = (request.action.as_str(), request.resource.as_ref());
    let resource = resource.map(crate::name::Resource::as_str);
    policies.evaluate(&PolicyContext {
        agent: facts.agent,
        agent_type: facts.agent_type,
        tags: &facts.tags,
        action,
        resource,
        risk,
        trust: facts.trust_at(asked.at),
        is_granted,
        address: asked.address,
        at: asked.at,
        mcp: McpFacts::call(facts.mcp.as_deref(), action, resource),
    })
}

/// What a policy that counts has to say, in words.
fn policy_reason(hit: &PolicyHit) -> Reason {
    let (code, does) = match hit.effect {
        _ if hit.is_error => (ReasonCode::PolicyError, "could not be evaluated"),
        Effect::Forbid => (ReasonCode::PolicyForbids, "forbids this"),
        Effect::Quarantine => (ReasonCode::PolicyQuarantines, "quarantines the agent"),
        Effect::RequireApproval if hit.approvers > 1 => {
            (ReasonCode::PolicyAsks, "needs the approval of two persons")
        }
        Effect::RequireApproval => (ReasonCode::PolicyAsks, "needs a person's approval"),
        Effect::Alert => (ReasonCode::PolicyAsks, "wants somebody to know"),
    };
    let (name, version, why) = (&hit.name, hit.version, &hit.why);
    Reason::new(
        code,
        format!("policy `{name}` (version {version}) {does}: {why}"),
    )
}

/// As [`decide`], for a request with a token that is good for `limits` alone, and stands on `chain`, or
/// without one on what the agent was granted itself.
#[must_use]
pub fn decide_within(
    limits: &[TokenLimit],
    chain: Option<&TokenChain>,
    request: &ActionRequest,
    asked: Asked,
    facts: &AgentFacts,
) -> Verdict {
    let ground = chain.map_or(Ground::Own, Ground::Chain);
    let mut verdict = decide_on(ground, request, asked, facts);
    let action = request.action.as_str();
    let resource = request.resource.as_ref().map(crate::name::Resource::as_str);
    if !limits.iter().any(|limit| limit.covers(action, resource)) {
        let message = format!("the token is not good for `{action}` here; ask with another");
        let reason = Reason::new(ReasonCode::TokenLimited, message);
        if verdict.decision == Decision::Denied {
            verdict.reasons.push(reason);
        } else {
            verdict.reasons = vec![reason];
        }
        verdict.decision = Decision::Denied;
        verdict.obligations.clear();
        verdict.approvers = 0;
        verdict.approved_beforehand = None;
        verdict.expires_at = asked.at + Duration::seconds(VERIFICATION_TTL_SECONDS);
    }
    verdict
}

fn agent_stops(facts: &AgentFacts) -> Option<Reason> {
    let (code, words) = match facts.status {
        AgentStatus::Verified => return None,
        AgentStatus::Pending => (
            ReasonCode::AgentPending,
            "has not proven possession of its key; prove it first",
        ),
        AgentStatus::Suspended => (
            ReasonCode::AgentSuspended,
            "is suspended; a manager can reinstate it",
        ),
        AgentStatus::Quarantined => (
            ReasonCode::AgentQuarantined,
            "is quarantined after a critical finding; a manager can reinstate it",
        ),
        AgentStatus::Revoked => (
            ReasonCode::AgentRevoked,
            "is revoked for ever; register a new agent",
        ),
    };
    Some(Reason::new(code, format!("agent `{}` {words}", facts.name)))
}

fn key_stops(key: AgentKeyId, facts: &AgentFacts, now: DateTime<Utc>) -> Option<Reason> {
    let Some(key) = facts.keys.iter().find(|k| k.id == key) else {
        return Some(Reason::new(
            ReasonCode::KeyUnknown,
            format!("the signing key is not one of agent `{}`", facts.name),
        ));
    };
    if key.revoked_at.is_some_and(|at| at <= now) {
        let message = format!("key `{}` is revoked; sign with a live key", key.key_id);
        return Some(Reason::new(ReasonCode::KeyRevoked, message));
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        let message = format!("key `{}` has expired; rotate it", key.key_id);
        return Some(Reason::new(ReasonCode::KeyExpired, message));
    }
    None
}

fn grant_of(
    ground: Ground<'_>,
    request: &ActionRequest,
    facts: &AgentFacts,
    now: DateTime<Utc>,
) -> Result<Reason, Reason> {
    let action = request.action.as_str();
    let resource = request.resource.as_ref().map(crate::name::Resource::as_str);
    let on = resource.map_or_else(String::new, |r| format!(" on `{r}`"));
    let mut grants = facts.grants.iter();
    let grant = match ground {
        Ground::All | Ground::Own => grants.find(|grant| grant.covers(action, resource, now)),
        Ground::Chain(_) => None,
    };
    if let Some(grant) = grant {
        let pattern = grant.capability.as_str();
        let message = format!("grant `{pattern}` covers `{action}`{on}");
        return Ok(Reason::new(ReasonCode::CapabilityGranted, message));
    }
    let mut chains = facts.delegations.iter();
    let chain = match ground {
        Ground::All => chains.find(|it| it.covers(action, resource, now)),
        Ground::Own => None,
        Ground::Chain(named) => chains.find(|it| named.is(it) && it.covers(action, resource, now)),
    };
    if let Some((first, last)) = chain.and_then(|it| Some((it.links.first()?, it.last()?))) {
        let message = format!(
            "delegation `{}`, handed on from agent `{}`, covers `{action}`",
            last.id, first.delegator
        );
        return Ok(Reason::new(ReasonCode::CapabilityDelegated, message));
    }
    let message = match ground {
        Ground::Chain(named) => format!(
            "delegation `{}`, which the token stands on, does not cover `{action}`{on} now; ask \
             with another token",
            named.delegation()
        ),
        Ground::All | Ground::Own => format!(
            "no live grant or delegation of agent `{}` covers `{action}`{on}; grant it",
            facts.name
        ),
    };
    Err(Reason::new(ReasonCode::CapabilityMissing, message))
}

impl AgentFacts {
    /// The registered MCP server that an action calls a tool of.
    #[must_use]
    pub fn called_server(&self, action: &str, resource: Option<&str>) -> Option<McpServerId> {
        let call = McpFacts::call(self.mcp.as_deref(), action, resource)?;
        call.known.map(|it| it.id)
    }

    /// Why the agent may do nothing at all, while a kill switch is engaged. The reason's words are
    /// for the agent too: they do not repeat what the person said.
    #[must_use]
    pub fn killed(&self) -> Option<Reason> {
        if self.organization_kill_switch.is_some() {
            let message = "the kill switch of the organization is engaged; an administrator can \
                           release it";
            return Some(Reason::new(ReasonCode::OrganizationKilled, message));
        }
        self.kill_switch.as_ref().map(|_| {
            let message = format!(
                "the kill switch of agent `{}` is engaged; an administrator can release it",
                self.name
            );
            Reason::new(ReasonCode::AgentKilled, message)
        })
    }

    /// Why the agent may not act at all at `now` with this key: kill switch, agent state, key, in
    /// this order.
    #[must_use]
    pub fn stopped(&self, key: AgentKeyId, now: DateTime<Utc>) -> Option<Reason> {
        let stops = || agent_stops(self).or_else(|| self.key_stops(key, now));
        self.killed().or_else(stops)
    }

    /// Why this key is not good at `now`.
    #[must_use]
    pub fn key_stops(&self, key: AgentKeyId, now: DateTime<Utc>) -> Option<Reason> {
        key_stops(key, self, now)
    }

    /// Whether a grant or a delegation covers an action at a time.
    #[must_use]
    pub fn is_granted(&self, action: &str, resource: Option<&str>, at: DateTime<Utc>) -> bool {
        let mut grants = self.grants.iter();
        let mut chains = self.delegations.iter();
        grants.any(|grant| grant.covers(action, resource, at))
            || chains.any(|chain| chain.covers(action, resource, at))
    }

    /// What people of its organization said of this action, if anything.
    #[must_use]
    pub fn class_of(&self, action: &ActionName) -> Option<ActionClass> {
        self.action_classes.as_ref()?.get(action)
    }

    /// The trust that a decision at `now` takes.
    #[must_use]
    pub fn trust_at(&self, now: DateTime<Utc>) -> Option<TrustScore> {
        effective_trust(self.trust, self.trust_override.as_deref(), now)
    }
}

/// An agent that is not scored yet is held to its grants and approvals alone.
fn trust_stops(risk: RiskLevel, facts: &AgentFacts, now: DateTime<Utc>) -> Option<Reason> {
    let settings = &facts.settings;
    let least = if risk >= RiskLevel::High {
        settings.least_trust_high_risk.max(settings.least_trust)
    } else {
        settings.least_trust
    };
    let trust = facts.trust_at(now).filter(|trust| *trust < least)?;
    Some(Reason::new(
        ReasonCode::TrustTooLow,
        format!(
            "trust {:.4} of agent `{}` is below {:.4}, the least for risk `{risk:?}`",
            trust.as_fraction(),
            facts.name,
            least.as_fraction()
        ),
    ))
}
