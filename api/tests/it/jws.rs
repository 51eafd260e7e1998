//! Published signatures of JSON Web Signature, as our library judges them with the rules that we give it.
//!
//! Project Wycheproof's file `json_web_signature_test.json` (401 cases in 23 groups) and RFC 8037,
//! appendix A.4 (agents' tokens). Of the algorithms in that file we use HS256 alone, for people's
//! tokens: its 40 cases are all here. The others' keys and algorithms are none that we ever take; of
//! each of their groups a case with a good signature is here, and all that try to pass off one
//! algorithm for another. The payloads are no claims; a signature that is right shows by the payload's
//! being complained of.

use aim_api::tokens::{AccessToken, TokenRules, Wanted, read_agent_token, read_proof};
use aim_domain::signature::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::jws_cases::{BASE64_KEY, BASE64_TESTS, GROUPS, HS256_KEY, OTHERS, RFC7520, hs256_tests};

const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED25519_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLW\
    G1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// Cases whose published verdict contradicts their own bytes, and ours: 367 and 370 were to have wrong
/// padding, which was lost, so that they are case 357 again; 372 and 373 have a character in them that
/// base64url has not, and a MAC over what they are without it.
const CONTRADICTORY: [(u32, bool); 4] = [(367, true), (370, true), (372, false), (373, false)];

fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules
}

/// Whether the signature is taken.
fn accepts(jws: &str, key: &DecodingKey, algorithm: Algorithm) -> bool {
    match decode::<Value>(jws, key, &rules(algorithm)) {
        Ok(_) => true,
        // The header could be read, so that it is the payload that is no JSON.
        Err(error) => matches!(error.kind(), ErrorKind::Json(_)) && decode_header(jws).is_ok(),
    }
}

fn secret(text: &str) -> DecodingKey {
    DecodingKey::from_secret(&URL_SAFE_NO_PAD.decode(text).expect("base64url"))
}

/// No door of ours takes it, whatever key it is tried with.
fn is_refused_everywhere(jws: &str, key: &DecodingKey) {
    let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
    assert!(AccessToken::read(jws, key, now).is_err(), "{jws}");
    let believed = [PublicKey::parse(ED25519_X).expect("a key")];
    let rules = TokenRules {
        believed: &believed,
        issuer: "",
        audience: None,
        now,
    };
    assert!(read_agent_token(jws, rules).is_err(), "{jws}");
    let wanted = Wanted {
        method: "POST",
        url: "https://aim.example/graphql",
        token: None,
        now,
    };
    assert!(read_proof(jws, wanted).is_err(), "{jws}");
}

#[test]
fn no_group_of_wycheproof_is_passed_over() {
    assert_eq!(GROUPS.len(), 23);
    let mut next = 1;
    for (name, algorithm, first, last) in GROUPS {
        assert_eq!(first, next, "{name}");
        assert!(last >= first, "{name}");
        next = last + 1;
        let is_of_it = |number: &u32| (first..=last).contains(number);
        let shown = if algorithm == "HS256" {
            let base64 = BASE64_TESTS.iter().map(|it| it.0);
            let numbers = hs256_tests().into_iter().map(|it| it.0).chain(base64);
            let numbers = numbers.chain(RFC7520.iter().map(|it| it.0));
            let count = numbers.filter(is_of_it).count();
            assert_eq!(count, (last - first + 1) as usize, "{name}: all of it");
            count
        } else {
            OTHERS.iter().filter(|it| is_of_it(&it.0)).count()
        };
        assert!(shown > 0, "no case of `{name}`, {algorithm}");
    }
    assert_eq!(next, 402, "401 cases");
    let hs256: u32 = GROUPS
        .iter()
        .filter(|group| group.1 == "HS256")
        .map(|(.., first, last)| last - first + 1)
        .sum();
    let here = hs256_tests().len() + BASE64_TESTS.len() + RFC7520.len();
    assert_eq!((hs256, here), (40, 40));
}

#[test]
fn every_hmac_case_of_wycheproof_is_judged_right() {
    let key = secret(HS256_KEY);
    for (number, jws, wanted) in hs256_tests() {
        assert_eq!(
            accepts(&jws, &key, Algorithm::HS256),
            wanted,
            "case {number}"
        );
        assert!(!accepts(&jws, &key, Algorithm::EdDSA), "case {number}");
        is_refused_everywhere(&jws, &key);
    }
    let (mut valid, mut invalid) = (0, 0);
    let key = secret(BASE64_KEY);
    for (number, jws, published) in BASE64_TESTS {
        let ours = CONTRADICTORY.iter().find(|(it, _)| *it == number);
        let wanted = ours.map_or(published, |(_, ours)| *ours);
        assert_eq!(
            accepts(jws, &key, Algorithm::HS256),
            wanted,
            "case {number}"
        );
        assert!(!accepts(jws, &key, Algorithm::EdDSA), "case {number}");
        is_refused_everywhere(jws, &key);
        if published {
            valid += 1;
        } else {
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (7, 14));
    for (number, k, jws) in RFC7520 {
        assert!(accepts(jws, &secret(k), Algorithm::HS256), "case {number}");
        is_refused_everywhere(jws, &secret(k));
    }
}

#[test]
fn what_contradicts_itself_does_so() {
    let case = |number: u32| {
        let found = BASE64_TESTS.iter().find(|(it, ..)| *it == number);
        *found.expect("a case")
    };
    for number in [367, 370] {
        assert_eq!((case(number).1, case(number).2), (case(357).1, false));
    }
    for number in [372, 373] {
        let (_, jws, published) = case(number);
        assert!(published && jws.contains('?'));
        assert_eq!(jws.replace('?', ""), case(357).1, "the MAC is over this");
    }
}

/// Whoever takes a public key for a secret, a header's word for an algorithm or a header's key for a
/// trusted one takes these.
#[test]
fn no_case_of_another_algorithm_is_taken() {
    for (number, jws, public) in OTHERS {
        let keys = [secret(public), DecodingKey::from_secret(public.as_bytes())];
        for key in &keys {
            for algorithm in [Algorithm::HS256, Algorithm::EdDSA] {
                assert!(!accepts(jws, key, algorithm), "case {number}");
            }
            is_refused_everywhere(jws, key);
        }
        let ed25519 = DecodingKey::from_ed_components(ED25519_X).unwrap();
        assert!(!accepts(jws, &ed25519, Algorithm::EdDSA), "case {number}");
    }
}

#[test]
fn the_ed25519_signature_of_rfc_8037_verifies_and_no_altered_one_does() {
    let key = DecodingKey::from_ed_components(ED25519_X).unwrap();
    assert!(accepts(ED25519_JWS, &key, Algorithm::EdDSA));
    let (head, signature) = ED25519_JWS.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for at in 0..signature.len() {
        let mut altered = signature.clone();
        altered[at] ^= 1;
        let jws = format!("{head}.{}", URL_SAFE_NO_PAD.encode(&altered));
        assert!(!accepts(&jws, &key, Algorithm::EdDSA), "byte {at}");
    }
    // A verification key is no secret: signed with it as one, a token is another algorithm's.
    let secret = DecodingKey::from_secret(&URL_SAFE_NO_PAD.decode(ED25519_X).unwrap());
    assert!(!accepts(ED25519_JWS, &secret, Algorithm::HS256));
    assert!(!accepts(ED25519_JWS, &key, Algorithm::HS256));
}
