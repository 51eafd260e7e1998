//! Calls of MCP servers: what others said of the server, for the caller's trust, and servers that nobody
//! registered, for the discovery inbox.

use std::sync::Arc;

use aim_app::{App, AppError, McpCallSeen};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::mcp::McpFacts;
use aim_domain::name::Resource;
use foldhash::{HashMap, HashMapExt};

use crate::batch::{Lesson, Step};

/// Notes with each call what others said of its server. It is as of now, and is journaled with the action:
/// what was learned once is learned again as it was.
pub(crate) async fn look_up(app: &App, steps: &mut [Step]) -> Result<(), AppError> {
    if !steps.iter().any(may_call) {
        return Ok(());
    }
    let servers = servers_of(app, steps).await?;
    let (mut places, mut calls, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (place, step) in steps.iter().enumerate() {
        let Lesson::Action { action, .. } = &step.lesson else {
            continue;
        };
        let facts = servers.get(&step.organization).map(Arc::as_ref);
        let resource = action.resource.as_ref().map(Resource::as_str);
        let Some(call) = McpFacts::call(facts, action.action.as_str(), resource) else {
            continue;
        };
        match call.known {
            Some(known) => {
                places.push(place);
                calls.push(McpCallSeen {
                    agent: step.agent,
                    server: known.id,
                    at: action.time,
                });
            }
            None => unknown.push((step.organization, step.agent, call.server.to_owned())),
        }
    }
    let judged = app.judge_mcp_calls(&calls).await?;
    for (place, standing) in places.into_iter().zip(judged) {
        if let Lesson::Action { action, .. } = &mut steps[place].lesson {
            action.server = standing;
        }
    }
    // A call that names two servers is of neither.
    unknown.retain(|(organization, _, name)| {
        let facts = servers.get(organization);
        facts.is_none_or(|it| !it.has(name))
    });
    if let Err(error) = app.note_called_servers(unknown).await {
        tracing::warn!(%error, "servers that were called and nobody registered are not written down");
    }
    Ok(())
}

/// Whether it may be a call: by far most are none.
fn may_call(step: &Step) -> bool {
    let Lesson::Action { action, .. } = &step.lesson else {
        return false;
    };
    let has_url = |it: &Resource| it.as_str().contains("://");
    action.action.as_str().starts_with("mcp") || action.resource.as_ref().is_some_and(has_url)
}

/// The servers of the steps' organizations: one copy for all agents of one, so that one of them tells.
async fn servers_of(
    app: &App,
    steps: &[Step],
) -> Result<HashMap<OrganizationId, Arc<McpFacts>>, AppError> {
    let mut agents: HashMap<OrganizationId, AgentId> = HashMap::new();
    for step in steps {
        agents.entry(step.organization).or_insert(step.agent);
    }
    let ids = agents.into_values().collect();
    let facts = app.find_facts(&ids).await?.into_values();
    let servers = facts.filter_map(|it| Some((it.organization, it.mcp.clone()?)));
    Ok(servers.collect())
}
