//! Signatures of producers over their events.
//!
//! The signature travels beside the event (a Kafka header, an HTTP member, a column), never inside
//! it, so that the signed bytes are the bytes as sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{PublicKey, SecretKey, Signed, verify_all};

/// Separates event signatures from every other use of the same key.
const CONTEXT: &[u8] = b"aim-event-v1\n";

/// Which key signed, and the signature: as text `<key id>=:<base64>:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSignature {
    /// Thumbprint of the key.
    pub key_id: String,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

impl EventSignature {
    /// Reads the text form; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key_id, rest) = text.split_once("=:")?;
        let signature = STANDARD.decode(rest.strip_suffix(':')?).ok()?;
        // A line end in the key id would move the border between it and the event's bytes.
        let plain = key_id.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = !key_id.is_empty() && key_id.len() <= 64 && signature.len() == 64;
        (plain && fits).then(|| Self {
            key_id: key_id.to_owned(),
            signature,
        })
    }
}

impl std::fmt::Display for EventSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=:{}:", self.key_id, STANDARD.encode(&self.signature))
    }
}

fn signed_bytes(key_id: &str, payload: &[u8]) -> Vec<u8> {
    [CONTEXT, key_id.as_bytes(), b"\n", payload].concat()
}

/// Signs an event's bytes.
#[must_use]
pub fn sign_event(key: &SecretKey, key_id: &str, payload: &[u8]) -> EventSignature {
    let signature = key.sign(&signed_bytes(key_id, payload)).to_vec();
    EventSignature {
        key_id: key_id.to_owned(),
        signature,
    }
}

/// Whether each event's signature is the key's beside it over the event's bytes, by the strict rules; see
/// [`verify_all`].
#[must_use]
pub fn verify_events(
    events: &[(&EventSignature, &PublicKey, &[u8])],
    coins: &[u8; 32],
) -> Vec<bool> {
    let messages = events.iter();
    let messages = messages.map(|(signature, _, payload)| signed_bytes(&signature.key_id, payload));
    let messages: Vec<Vec<u8>> = messages.collect();
    let signed = events.iter().zip(&messages);
    let signed = signed.map(|((signature, key, _), message)| Signed {
        key,
        message,
        signature: &signature.signature,
    });
    verify_all(&signed.collect::<Vec<_>>(), coins)
}
