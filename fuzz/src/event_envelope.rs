//! Events as they come from a topic or over HTTP, out of any bytes.

use aim_eventlog::{ENVELOPE_MAX_BYTES, Envelope};

/// A record's bytes.
pub(crate) fn run(bytes: &[u8]) {
    match Envelope::parse(bytes) {
        Ok(envelope) => {
            assert!(bytes.len() <= ENVELOPE_MAX_BYTES, "too large, and read");
            for text in [&envelope.id, &envelope.source, &envelope.event_type] {
                assert!(
                    (1..=256).contains(&text.len()),
                    "an attribute of {} bytes",
                    text.len()
                );
            }
            // Without a schema only JSON is data.
            let _ = envelope.data.json(None);
        }
        Err(refusal) => assert!(!refusal.code.is_empty()),
    }
}
