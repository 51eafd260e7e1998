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

/// Bytes as people read them, in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)]).collect()
}
