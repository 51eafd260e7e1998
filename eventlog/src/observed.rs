//! The `data` of `aim.action.performed.v1`, and who may say it.

use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::event::ACTION_PERFORMED;
use aim_domain::id::{AgentId, EventId, OrganizationId};
use aim_domain::name::{ActionName, Resource};
use aim_domain::risk::RiskLevel;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Envelope, Refusal};

/// Most arguments that are kept of one action; the rest is dropped.
const ARGUMENTS_MAX: usize = 32;
/// Most characters that are kept of one argument's value.
const ARGUMENT_MAX_CHARS: usize = 120;
/// Most bytes of `session` and `task`.
const LABEL_MAX_BYTES: usize = 128;

#[derive(Deserialize)]
struct Data {
    session: Option<String>,
    task: Option<String>,
    action: ActionName,
    resource: Option<String>,
    #[serde(default)]
    arguments: Map<String, Value>,
    outcome: Outcome,
    risk: Option<RiskLevel>,
}

/// The agent that a fleet's event says it is from: `urn:aim:agent:<name or id>`.
#[must_use]
pub fn agent_of_source(source: &str) -> Option<&str> {
    source
        .strip_prefix("urn:aim:agent:")
        .filter(|agent| !agent.is_empty())
}

/// Reads an action that `agent` reported.
///
/// # Errors
/// [`Refusal`] when the event is of another type, or its data has a bad field.
pub fn parse_action(
    envelope: &Envelope,
    agent: AgentId,
    organization: OrganizationId,
) -> Result<ObservedAction, Refusal> {
    if envelope.event_type != ACTION_PERFORMED {
        let detail = format!(
            "`type` is `{}`; send `{ACTION_PERFORMED}`",
            envelope.event_type
        );
        return Err(Refusal::new("EVENT_TYPE_UNKNOWN", detail));
    }
    let data: Data = serde_json::from_str(envelope.data.get())
        .map_err(|error| Refusal::new("EVENT_INVALID", format!("`data`: {error}")))?;
    // An empty or overlong resource is still an action: cut it rather than lose the event.
    let resource = data
        .resource
        .map(|text| cut(text, aim_domain::name::RESOURCE_MAX_BYTES));
    let resource = resource.and_then(|text| Resource::parse(text).ok());
    let mut arguments = data.arguments;
    while arguments.len() > ARGUMENTS_MAX {
        let last = arguments.keys().next_back().cloned();
        last.map(|key| arguments.remove(&key));
    }
    for value in arguments.values_mut() {
        if let Value::String(text) = value
            && let Some((at, _)) = text.char_indices().nth(ARGUMENT_MAX_CHARS)
        {
            text.truncate(at);
        }
    }
    Ok(ObservedAction {
        event: EventId::produced(organization, &envelope.source, &envelope.id),
        organization,
        agent,
        time: envelope.time,
        action: data.action,
        resource,
        session: data.session.and_then(label),
        task: data.task.and_then(label),
        arguments,
        outcome: data.outcome,
        declared_risk: data.risk,
        granted: None,
    })
}

/// A session or a task; an empty one is none.
fn label(text: String) -> Option<String> {
    Some(cut(text, LABEL_MAX_BYTES)).filter(|text| !text.is_empty())
}

/// The text without control characters, which PostgreSQL and terminals take badly, and its longest
/// prefix of at most `max` bytes that ends at a character.
fn cut(mut text: String, max: usize) -> String {
    text.retain(|c| !c.is_control());
    while text.len() > max {
        text.pop();
    }
    text
}
