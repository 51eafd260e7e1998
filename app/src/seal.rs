//! Sealing of private keys that are kept in the database: whoever reads the database alone has none.
//!
//! AES-256-GCM under a key that HKDF-SHA-256 derives from the secret that all API processes share. What
//! is sealed is bound to its name, so that one row's cannot be put into another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::{AppError, ErrorCode};

/// Bytes of the nonce in front.
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;

/// Seals and opens.
pub(crate) struct Sealer(RandomizedNonceKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Sealer {
    /// With the secret that all API processes share.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, AppError> {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        let salt = Salt::new(HKDF_SHA256, b"aim");
        salt.extract(secret)
            .expand(&[b"seal server keys v1"], KeyBytes)
            .and_then(|okm| okm.fill(&mut *key))
            .map_err(|_| internal())?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| internal())?;
        Ok(Self(key))
    }

    /// Seals `plain` under `name`.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, AppError> {
        // With room for the tag: a move would leave the plain text behind.
        let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plain);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text)
            .map_err(|_| internal())?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// What was sealed under `name`; `None` when it was sealed by another secret, or altered.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = Aad::from(name.as_bytes());
        let length = self.0.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn internal() -> AppError {
    AppError::new(ErrorCode::Internal, "internal error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_name_and_secret_alone() {
        let sealer = Sealer::new(&[7; 48]).unwrap();
        let sealed = sealer.seal("token:1", b"a private key").unwrap();
        assert_ne!(sealed, sealer.seal("token:1", b"a private key").unwrap());
        assert!(!sealed.windows(9).any(|window| window == b"a private"));
        let opened = sealer.open("token:1", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"a private key");
        assert!(sealer.open("token:2", &sealed).is_none());
        assert!(
            Sealer::new(&[8; 48])
                .unwrap()
                .open("token:1", &sealed)
                .is_none()
        );
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open("token:1", &altered).is_none(), "byte {at}");
            assert!(
                sealer.open("token:1", &sealed[..at]).is_none(),
                "{at} bytes"
            );
        }
    }
}
