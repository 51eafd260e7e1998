//! `Content-Digest` (RFC 9530) over the raw body.

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::SignatureError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The field's value for `body`, with SHA-256.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Checks the field's value against `body`: at least one algorithm that we know, and every one
/// that we know matches.
///
/// # Errors
/// [`SignatureError::Malformed`] when the value cannot be read or names no known algorithm,
/// [`SignatureError::DigestMismatch`] when the body is another one.
pub fn verify_content_digest(value: &str, body: &[u8]) -> Result<(), SignatureError> {
    let malformed = |detail: String| SignatureError::Malformed {
        field: "content-digest",
        detail,
    };
    let digests: Dictionary = Parser::new(value)
        .parse()
        .map_err(|error| malformed(error.to_string()))?;
    let mut known = false;
    for (algorithm, entry) in &digests {
        let ListEntry::Item(item) = entry else {
            return Err(malformed(format!(
                "`{}` is not a byte sequence",
                algorithm.as_str()
            )));
        };
        let BareItem::ByteSequence(claimed) = &item.bare_item else {
            return Err(malformed(format!(
                "`{}` is not a byte sequence",
                algorithm.as_str()
            )));
        };
        let matches: bool = match algorithm.as_str() {
            "sha-256" => Sha256::digest(body).as_slice().ct_eq(claimed).into(),
            "sha-512" => Sha512::digest(body).as_slice().ct_eq(claimed).into(),
            _ => continue,
        };
        known = true;
        if !matches {
            return Err(SignatureError::DigestMismatch);
        }
    }
    if known {
        Ok(())
    } else {
        Err(malformed(
            "no known algorithm; use `sha-256` or `sha-512`".to_owned(),
        ))
    }
}
