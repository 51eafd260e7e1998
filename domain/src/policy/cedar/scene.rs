//! The facts of one decision as Cedar sees them, put together once, when the first rule asks.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};

use super::check::groups_of;
use crate::action::outside_hosts;
use crate::code;
use crate::policy::PolicyContext;

/// Names of types, read once; none of them fails to be read.
struct Types {
    agent: EntityTypeName,
    action: EntityTypeName,
    resource: EntityTypeName,
}

static TYPES: LazyLock<Option<Types>> = LazyLock::new(|| {
    Some(Types {
        agent: "Agent".parse().ok()?,
        action: "Action".parse().ok()?,
        resource: "Resource".parse().ok()?,
    })
});

/// The question to Cedar about one action.
#[derive(Default)]
pub(in crate::policy) struct CedarScene(OnceCell<Result<(Request, Entities), String>>);

impl CedarScene {
    pub(super) fn of(&self, context: &PolicyContext<'_>) -> Result<(&Request, &Entities), &String> {
        let asked = self.0.get_or_init(|| build(context));
        asked
            .as_ref()
            .map(|(request, entities)| (request, entities))
    }
}

fn build(context: &PolicyContext<'_>) -> Result<(Request, Entities), String> {
    let types = TYPES.as_ref().ok_or("Cedar has no names of types")?;
    let uid = |of: &EntityTypeName, id: &str| {
        EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
    };
    let agent = uid(&types.agent, &context.agent.as_uuid().to_string());
    let action = uid(&types.action, context.action);
    let resource = uid(&types.resource, context.resource.unwrap_or_default());
    let groups = groups_of(context.action).map(|it| uid(&types.action, it));
    let entities = [
        Entity::new(agent.clone(), of_agent(context), HashSet::new()).map_err(words)?,
        Entity::new(resource.clone(), of_resource(context), HashSet::new()).map_err(words)?,
        Entity::new_no_attrs(action.clone(), groups.collect()),
    ];
    let entities = Entities::from_entities(entities, None).map_err(words)?;
    let facts = Context::from_pairs(facts(context)).map_err(words)?;
    let request = Request::new(agent, action, resource, facts, None).map_err(words)?;
    Ok((request, entities))
}

fn words(error: impl std::fmt::Display) -> String {
    format!("Cedar does not take the facts: {error}")
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn of_agent(context: &PolicyContext<'_>) -> HashMap<String, RestrictedExpression> {
    let tags = context.tags.iter().map(text);
    HashMap::from([
        (
            "agentType".to_owned(),
            text(code::text(&context.agent_type)),
        ),
        ("tags".to_owned(), RestrictedExpression::new_set(tags)),
    ])
}

fn of_resource(context: &PolicyContext<'_>) -> HashMap<String, RestrictedExpression> {
    let resource = context.resource.unwrap_or_default();
    let hosts = outside_hosts(resource).map(text);
    HashMap::from([
        ("name".to_owned(), text(resource)),
        ("hosts".to_owned(), RestrictedExpression::new_set(hosts)),
    ])
}

fn facts(context: &PolicyContext<'_>) -> Vec<(String, RestrictedExpression)> {
    let time = context.at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let mut facts = vec![
        ("action", text(context.action)),
        ("risk", text(code::text(&context.risk))),
        (
            "isGranted",
            RestrictedExpression::new_bool(context.is_granted),
        ),
        ("time", RestrictedExpression::new_datetime(time)),
    ];
    if let Some(trust) = context.trust {
        let trust = trust.ten_thousandths();
        let trust = format!("{}.{:04}", trust / 10_000, trust % 10_000);
        facts.push(("trust", RestrictedExpression::new_decimal(trust)));
    }
    if let Some(address) = context.address {
        let address = address.to_canonical().to_string();
        facts.push(("address", RestrictedExpression::new_ip(address)));
    }
    let facts = facts.into_iter();
    facts
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
