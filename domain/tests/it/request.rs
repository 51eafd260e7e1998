//! A request that tests sign, change and check.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::signature::{
    HttpRequest, Profile, SecretKey, SignatureError, SignedRequest, Verified, sign_request,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;

/// The time of every check, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const NONCE: &str = "0123456789abcdef";
pub(crate) const KEY_ID: &str = "key-1";
/// What our own signer covers.
pub(crate) const COVERED: &[&str] = &["@method", "@target-uri", "content-digest"];

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// Parameters as our own signer writes them, `created` given.
pub(crate) fn parameters(created: i64) -> String {
    format!(";created={created};nonce=\"{NONCE}\";keyid=\"{KEY_ID}\"")
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request with a body, not signed.
    pub(crate) fn plain() -> Self {
        let body = b"{\"action\":\"read\"}".to_vec();
        let mut request = Self {
            method: "POST".to_owned(),
            scheme: "https".to_owned(),
            authority: "aim.example:8443".to_owned(),
            path: "/graphql".to_owned(),
            query: Some("trace=1".to_owned()),
            headers: Vec::new(),
            body,
        };
        request.add("content-type", "application/json");
        request.add("content-length", &request.body.len().to_string());
        request
    }

    /// The same, signed by our own signer.
    pub(crate) fn signed() -> Self {
        let mut request = Self::plain();
        request.sign(&key(), KEY_ID, NONCE, NOW);
        request
    }

    /// Signs with our own signer.
    pub(crate) fn sign(&mut self, key: &SecretKey, key_id: &str, nonce: &str, created: i64) {
        let fields = self.view(|r| sign_request(r, &self.body, key, key_id, nonce, created));
        self.add("content-digest", &fields.content_digest);
        self.add("signature-input", &fields.signature_input);
        self.add("signature", &fields.signature);
    }

    /// A signature of the test's own making: the signature base is built here, so that it does
    /// not agree with the product's by construction. Covered fields that start with `x-` are added.
    pub(crate) fn signed_over(covered: &[&str], parameters: &str) -> Self {
        let mut request = Self::plain();
        let digest = aim_domain::signature::content_digest(&request.body);
        request.add("content-digest", &digest);
        for name in covered.iter().filter(|name| name.starts_with("x-")) {
            request.add(name, "value");
        }
        let names: Vec<String> = covered.iter().map(|name| format!("\"{name}\"")).collect();
        let input = format!("({}){parameters}", names.join(" "));
        let mut base = String::new();
        for (name, quoted) in covered.iter().zip(&names) {
            let value = match *name {
                "@method" => "POST",
                "@target-uri" => "https://aim.example:8443/graphql?trace=1",
                "@authority" => "aim.example:8443",
                "@path" => "/graphql",
                "@query" => "?trace=1",
                "@scheme" => "https",
                "@request-target" => "/graphql?trace=1",
                field => request.get(field),
            };
            base.push_str(&format!("{quoted}: {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {input}"));
        let signature = STANDARD.encode(key().sign(base.as_bytes()));
        request.add("signature-input", &format!("sig1={input}"));
        request.add("signature", &format!("sig1=:{signature}:"));
        request
    }

    pub(crate) fn view<T>(&self, with: impl FnOnce(&HttpRequest<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        with(&HttpRequest {
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
        })
    }

    /// Reads the signature and verifies it at [`NOW`] with [`key`].
    pub(crate) fn check(&self) -> Result<Verified, SignatureError> {
        self.check_at(NOW)
    }

    pub(crate) fn check_at(&self, now: i64) -> Result<Verified, SignatureError> {
        let now = DateTime::from_timestamp(now, 0).unwrap();
        self.view(|request| {
            let signed = SignedRequest::parse(request, Profile::AGENT)?;
            signed.verify(request, &self.body, &key().public_key(), now)
        })
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        &found.unwrap().1
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let before = self.headers.len();
        self.headers.retain(|(n, _)| n != name);
        assert!(self.headers.len() < before, "there was no {name}");
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    /// Replaces text in a field; it has to be there.
    pub(crate) fn edit(&mut self, name: &str, from: &str, to: &str) {
        let value = self.get(name);
        assert!(value.contains(from), "{name} has no {from}: {value}");
        let edited = value.replacen(from, to, 1);
        self.set(name, &edited);
    }
}

/// Asserts the exact refusal. The detail of [`SignatureError::Malformed`] may be left empty where
/// it is the structured-field parser's own wording.
#[track_caller]
pub(crate) fn assert_refused(
    what: &str,
    result: &Result<Verified, SignatureError>,
    expected: SignatureError,
) {
    let expected = match (expected, result) {
        (
            SignatureError::Malformed { field, detail },
            Err(SignatureError::Malformed { detail: given, .. }),
        ) if detail.is_empty() && !given.is_empty() => SignatureError::Malformed {
            field,
            detail: given.clone(),
        },
        (expected, _) => expected,
    };
    assert_eq!(*result, Err(expected), "{what}");
}

/// [`SignatureError::Malformed`].
pub(crate) fn malformed(field: &'static str, detail: &str) -> SignatureError {
    SignatureError::Malformed {
        field,
        detail: detail.to_owned(),
    }
}
