//! What is covered cannot be changed.

use aim_domain::signature::{SignatureError, content_digest};

use crate::request::{COVERED, KEY_ID, NONCE, NOW, Request, assert_refused, key, parameters};
use SignatureError::{ComponentMissing, ComponentUnknown, DigestMismatch, Invalid};

type Edit = fn(&mut Request);
type Change = (&'static str, Edit, SignatureError);

#[test]
fn what_was_signed_verifies() {
    assert!(Request::signed().check().is_ok());
    assert!(
        Request::signed_over(COVERED, &parameters(NOW))
            .check()
            .is_ok()
    );
    let every = [
        "@method",
        "@target-uri",
        "@authority",
        "@scheme",
        "@request-target",
        "@path",
        "@query",
        "content-type",
        "content-length",
        "content-digest",
    ];
    assert!(
        Request::signed_over(&every, &parameters(NOW))
            .check()
            .is_ok()
    );
}

#[test]
fn method_and_target_are_bound() {
    let changes: [Change; 14] = [
        ("method", |r| r.method = "PUT".to_owned(), Invalid),
        ("method's case", |r| r.method = "post".to_owned(), Invalid),
        ("no method", |r| r.method.clear(), Invalid),
        ("scheme", |r| r.scheme = "http".to_owned(), Invalid),
        ("host", |r| r.authority = "aim.other:8443".into(), Invalid),
        ("port", |r| r.authority = "aim.example".into(), Invalid),
        ("path", |r| r.path = "/graphql/".to_owned(), Invalid),
        ("path's case", |r| r.path = "/GraphQL".to_owned(), Invalid),
        ("escapes", |r| r.path = "/%67raphql".to_owned(), Invalid),
        ("query", |r| r.query = Some("trace=2".into()), Invalid),
        ("order", |r| r.query = Some("=1trace".into()), Invalid),
        ("more", |r| r.query = Some("trace=1&a=b".into()), Invalid),
        ("empty query", |r| r.query = Some(String::new()), Invalid),
        ("no query", |r| r.query = None, Invalid),
    ];
    for (what, change, expected) in changes {
        let mut request = Request::signed();
        change(&mut request);
        assert_refused(what, &request.check(), expected);
    }
}

#[test]
fn the_body_is_bound() {
    fn digest(request: &mut Request, body: &[u8]) {
        request.set("content-digest", &content_digest(body));
    }
    let changes: [Change; 9] = [
        ("body", |r| r.body[0] ^= 1, DigestMismatch),
        ("no body", |r| r.body.clear(), DigestMismatch),
        ("longer body", |r| r.body.push(b' '), DigestMismatch),
        ("digest", |r| digest(r, b"{}"), DigestMismatch),
        (
            "body with its digest",
            |r| {
                r.body = b"{}".to_vec();
                digest(r, b"{}");
            },
            Invalid,
        ),
        (
            "digest dropped",
            |r| r.remove("content-digest"),
            ComponentMissing("content-digest"),
        ),
        (
            "digest and body dropped",
            |r| {
                r.remove("content-digest");
                r.body.clear();
            },
            ComponentUnknown("content-digest".to_owned()),
        ),
        (
            "digest twice",
            |r| r.add("content-digest", &content_digest(&r.body)),
            Invalid,
        ),
        (
            "another digest after it",
            |r| r.add("content-digest", &content_digest(b"{}")),
            DigestMismatch,
        ),
    ];
    for (what, change, expected) in changes {
        let mut request = Request::signed();
        change(&mut request);
        assert_refused(what, &request.check(), expected);
    }
}

#[test]
fn covered_fields_are_bound_and_others_are_free() {
    let covered = ["@method", "@target-uri", "content-type", "content-digest"];
    let gone = || ComponentUnknown("content-type".to_owned());
    let changes: [Change; 5] = [
        ("changed", |r| r.set("content-type", "text/plain"), Invalid),
        ("emptied", |r| r.set("content-type", ""), Invalid),
        ("twice", |r| r.add("content-type", "text/plain"), Invalid),
        ("again", |r| r.add("content-type", "a/b"), Invalid),
        ("dropped", |r| r.remove("content-type"), gone()),
    ];
    for (what, change, expected) in changes {
        let mut request = Request::signed_over(&covered, &parameters(NOW));
        change(&mut request);
        assert_refused(what, &request.check(), expected);
    }
    let harmless: [(&str, Edit); 5] = [
        ("uncovered changed", |r| r.set("content-length", "9")),
        ("uncovered dropped", |r| r.remove("content-length")),
        ("uncovered added", |r| r.add("via", "1.1 proxy")),
        ("fields in another order", |r| r.headers.reverse()),
        ("host's case", |r| r.authority.make_ascii_uppercase()),
    ];
    for (what, change) in harmless {
        let mut request = Request::signed_over(&covered, &parameters(NOW));
        change(&mut request);
        assert!(request.check().is_ok(), "{what}");
    }
}

#[test]
fn a_body_is_seen_by_any_of_its_signs() {
    let missing = || ComponentMissing("content-digest");
    let mut request = Request::signed_over(&["@method", "@target-uri"], &parameters(NOW));
    request.remove("content-digest");
    request.set("content-length", "0");
    assert_refused("the body itself", &request.check(), missing());
    request.body.clear();
    assert!(request.check().is_ok(), "no body");
    for (name, value) in [
        ("content-length", "5"),
        ("content-length", "00"),
        ("transfer-encoding", "chunked"),
        ("content-digest", &content_digest(b"")),
    ] {
        let mut request = request.clone();
        request.remove("content-length");
        request.add(name, value);
        assert_refused(&format!("{name}: {value}"), &request.check(), missing());
    }
}

#[test]
fn an_empty_query_is_not_no_query() {
    for (signed, sent) in [(None, Some(String::new())), (Some(String::new()), None)] {
        let mut request = Request::plain();
        request.query = signed;
        request.sign(&key(), KEY_ID, NONCE, NOW);
        assert!(request.check().is_ok());
        request.query = sent;
        assert_refused("query", &request.check(), Invalid);
    }
}
