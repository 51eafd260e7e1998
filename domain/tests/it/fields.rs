//! The two fields of a signature, as a forger writes them.

use aim_domain::signature::SignatureError;

use crate::request::{COVERED, NONCE, NOW, Request, assert_refused, malformed};
use SignatureError::{Invalid, Missing};

const INPUT: &str = "signature-input";
const ONE: &str = "carry exactly one signature";
const LABEL: &str = "has another label than `signature-input`";

#[test]
fn both_fields_have_to_be_there() {
    for (what, dropped) in [
        ("neither", &[INPUT, "signature"][..]),
        ("no input", &[INPUT]),
        ("no signature", &["signature"]),
    ] {
        let mut request = Request::signed();
        for name in dropped {
            request.remove(name);
        }
        assert_refused(what, &request.check(), Missing);
    }
    assert_refused("not signed", &Request::plain().check(), Missing);
}

#[track_caller]
fn assert_all_refused(name: &str, cases: impl IntoIterator<Item = (String, SignatureError)>) {
    for (value, expected) in cases {
        let mut request = Request::signed();
        request.set(name, &value);
        let what: String = value.chars().take(80).collect();
        assert_refused(&what, &request.check(), expected);
    }
}

#[test]
fn an_input_that_cannot_be_read_is_refused() {
    let good = Request::signed();
    let input = good.get(INPUT);
    let covered = input.trim_start_matches("sig1=");
    let bad = |detail| malformed(INPUT, detail);
    let cases = [
        (String::new(), bad(ONE)),
        ("é".to_owned(), bad("")),
        ("\0".to_owned(), bad("")),
        ("(".repeat(4_000), bad("")),
        (covered.to_owned(), bad("")),
        (format!("{input},"), bad("")),
        (format!("{input} x"), bad("")),
        (input.replace(")", ""), bad("")),
        (input.replace(' ', "\t"), bad("")),
        (format!("Sig1={covered}"), bad("")),
        ("sig1".to_owned(), bad("is not a list of components")),
        (
            "sig1=\"@method\"".to_owned(),
            bad("is not a list of components"),
        ),
        (format!("sig2={covered}"), malformed("signature", LABEL)),
        (format!("{input}, sig2={covered}"), bad(ONE)),
    ];
    assert_all_refused(INPUT, cases);
}

#[test]
fn a_signature_that_cannot_be_read_is_refused() {
    let good = Request::signed();
    let signature = good.get("signature");
    let bytes = signature.trim_start_matches("sig1=");
    let bad = |detail| malformed("signature", detail);
    let cases = [
        (String::new(), malformed(INPUT, ONE)),
        (format!("{signature}, sig2={bytes}"), malformed(INPUT, ONE)),
        (format!("sig2={bytes}"), bad(LABEL)),
        (format!("sig1=({bytes})"), bad(LABEL)),
        ("sig1".to_owned(), bad("is not a byte sequence")),
        ("sig1=token".to_owned(), bad("is not a byte sequence")),
        ("sig1=\"AAAA\"".to_owned(), bad("is not a byte sequence")),
        ("sig1=:A*AA:".to_owned(), bad("")),
        ("sig1=:A:".to_owned(), bad("")),
        ("sig1=:AAA=AAA=:".to_owned(), bad("")),
        (signature.trim_end_matches(':').to_owned(), bad("")),
        (bytes.to_owned(), bad("")),
        ("sig1=::".to_owned(), Invalid),
        (format!("sig1=:{}:", "A".repeat(84)), Invalid),
        (format!("sig1=:{}==:", "A".repeat(86)), Invalid),
        (format!("sig1=:{}:", "A".repeat(88)), Invalid),
    ];
    assert_all_refused("signature", cases);
}

#[test]
fn two_signatures_are_not_one() {
    let mut request = Request::signed();
    for name in [INPUT, "signature"] {
        let second = request.get(name).replace("sig1", "sig2");
        request.add(name, &second);
    }
    assert_refused("two lines", &request.check(), malformed(INPUT, ONE));
}

/// In a structured-field dictionary the last member of a name counts; so it is what is verified.
#[test]
fn a_label_that_comes_twice_is_its_last() {
    let other = format!("sig1=();created=1;nonce=\"{NONCE}\";keyid=\"other\"");
    let mut request = Request::signed();
    let good = request.get(INPUT).to_owned();
    request.set(INPUT, &format!("{other}, {good}"));
    assert!(request.check().is_ok());
    request.set(INPUT, &good);
    request.add(INPUT, &other);
    let missing = SignatureError::ComponentMissing("@method");
    assert_refused("other last", &request.check(), missing);
    request.set(INPUT, &good);
    request.add("signature", "sig1=:AAAA:");
    assert_refused("signature", &request.check(), Invalid);
}

#[test]
fn fields_have_a_largest_size() {
    let fill = |length: usize| {
        let frame = Request::signed_over(COVERED, &long_key(""))
            .get(INPUT)
            .len();
        long_key(&"k".repeat(length - frame))
    };
    let request = Request::signed_over(COVERED, &fill(4_096));
    assert_eq!(request.get(INPUT).len(), 4_096);
    assert!(request.check().is_ok());
    let request = Request::signed_over(COVERED, &fill(4_097));
    let large = |field| malformed(field, "has 4097 bytes, at most 4096");
    assert_refused("input", &request.check(), large(INPUT));
    let mut request = Request::signed();
    request.set("signature", &format!("sig1=:{}:", "A".repeat(4_097 - 7)));
    assert_refused("signature", &request.check(), large("signature"));
    // Many small lines are one large field.
    let mut request = Request::signed();
    for _ in 0..2_000 {
        request.add(INPUT, "a");
    }
    let detail = format!(
        "has {} bytes, at most 4096",
        Request::signed().get(INPUT).len() + 6_000
    );
    assert_refused("lines", &request.check(), malformed(INPUT, &detail));
}

fn long_key(key_id: &str) -> String {
    format!(";created={NOW};nonce=\"{NONCE}\";keyid=\"{key_id}\"")
}
