//! What clients sign, in whatever language: the SDKs' tests read the same file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::name::AgentName;
use aim_domain::signature::{
    EventSignature, HttpRequest, Profile, SecretKey, SignedRequest, sign_event, sign_possession,
    sign_request, sign_rotation,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::Value;

fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../data/signing_vectors.json")).unwrap();
    all[kind].as_array().unwrap().clone()
}

fn key_of(vector: &Value) -> SecretKey {
    let byte = u8::try_from(vector["seed"].as_u64().unwrap()).unwrap();
    SecretKey::from_seed(&[byte; 32])
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

#[test]
fn requests_are_signed_and_taken_as_in_the_vectors() {
    for vector in vectors("requests") {
        let key = key_of(&vector);
        let body = STANDARD.decode(text(&vector, "body")).unwrap();
        let created = vector["created"].as_i64().unwrap();
        let (id, nonce) = (text(&vector, "keyId"), text(&vector, "nonce"));
        assert_eq!(key.public_key().thumbprint(), id);
        assert_eq!(key.public_key().to_base64url(), text(&vector, "publicKey"));
        let plain = HttpRequest {
            method: text(&vector, "method"),
            scheme: text(&vector, "scheme"),
            authority: text(&vector, "authority"),
            path: text(&vector, "path"),
            query: vector["query"].as_str(),
            headers: &[],
        };
        let made = sign_request(&plain, &body, &key, id, nonce, created);
        assert_eq!(made.content_digest, text(&vector, "contentDigest"));
        assert_eq!(made.signature_input, text(&vector, "signatureInput"));
        assert_eq!(made.signature, text(&vector, "signature"));
        let headers = [
            ("content-digest", text(&vector, "contentDigest")),
            ("signature-input", text(&vector, "signatureInput")),
            ("signature", text(&vector, "signature")),
        ];
        let request = HttpRequest {
            headers: &headers,
            ..plain
        };
        let now = DateTime::from_timestamp(created, 0).unwrap();
        let signed = SignedRequest::parse(&request, Profile::AGENT).unwrap();
        signed
            .verify(&request, &body, &key.public_key(), now)
            .unwrap();
    }
}

#[test]
fn proofs_are_those_of_the_vectors() {
    for vector in vectors("proofs") {
        let (key, created) = (key_of(&vector), vector["created"].as_i64().unwrap());
        let organization = text(&vector, "organization").parse().unwrap();
        let subject = text(&vector, "subject");
        let proof = match text(&vector, "kind") {
            "aim-register-v1" => {
                let name = AgentName::parse(subject).unwrap();
                sign_possession(organization, &name, &key, created)
            }
            _ => sign_rotation(organization, subject.parse().unwrap(), &key, created),
        };
        assert_eq!(STANDARD.encode(proof.signature), text(&vector, "signature"));
    }
}

#[test]
fn events_are_signed_and_taken_as_in_the_vectors() {
    for vector in vectors("events") {
        let key = key_of(&vector);
        let payload = STANDARD.decode(text(&vector, "payload")).unwrap();
        let made = sign_event(&key, &key.public_key().thumbprint(), &payload);
        assert_eq!(made.to_string(), text(&vector, "signature"));
        let read = EventSignature::parse(text(&vector, "signature")).unwrap();
        assert!(crate::events::verify_event(
            &read,
            &key.public_key(),
            &payload
        ));
    }
}
