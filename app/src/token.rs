//! Tokens that are shown once and kept as hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use zeroize::Zeroizing;

/// Longest token that is looked at: ours have 43 characters.
const TOKEN_MAX_BYTES: usize = 128;

/// A new token: 256 random bits, as 43 characters that can stand in a link.
pub(crate) fn new_token() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    rand::rng().fill(bytes.as_mut_slice());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// What is kept of a token. A plain hash is enough for 256 random bits, and looking it up by the hash
/// tells nothing about the token.
pub(crate) fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// The same for what somebody sent in; `None` for what cannot be a token.
pub(crate) fn hash_of_given(token: &str) -> Option<String> {
    let token = token.trim();
    (!token.is_empty() && token.len() <= TOKEN_MAX_BYTES).then(|| token_hash(token))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_their_hashes_do_not_show_them() {
        let (one, two) = (new_token(), new_token());
        assert_ne!(one, two);
        assert_eq!(one.len(), 43);
        assert_eq!(token_hash(&one).len(), 64);
        assert!(!token_hash(&one).contains(&one[..8]));
        assert_eq!(
            hash_of_given(&format!(" {} ", one.as_str())),
            Some(token_hash(&one))
        );
        assert_eq!(hash_of_given(""), None);
        assert_eq!(hash_of_given(&"x".repeat(129)), None);
    }
}
