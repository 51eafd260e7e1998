//! Agents that nobody registered and whose events came in for an organization: they wait in its inbox for a
//! person, beside the dead letter that says why each event was refused.

use aim_app::{App, StrangeAgent};
use aim_domain::signature::EventSignature;
use aim_eventlog::{Delivery, Envelope, agent_of_source};

use crate::admit::Refused;

/// Refusals by which an agent is one that nobody registered.
const STRANGE: [&str; 2] = ["KEY_UNKNOWN", "SIGNATURE_MISSING"];

/// The agent that a refused event says it is of, where it is not registered and where it is known whose it
/// would be.
pub(crate) fn of(delivery: &Delivery, refused: &Refused) -> Option<StrangeAgent> {
    let organization = delivery.organization?;
    if !STRANGE.contains(&refused.refusal.code) {
        return None;
    }
    let envelope = Envelope::parse(&delivery.payload).ok()?;
    let signature = delivery
        .signature
        .as_deref()
        .and_then(EventSignature::parse);
    Some(StrangeAgent {
        organization,
        name: agent_of_source(&envelope.source)?.to_owned(),
        key_id: signature.map(|it| it.key_id),
    })
}

/// Writes them down; what may not be written stops no event.
pub(crate) async fn note(app: &App, seen: Vec<StrangeAgent>) {
    if seen.is_empty() {
        return;
    }
    if let Err(error) = app.note_strange_agents(seen).await {
        tracing::warn!(%error, "agents that nobody registered are not written down");
    }
}
