//! Signature fields of a request, keys, and signatures beside events, out of any bytes.

use aim_domain::signature::{
    EventSignature, HttpRequest, Profile, PublicKey, SecretKey, SignedRequest,
};
use chrono::DateTime;

/// Lines: `signature-input`, `signature`, `content-digest`, path; the rest is the body.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (input, signature, digest, path, body) = (line(), line(), line(), line(), line());
    // Nobody who writes inputs has this key, so nothing verifies.
    let key = SecretKey::from_seed(&[42; 32]).public_key();
    let headers = [
        ("signature-input", input),
        ("signature", signature),
        ("content-digest", digest),
    ];
    let request = HttpRequest {
        method: "POST",
        scheme: "https",
        authority: "aim.example",
        path,
        query: None,
        headers: &headers,
    };
    if let Ok(signed) = SignedRequest::parse(&request, Profile::AGENT) {
        let now = DateTime::from_timestamp(signed.created, 0).unwrap_or_default();
        let verified = signed.verify(&request, body.as_bytes(), &key, now);
        assert!(verified.is_err(), "a forged signature passed");
        let length = signed.nonce.len();
        assert!(
            (16..=128).contains(&length),
            "a nonce of {length} bytes passed"
        );
    }
    if let Some(beside) = EventSignature::parse(signature) {
        let again = EventSignature::parse(&beside.to_string());
        assert_eq!(
            again.as_ref(),
            Some(&beside),
            "a signature changed by being written"
        );
        let event = (&beside, &key, body.as_bytes());
        let passes = aim_domain::signature::verify_events(&[event], &[0; 32]) == [true];
        assert!(!passes, "a forged event passed");
    }
    if let Ok(key) = PublicKey::parse(input) {
        let again = PublicKey::parse(&key.to_base64url());
        assert!(again.is_ok_and(|it| it.to_bytes() == key.to_bytes()));
    }
}
