//! Is this event what it says, and whose? What is not becomes a dead letter with its reason.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use aim_app::{App, AppError};
use aim_domain::action::ObservedAction;
use aim_domain::event::{
    ActionResultReported, AgentRated, Fact, TrustRecalculationRequested, VerificationRecorded,
};
use aim_domain::id::{AgentId, EventId};
use aim_domain::signature::{EventSignature, PublicKey, verify_event};
use aim_domain::verification::AgentFacts;
use aim_eventlog::{Delivery, Envelope, Refusal, Topic, agent_of_source, parse_action};
use chrono::{DateTime, Duration, Utc};

/// How far an event's time may lie ahead of when it was received.
const MAX_AHEAD: Duration = Duration::minutes(5);

/// Events that are read in a row, in about half a millisecond.
const TURN: usize = 256;

/// Threads that check signatures; asked once, because the answer is read from the system's files.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

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

/// What one delivery turned out to be.
pub(crate) type Admission = Result<Admitted, Refusal>;

/// Who a fleet's event says it is from, before that is checked.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Producer {
    /// Whoever has this key.
    Key(String),
    /// This agent, on the broker's word.
    Agent(AgentId),
}

/// A delivery as read, before anybody was looked up.
enum Opened<'a> {
    Own(Admitted),
    Action(Claim<'a>),
}

/// A producer as known: an agent, and the key that signs where there is a signature.
type Known = (Arc<AgentFacts>, Option<PublicKey>);

/// A fleet's event as read.
struct Claim<'a> {
    envelope: Envelope<'a>,
    producer: Producer,
    signature: Option<EventSignature>,
}

/// What a delivery turned out to be; of an event whose producer is not in memory, who that is.
type Judged = Result<Admission, Producer>;

/// Judges deliveries in order; checking of signatures is spread over all cores.
///
/// With `takes_unsigned`, an event without a signature that came from the broker alone counts as of
/// the agent that it names by id.
pub(crate) async fn admit(
    app: &Arc<App>,
    deliveries: Vec<Delivery>,
    takes_unsigned: bool,
) -> Result<Vec<(Delivery, Admission)>, AppError> {
    let now = app.clock().now();
    let here = Arc::clone(app);
    let is_light = deliveries.iter().all(|it| it.signature.is_none());
    let first = move |delivery: Delivery| {
        let judged = judge(&delivery, takes_unsigned, now, &here, &HashMap::new());
        (delivery, judged)
    };
    // Reading takes less than to hand it to another thread, and memory goes back to where it is from.
    let mut judged = if is_light {
        in_turns(deliveries, first).await
    } else {
        on_all_cores(deliveries, first).await?
    };
    if judged.iter().any(|(_, judged)| judged.is_err()) {
        let cold = judged.iter();
        let known = find_producers(app, cold.filter_map(|(_, it)| it.as_ref().err())).await?;
        let here = Arc::clone(app);
        let again = on_all_cores(judged, move |(delivery, first)| {
            let judged = first.or_else(|_| judge(&delivery, takes_unsigned, now, &here, &known));
            (delivery, judged)
        });
        judged = again.await?;
    }
    let settled = judged.into_iter().map(|(delivery, judged)| {
        let admission = judged.unwrap_or_else(|producer| Err(unknown(&producer)));
        (delivery, admission)
    });
    Ok(settled.collect())
}

/// Judges one delivery as far as its producer is in memory, or one of those that were `found`.
fn judge(
    delivery: &Delivery,
    takes_unsigned: bool,
    now: DateTime<Utc>,
    app: &App,
    found: &HashMap<Producer, Known>,
) -> Judged {
    let claim = match open(delivery, takes_unsigned) {
        Ok(Opened::Own(admitted)) => return Ok(Ok(admitted)),
        Ok(Opened::Action(claim)) => claim,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let known = match &claim.producer {
        Producer::Key(key_id) => {
            let known = app.known_producer(key_id, now);
            known.map(|(facts, key)| (facts, Some(key)))
        }
        Producer::Agent(id) => app.known_facts(*id, now).map(|facts| (facts, None)),
    };
    match known.or_else(|| found.get(&claim.producer).cloned()) {
        Some(known) => Ok(check(app, delivery, &claim, &known, now)),
        None => Err(claim.producer),
    }
}

/// Those of the producers that there are.
async fn find_producers(
    app: &App,
    producers: impl Iterator<Item = &Producer>,
) -> Result<HashMap<Producer, Known>, AppError> {
    let (mut keys, mut agents) = (HashSet::new(), HashSet::new());
    for producer in producers {
        match producer {
            Producer::Key(key_id) => drop(keys.insert(key_id.as_str())),
            Producer::Agent(id) => drop(agents.insert(*id)),
        }
    }
    let by_key = app.find_producers(&keys).await?.into_iter();
    let by_key =
        by_key.map(|(id, (facts, key))| (Producer::Key(id.to_owned()), (facts, Some(key))));
    let by_id = app.find_facts(&agents).await?.into_iter();
    let by_id = by_id.map(|(id, facts)| (Producer::Agent(id), (facts, None)));
    Ok(by_key.chain(by_id).collect())
}

/// Does the same with all, in their order, here; others get their turn now and then.
async fn in_turns<T, U>(all: Vec<T>, work: impl Fn(T) -> U) -> Vec<U> {
    let mut done = Vec::with_capacity(all.len());
    for (one, count) in all.into_iter().zip(1_usize..) {
        done.push(work(one));
        if count.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
    done
}

/// Does the same with all, in their order.
async fn on_all_cores<T: Send + 'static, U: Send + 'static>(
    mut all: Vec<T>,
    work: impl Fn(T) -> U + Send + Sync + 'static,
) -> Result<Vec<U>, AppError> {
    let work = Arc::new(work);
    let share = all.len().div_ceil(*CORES).max(64);
    let mut tasks = Vec::new();
    let mut done = Vec::with_capacity(all.len());
    while !all.is_empty() {
        let rest = all.split_off(share.min(all.len()));
        let part = std::mem::replace(&mut all, rest);
        let work = Arc::clone(&work);
        let task = move || part.into_iter().map(|it| work(it)).collect::<Vec<U>>();
        tasks.push(tokio::task::spawn_blocking(task));
    }
    for task in tasks {
        done.extend(task.await.map_err(|_| {
            AppError::new(aim_app::ErrorCode::Internal, "a batch could not be judged")
        })?);
    }
    Ok(done)
}

fn open(delivery: &Delivery, takes_unsigned: bool) -> Result<Opened<'_>, Refusal> {
    if delivery.partition.topic == Topic::Events {
        return own_fact(&delivery.payload).map(Opened::Own);
    }
    let envelope = Envelope::parse(&delivery.payload)?;
    let Some(text) = delivery.signature.as_deref() else {
        // What came over HTTP has whose it is; the broker's access control never saw it.
        let is_broker_s = takes_unsigned && delivery.organization.is_none();
        let agent = agent_of_source(&envelope.source).and_then(|agent| agent.parse().ok());
        return match agent {
            Some(agent) if is_broker_s => Ok(Opened::Action(Claim {
                envelope,
                producer: Producer::Agent(agent),
                signature: None,
            })),
            _ if is_broker_s => {
                let detail = "an unsigned event names its agent by id, `urn:aim:agent:<id>`";
                Err(Refusal::new("SIGNATURE_MISSING", detail))
            }
            _ => {
                let detail = "sign the event with the agent's key";
                Err(Refusal::new("SIGNATURE_MISSING", detail))
            }
        };
    };
    let signature = EventSignature::parse(text).ok_or_else(|| {
        Refusal::new(
            "SIGNATURE_MALFORMED",
            "give `<key id>=:<base64 of 64 bytes>:`",
        )
    })?;
    Ok(Opened::Action(Claim {
        envelope,
        producer: Producer::Key(signature.key_id.clone()),
        signature: Some(signature),
    }))
}

fn unknown(producer: &Producer) -> Refusal {
    match producer {
        Producer::Key(_) => Refusal::new(
            "KEY_UNKNOWN",
            "no agent has the key that signed; register it",
        ),
        Producer::Agent(_) => Refusal::new(
            "AGENT_UNKNOWN",
            "no agent has the id that `source` names; register it",
        ),
    }
}

fn own_fact(payload: &[u8]) -> Result<Admitted, Refusal> {
    let envelope = Envelope::parse(payload)?;
    let event_type = envelope.event_type.as_ref();
    if Fact::is_known(event_type) && !LESSONS.contains(&event_type) {
        return Ok(Admitted::Other);
    }
    match Fact::parse(event_type, envelope.data.get().as_bytes()) {
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

fn check(
    app: &App,
    delivery: &Delivery,
    Claim {
        envelope,
        signature,
        ..
    }: &Claim<'_>,
    (facts, key): &Known,
    now: DateTime<Utc>,
) -> Admission {
    if let (Some(key), Some(signature)) = (key, signature) {
        check_signature(delivery, envelope, facts, key, signature, now)?;
    }
    if envelope.time > delivery.received_at + MAX_AHEAD {
        let detail = format!(
            "`time` is {}, more than 5 minutes ahead; set the clock",
            envelope.time
        );
        return Err(Refusal::new("EVENT_FROM_FUTURE", detail));
    }
    let mut action = parse_action(
        envelope,
        facts.agent,
        facts.organization,
        app.locator().as_ref(),
    )?;
    let resource = action
        .resource
        .as_ref()
        .map(aim_domain::name::Resource::as_str);
    let covered = facts
        .grants
        .iter()
        .any(|g| g.covers(action.action.as_str(), resource, envelope.time));
    action.granted = Some(covered);
    Ok(Admitted::Action(Box::new(action)))
}

fn check_signature(
    delivery: &Delivery,
    envelope: &Envelope<'_>,
    facts: &AgentFacts,
    key: &PublicKey,
    signature: &EventSignature,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let record = facts.keys.iter().find(|key| key.key_id == signature.key_id);
    if record.is_none_or(|key| key.revoked_at.is_some_and(|at| at <= now)) {
        return Err(Refusal::new(
            "KEY_REVOKED",
            "the key that signed is revoked",
        ));
    }
    if record.is_none_or(|key| key.expires_at.is_some_and(|end| end <= now)) {
        return Err(Refusal::new(
            "KEY_EXPIRED",
            "the key that signed has expired; rotate it",
        ));
    }
    let claimed = agent_of_source(&envelope.source);
    let is_own = |agent| agent == facts.name || agent == facts.agent.to_string();
    if !claimed.is_some_and(is_own) {
        let detail = format!(
            "`source` is `{}`, but agent `{}` signed; use `urn:aim:agent:{}`",
            envelope.source, facts.name, facts.name
        );
        return Err(Refusal::new("AGENT_MISMATCH", detail));
    }
    if !verify_event(signature, key, &delivery.payload) {
        let detail = "the signature does not verify over the event's bytes with the named key";
        return Err(Refusal::new("SIGNATURE_INVALID", detail));
    }
    Ok(())
}
