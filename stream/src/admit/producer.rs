//! Is the producer who it says?

use std::sync::Arc;

use aim_domain::id::AgentId;
use aim_domain::signature::{EventSignature, PublicKey};
use aim_domain::verification::AgentFacts;
use aim_eventlog::{Delivery, Envelope, Refusal, agent_of_source};
use chrono::{DateTime, Duration, Utc};

/// How far an event's time may lie ahead of when it was received.
const MAX_AHEAD: Duration = Duration::minutes(5);

/// Who a fleet's event says it is from, before that is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Producer {
    /// Whoever has this key.
    Key(String),
    /// This agent, on the broker's word.
    Agent(AgentId),
}

/// A producer as known: an agent, and the key that signs where there is a signature.
pub(super) type Found = (Arc<AgentFacts>, Option<PublicKey>);

/// A fleet's event as read.
pub(super) struct Claim<'a> {
    pub(super) envelope: Envelope<'a>,
    pub(super) producer: Producer,
    pub(super) signature: Option<EventSignature>,
}

/// Reads a fleet's event, and who it says it is from.
pub(super) fn claim(delivery: &Delivery, takes_unsigned: bool) -> Result<Claim<'_>, Refusal> {
    let envelope = Envelope::parse(&delivery.payload)?;
    let Some(text) = delivery.signature.as_deref() else {
        // What came over HTTP has whose it is; the broker's access control never saw it.
        let is_broker_s = takes_unsigned && delivery.organization.is_none();
        let agent = agent_of_source(&envelope.source).and_then(|agent| agent.parse().ok());
        return match agent {
            Some(agent) if is_broker_s => Ok(Claim {
                envelope,
                producer: Producer::Agent(agent),
                signature: None,
            }),
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
    Ok(Claim {
        envelope,
        producer: Producer::Key(signature.key_id.clone()),
        signature: Some(signature),
    })
}

/// Whether the key of a signed event speaks for the agent that it names; the signature is not looked at.
pub(super) fn may_sign(
    Claim {
        envelope,
        signature,
        ..
    }: &Claim<'_>,
    (facts, _): &Found,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let Some(signature) = signature else {
        return Ok(());
    };
    let record = facts
        .keys
        .iter()
        .find(|key| *key.key_id == *signature.key_id);
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
    Ok(())
}

/// Why an event is refused whose signature is not its producer's.
pub(super) fn forged() -> Refusal {
    let detail = "the signature does not verify over the event's bytes with the named key";
    Refusal::new("SIGNATURE_INVALID", detail)
}

/// Whether the event's time is one that has come, as far as clocks agree.
pub(super) fn is_in_time(envelope: &Envelope<'_>, delivery: &Delivery) -> Result<(), Refusal> {
    if envelope.time <= delivery.received_at + MAX_AHEAD {
        return Ok(());
    }
    let detail = format!(
        "`time` is {}, more than 5 minutes ahead; set the clock",
        envelope.time
    );
    Err(Refusal::new("EVENT_FROM_FUTURE", detail))
}
