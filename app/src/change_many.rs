//! The same for many: each in a transaction of its own, so that one that fails takes nothing away from the
//! others. What is so already stays as it is, so that sending the same again changes nothing: whoever got no
//! answer, because a process died in the middle, sends it again.

use std::collections::HashMap;

use aim_domain::alert::AlertVerdict;
use aim_domain::id::{AgentId, AlertId};
use aim_store::agents::Agent;
use aim_store::alerts::Alert;

use crate::change_status::StatusChange;
use crate::error::{FieldErrors, REASON_MAX};
use crate::register_agent::check_tags;
use crate::{App, AppError, ErrorCode, Permit, UpdateAgent};

/// Most objects of one call.
const MANY: usize = 100;
/// How often tags are put on an agent that somebody else changes meanwhile.
const TRIES: usize = 3;

/// What became of each object, in the order they were named.
pub type Outcomes<I, T> = Vec<(I, Result<T, AppError>)>;

/// Each object once, in the order they were named; none and too many are refused.
fn several<I: Copy + PartialEq>(
    errors: &mut FieldErrors,
    field: &'static str,
    ids: &[I],
) -> Vec<I> {
    if ids.is_empty() || ids.len() > MANY {
        errors.add(
            field,
            format!("has {} entries; give 1 to {MANY}", ids.len()),
        );
    }
    let mut once: Vec<I> = Vec::new();
    for id in ids.iter().take(MANY) {
        if !once.contains(id) {
            once.push(*id);
        }
    }
    once
}

/// An outcome of one object; a fault that is nobody's mistake ends the whole.
fn settle<T>(outcome: Result<T, AppError>) -> Result<Result<T, AppError>, AppError> {
    use ErrorCode::{Conflict, InvalidInput, NotFound};
    match outcome {
        Err(error) if !matches!(error.code, InvalidInput | NotFound | Conflict) => Err(error),
        outcome => Ok(outcome),
    }
}

/// What was done, with the objects as they are now.
fn with_objects<I: Copy + Eq + std::hash::Hash, T>(
    kind: &str,
    done: Outcomes<I, ()>,
    mut now: HashMap<I, T>,
) -> Outcomes<I, T> {
    let mut object = |id| now.remove(&id).ok_or_else(|| AppError::not_found(kind));
    done.into_iter()
        .map(|(id, outcome)| (id, outcome.and_then(|()| object(id))))
        .collect()
}

impl App {
    /// Changes the status of several agents.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, and when there are none or too many.
    pub async fn change_agent_statuses(
        &self,
        permit: &Permit,
        ids: &[AgentId],
        change: StatusChange,
        reason: &str,
    ) -> Result<Outcomes<AgentId, Agent>, AppError> {
        let mut errors = FieldErrors::default();
        let ids = several(&mut errors, "agentIds", ids);
        errors.reason(reason);
        errors.finish()?;
        let known = self.agents_by_id(permit, &ids).await?;
        let mut done = Vec::with_capacity(ids.len());
        for id in &ids {
            let outcome = match known.get(id) {
                None => Err(AppError::not_found("agent")),
                Some(agent) if change.is_done(agent.status) => Ok(()),
                Some(agent) => self.step_status(permit, agent, change, reason).await,
            };
            done.push((*id, settle(outcome)?));
        }
        let now = self.agents_by_id(permit, &ids).await?;
        Ok(with_objects("agent", done, now))
    }

    /// Puts tags on several agents and takes others off.
    ///
    /// # Errors
    /// `InvalidInput` when there are none or too many agents, for the tags, and when there are none.
    pub async fn tag_agents(
        &self,
        permit: &Permit,
        ids: &[AgentId],
        (add, remove): (Vec<String>, Vec<String>),
    ) -> Result<Outcomes<AgentId, Agent>, AppError> {
        let mut errors = FieldErrors::default();
        let ids = several(&mut errors, "agentIds", ids);
        check_tags(&mut errors, "add", &add);
        check_tags(&mut errors, "remove", &remove);
        if add.is_empty() && remove.is_empty() {
            errors.add("add", "is empty, as is `remove`; give tags in one of them");
        }
        if let Some(both) = add.iter().find(|tag| remove.contains(tag)) {
            let message = format!("has `{both}`, and so has `add`; leave it out of one of them");
            errors.add("remove", message);
        }
        errors.finish()?;
        let update = UpdateAgent {
            tags_added: add,
            tags_removed: remove,
            ..UpdateAgent::default()
        };
        let known = self.agents_by_id(permit, &ids).await?;
        let mut done = Vec::with_capacity(ids.len());
        for id in &ids {
            let outcome = match known.get(id) {
                None => Err(AppError::not_found("agent")),
                Some(agent) => self.tag_agent(permit, agent, &update).await,
            };
            done.push((*id, settle(outcome)?));
        }
        let now = self.agents_by_id(permit, &ids).await?;
        Ok(with_objects("agent", done, now))
    }

    /// Tags come and go by themselves: what somebody else changes meanwhile is no reason to refuse them.
    async fn tag_agent(
        &self,
        permit: &Permit,
        agent: &Agent,
        update: &UpdateAgent,
    ) -> Result<(), AppError> {
        let mut outcome = self.say_of_agent(permit, agent, update.clone()).await;
        for _ in 1..TRIES {
            if !matches!(&outcome, Err(error) if error.code == ErrorCode::Conflict) {
                break;
            }
            let agent = self.get_agent(permit, agent.id).await?;
            outcome = self.say_of_agent(permit, &agent, update.clone()).await;
        }
        outcome
    }

    /// Acknowledges several alerts, or resolves them when a verdict is given.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, and when there are none or too many.
    pub async fn answer_alerts(
        &self,
        permit: &Permit,
        ids: &[AlertId],
        (verdict, reason): (Option<AlertVerdict>, Option<String>),
    ) -> Result<Outcomes<AlertId, Alert>, AppError> {
        let mut errors = FieldErrors::default();
        let ids = several(&mut errors, "alertIds", ids);
        if let Some(reason) = &reason {
            errors.text("reason", reason, REASON_MAX);
        }
        errors.finish()?;
        let known = self.alerts_by_id(permit, &ids).await?;
        let mut done = Vec::with_capacity(ids.len());
        for id in &ids {
            let outcome = match known.get(id) {
                None => Err(AppError::not_found("alert")),
                Some(alert) => {
                    let answer = (verdict, reason.clone());
                    self.write_answer(permit, alert, answer).await
                }
            };
            done.push((*id, settle(outcome)?));
        }
        let now = self.alerts_by_id(permit, &ids).await?;
        Ok(with_objects("alert", done, now))
    }

    async fn agents_by_id(
        &self,
        permit: &Permit,
        ids: &[AgentId],
    ) -> Result<HashMap<AgentId, Agent>, AppError> {
        let found = self.load_agents(permit, ids).await?.into_iter();
        Ok(found.map(|it| (it.id, it)).collect())
    }

    async fn alerts_by_id(
        &self,
        permit: &Permit,
        ids: &[AlertId],
    ) -> Result<HashMap<AlertId, Alert>, AppError> {
        let found = self.store.load_alerts(permit.scope(), ids).await?;
        Ok(found.into_iter().map(|it| (it.id, it)).collect())
    }
}
