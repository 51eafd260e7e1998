//! What would be decided, and why something was: nothing is written, nobody is told.

use std::net::IpAddr;

use aim_domain::id::{AgentId, AgentKeyId, VerificationId};
use aim_domain::policy::{PolicyHit, PolicyText};
use aim_domain::verification::{AgentFacts, Asked, Verdict, decide};
use aim_store::verifications::Verification;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{App, AppError, Permit, VerifyAction};

/// An action that nobody asks for.
#[derive(Debug, Clone)]
pub struct SimulateAction {
    /// Who would ask.
    pub agent: AgentId,
    /// For what.
    pub action: VerifyAction,
    /// When; `None` is now.
    pub at: Option<DateTime<Utc>>,
    /// From where; `None` is not known.
    pub address: Option<String>,
}

/// Why something was decided.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What was decided.
    pub verification: Verification,
    /// The policies that matched, each with the text that it had.
    pub policies: Vec<(PolicyHit, Option<PolicyText>)>,
    /// What would be decided now; `None` when the agent is there no more.
    pub now: Option<Verdict>,
}

impl App {
    /// What would be decided about an action, with the agent's facts as they are now; `None` when the
    /// permit's organization has no such agent.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field.
    pub async fn simulate_action(
        &self,
        permit: &Permit,
        input: SimulateAction,
    ) -> Result<Option<Verdict>, AppError> {
        let (request, _) = input.action.check()?;
        let address = match input.address {
            Some(text) => {
                let parsed = text.parse::<IpAddr>();
                let wrong = |_| AppError::field("address", format!("`{text}` is no IP address"));
                Some(parsed.map_err(wrong)?)
            }
            None => None,
        };
        let wanted = [input.agent];
        let own = self.store.load_agents(permit.scope(), &wanted).await?;
        if own.is_empty() {
            return Ok(None);
        }
        let facts = self.facts(input.agent).await?;
        let at = input.at.unwrap_or_else(|| self.clock.now());
        let key = key_at(&facts, at);
        let asked = Asked { key, at, address };
        Ok(Some(decide(&request, asked, &facts)))
    }

    /// Why a verification came out as it did, and what would come out now.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn explain_verification(
        &self,
        permit: &Permit,
        id: VerificationId,
    ) -> Result<Option<Explanation>, AppError> {
        let Some(verification) = self.find_verification(permit, id).await? else {
            return Ok(None);
        };
        let mut policies = Vec::with_capacity(verification.policies.len());
        for hit in &verification.policies {
            let text = self
                .store
                .find_policy_text(permit.scope(), hit.policy, hit.version);
            policies.push((hit.clone(), text.await?));
        }
        let again = VerifyAction {
            action: verification.action.clone(),
            resource: verification.resource.clone(),
            declared_risk: Some(verification.risk),
            ..VerifyAction::default()
        };
        let again = SimulateAction {
            agent: verification.agent,
            action: again,
            at: None,
            address: None,
        };
        let now = self.simulate_action(permit, again).await?;
        Ok(Some(Explanation {
            verification,
            policies,
            now,
        }))
    }
}

/// A key that is good then, or, where none is, one that says why not.
pub(crate) fn key_at(facts: &AgentFacts, at: DateTime<Utc>) -> AgentKeyId {
    let mut keys = facts.keys.iter();
    let live = keys.find(|key| facts.key_stops(key.id, at).is_none());
    let any = live.or(facts.keys.last()).map(|key| key.id);
    any.unwrap_or(AgentKeyId::from_uuid(Uuid::nil()))
}
