//! Policies about events: asked of what an action came to, before it is written.

use std::sync::Arc;

use aim_app::{App, AppError};
use aim_domain::action::ObservedAction;
use aim_domain::anomaly::Finding;
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::name::Resource;
use aim_domain::policy::{ObservedEvent, Policies, PolicyContext};
use foldhash::{HashMap, HashMapExt};

use crate::batch::Step;
use crate::said::of_event;

/// The policies of a batch's organizations that look at events.
pub(crate) struct Watch<'a> {
    app: &'a App,
    policies: HashMap<OrganizationId, Arc<Policies>>,
}

impl<'a> Watch<'a> {
    /// Policies are one copy for all agents of an organization, so that one of them tells.
    pub(crate) async fn prepare(app: &'a App, steps: &[Step]) -> Result<Self, AppError> {
        let mut agents: HashMap<OrganizationId, AgentId> = HashMap::new();
        for step in steps {
            agents.entry(step.organization).or_insert(step.agent);
        }
        let ids = agents.into_values().collect();
        let facts = app.find_facts(&ids).await?;
        let policies = facts.into_values().filter_map(|facts| {
            let policies = facts.policies.clone().filter(|it| it.watches_events())?;
            Some((facts.organization, policies))
        });
        Ok(Self {
            app,
            policies: policies.collect(),
        })
    }

    /// What the policies say of an action in which this was found, and which is one of so many.
    pub(crate) async fn judge(
        &self,
        action: &ObservedAction,
        findings: &[Finding],
        counts: [u32; 3],
    ) -> Result<Vec<Finding>, AppError> {
        let Some(policies) = self.policies.get(&action.organization) else {
            return Ok(Vec::new());
        };
        let event = ObservedEvent { findings, counts };
        if !policies.may_match(&event) {
            return Ok(Vec::new());
        }
        let found = self.app.find_facts(&[action.agent].into()).await?;
        let Some(facts) = found.get(&action.agent) else {
            return Ok(Vec::new());
        };
        let context = PolicyContext {
            agent: action.agent,
            agent_type: facts.agent_type,
            tags: &facts.tags,
            action: action.action.as_str(),
            resource: action.resource.as_ref().map(Resource::as_str),
            risk: action
                .declared_risk
                .unwrap_or_default()
                .max(action.class.risk),
            trust: facts.trust,
            is_granted: action.granted.unwrap_or(true),
            address: None,
            at: action.time,
            // Rules about events look at no server.
            mcp: None,
        };
        let hits = policies.judge_event(&context, &event);
        Ok(of_event(action, &hits))
    }
}
