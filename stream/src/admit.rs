//! Is this event what it says, and whose? What is not becomes a dead letter with its reason.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock};

use aim_app::{App, AppError};
use aim_domain::action::ObservedAction;
use aim_domain::event::Fact;
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
}

/// What one delivery turned out to be.
pub(crate) type Admission = Result<Admitted, Refusal>;

type Producers = HashMap<String, Option<(Arc<AgentFacts>, PublicKey)>>;

/// Judges deliveries in order; signatures are checked on all cores.
pub(crate) async fn admit(
    app: &App,
    deliveries: Vec<Delivery>,
) -> Result<Vec<(Delivery, Admission)>, AppError> {
    let mut producers = Producers::new();
    for delivery in deliveries
        .iter()
        .filter(|d| d.partition.topic == Topic::Actions)
    {
        let signature = delivery
            .signature
            .as_deref()
            .and_then(EventSignature::parse);
        let Some(EventSignature { key_id, .. }) = signature else {
            continue;
        };
        if let Entry::Vacant(place) = producers.entry(key_id) {
            let found = app.find_producer(place.key()).await?;
            place.insert(found);
        }
    }
    let producers = Arc::new(producers);
    let now = app.clock().now();
    let share = deliveries.len().div_ceil(*CORES).max(64);
    let mut rest = deliveries;
    let mut tasks = Vec::new();
    while !rest.is_empty() {
        let tail = rest.split_off(share.min(rest.len()));
        let part = std::mem::replace(&mut rest, tail);
        let (producers, locator) = (Arc::clone(&producers), Arc::clone(app.locator()));
        tasks.push(tokio::task::spawn_blocking(move || {
            judge_all(part, &producers, locator.as_ref(), now)
        }));
    }
    let mut judged = Vec::new();
    for task in tasks {
        let part = task.await.map_err(|_| {
            AppError::new(aim_app::ErrorCode::Internal, "a batch could not be judged")
        })?;
        judged.extend(part);
    }
    Ok(judged)
}

fn judge_all(
    deliveries: Vec<Delivery>,
    producers: &Producers,
    locator: &dyn Locator,
    now: DateTime<Utc>,
) -> Vec<(Delivery, Admission)> {
    deliveries
        .into_iter()
        .map(|delivery| {
            let admission = match delivery.partition.topic {
                Topic::Events => own_fact(&delivery),
                Topic::Actions => fleet_action(&delivery, producers, locator, now),
            };
            (delivery, admission)
        })
        .collect()
}

fn own_fact(delivery: &Delivery) -> Admission {
    let envelope = Envelope::parse(&delivery.payload)?;
    match Fact::parse(&envelope.event_type, envelope.data.get().as_bytes()) {
        Some(Ok(fact)) => Ok(Admitted::Fact(Box::new(fact), envelope)),
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

fn fleet_action(
    delivery: &Delivery,
    producers: &Producers,
    locator: &dyn Locator,
    now: DateTime<Utc>,
) -> Admission {
    let envelope = Envelope::parse(&delivery.payload)?;
    let text = delivery
        .signature
        .as_deref()
        .ok_or_else(|| Refusal::new("SIGNATURE_MISSING", "sign the event with the agent's key"))?;
    let signature = EventSignature::parse(text).ok_or_else(|| {
        Refusal::new(
            "SIGNATURE_MALFORMED",
            "give `<key id>=:<base64 of 64 bytes>:`",
        )
    })?;
    let Some(Some((facts, key))) = producers.get(&signature.key_id) else {
        return Err(Refusal::new(
            "KEY_UNKNOWN",
            "no agent has the key that signed; register it",
        ));
    };
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
    if claimed.is_none_or(|agent| agent != facts.name && agent != facts.agent.to_string()) {
        let detail = format!(
            "`source` is `{}`, but agent `{}` signed; use `urn:aim:agent:{}`",
            envelope.source, facts.name, facts.name
        );
        return Err(Refusal::new("AGENT_MISMATCH", detail));
    }
    if !verify_event(&signature, key, &delivery.payload) {
        let detail = "the signature does not verify over the event's bytes with the named key";
        return Err(Refusal::new("SIGNATURE_INVALID", detail));
    }
    if envelope.time > delivery.received_at + MAX_AHEAD {
        let detail = format!(
            "`time` is {}, more than 5 minutes ahead; set the clock",
            envelope.time
        );
        return Err(Refusal::new("EVENT_FROM_FUTURE", detail));
    }
    let mut action = parse_action(&envelope, facts.agent, facts.organization, locator)?;
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
