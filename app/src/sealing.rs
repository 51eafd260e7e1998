//! Secrets that we have to read again ourselves, sealed before they are kept.
//!
//! AES-256-GCM under a key derived (HKDF-SHA-256) from the server's secret, one for each purpose. What
//! a secret belongs to is authenticated with it: a sealed secret moved to another row does not open.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use hkdf::Hkdf;
use rand::RngExt;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{AppError, ErrorCode};

const NONCE_BYTES: usize = 12;

/// Seals and opens.
pub(crate) struct Sealer(Hkdf<Sha256>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

fn internal() -> AppError {
    AppError::new(ErrorCode::Internal, "internal error")
}

impl Sealer {
    /// By the server's secret.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(Hkdf::new(Some(b"aim sealing v1"), secret))
    }

    fn cipher(&self, purpose: &str) -> Result<Aes256Gcm, AppError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        self.0
            .expand(purpose.as_bytes(), key.as_mut_slice())
            .map_err(|_| internal())?;
        let key = Key::<Aes256Gcm>::try_from(key.as_slice()).map_err(|_| internal())?;
        Ok(Aes256Gcm::new(&key))
    }

    /// What is kept of a text that is too short to be kept as a plain hash: nobody finds it by trying
    /// who has not the server's secret.
    pub(crate) fn digest(&self, purpose: &str, text: &str) -> Result<String, AppError> {
        let mut digest = [0_u8; 32];
        let about = [purpose.as_bytes(), b"\0digest\0", text.as_bytes()];
        let expanded = self.0.expand_multi_info(&about, &mut digest);
        expanded.map_err(|_| internal())?;
        Ok(crate::token::hex(&digest))
    }

    /// Seals `secret` for a purpose and an owner.
    pub(crate) fn seal(
        &self,
        purpose: &str,
        owner: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, AppError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::rng().fill(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: owner,
        };
        let sealed = self.cipher(purpose)?.encrypt(&Nonce::from(nonce), payload);
        Ok([nonce.as_slice(), &sealed.map_err(|_| internal())?].concat())
    }

    /// Opens what was sealed for the same purpose and owner; `None` for anything else, such as what
    /// was sealed with another server's secret.
    pub(crate) fn open(
        &self,
        purpose: &str,
        owner: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: text,
            aad: owner,
        };
        let cipher = self.cipher(purpose).ok()?;
        let opened = cipher.decrypt(&Nonce::from(nonce), payload).ok()?;
        Some(Zeroizing::new(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_purpose_and_owner_open() {
        let sealer = Sealer::new(b"a secret of 32 bytes or more....");
        let sealed = sealer.seal("totp", b"anna", b"hidden").unwrap();
        assert!(!sealed.windows(6).any(|it| it == b"hidden"));
        let open = |purpose, owner: &[u8]| sealer.open(purpose, owner, &sealed);
        assert_eq!(open("totp", b"anna").as_deref(), Some(&b"hidden".to_vec()));
        assert_eq!(open("totp", b"bert"), None);
        assert_eq!(open("oidc", b"anna"), None);
        let other = Sealer::new(b"another secret of 32 bytes......");
        assert_eq!(other.open("totp", b"anna", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open("totp", b"anna", &changed), None, "{at}");
        }
        assert_eq!(sealer.open("totp", b"anna", &sealed[..11]), None);
        assert_ne!(sealer.seal("totp", b"anna", b"hidden").unwrap(), sealed);
        let digest = |sealer: &Sealer, purpose| sealer.digest(purpose, "BCDF").unwrap();
        assert_eq!(digest(&sealer, "code"), digest(&sealer, "code"));
        assert_ne!(digest(&sealer, "code"), digest(&other, "code"));
        assert_ne!(digest(&sealer, "code"), digest(&sealer, "other"));
    }
}
