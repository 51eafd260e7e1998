//! Signatures over events.

use aim_domain::signature::{EventSignature, PublicKey, SecretKey, sign_event, verify_events};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::request::{KEY_ID, key};
use crate::round_trip::config;

/// Whether an event's signature is the key's, by the door that the stream goes through.
pub(crate) fn verify_event(signature: &EventSignature, key: &PublicKey, payload: &[u8]) -> bool {
    verify_events(&[(signature, key, payload)], &[0; 32]) == [true]
}

#[test]
fn the_context_is_part_of_what_is_signed() {
    let signature = sign_event(&key(), KEY_ID, b"event");
    let public = key().public_key();
    assert!(public.verify(b"aim-event-v1\nkey-1\nevent", &signature.signature));
    // Neither the bare bytes nor another use of the key passes for an event.
    for bytes in [&b"event"[..], b"aim-register-v1\nkey-1\nevent"] {
        let signature = EventSignature {
            key_id: KEY_ID.to_owned(),
            signature: key().sign(bytes).to_vec(),
        };
        assert!(!verify_event(&signature, &public, b"event"));
    }
}

#[test]
fn the_text_form_is_read_strictly() {
    let good = sign_event(&key(), KEY_ID, b"event").to_string();
    assert!(EventSignature::parse(&good).is_some());
    let long = good.replacen(KEY_ID, &"k".repeat(64), 1);
    assert!(EventSignature::parse(&long).is_some());
    let bytes = |count: usize| {
        let signature = EventSignature {
            key_id: KEY_ID.to_owned(),
            signature: vec![0; count],
        };
        signature.to_string()
    };
    assert!(EventSignature::parse(&bytes(64)).is_some());
    for text in [
        String::new(),
        "=::".to_owned(),
        KEY_ID.to_owned(),
        good.replacen(KEY_ID, "", 1),
        good.replacen(KEY_ID, &"k".repeat(65), 1),
        good.replacen(KEY_ID, "key\n1", 1),
        good.replacen(KEY_ID, "key 1", 1),
        good.replacen(KEY_ID, "kéy-1", 1),
        good.trim_end_matches(':').to_owned(),
        good.replacen("=:", "=", 1),
        good.replacen("=:", ":", 1),
        format!("{good}:"),
        format!("{good} "),
        good.replacen("=:", "=:*", 1),
        bytes(0),
        bytes(63),
        bytes(65),
    ] {
        assert_eq!(EventSignature::parse(&text), None, "{text}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn events_make_the_round_trip(
        seed in any::<[u8; 32]>(),
        key_id in "[!-~&&[^=]]{1,64}",
        payload in vec(any::<u8>(), 0..300),
    ) {
        let key = SecretKey::from_seed(&seed);
        let signature = sign_event(&key, &key_id, &payload);
        let read = EventSignature::parse(&signature.to_string());
        prop_assert_eq!(read.as_ref(), Some(&signature));
        prop_assert!(verify_event(&signature, &key.public_key(), &payload));
    }

    #[test]
    fn a_changed_event_is_refused(
        payload in vec(any::<u8>(), 1..300),
        at in any::<proptest::sample::Index>(),
        flip in 1_u8..,
    ) {
        let public = key().public_key();
        let signature = sign_event(&key(), KEY_ID, &payload);
        let mut changed = payload.clone();
        changed[at.index(payload.len())] ^= flip;
        prop_assert!(!verify_event(&signature, &public, &changed));
        prop_assert!(!verify_event(&signature, &public, &payload[1..]));
        changed.clone_from(&payload);
        changed.push(flip);
        prop_assert!(!verify_event(&signature, &public, &changed));

        let mut broken = signature.clone();
        broken.signature[at.index(64)] ^= flip;
        prop_assert!(!verify_event(&broken, &public, &payload));
        let mut renamed = signature.clone();
        renamed.key_id = "key-2".to_owned();
        prop_assert!(!verify_event(&renamed, &public, &payload));
        let other = SecretKey::from_seed(&[flip; 32]).public_key();
        prop_assert_eq!(verify_event(&signature, &other, &payload), other == public);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), bytes in vec(any::<u8>(), 0..80)) {
        let _ = EventSignature::parse(&text);
        let signature = EventSignature { key_id: text, signature: bytes };
        prop_assert!(!verify_event(&signature, &key().public_key(), b"event"));
    }
}
