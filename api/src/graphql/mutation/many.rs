//! The same for many at once.

use aim_app::{Outcomes, StatusChange};
use aim_domain::role::Permission;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::RequestContext;
use super::super::enums::AlertVerdict;
use super::super::id::{global_id, parse_ids};
use super::super::types::{Agent, Alert};
use super::super::user_error::{UserErrorCode, payload, split};

/// What to do to agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
enum AgentStatusChange {
    /// Stop them for now.
    Suspend,
    /// Let suspended and quarantined ones act again.
    Reinstate,
    /// End them for ever, with their keys.
    Revoke,
}

/// Which agents, and what to do to them.
#[derive(Debug, InputObject)]
struct ChangeAgentStatusesInput {
    /// Global ids of the agents, 1 to 100.
    agent_ids: Vec<ID>,
    /// What to do.
    change: AgentStatusChange,
    /// Why; kept in the audit trail, with each of them.
    reason: String,
}

/// Which agents, and which words they are sorted by.
#[derive(Debug, InputObject)]
struct TagAgentsInput {
    /// Global ids of the agents, 1 to 100.
    agent_ids: Vec<ID>,
    /// Tags to put on them.
    #[graphql(default)]
    add: Vec<String>,
    /// Tags to take off them.
    #[graphql(default)]
    remove: Vec<String>,
}

/// Which alerts, and what they were.
#[derive(Debug, InputObject)]
struct AnswerAlertsInput {
    /// Global ids of the alerts, 1 to 100.
    alert_ids: Vec<ID>,
    /// What they were, to resolve them; they are acknowledged when it is left out.
    verdict: Option<AlertVerdict>,
    /// Why; kept in the audit trail, with each of them.
    reason: Option<String>,
}

/// What became of several agents.
#[derive(Debug, SimpleObject)]
pub(crate) struct ChangedAgents {
    /// One for each, once, in the order they were named.
    items: Vec<ChangedAgent>,
}

/// What became of an agent.
#[derive(Debug, SimpleObject)]
pub(crate) struct ChangedAgent {
    /// Global id of the agent that was meant.
    agent_id: ID,
    /// The agent as it is now, also when it was so before; null where it could not be done.
    agent: Option<Agent>,
    /// Why it could not be done, for programs; null where it was.
    code: Option<UserErrorCode>,
    /// The same for people.
    message: Option<String>,
}

/// What became of several alerts.
#[derive(Debug, SimpleObject)]
pub(crate) struct AnsweredAlerts {
    /// One for each, once, in the order they were named.
    items: Vec<AnsweredAlert>,
}

/// What became of an alert.
#[derive(Debug, SimpleObject)]
pub(crate) struct AnsweredAlert {
    /// Global id of the alert that was meant.
    alert_id: ID,
    /// The alert as it is now, also when it was so before; null where it could not be done.
    alert: Option<Alert>,
    /// Why it could not be done, for programs; null where it was.
    code: Option<UserErrorCode>,
    /// The same for people.
    message: Option<String>,
}

payload!(ChangeAgentStatusesPayload, ChangeAgentStatusesError, /// What became of each agent, in order.
    results: ChangedAgents);
payload!(TagAgentsPayload, TagAgentsError, /// What became of each agent, in order.
    results: ChangedAgents);
payload!(AnswerAlertsPayload, AnswerAlertsError, /// What became of each alert, in order.
    results: AnsweredAlerts);

/// An object, or why it could not be done.
type Item<T> = (Option<T>, Option<UserErrorCode>, Option<String>);

fn item<R, T: From<R>>(outcome: std::result::Result<R, aim_app::AppError>) -> Result<Item<T>> {
    match outcome {
        Ok(row) => Ok((Some(row.into()), None, None)),
        Err(error) => {
            // It names every wrong field.
            let message = error.message.clone();
            let code = split(error)?.first().map(|(code, _, _)| *code);
            Ok((None, code, Some(message)))
        }
    }
}

fn agents(
    outcomes: Outcomes<aim_domain::id::AgentId, aim_store::agents::Agent>,
) -> Result<ChangedAgents> {
    let mut items = Vec::with_capacity(outcomes.len());
    for (id, outcome) in outcomes {
        let (agent, code, message) = item(outcome)?;
        items.push(ChangedAgent {
            agent_id: global_id("Agent", id),
            agent,
            code,
            message,
        });
    }
    Ok(ChangedAgents { items })
}

/// Mutations of many objects.
#[derive(Debug, Default)]
pub(crate) struct ManyMutations;

#[Object]
impl ManyMutations {
    /// Suspends, reinstates or revokes several agents, each on its own: one that fails takes nothing away
    /// from the others, and one that is so already stays as it is: whoever got no answer may send it again.
    /// Needs `MANAGER`.
    async fn change_agent_statuses(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agents, what to do, and why.")] input: ChangeAgentStatusesInput,
    ) -> Result<ChangeAgentStatusesPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let ids = parse_ids("Agent", "agentIds", &input.agent_ids)?;
        let change = match input.change {
            AgentStatusChange::Suspend => StatusChange::Suspend,
            AgentStatusChange::Reinstate => StatusChange::Reinstate,
            AgentStatusChange::Revoke => StatusChange::Revoke,
        };
        let app = &request.app;
        match app
            .change_agent_statuses(&permit, &ids, change, &input.reason)
            .await
        {
            Ok(outcomes) => ChangeAgentStatusesPayload::of(Ok(agents(outcomes)?)),
            Err(error) => ChangeAgentStatusesPayload::of(Err::<ChangedAgents, _>(error)),
        }
    }

    /// Puts tags on several agents and takes others off, each on its own: one that fails takes nothing
    /// away from the others, and may be sent again. Needs `MANAGER`.
    async fn tag_agents(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which agents, and which tags.")] input: TagAgentsInput,
    ) -> Result<TagAgentsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAgents)?;
        let ids = parse_ids("Agent", "agentIds", &input.agent_ids)?;
        let tags = (input.add, input.remove);
        match request.app.tag_agents(&permit, &ids, tags).await {
            Ok(outcomes) => TagAgentsPayload::of(Ok(agents(outcomes)?)),
            Err(error) => TagAgentsPayload::of(Err::<ChangedAgents, _>(error)),
        }
    }

    /// Acknowledges several alerts, or resolves them, each on its own: one that fails takes nothing away
    /// from the others, and one that is so already stays as it is: whoever got no answer may send it again.
    /// Needs `MANAGER`.
    async fn answer_alerts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which alerts, and what they were.")] input: AnswerAlertsInput,
    ) -> Result<AnswerAlertsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let ids = parse_ids("Alert", "alertIds", &input.alert_ids)?;
        let verdict = input.verdict.map(Into::into);
        let app = &request.app;
        let outcomes = match app
            .answer_alerts(&permit, &ids, (verdict, input.reason))
            .await
        {
            Ok(outcomes) => outcomes,
            Err(error) => return AnswerAlertsPayload::of(Err::<AnsweredAlerts, _>(error)),
        };
        let mut items = Vec::with_capacity(outcomes.len());
        for (id, outcome) in outcomes {
            let (alert, code, message) = item(outcome)?;
            items.push(AnsweredAlert {
                alert_id: global_id("Alert", id),
                alert,
                code,
                message,
            });
        }
        AnswerAlertsPayload::of(Ok(AnsweredAlerts { items }))
    }
}
