//! Signing requests, for clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{HttpRequest, SecretKey, content_digest};

/// The three fields that make a request a signed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `content-digest`.
    pub content_digest: String,
    /// `signature-input`.
    pub signature_input: String,
    /// `signature`.
    pub signature: String,
}

/// Signs method, target URI and body of `request` as [`super::Profile::AGENT`] wants it.
///
/// `created` is in Unix seconds; `nonce` must be new for every request, 16 to 128 characters.
/// `nonce` and `key_id` are printable ASCII without quotes and backslashes, `request.path` and
/// `request.query` as they are sent.
#[must_use]
pub fn sign_request(
    request: &HttpRequest<'_>,
    body: &[u8],
    key: &SecretKey,
    key_id: &str,
    nonce: &str,
    created: i64,
) -> SignatureHeaders {
    let digest = content_digest(body);
    let query = request
        .query
        .map_or_else(String::new, |query| format!("?{query}"));
    let parameters = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created={created};nonce=\"{nonce}\";keyid=\"{key_id}\""
    );
    let base = format!(
        "\"@method\": {}\n\"@target-uri\": {}://{}{}{query}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}",
        request.method,
        request.scheme,
        request.authority.to_ascii_lowercase(),
        request.path,
    );
    let signature = STANDARD.encode(key.sign(base.as_bytes()));
    SignatureHeaders {
        content_digest: digest,
        signature_input: format!("sig1={parameters}"),
        signature: format!("sig1=:{signature}:"),
    }
}
