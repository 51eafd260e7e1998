//! The `data` of `aim.action.performed.v1`, and who may say it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aim_domain::action::{
    ActionClass, ObservedAction, Outcome, ToolAnnotations, classify, classify_annotated,
};
use aim_domain::event::ACTION_PERFORMED;
use aim_domain::id::{AgentId, EventId, OrganizationId};
use aim_domain::location::{Location, Locator};
use aim_domain::name::{ActionName, Resource};
use aim_domain::risk::RiskLevel;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{Envelope, Refusal};

/// Most bytes of `session` and `task`.
const LABEL_MAX_BYTES: usize = 128;

#[derive(Deserialize)]
pub(crate) struct Data<'a> {
    session: Option<String>,
    task: Option<String>,
    action: ActionName,
    resource: Option<String>,
    /// An object, of which at most the names are read.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    outcome: Outcome,
    risk: Option<RiskLevel>,
    location: Option<Location>,
    client_address: Option<String>,
    annotations: Option<ToolAnnotations>,
    pub(crate) bytes: Option<u64>,
}

/// The agent that a fleet's event says it is from: `urn:aim:agent:<name or id>`.
#[must_use]
pub fn agent_of_source(source: &str) -> Option<&str> {
    source
        .strip_prefix("urn:aim:agent:")
        .filter(|agent| !agent.is_empty())
}

/// Reads an action that `agent` reported, with `data` as JSON. Its location is the one it states, else that of the client's
/// address by `locator`; the address is not kept.
///
/// # Errors
/// [`Refusal`] when the event is of another type, or its data has a bad field.
pub fn parse_action(
    envelope: &Envelope<'_>,
    data: &str,
    agent: AgentId,
    organization: OrganizationId,
    locator: &dyn Locator,
) -> Result<ObservedAction, Refusal> {
    if envelope.event_type != ACTION_PERFORMED {
        let detail = format!(
            "`type` is `{}`; send `{ACTION_PERFORMED}`",
            envelope.event_type
        );
        return Err(Refusal::new("EVENT_TYPE_UNKNOWN", detail));
    }
    let data: Data<'_> = serde_json::from_str(data)
        .map_err(|error| Refusal::new("EVENT_INVALID", format!("`data`: {error}")))?;
    let class = class(&data)?;
    // An empty or overlong resource is still an action: cut it rather than lose the event.
    let resource = data
        .resource
        .map(|text| cut(text, aim_domain::name::RESOURCE_MAX_BYTES));
    let resource = resource.and_then(|text| Resource::parse(text).ok());
    let address = data.client_address.as_deref().map(address).transpose()?;
    let location = data.location;
    let location = location.or_else(|| address.and_then(|it| locator.locate(it)));
    let is_open_world = data.annotations.and_then(|it| it.open_world);
    Ok(ObservedAction {
        event: EventId::produced(organization, &envelope.source, &envelope.id),
        organization,
        agent,
        time: envelope.time,
        action: data.action,
        resource,
        session: data.session.and_then(label),
        task: data.task.and_then(label),
        outcome: data.outcome,
        declared_risk: data.risk,
        granted: None,
        location,
        class,
        bytes: data.bytes,
        is_open_world: is_open_world.unwrap_or(false),
        server: None,
        trace: envelope.trace,
    })
}

/// The class of the action by all that its producer says of it.
fn class(data: &Data<'_>) -> Result<ActionClass, Refusal> {
    let name = data.action.as_str();
    let arguments = data.arguments.map_or("{}", RawValue::get);
    let bad = || Refusal::new("EVENT_INVALID", "`data`: `arguments` is no object");
    match &data.annotations {
        _ if !arguments.starts_with('{') => Err(bad()),
        Some(annotations) => {
            let names: BTreeMap<String, IgnoredAny> =
                serde_json::from_str(arguments).map_err(|_| bad())?;
            let names = names.keys().map(String::as_str);
            Ok(classify_annotated(name, annotations, names))
        }
        None => Ok(classify(name)),
    }
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        let detail = format!("`data`: `client_address` is `{text}`; give an IPv4 or IPv6 address");
        Refusal::new("EVENT_INVALID", detail)
    })
}

/// A session or a task; an empty one is none.
fn label(text: String) -> Option<String> {
    Some(cut(text, LABEL_MAX_BYTES)).filter(|text| !text.is_empty())
}

/// The text without control characters, which PostgreSQL and terminals take badly, and its longest
/// prefix of at most `max` bytes that ends at a character.
fn cut(mut text: String, max: usize) -> String {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        text.retain(|c| !c.is_control());
    }
    while text.len() > max {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use aim_domain::location::CountryCode;
    use uuid::Uuid;

    use super::*;

    /// Knows one address.
    #[derive(Debug)]
    struct One;

    impl Locator for One {
        fn locate(&self, address: IpAddr) -> Option<Location> {
            let country = CountryCode::parse("SE").ok();
            let location = Location {
                country,
                ..Location::default()
            };
            (address.to_string() == "89.160.20.128").then_some(location)
        }
    }

    fn parse(more: &str) -> Result<ObservedAction, Refusal> {
        let event = format!(
            r#"{{"specversion":"1.0","id":"1","source":"urn:aim:agent:a","type":"{ACTION_PERFORMED}",
            "time":"2026-01-05T09:00:02Z","data":{{"action":"read","outcome":"ok"{more}}}}}"#
        );
        let envelope = Envelope::parse(event.as_bytes())?;
        let (agent, organization) = (Uuid::nil(), Uuid::nil());
        let organization = OrganizationId::from_uuid(organization);
        let data = envelope.data.json(None)?;
        parse_action(
            &envelope,
            &data,
            AgentId::from_uuid(agent),
            organization,
            &One,
        )
    }

    #[test]
    fn a_stated_location_stands_before_that_of_the_address() {
        for (more, country) in [
            ("", None),
            (r#","location":{}"#, None),
            (r#","client_address":"89.160.20.128""#, Some("SE")),
            (r#","client_address":"::1""#, None),
            (
                r#","location":{"country":"DE"},"client_address":"89.160.20.128""#,
                Some("DE"),
            ),
        ] {
            let location = parse(more).unwrap().location;
            let found = location.and_then(|it| it.country).map(CountryCode::as_str);
            assert_eq!(found, country, "{more}");
        }
    }

    #[test]
    fn annotations_of_a_tool_count_when_it_is_admitted() {
        for (more, is_write, is_open_world) in [
            ("", false, false),
            (r#","annotations":{}"#, false, false),
            (r#","annotations":{"destructiveHint":true}"#, true, false),
            (r#","annotations":{"openWorldHint":true}"#, false, true),
        ] {
            let action = parse(more).unwrap();
            assert_eq!(action.class.is_write, is_write, "{more}");
            assert_eq!(action.is_open_world, is_open_world, "{more}");
        }
    }

    #[test]
    fn what_is_no_location_is_named() {
        for (more, name) in [
            (
                r#","client_address":"localhost""#,
                "`client_address` is `localhost`",
            ),
            (r#","arguments":[]"#, "`arguments` is no object"),
            (r#","location":{"country":"XX"}"#, "`country` is `XX`"),
            (
                r#","location":{"latitude":91,"longitude":0}"#,
                "`latitude` is `91`",
            ),
        ] {
            let refusal = parse(more).unwrap_err();
            assert_eq!(refusal.code, "EVENT_INVALID");
            assert!(refusal.detail.contains(name), "{}", refusal.detail);
        }
    }
}
