//! The examples of RFC 9421, appendix B.
//!
//! Our profile wants a nonce and the target URI, which the examples lack, so they are asked of the
//! signature base itself. B.2.6 and B.4 are Ed25519 and are verified and signed; B.2.1 to B.2.3
//! (RSA-PSS), B.2.4 and B.3 (ECDSA) and B.2.5 (HMAC) are other algorithms, of which only the base is
//! ours. That is all eight of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::{InnerList, ListEntry, Parser};

use super::{HttpRequest, PublicKey, SecretKey, SignatureError, verify_content_digest};

const DIGEST: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

const HEADERS: &[(&str, &str)] = &[
    ("host", "example.com"),
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", "application/json"),
    ("content-digest", DIGEST),
    ("content-length", "18"),
];

const REQUEST: HttpRequest<'static> = HttpRequest {
    method: "POST",
    scheme: "https",
    authority: "example.com",
    path: "/foo",
    query: Some("param=Value&Pet=dog"),
    headers: HEADERS,
};

/// B.1.4, `test-key-ed25519`.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";
const PUBLIC_KEY: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";

fn inner_list(text: &str) -> InnerList {
    let list: sfv::List = Parser::new(text).parse().unwrap();
    let [ListEntry::InnerList(components)] = &list[..] else {
        panic!("not one inner list: {text}");
    };
    components.clone()
}

fn base(request: &HttpRequest<'_>, covered: &str) -> Result<String, SignatureError> {
    request.signature_base(&inner_list(covered))
}

#[test]
fn signature_bases_are_those_of_the_rfc() {
    let b21 = r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
    let b23 = r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
    let b25 =
        r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let b23_lines = format!(
        r#""date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": {DIGEST}
"content-length": 18
"#
    );
    let b25_lines = r#""date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"#;
    for (name, covered, lines) in [
        ("B.2.1", b21, ""),
        ("B.2.3", b23, &b23_lines),
        ("B.2.5", b25, b25_lines),
    ] {
        let expected = format!("{lines}\"@signature-params\": {covered}");
        assert_eq!(base(&REQUEST, covered), Ok(expected), "{name}");
    }
    assert_eq!(
        verify_content_digest(DIGEST, b"{\"hello\": \"world\"}"),
        Ok(())
    );
}

/// The field that a proxy adds that ends TLS.
const CLIENT_CERT: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzA\
    ZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzA\
    JBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8v\
    dgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDA\
    WgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQY\
    DVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6\
    YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";

#[test]
fn b3_covers_what_a_proxy_says_of_its_client() {
    let covered = r#"("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256""#;
    let headers = [HEADERS[1], HEADERS[2], ("client-cert", CLIENT_CERT)];
    let request = HttpRequest {
        authority: "service.internal.example",
        headers: &headers,
        ..REQUEST
    };
    let expected = format!(
        r#""@path": /foo
"@query": ?param=Value&Pet=dog
"@method": POST
"@authority": service.internal.example
"client-cert": {CLIENT_CERT}
"@signature-params": {covered}"#
    );
    assert_eq!(base(&request, covered), Ok(expected));
}

#[test]
fn components_that_we_do_not_support_are_refused_not_skipped() {
    for (name, covered, unknown) in [
        (
            "B.2.2",
            r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
            "@query-param",
        ),
        (
            "B.2.4",
            r#"("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#,
            "@status",
        ),
        ("2.4", r#"("@method";req)"#, "@method"),
        ("2.1.1", r#"("content-digest";sf)"#, "content-digest"),
        ("2.1.3", r#"("content-digest";bs)"#, "content-digest"),
        ("2.3", r#"("@signature-params")"#, "@signature-params"),
        ("2.1", r#"("x-absent")"#, "x-absent"),
        ("2.1, lower case", r#"("Content-Type")"#, "Content-Type"),
    ] {
        let refused = Err(SignatureError::ComponentUnknown(unknown.to_owned()));
        assert_eq!(base(&REQUEST, covered), refused, "{name}");
    }
}

#[test]
fn no_value_starts_a_line_of_its_own() {
    let covered = r#"("@method" "date");created=1"#;
    for (name, value) in [
        ("lf", "a\n\"@path\": /b"),
        ("cr", "a\rb"),
        ("both", "a\r\nb"),
    ] {
        let headers = [("date", value)];
        let request = HttpRequest {
            headers: &headers,
            ..REQUEST
        };
        let refused = Err(SignatureError::ComponentUnknown("date".to_owned()));
        assert_eq!(base(&request, covered), refused, "{name}");
    }
}

#[test]
fn b26_verifies_and_is_what_we_sign() {
    let covered = r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let signature =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let expected = format!(
        r#""date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": {covered}"#
    );
    let base = base(&REQUEST, covered).unwrap();
    assert_eq!(base, expected);
    let key = PublicKey::parse(PUBLIC_KEY).unwrap();
    assert!(key.verify(base.as_bytes(), &STANDARD.decode(signature).unwrap()));
    let secret = SecretKey::from_pem(PRIVATE_KEY).unwrap();
    assert_eq!(secret.public_key(), key);
    assert_eq!(STANDARD.encode(secret.sign(base.as_bytes())), signature);
}

#[test]
fn b4_survives_what_proxies_may_do_and_nothing_else() {
    let covered =
        r#"("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    let signature = STANDARD
        .decode("ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==")
        .unwrap();
    let key = PublicKey::parse(PUBLIC_KEY).unwrap();
    let verifies = |method, authority, query, headers: &[(&str, &str)]| {
        let request = HttpRequest {
            method,
            scheme: "https",
            authority,
            path: "/demo",
            query: Some(query),
            headers,
        };
        key.verify(base(&request, covered).unwrap().as_bytes(), &signature)
    };
    let (get, host, query) = ("GET", "example.org", "name1=Value1&Name2=value2");
    let json = ("accept", "application/json");
    let any = ("accept", "*/*");
    let joined = ("accept", "application/json, */*");
    let language = ("accept-language", "en-US,en;q=0.5");
    assert!(verifies(get, host, query, &[json, any]));
    assert!(verifies(get, host, "param=added", &[json, any, language]));
    assert!(verifies(get, host, query, &[language, joined]));
    assert!(verifies(get, "EXAMPLE.org", query, &[json, any]));
    assert!(!verifies("POST", "example.com", query, &[json, any]));
    assert!(!verifies(get, host, query, &[any, json]));
}
