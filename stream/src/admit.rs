//! Is this event what it says, and whose? What is not becomes a dead letter with its reason.

use std::collections::HashSet;
use std::sync::Arc;

use aim_app::App;
use aim_domain::action::ObservedAction;
use aim_domain::event::{
    ActionResultReported, AgentRated, Fact, TrustRecalculationRequested, VerificationRecorded,
};
use aim_domain::id::{EventId, OrganizationId};
use aim_domain::verification::AgentFacts;
use aim_eventlog::{
    Delivery, Envelope, EventData, Known, Refusal, Schema, SchemaRegistry, Topic, parse_action,
};
use chrono::{DateTime, Utc};

use crate::processor::Failure;

mod lookups;
mod producer;
mod spread;

use lookups::{Lookups, Wanted, look_up, unknown};
use producer::Producer;
use spread::{in_turns, on_all_cores};

/// An event that may be applied.
pub(crate) enum Admitted {
    /// A fleet's action.
    Action(Box<ObservedAction>),
    /// One of our own facts.
    Fact(Box<OwnFact>),
    /// One of our own facts that the stream does not learn from.
    Other,
}

/// One of our own facts, with what its envelope says.
pub(crate) struct OwnFact {
    pub(crate) id: Option<EventId>,
    pub(crate) time: DateTime<Utc>,
    pub(crate) fact: Fact,
}

/// Our own facts that the stream learns from; the others are not even read.
const LESSONS: [&str; 4] = [
    VerificationRecorded::TYPE,
    ActionResultReported::TYPE,
    AgentRated::TYPE,
    TrustRecalculationRequested::TYPE,
];

/// An event that is given up.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// Whose it is, where its producer was checked first.
    pub(crate) owner: Option<OrganizationId>,
}

impl Refused {
    fn of(facts: &AgentFacts, refusal: Refusal) -> Self {
        let owner = Some(facts.organization);
        Self { refusal, owner }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let owner = None;
        Self { refusal, owner }
    }
}

/// What one delivery turned out to be.
pub(crate) type Admission = Result<Admitted, Refused>;

/// What fleets are held to.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// An event without a signature that came from the broker alone counts as of the agent that it
    /// names by id.
    pub(crate) takes_unsigned: bool,
    /// What says how to read data that is not JSON.
    pub(crate) schemas: Option<Arc<SchemaRegistry>>,
}

impl Rules {
    /// What a schema's id stands for, as far as that is in memory.
    fn schema(&self, id: u32) -> Option<Known> {
        self.schemas.as_ref()?.known(id)
    }
}

/// What a delivery turned out to be, or what is to be looked up first.
type Judged = Result<Admission, Wanted>;

/// Judges deliveries in order; checking of signatures is spread over all cores.
pub(crate) async fn admit(
    app: &Arc<App>,
    deliveries: Vec<Delivery>,
    rules: &Rules,
) -> Result<Vec<(Delivery, Admission)>, Failure> {
    let now = app.clock().now();
    let (here, held_to) = (Arc::clone(app), rules.clone());
    let is_light = deliveries.iter().all(|it| it.signature.is_none());
    let first = move |delivery: Delivery| {
        let judged = judge(&delivery, &held_to, now, &here, &Lookups::default());
        (delivery, judged)
    };
    // Reading takes less than to hand it to another thread, and memory goes back to where it is from.
    let mut judged = if is_light {
        in_turns(deliveries, first).await
    } else {
        on_all_cores(deliveries, first).await?
    };
    // First producers are missing, then schemas.
    let mut found = Lookups::default();
    for _ in 0..2 {
        let wanted = judged.iter().filter_map(|(_, it)| it.as_ref().err());
        let wanted: HashSet<Wanted> = wanted.cloned().collect();
        if wanted.is_empty() {
            break;
        }
        look_up(app, rules, &wanted, &mut found).await?;
        let (here, held_to, known) = (Arc::clone(app), rules.clone(), found.clone());
        let again = on_all_cores(judged, move |(delivery, before)| {
            let judged = before.or_else(|_| judge(&delivery, &held_to, now, &here, &known));
            (delivery, judged)
        });
        judged = again.await?;
    }
    let settled = judged.into_iter().map(|(delivery, judged)| {
        let admission = judged.unwrap_or_else(|wanted| Err(unknown(&wanted).into()));
        (delivery, admission)
    });
    Ok(settled.collect())
}

/// Judges one delivery as far as what that takes is in memory or was `found`.
fn judge(
    delivery: &Delivery,
    rules: &Rules,
    now: DateTime<Utc>,
    app: &App,
    found: &Lookups,
) -> Judged {
    if delivery.partition.topic == Topic::Events {
        return Ok(own_fact(&delivery.payload).map_err(Refused::from));
    }
    let claim = match producer::claim(delivery, rules.takes_unsigned) {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let known = match &claim.producer {
        Producer::Key(key_id) => {
            let known = app.known_producer(key_id, now);
            known.map(|(facts, key)| (facts, Some(key)))
        }
        Producer::Agent(id) => app.known_facts(*id, now).map(|facts| (facts, None)),
    };
    let Some(producer) = known.or_else(|| found.producers.get(&claim.producer).cloned()) else {
        return Err(Wanted::Producer(claim.producer));
    };
    if let Err(refused) = producer::check(delivery, &claim, &producer, now) {
        return Ok(Err(refused));
    }
    let facts = &producer.0;
    let schema = match (claim.envelope.data, &rules.schemas) {
        (EventData::Framed(data), Some(_)) => {
            let id = data.schema;
            let known = rules.schema(id);
            match known.or_else(|| found.schemas.get(&id).cloned()) {
                Some(Ok(schema)) => Some(schema),
                Some(Err(refusal)) => return Ok(Err(Refused::of(facts, refusal))),
                None => return Err(Wanted::Schema(id)),
            }
        }
        _ => None,
    };
    let read = read(app, &claim.envelope, facts, schema.as_deref());
    Ok(read.map_err(|refusal| Refused::of(facts, refusal)))
}

fn own_fact(payload: &[u8]) -> Result<Admitted, Refusal> {
    let envelope = Envelope::parse(payload)?;
    let event_type = envelope.event_type.as_ref();
    if Fact::is_known(event_type) && !LESSONS.contains(&event_type) {
        return Ok(Admitted::Other);
    }
    let data = envelope.data.json(None)?;
    match Fact::parse(event_type, data.as_bytes()) {
        Some(Ok(fact)) => Ok(Admitted::Fact(Box::new(OwnFact {
            id: envelope.id.parse().ok(),
            time: envelope.time,
            fact,
        }))),
        Some(Err(error)) => Err(Refusal::new("EVENT_INVALID", format!("`data`: {error}"))),
        None => {
            let detail = format!("`type` is `{event_type}`, which this version does not know");
            Err(Refusal::new("EVENT_TYPE_UNKNOWN", detail))
        }
    }
}

/// Reads the action of a producer that was checked.
fn read(
    app: &App,
    envelope: &Envelope<'_>,
    facts: &AgentFacts,
    schema: Option<&Schema>,
) -> Result<Admitted, Refusal> {
    let data = envelope.data.json(schema)?;
    let mut action = parse_action(
        envelope,
        &data,
        facts.agent,
        facts.organization,
        app.locator().as_ref(),
    )?;
    if let Some(class) = facts.class_of(&action.action) {
        action.class = class;
    }
    let resource = action
        .resource
        .as_ref()
        .map(aim_domain::name::Resource::as_str);
    action.granted = Some(facts.is_granted(action.action.as_str(), resource, envelope.time));
    Ok(Admitted::Action(Box::new(action)))
}
