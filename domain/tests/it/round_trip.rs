//! Whatever is signed verifies, and nothing else does.

use aim_domain::signature::{
    Profile, SecretKey, SignatureError, SignedRequest, verify_content_digest,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::{
    BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof,
    proptest,
};
use proptest::sample::Index;

use crate::request::{NOW, Request, key};

/// Counterexamples are printed, not kept in the tree.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    }
}

/// A signed request of any shape, with its nonce.
fn signed() -> impl Strategy<Value = (Request, String)> {
    (
        "[A-Z]{1,10}",
        prop_oneof![Just("http"), Just("https")],
        "[A-Za-z0-9.-]{1,30}(:[0-9]{1,5})?",
        "/[!-~&&[^?#]]{0,60}",
        proptest::option::of("[!-~&&[^#]]{0,60}"),
        vec(any::<u8>(), 0..200),
        r"[!-~&&[^\x22\\]]{16,128}",
        NOW - 300..=NOW + 60,
    )
        .prop_map(
            |(method, scheme, authority, path, query, body, nonce, created)| {
                let mut request = Request {
                    method,
                    scheme: scheme.to_owned(),
                    authority,
                    path,
                    query,
                    headers: vec![("content-length".to_owned(), body.len().to_string())],
                    body,
                };
                request.sign(&key(), "key-1", &nonce, created);
                (request, nonce)
            },
        )
}

/// Changes one byte of `text` to another that may stand in a request; `false` when it cannot.
fn flip(text: &mut String, at: Index, flip: u8) -> bool {
    if text.is_empty() {
        return false;
    }
    let at = at.index(text.len());
    let mut bytes = std::mem::take(text).into_bytes();
    // Printable ASCII, and always another character.
    bytes[at] = b'!' + (bytes[at] - b' ' + flip % 93) % 94;
    *text = String::from_utf8_lossy(&bytes).into_owned();
    true
}

/// Fields of signatures: noise, noise in the right places, and text close to the real one.
fn noise() -> BoxedStrategy<String> {
    let bytes = vec(any::<u8>(), 0..300).prop_map(|b| String::from_utf8_lossy(&b).into_owned());
    let items = r#"sig1=[("@methodctnag\-uri;=:.*? 0-9A-Z\\)]{0,120}"#;
    let near = r#"(sig[12]=)?\(("(@method|@target-uri|content-digest|[a-z@-]{0,9})"(;[a-z]{1,3})? ?){0,6}\)(;(created|expires|nonce|keyid|alg|tag)(=(-?[0-9]{1,16}|"[ -~]{0,20}"|:[A-Za-z0-9+/=]{0,8}:|@[0-9]{1,16}|\?[01]))?){0,6}"#;
    let digest =
        r"(sha-(256|512)|md5)=:[A-Za-z0-9+/]{0,88}={0,2}:(, sha-256=:[A-Za-z0-9+/]{43}=:)?";
    let signature = "sig1=:[A-Za-z0-9+/]{0,90}={0,3}:";
    prop_oneof![bytes, any::<String>(), items, near, digest, signature].boxed()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn requests_make_the_round_trip((request, nonce) in signed()) {
        let result = request.check();
        prop_assert!(result.is_ok(), "{:?}", result);
        let read = request.view(|r| SignedRequest::parse(r, Profile::AGENT));
        let read = read.unwrap();
        prop_assert_eq!((read.nonce, read.key_id.as_str()), (nonce, "key-1"));
    }

    #[test]
    fn no_other_key_has_signed_it((request, _) in signed(), seed in any::<[u8; 32]>()) {
        let now = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
        let other = SecretKey::from_seed(&seed).public_key();
        let result = request.view(|r| {
            SignedRequest::parse(r, Profile::AGENT)?.verify(r, &request.body, &other, now)
        });
        prop_assert_eq!(result, Err(SignatureError::Invalid));
    }

    #[test]
    fn one_changed_byte_is_refused(
        (request, _) in signed(),
        at in any::<Index>(),
        by in any::<u8>(),
    ) {
        let mut changed = request.clone();
        if flip(&mut changed.method, at, by) {
            prop_assert_eq!(changed.check(), Err(SignatureError::Invalid), "{:?}", changed);
        }
        let mut changed = request.clone();
        if flip(&mut changed.path, at, by) {
            prop_assert_eq!(changed.check(), Err(SignatureError::Invalid), "{:?}", changed);
        }
        let mut changed = request.clone();
        if changed.query.as_mut().is_some_and(|query| flip(query, at, by)) {
            prop_assert_eq!(changed.check(), Err(SignatureError::Invalid), "{:?}", changed);
        }
        let mut changed = request.clone();
        flip(&mut changed.authority, at, by);
        // The case of a host means nothing.
        if !changed.authority.eq_ignore_ascii_case(&request.authority) {
            prop_assert_eq!(changed.check(), Err(SignatureError::Invalid), "{:?}", changed);
        }
        let mut changed = request;
        if !changed.body.is_empty() {
            let at = at.index(changed.body.len());
            changed.body[at] ^= by | 1;
            prop_assert_eq!(changed.check(), Err(SignatureError::DigestMismatch));
        }
    }

    #[test]
    fn one_changed_byte_of_the_fields_is_refused(
        (request, _) in signed(),
        at in any::<Index>(),
        by in any::<u8>(),
    ) {
        for name in ["signature-input", "content-digest"] {
            let mut value = request.get(name).to_owned();
            flip(&mut value, at, by);
            let mut changed = request.clone();
            changed.set(name, &value);
            let result = changed.check();
            prop_assert!(result.is_err(), "{name}: {value}");
        }
        let value = request.get("signature").to_owned();
        let text = value.trim_start_matches("sig1=:").trim_end_matches(':');
        let mut bytes = STANDARD.decode(text).unwrap();
        bytes[at.index(64)] ^= by | 1;
        let mut changed = request;
        changed.set("signature", &format!("sig1=:{}:", STANDARD.encode(bytes)));
        prop_assert_eq!(changed.check(), Err(SignatureError::Invalid));
    }

    #[test]
    fn nothing_in_the_fields_makes_us_panic_or_accept(
        input in noise(), signature in noise(), digest in noise(), which in 1_u8..8,
    ) {
        let mut request = Request::signed();
        for (bit, name, value) in [
            (1, "signature-input", &input),
            (2, "signature", &signature),
            (4, "content-digest", &digest),
        ] {
            if which & bit != 0 {
                request.set(name, value);
            }
        }
        let result = request.check();
        prop_assert!(result.is_err(), "{:?}", request);
        let _ = verify_content_digest(&digest, &request.body);
    }
}
