//! Digests of structured values.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 of a value's canonical JSON (RFC 8785): equal values have equal digests, whatever the
/// order of their members or the spelling of their numbers.
///
/// # Errors
/// When the value has no JSON form (a map with keys that are no strings, a NaN).
pub fn canonical_sha256<T: Serialize>(value: &T) -> Result<[u8; 32], serde_json::Error> {
    let bytes = serde_json_canonicalizer::to_vec(value)?;
    Ok(Sha256::digest(&bytes).into())
}
