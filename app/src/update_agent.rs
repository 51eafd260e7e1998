//! Changing what is said of an agent, and deleting it.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::AgentId;
use aim_store::agents::Agent;
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::register_agent::{check_lists, check_texts};
use crate::{App, AppError, ErrorCode, Permit};

/// What is to be said of an agent from now on; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateAgent {
    /// What people call it.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What kind of program it is.
    pub agent_type: Option<AgentType>,
    /// Its version.
    pub version: Option<String>,
    /// Where its source is.
    pub repository_url: Option<String>,
    /// Where its manual is.
    pub documentation_url: Option<String>,
    /// What it says it needs; declared is not granted.
    pub declared_capabilities: Option<Vec<String>>,
    /// Servers it says it talks to.
    pub talks_to: Option<Vec<String>>,
    /// Words that people sort agents by.
    pub tags: Option<Vec<String>>,
    /// More of these.
    pub tags_added: Vec<String>,
    /// None of these any more.
    pub tags_removed: Vec<String>,
}

/// What the trail keeps of it.
fn said(agent: &Agent) -> Value {
    json!({
        "displayName": agent.display_name,
        "description": agent.description,
        "agentType": agent.agent_type,
        "version": agent.version,
        "repositoryUrl": agent.repository_url,
        "documentationUrl": agent.documentation_url,
        "declaredCapabilities": agent.declared_capabilities,
        "talksTo": agent.talks_to,
        "tags": agent.tags,
    })
}

impl App {
    /// Changes what is said of an agent. Its name stays: events and the trail call it by that.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Conflict` when it is deleted or
    /// somebody changed it at the same time.
    pub async fn update_agent(
        &self,
        permit: &Permit,
        id: AgentId,
        input: UpdateAgent,
    ) -> Result<Agent, AppError> {
        let before = self.get_agent(permit, id).await?;
        self.say_of_agent(permit, &before, input).await?;
        self.get_agent(permit, id).await
    }

    /// The same of an agent as it was read.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when it is deleted or somebody changed it since.
    pub(crate) async fn say_of_agent(
        &self,
        permit: &Permit,
        before: &Agent,
        input: UpdateAgent,
    ) -> Result<(), AppError> {
        let id = before.id;
        let mut after = before.clone();
        let put = |to: &mut Option<String>, from: Option<String>| {
            // An empty text takes back what was said.
            if let Some(text) = from {
                *to = (!text.is_empty()).then_some(text);
            }
        };
        after.display_name = input.display_name.unwrap_or(after.display_name);
        after.description = input.description.unwrap_or(after.description);
        after.agent_type = input.agent_type.unwrap_or(after.agent_type);
        put(&mut after.version, input.version);
        put(&mut after.repository_url, input.repository_url);
        put(&mut after.documentation_url, input.documentation_url);
        let declared = input.declared_capabilities;
        after.declared_capabilities = declared.unwrap_or(after.declared_capabilities);
        after.talks_to = input.talks_to.unwrap_or(after.talks_to);
        after.tags = input.tags.unwrap_or(after.tags);
        after.tags.retain(|tag| !input.tags_removed.contains(tag));
        after.tags.extend(input.tags_added);
        check(&mut after)?;
        if said(before) == said(&after) {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        if !tx.update_agent(&after).await? {
            let message = "deleted, or changed by somebody else; read it again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let change = AgentChange::Updated;
        tx.emit(&self.event(after.organization, id, AgentChanged { agent: id, change }));
        tx.audit(permit.audit(
            &self.ids,
            "agent.update",
            ("agent", id.to_string()),
            None,
            (Some(said(before)), Some(said(&after))),
        ));
        tx.commit().await?;
        Ok(())
    }

    /// Deletes an agent: it is revoked with all its keys if it was not, and is in no list any more.
    /// What it did stays on record, and its name stays taken, so that the record names one agent.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was deleted before.
    pub async fn delete_agent(
        &self,
        permit: &Permit,
        id: AgentId,
        reason: &str,
    ) -> Result<Agent, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(reason);
        errors.finish()?;
        let agent = self.get_agent(permit, id).await?;
        let (from, to) = (agent.status, AgentStatus::Revoked);
        let mut tx = self.store.begin().await?;
        if !tx.delete_agent(id).await? {
            return Err(AppError::new(
                ErrorCode::Conflict,
                "the agent was deleted before",
            ));
        }
        let mut changes = vec![AgentChange::Deleted];
        if from != to {
            let by = permit.actor();
            if !tx.update_status(id, from, to, Some(reason), &by).await? {
                let message = "changed by somebody else; read it again";
                return Err(AppError::new(ErrorCode::Conflict, message));
            }
            tx.revoke_keys(id, reason, &by).await?;
            let reason = Some(reason.to_owned());
            changes.insert(0, AgentChange::Status { from, to, reason });
        }
        let fact = |change| AgentChanged { agent: id, change };
        let events: Vec<_> = changes
            .into_iter()
            .map(|change| self.event(agent.organization, id, fact(change)))
            .collect();
        for event in &events {
            tx.emit(event);
        }
        tx.audit(permit.audit(
            &self.ids,
            "agent.delete",
            ("agent", id.to_string()),
            Some(reason.to_owned()),
            (
                Some(json!({ "name": agent.name, "status": from })),
                Some(json!({ "status": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget(id);
        for event in &events {
            self.kills.heed(&event.fact, event.time);
        }
        self.get_agent(permit, id).await
    }
}

fn check(agent: &mut Agent) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    if agent.display_name.trim().is_empty() {
        errors.add("displayName", "is empty; say what people call it");
    }
    let some = |text: &String| Some(text.clone());
    check_texts(
        &mut errors,
        [
            &some(&agent.display_name),
            &some(&agent.description),
            &agent.version,
            &agent.repository_url,
            &agent.documentation_url,
        ],
    );
    agent.tags.sort_unstable();
    agent.tags.dedup();
    let lists = [&agent.declared_capabilities, &agent.talks_to, &agent.tags];
    check_lists(&mut errors, lists);
    errors.finish()
}
