//! Is this event what it says, and whose? What is not becomes a dead letter with its reason.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use aim_app::{App, AppError};
use aim_domain::action::ObservedAction;
use aim_domain::event::{
    ActionResultReported, AgentRated, Fact, TrustRecalculationRequested, VerificationRecorded,
};
use aim_domain::id::AgentId;
use aim_domain::location::Locator;
use aim_domain::signature::{EventSignature, PublicKey, verify_event};
use aim_domain::verification::AgentFacts;
use aim_eventlog::{Delivery, Envelope, Refusal, Topic, agent_of_source, parse_action};
use chrono::{DateTime, Duration, Utc};

/// How far an event's time may lie ahead of when it was received.
const MAX_AHEAD: Duration = Duration::minutes(5);

/// Threads that check signatures; asked once, because the answer is read from the system's files.
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// An event that may be applied.
pub(crate) enum Admitted {
    /// A fleet's action.
    Action(Box<ObservedAction>),
    /// One of our own facts.
    Fact(Box<Fact>, Envelope),
    /// One of our own facts that the stream does not learn from.
    Other,
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
enum Opened {
    Fact(Box<Fact>, Envelope),
    Other,
    Action(Envelope, Producer, Option<EventSignature>),
}

type Producers = HashMap<Producer, (Arc<AgentFacts>, Option<PublicKey>)>;

/// Judges deliveries in order; reading and checking of signatures are spread over all cores.
///
/// With `takes_unsigned`, an event without a signature that came from the broker alone counts as of
/// the agent that it names by id.
pub(crate) async fn admit(
    app: &App,
    deliveries: Vec<Delivery>,
    takes_unsigned: bool,
) -> Result<Vec<(Delivery, Admission)>, AppError> {
    let opened = on_all_cores(deliveries, move |delivery: Delivery| {
        let opened = open(&delivery, takes_unsigned);
        (delivery, opened)
    });
    let opened = opened.await?;
    let producers = find_producers(app, &opened).await?;
    let (now, locator) = (app.clock().now(), Arc::clone(app.locator()));
    on_all_cores(opened, move |(delivery, opened)| {
        let admission = match opened {
            Ok(Opened::Fact(fact, envelope)) => Ok(Admitted::Fact(fact, envelope)),
            Ok(Opened::Other) => Ok(Admitted::Other),
            Ok(Opened::Action(envelope, producer, signature)) => producers
                .get(&producer)
                .ok_or_else(|| unknown(&producer))
                .and_then(|known| {
                    let signature = signature.as_ref();
                    check(
                        &delivery,
                        &envelope,
                        known,
                        signature,
                        locator.as_ref(),
                        now,
                    )
                }),
            Err(refusal) => Err(refusal),
        };
        (delivery, admission)
    })
    .await
}

/// Everybody that the batch says it is from, as far as they are known.
async fn find_producers(
    app: &App,
    opened: &[(Delivery, Result<Opened, Refusal>)],
) -> Result<Producers, AppError> {
    let (mut keys, mut agents) = (HashSet::new(), HashSet::new());
    for (_, opened) in opened {
        match opened {
            Ok(Opened::Action(_, Producer::Key(key_id), _)) => drop(keys.insert(key_id.as_str())),
            Ok(Opened::Action(_, Producer::Agent(id), _)) => drop(agents.insert(*id)),
            _ => {}
        }
    }
    let by_key = app.find_producers(&keys).await?;
    let by_key = by_key
        .into_iter()
        .map(|(key_id, (facts, key))| (Producer::Key(key_id.to_owned()), (facts, Some(key))));
    let by_id = app.find_facts(&agents).await?;
    let by_id = by_id
        .into_iter()
        .map(|(id, facts)| (Producer::Agent(id), (facts, None)));
    Ok(by_key.chain(by_id).collect())
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

fn open(delivery: &Delivery, takes_unsigned: bool) -> Result<Opened, Refusal> {
    if delivery.partition.topic == Topic::Events {
        return own_fact(delivery);
    }
    let envelope = Envelope::parse(&delivery.payload)?;
    let Some(text) = delivery.signature.as_deref() else {
        // What came over HTTP has whose it is; the broker's access control never saw it.
        let is_broker_s = takes_unsigned && delivery.organization.is_none();
        let agent = agent_of_source(&envelope.source).and_then(|agent| agent.parse().ok());
        return match agent {
            Some(agent) if is_broker_s => {
                Ok(Opened::Action(envelope, Producer::Agent(agent), None))
            }
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
    let producer = Producer::Key(signature.key_id.clone());
    Ok(Opened::Action(envelope, producer, Some(signature)))
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

fn own_fact(delivery: &Delivery) -> Result<Opened, Refusal> {
    let envelope = Envelope::parse(&delivery.payload)?;
    let event_type = envelope.event_type.as_str();
    if Fact::is_known(event_type) && !LESSONS.contains(&event_type) {
        return Ok(Opened::Other);
    }
    match Fact::parse(&envelope.event_type, envelope.data.get().as_bytes()) {
        Some(Ok(fact)) => Ok(Opened::Fact(Box::new(fact), envelope)),
        Some(Err(error)) => Err(Refusal::new("EVENT_INVALID", format!("`data`: {error}"))),
        None => {
            let detail = format!(
                "`type` is `{}`, which this version does not know",
                envelope.event_type
            );
            Err(Refusal::new("EVENT_TYPE_UNKNOWN", detail))
        }
    }
}

fn check(
    delivery: &Delivery,
    envelope: &Envelope,
    (facts, key): &(Arc<AgentFacts>, Option<PublicKey>),
    signature: Option<&EventSignature>,
    locator: &dyn Locator,
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
    let mut action = parse_action(envelope, facts.agent, facts.organization, locator)?;
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
    envelope: &Envelope,
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
