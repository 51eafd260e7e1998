//! Secrets that are shown to us: random bytes behind a name that scanners of leaked secrets know.
//!
//! Only hashes are kept. The bytes are random and long, so a plain SHA-256 is enough: there is nothing
//! to guess. Randomness is an argument.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

const FAMILY_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
/// Bytes of a refresh token.
pub const REFRESH_TOKEN_BYTES: usize = FAMILY_BYTES + SECRET_BYTES;

/// A refresh token: who holds any token of a family knows `family`, only the newest has the right
/// `secret`. A used token is told from a guess by that, with nothing kept of used tokens.
pub struct RefreshToken {
    family: [u8; FAMILY_BYTES],
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    /// What each begins with.
    pub const PREFIX: &'static str = "aim_rt_";

    /// The first of a new family.
    #[must_use]
    pub fn new(random: &[u8; REFRESH_TOKEN_BYTES]) -> Self {
        let (mut family, mut secret) = ([0; FAMILY_BYTES], [0; SECRET_BYTES]);
        family.copy_from_slice(&random[..FAMILY_BYTES]);
        secret.copy_from_slice(&random[FAMILY_BYTES..]);
        Self { family, secret }
    }

    /// The one that follows this one.
    #[must_use]
    pub const fn next(&self, random: [u8; SECRET_BYTES]) -> Self {
        Self {
            family: self.family,
            secret: random,
        }
    }

    /// Reads one; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(Self::PREFIX)?;
        let mut bytes = Zeroizing::new([0; REFRESH_TOKEN_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(text, bytes.as_mut_slice())
            .ok()?;
        (length == REFRESH_TOKEN_BYTES).then(|| Self::new(&bytes))
    }

    /// As its holder sends it.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.family.as_slice(), &self.secret].concat());
        Zeroizing::new(format!(
            "{}{}",
            Self::PREFIX,
            URL_SAFE_NO_PAD.encode(&bytes)
        ))
    }

    /// What the family is found by.
    #[must_use]
    pub fn family_hash(&self) -> String {
        hash("aim refresh family", &[&self.family])
    }

    /// What tells the newest of the family.
    #[must_use]
    pub fn secret_hash(&self) -> String {
        hash("aim refresh secret", &[&self.family, &self.secret])
    }
}

impl Drop for RefreshToken {
    fn drop(&mut self) {
        self.family.zeroize();
        self.secret.zeroize();
    }
}

/// An API key: who holds it shows the whole; lists show the `prefix`, which finds it.
pub struct ApiKeySecret {
    prefix: String,
    secret: [u8; SECRET_BYTES],
}

/// Characters of a prefix: no look-alikes.
const PREFIX_ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a prefix.
pub const API_KEY_PREFIX_CHARS: usize = 10;

impl ApiKeySecret {
    /// What each begins with.
    pub const PREFIX: &'static str = "aim_key_";

    /// A new key.
    #[must_use]
    pub fn new(prefix: [u8; API_KEY_PREFIX_CHARS], secret: [u8; SECRET_BYTES]) -> Self {
        let letter = |byte: u8| char::from(PREFIX_ALPHABET[usize::from(byte & 31)]);
        Self {
            prefix: prefix.into_iter().map(letter).collect(),
            secret,
        }
    }

    /// Another secret for the key of this prefix.
    #[must_use]
    pub const fn renewed(prefix: String, secret: [u8; SECRET_BYTES]) -> Self {
        Self { prefix, secret }
    }

    /// Reads one; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, rest) = text
            .strip_prefix(Self::PREFIX)?
            .split_at_checked(API_KEY_PREFIX_CHARS)?;
        let is_prefix = prefix.bytes().all(|byte| PREFIX_ALPHABET.contains(&byte));
        let mut secret = [0; SECRET_BYTES];
        let decoded = URL_SAFE_NO_PAD.decode_slice(rest.strip_prefix('_')?, &mut secret);
        (is_prefix && decoded.ok()? == SECRET_BYTES).then(|| Self {
            prefix: prefix.to_owned(),
            secret,
        })
    }

    /// What it is found by; no secret.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// As its holder sends it.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret));
        Zeroizing::new(format!("{}{}_{}", Self::PREFIX, self.prefix, *secret))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> String {
        hash("aim api key", &[self.prefix.as_bytes(), &self.secret])
    }

    /// Whether this is what is kept of it; takes the same time whatever differs.
    #[must_use]
    pub fn is_of(&self, kept: &str) -> bool {
        self.hash().as_bytes().ct_eq(kept.as_bytes()).into()
    }
}

impl Drop for ApiKeySecret {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeySecret({}..)", self.prefix)
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// SHA-256 in hexadecimal, for one use; all parts but the last have a fixed length.
#[must_use]
pub fn hash(purpose: &str, parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(purpose.as_bytes());
    hasher.update([0]);
    for part in parts {
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(first: u8) -> [u8; REFRESH_TOKEN_BYTES] {
        std::array::from_fn(|place| first.wrapping_add(place as u8))
    }

    #[test]
    fn a_refresh_token_is_read_as_it_was_written() {
        let token = RefreshToken::new(&random(1));
        let read = RefreshToken::parse(&token.text()).unwrap();
        assert_eq!(read.family_hash(), token.family_hash());
        assert_eq!(read.secret_hash(), token.secret_hash());
        assert_eq!(token.secret_hash().len(), 64);
        assert!(!format!("{token:?}").contains(&token.text()[8..]));
    }

    #[test]
    fn the_next_one_is_of_the_family_and_is_another() {
        let token = RefreshToken::new(&random(1));
        let next = token.next([9; SECRET_BYTES]);
        assert_eq!(next.family_hash(), token.family_hash());
        assert_ne!(next.secret_hash(), token.secret_hash());
        let stranger = RefreshToken::new(&random(2));
        assert_ne!(stranger.family_hash(), token.family_hash());
    }

    #[test]
    fn anything_else_is_no_refresh_token() {
        let good = RefreshToken::new(&random(1)).text();
        let longer = format!("{}A", *good);
        let huge = format!("aim_rt_{}", "A".repeat(100_000));
        let shorter = &good[..good.len() - 1];
        let bare = good.trim_start_matches(RefreshToken::PREFIX);
        for text in [
            "",
            "aim_rt_",
            "aim_rt_!",
            "eyJh.eyJz.c2ln",
            &longer,
            &huge,
            shorter,
            bare,
        ] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }
    #[test]
    fn an_api_key_is_read_as_it_was_written_and_nothing_else_is() {
        let key = ApiKeySecret::new(
            std::array::from_fn(|place| place as u8),
            [251; SECRET_BYTES],
        );
        let text = key.text();
        assert!(text.starts_with("aim_key_abcdefghij_"), "{}", *text);
        let read = ApiKeySecret::parse(&text).unwrap();
        assert_eq!(read.prefix(), "abcdefghij");
        assert!(read.is_of(&key.hash()));
        let other = ApiKeySecret::renewed("abcdefghij".to_owned(), [252; SECRET_BYTES]);
        assert!(!other.is_of(&key.hash()) && !other.is_of(""));
        let cut = &text[..text.len() - 1];
        let long = format!("{}A", *text);
        let strange = text.replace("abc", "ABC");
        for wrong in ["aim_key_", "aim_key_ü", cut, &long, &strange] {
            assert!(ApiKeySecret::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{key:?}").contains("-_v7"), "{key:?}");
    }
}
