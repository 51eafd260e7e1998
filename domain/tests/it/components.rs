//! What must be covered is, and the list of it is part of the signature.

use aim_domain::signature::SignatureError;

use crate::request::{COVERED, NOW, Request, assert_refused, malformed, parameters};
use SignatureError::{ComponentMissing, ComponentUnknown, Invalid};

#[test]
fn the_list_of_what_is_covered_cannot_be_edited() {
    let many = || malformed("signature-input", "covers too many components");
    let twice = || malformed("signature-input", "covers a component twice");
    let unknown = |name: &str| ComponentUnknown(name.to_owned());
    let target = "\"@target-uri\"";
    let crowd = format!("{target}{}", " \"via\"".repeat(30));
    let edits = [
        ("\"@method\" ", "", ComponentMissing("@method")),
        (target, "", ComponentMissing("@target-uri")),
        (target, "\"@path\"", ComponentMissing("@target-uri")),
        (target, "\"@target-URI\"", ComponentMissing("@target-uri")),
        (
            " \"content-digest\"",
            "",
            ComponentMissing("content-digest"),
        ),
        (target, "\"@target-uri\" \"@path\"", Invalid),
        (
            "\"@method\" \"@target-uri\"",
            "\"@target-uri\" \"@method\"",
            Invalid,
        ),
        (target, "\"@target-uri\" \"@target-uri\"", twice()),
        (target, &crowd, many()),
        (target, "\"@target-uri\" \"@status\"", unknown("@status")),
        (target, "\"@target-uri\" \"x-absent\"", unknown("x-absent")),
        (target, "\"@target-uri\" \"\"", unknown("")),
        (target, "\"@target-uri\";req", unknown("@target-uri")),
        (target, "\"@target-uri\" token", unknown("?")),
        (target, "\"@target-uri\" 1", unknown("?")),
        (target, "@target-uri", malformed("signature-input", "")),
    ];
    for (from, to, expected) in edits {
        let mut request = Request::signed();
        request.edit("signature-input", from, to);
        assert_refused(&format!("{from} -> {to}"), &request.check(), expected);
    }
}

#[test]
fn signing_less_than_the_profile_wants_is_not_enough() {
    let cases: [(&[&str], _); 4] = [
        (&[], "@method"),
        (&["@target-uri", "content-digest"], "@method"),
        // The query is not bound by the path.
        (
            &["@method", "@authority", "@path", "content-digest"],
            "@target-uri",
        ),
        (&["@method", "@target-uri"], "content-digest"),
    ];
    for (covered, missing) in cases {
        let request = Request::signed_over(covered, &parameters(NOW));
        assert_refused(missing, &request.check(), ComponentMissing(missing));
    }
}

#[test]
fn as_many_components_as_the_profile_allows() {
    let names: Vec<String> = (0..30).map(|number| format!("x-{number}")).collect();
    let mut covered = COVERED.to_vec();
    covered.extend(names.iter().map(String::as_str));
    let signed = |count: usize| Request::signed_over(&covered[..count], &parameters(NOW)).check();
    assert!(signed(32).is_ok());
    let many = malformed("signature-input", "covers too many components");
    assert_refused("33", &signed(33), many);
}
