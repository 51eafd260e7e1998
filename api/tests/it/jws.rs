//! Published signatures of JSON Web Signature, as our library judges them with the rules that we give it.
//!
//! Project Wycheproof's HMAC cases (people's tokens) and RFC 8037, appendix A.4 (agents' tokens). The
//! payloads are no claims; a signature that is right shows by the payload's being complained of.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

const HS256_KEY: &str = "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE";
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9";
const SIGNATURE: &str = "TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED25519_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLW\
    G1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

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

#[test]
fn hmac_cases_of_wycheproof_are_judged_right() {
    let key = URL_SAFE_NO_PAD.decode(HS256_KEY).unwrap();
    let key = DecodingKey::from_secret(&key);
    let cases = [
        (1, format!("{HEADER}.Zm9v.{SIGNATURE}"), true),
        (2, format!("{HEADER}.Zm9v.X{}", &SIGNATURE[1..]), false),
        (3, format!("{HEADER}.Zm9v."), false),
        (4, format!("{HEADER}.Zm9v"), false),
        (5, format!("{HEADER}.WG9v.{SIGNATURE}"), false),
        (6, format!("{HEADER}..{SIGNATURE}"), false),
        (7, format!("{HEADER}.{SIGNATURE}"), false),
        (
            8,
            format!("eyJhbGciOiJIUzI1NiIsImtpZCI6IlhpZC1hZXMtc2lnbiJ9.Zm9v.{SIGNATURE}"),
            false,
        ),
        (9, format!(".Zm9v.{SIGNATURE}"), false),
        (10, format!("Zm9v.{SIGNATURE}"), false),
        (11, ".Zm9v.".to_owned(), false),
        (12, "Zm9v".to_owned(), false),
        (13, String::new(), false),
        (14, format!("{HEADER}.Zm9v.{SIGNATURE}."), false),
        (15, format!("{HEADER}.Zm9v.{SIGNATURE}.foo"), false),
        (
            16,
            "eyJhbGciOiJub25lIiwia2lkIjoia2lkLWFlcy1zaWduIn0.Zm9v.".to_owned(),
            false,
        ),
        (
            17,
            format!(
                r#"{{"payload":"Zm9v","signatures":[{{"protected":"{HEADER}","header":{{"unknown":"untrustworthy"}},"signature":"{SIGNATURE}"}}]}}"#
            ),
            false,
        ),
    ];
    for (number, jws, wanted) in cases {
        assert_eq!(
            accepts(&jws, &key, Algorithm::HS256),
            wanted,
            "case {number}"
        );
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
