//! `Content-Digest`, with the values of RFC 9530, appendices B and D.

use aim_domain::signature::{SignatureError, content_digest, verify_content_digest};

const BODY: &[u8] = b"{\"hello\": \"world\"}";
const BODY_256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const BODY_512: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const LINE: &[u8] = b"{\"hello\": \"world\"}\n";
const LINE_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const LINE_512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
/// Algorithms that RFC 9530 deprecates; we know none of them.
const OLD: &str = "md5=:Sd/dVLAcvNLSq16eXua5uQ==:, sha=:07CavjDP4u3/TungoUHJO/Wzr4c=:, adler=:OZkGFw==:, crc32c=:Q3lHIA==:";

fn malformed(detail: &str) -> SignatureError {
    SignatureError::Malformed {
        field: "content-digest",
        detail: detail.to_owned(),
    }
}

#[test]
fn ours_are_those_of_the_rfc() {
    assert_eq!(content_digest(BODY), BODY_256);
    assert_eq!(content_digest(LINE), LINE_256);
    assert_eq!(content_digest(b""), EMPTY_256);
}

#[test]
fn right_digests_are_accepted() {
    let cases = [
        (BODY_256.to_owned(), BODY),
        (BODY_512.to_owned(), BODY),
        (LINE_256.to_owned(), LINE),
        (LINE_512.to_owned(), LINE),
        (EMPTY_256.to_owned(), b""),
        (format!("{BODY_256}, {BODY_512}"), BODY),
        (format!("{BODY_512},\t{BODY_256}"), BODY),
        (format!("{OLD}, {BODY_256}"), BODY),
        (format!("{BODY_256}, {OLD}"), BODY),
        (format!("{BODY_256}, unheard=::"), BODY),
        (format!("{BODY_256};parameter=1"), BODY),
        (format!("  {BODY_256} "), BODY),
        // Of an algorithm that comes twice, the last one counts.
        (format!("{LINE_256}, {BODY_256}"), BODY),
    ];
    for (value, body) in cases {
        assert_eq!(verify_content_digest(&value, body), Ok(()), "{value}");
    }
}

#[test]
fn another_body_is_refused() {
    let cases = [
        (BODY_256.to_owned(), LINE),
        (BODY_512.to_owned(), LINE),
        (BODY_256.to_owned(), b""),
        (EMPTY_256.to_owned(), BODY),
        // One right digest does not make up for a wrong one, in either order.
        (format!("{BODY_256}, {LINE_512}"), BODY),
        (format!("{LINE_512}, {BODY_256}"), BODY),
        (format!("{BODY_512}, {LINE_256}"), BODY),
        (format!("{BODY_256}, {LINE_256}"), BODY),
        // The digest of one algorithm under the name of another, and pieces of one.
        (BODY_256.replace("sha-256", "sha-512"), BODY),
        (BODY_512.replace("sha-512", "sha-256"), BODY),
        ("sha-256=::".to_owned(), BODY),
        ("sha-256=:X48E9qOokqqrvdts8nOJRA==:".to_owned(), BODY),
    ];
    for (value, body) in cases {
        assert_eq!(
            verify_content_digest(&value, body),
            Err(SignatureError::DigestMismatch),
            "{value}"
        );
    }
}

#[test]
fn a_digest_that_nobody_can_check_is_refused() {
    let unknown = "no known algorithm; use `sha-256` or `sha-512`";
    for value in ["", OLD, "unheard=:AAAA:", "sha256=:AAAA:"] {
        let result = verify_content_digest(value, BODY);
        assert_eq!(result, Err(malformed(unknown)), "{value}");
    }
    for (value, algorithm) in [
        ("sha-256".to_owned(), "sha-256"),
        ("sha-256=token".to_owned(), "sha-256"),
        (BODY_256.replace(':', "\""), "sha-256"),
        (BODY_256.replacen(':', "(:", 1) + ")", "sha-256"),
        (format!("{BODY_256}, unheard=1"), "unheard"),
    ] {
        let detail = format!("`{algorithm}` is not a byte sequence");
        let result = verify_content_digest(&value, BODY);
        assert_eq!(result, Err(malformed(&detail)), "{value}");
    }
    for value in [
        "SHA-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBP_=:",
        "sha-256=:X48E:,",
        ",",
        "é",
        "\0",
    ] {
        let result = verify_content_digest(value, BODY);
        let Err(SignatureError::Malformed { field, detail }) = &result else {
            panic!("{value}: {result:?}");
        };
        assert_eq!(*field, "content-digest", "{value}");
        assert!(!detail.is_empty(), "{value}");
    }
}
