//! Twelve signatures on which Ed25519 libraries disagree (ed25519-speccheck).
//!
//! The strict equation accepts the fourth alone: its key and its R have a torsion part each, and
//! no small order. We accept none, because a key with a torsion part is refused before it verifies
//! anything (one made as RFC 8032 says never has one), and so all verifiers agree about our keys.

use std::path::PathBuf;

use aim_domain::signature::{KeyError, PublicKey};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;

use crate::hex::{array, bytes};
use KeyError::{Point, Weak};

#[derive(Deserialize)]
struct Case {
    message: String,
    pub_key: String,
    signature: String,
}

/// What each key is refused for. 0 and 1: small order; 2 to 5, 8 and 9: small order or torsion;
/// 6 and 7: a good key whose signature has an S that is not reduced; 10 and 11: y is not reduced.
const KEYS: [Option<KeyError>; 12] = [
    Some(Weak),
    Some(Weak),
    Some(Weak),
    Some(Weak),
    Some(Weak),
    Some(Weak),
    None,
    None,
    Some(Weak),
    Some(Weak),
    Some(Point),
    Some(Point),
];

/// The one that the strict equation accepts.
const STRICT: usize = 3;

#[test]
fn disputed_signatures_are_refused() {
    let folder = std::env::var_os("AIM_TEST_DATA").expect("the folder with published vectors");
    let file = PathBuf::from(folder).join("vectors/ed25519-speccheck.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((cases.len(), KEYS.len()), (12, 12));
    for (number, (case, refused)) in cases.iter().zip(KEYS).enumerate() {
        let message = bytes(&case.message);
        let raw: [u8; 64] = array(&case.signature);
        let key = PublicKey::from_bytes(&array(&case.pub_key));
        assert_eq!(key.as_ref().err().copied(), refused, "case {number}");
        let accepted = key.is_ok_and(|key| key.verify(&message, &raw));
        assert!(!accepted, "case {number}");
        // The equation beneath, so that a change of the library is seen.
        let strict = VerifyingKey::from_bytes(&array(&case.pub_key))
            .and_then(|key| key.verify_strict(&message, &Signature::from_bytes(&raw)));
        assert_eq!(strict.is_ok(), number == STRICT, "case {number}, strict");
    }
}
