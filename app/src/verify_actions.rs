//! Several questions in one request, and questions that another program asks.

use std::net::IpAddr;

use aim_domain::id::AgentId;
use aim_store::verifications::Verification;
use chrono::Duration;
use futures::future::join_all;

use crate::simulate_action::key_at;
use crate::{AgentActor, App, AppError, ErrorCode, Permit, VerifyAction};

/// Most actions of one request.
pub const ACTIONS_MAX: usize = 20;

impl App {
    /// Decides about several actions, each on its own, in their order. They share one group commit.
    ///
    /// # Errors
    /// `InvalidInput` when there are none or too many; `Unauthenticated` for a replayed nonce.
    pub async fn verify_actions(
        &self,
        actor: &AgentActor,
        inputs: Vec<VerifyAction>,
        request_id: &str,
    ) -> Result<Vec<Result<Verification, AppError>>, AppError> {
        if inputs.is_empty() || inputs.len() > ACTIONS_MAX {
            let message = format!("has {} entries; give 1 to {ACTIONS_MAX}", inputs.len());
            return Err(AppError::field("actions", message));
        }
        let decided = inputs.into_iter().enumerate().map(async |(number, input)| {
            let numbered = actor.numbered(number);
            self.verify_action(&numbered, input, request_id).await
        });
        let decided = join_all(decided).await;
        let is_replayed = |it: &&Result<Verification, AppError>| matches!(it, Err(error) if error.code == ErrorCode::Unauthenticated);
        if let Some(Err(error)) = decided.iter().find(is_replayed) {
            return Err(error.clone());
        }
        Ok(decided)
    }

    /// Decides about an action of an agent in whose place a program asks. It is decided and recorded as
    /// when the agent asks, with one of its live keys; who asked stands in the trail.
    ///
    /// # Errors
    /// `NotFound` for an agent of another organization; otherwise as [`Self::verify_action`].
    pub async fn verify_action_for(
        &self,
        permit: &Permit,
        agent: AgentId,
        input: VerifyAction,
        client: Option<IpAddr>,
    ) -> Result<Verification, AppError> {
        let facts = self.facts(agent).await?;
        if facts.organization != permit.scope().organization {
            return Err(AppError::not_found("agent"));
        }
        let now = self.clock.now();
        let actor = AgentActor {
            agent,
            organization: facts.organization,
            key: key_at(&facts, now),
            nonce: self.ids.next().to_string(),
            stale_at: now + Duration::seconds(1),
            stopped: None,
            key_ends_at: None,
            token: None,
            client,
        };
        let asker = Some(permit.actor());
        self.verify_as(&actor, asker, input, permit.request_id())
            .await
    }
}
