//! The parameters of a signature: bound, typed, and good for a while.

use aim_domain::signature::SignatureError;
use chrono::DateTime;

use crate::request::{COVERED, KEY_ID, NONCE, NOW, Request, assert_refused, malformed, parameters};
use SignatureError::{Expired, Future, Invalid, ParameterInvalid, ParameterMissing, Stale};

fn not(name: &str, kind: &str) -> SignatureError {
    malformed("signature-input", &format!("`{name}` is not {kind}"))
}

fn bad_nonce(value: &str) -> SignatureError {
    ParameterInvalid {
        name: "nonce",
        value: value.to_owned(),
        remedy: "use 16 to 128 random characters",
    }
}

fn bad_alg(value: &str) -> SignatureError {
    ParameterInvalid {
        name: "alg",
        value: value.to_owned(),
        remedy: "leave it out or use `ed25519`",
    }
}

#[test]
fn parameters_cannot_be_edited() {
    let created = format!(";created={NOW}");
    let nonce = format!(";nonce=\"{NONCE}\"");
    let key_id = format!(";keyid=\"{KEY_ID}\"");
    let added = |text: &str| format!("{created}{text}");
    let edits = [
        (&created, format!(";created={}", NOW - 1), Invalid),
        (&created, format!(";created={}", NOW + 1), Invalid),
        (&created, String::new(), ParameterMissing("created")),
        (&nonce, ";nonce=\"1123456789abcdef\"".to_owned(), Invalid),
        (&nonce, String::new(), ParameterMissing("nonce")),
        (&key_id, ";keyid=\"key-2\"".to_owned(), Invalid),
        (&key_id, String::new(), ParameterMissing("keyid")),
        (&created, added(&format!(";expires={NOW}")), Invalid),
        (&created, added(";alg=\"ed25519\""), Invalid),
        (&created, added(";tag=\"other-product\""), Invalid),
        (&created, added(";unheard"), Invalid),
        // Of a parameter that comes twice, the last one counts.
        (&created, added(&format!(";created={}", NOW - 5)), Invalid),
        (
            &nonce,
            format!("{nonce};nonce=\"short\""),
            bad_nonce("short"),
        ),
    ];
    for (from, to, expected) in edits {
        let mut request = Request::signed();
        request.edit("signature-input", from, &to);
        assert_refused(&format!("{from} -> {to}"), &request.check(), expected);
    }
    let all = format!(";alg=\"ed25519\";tag=\"agents\"{created};expires={NOW}{nonce}{key_id}");
    let removals = [
        ";alg=\"ed25519\"".to_owned(),
        ";tag=\"agents\"".to_owned(),
        format!(";expires={NOW}"),
    ];
    assert!(Request::signed_over(COVERED, &all).check().is_ok());
    for removal in removals {
        let mut request = Request::signed_over(COVERED, &all);
        request.edit("signature-input", &removal, "");
        assert_refused(&removal, &request.check(), Invalid);
    }
    let mut request = Request::signed_over(COVERED, &all);
    request.edit("signature-input", "\"agents\"", "\"Agents\"");
    assert_refused("tag", &request.check(), Invalid);
    let mut request = Request::signed();
    let (from, to) = (format!("{created}{nonce}"), format!("{nonce}{created}"));
    request.edit("signature-input", &from, &to);
    assert_refused("order", &request.check(), Invalid);
}

#[test]
fn parameters_of_another_type_are_refused_even_when_signed() {
    let rest = format!(";nonce=\"{NONCE}\";keyid=\"{KEY_ID}\"");
    let cases = [
        (
            format!(";created=\"{NOW}\"{rest}"),
            not("created", "an integer"),
        ),
        (
            format!(";created={NOW}.0{rest}"),
            not("created", "an integer"),
        ),
        (
            format!(";created=@{NOW}{rest}"),
            not("created", "an integer"),
        ),
        (format!(";created{rest}"), not("created", "an integer")),
        (
            format!(";created=1000000000000000{rest}"),
            malformed("signature-input", ""),
        ),
        (
            format!("{};expires=\"1\"", parameters(NOW)),
            not("expires", "an integer"),
        ),
        (
            format!(";created={NOW};nonce={NONCE}9;keyid=\"k\""),
            malformed("signature-input", ""),
        ),
        (
            format!(";created={NOW};nonce=n{NONCE};keyid=\"k\""),
            not("nonce", "a string"),
        ),
        (
            format!(";created={NOW};nonce=:{NONCE}:;keyid=\"k\""),
            not("nonce", "a string"),
        ),
        (
            format!(";created={NOW};nonce=\"{NONCE}\";keyid=k"),
            not("keyid", "a string"),
        ),
        (
            format!("{};alg=ed25519", parameters(NOW)),
            not("alg", "a string"),
        ),
        (
            format!("{};alg=\"rsa-pss-sha512\"", parameters(NOW)),
            bad_alg("rsa-pss-sha512"),
        ),
        (format!("{};alg=\"\"", parameters(NOW)), bad_alg("")),
        (
            format!("{};alg=\"Ed25519\"", parameters(NOW)),
            bad_alg("Ed25519"),
        ),
        (
            format!("{};alg=\"{}\"", parameters(NOW), "a".repeat(65)),
            bad_alg(&"a".repeat(64)),
        ),
    ];
    for (parameters, expected) in cases {
        let request = Request::signed_over(COVERED, &parameters);
        assert_refused(&parameters, &request.check(), expected);
    }
}

#[test]
fn a_nonce_is_neither_short_nor_long() {
    for (length, good) in [(0, 0), (15, 0), (16, 1), (128, 1), (129, 0), (2_000, 0)] {
        let nonce = "n".repeat(length);
        let text = format!(";created={NOW};nonce=\"{nonce}\";keyid=\"{KEY_ID}\"");
        let result = Request::signed_over(COVERED, &text).check();
        if good == 1 {
            assert!(result.is_ok(), "{length}");
        } else {
            let shown = "n".repeat(length.min(64));
            assert_refused(&format!("{length}"), &result, bad_nonce(&shown));
        }
    }
}

#[test]
fn a_signature_is_good_for_a_while() {
    let stale = |age| Some(Stale { age, limit: 300 });
    let future = |ahead| Some(Future { ahead, limit: 60 });
    let cases = [
        (NOW, None, None),
        (NOW - 300, None, None),
        (NOW - 301, None, stale(301)),
        (0, None, stale(NOW)),
        (-999_999_999_999_999, None, stale(NOW + 999_999_999_999_999)),
        (NOW + 60, None, None),
        (NOW + 61, None, future(61)),
        (999_999_999_999_999, None, future(999_999_999_999_999 - NOW)),
        (NOW - 10, Some(NOW), None),
        (NOW - 10, Some(NOW - 1), Some(Expired(1))),
        (
            NOW - 10,
            Some(-999_999_999_999_999),
            Some(Expired(NOW + 999_999_999_999_999)),
        ),
        (NOW - 10, Some(999_999_999_999_999), None),
        (NOW - 301, Some(NOW + 100), stale(301)),
    ];
    for (created, expires, refusal) in cases {
        let mut text = parameters(created);
        if let Some(expires) = expires {
            text.push_str(&format!(";expires={expires}"));
        }
        let result = Request::signed_over(COVERED, &text).check();
        match refusal {
            Some(refusal) => assert_refused(&text, &result, refusal),
            None => assert_eq!(
                result.unwrap().stale_at,
                DateTime::from_timestamp(created + 301, 0).unwrap(),
                "{text}"
            ),
        }
    }
}
