//! Ed25519 keys (RFC 8032).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes of base64.
    #[error("is not an Ed25519 public key: give its 32 bytes as base64url or base64")]
    Encoding,
    /// Not a point, or not in canonical form.
    #[error("is not a canonical point of the curve; make a new key pair")]
    Point,
    /// A point for which signatures prove nothing.
    #[error("is a weak key (small order or torsion); make a new key pair")]
    Weak,
    /// Not a PKCS #8 PEM file with an Ed25519 key.
    #[error("is not an Ed25519 private key in PKCS #8 PEM form")]
    Pem,
}

/// A public key that is safe to verify with.
///
/// Its 32 bytes only: the point itself takes 160 more for each agent in memory, and finding it again
/// is a tenth of the cost of checking a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError`] when they are no canonical point, or a weak one.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Point)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(KeyError::Point);
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(KeyError::Weak);
        }
        Ok(Self(*bytes))
    }

    /// From base64url without padding, or standard base64.
    ///
    /// # Errors
    /// [`KeyError`] when it is not 32 bytes of base64, no canonical point, or a weak one.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .or_else(|_| STANDARD.decode(text))
            .map_err(|_| KeyError::Encoding)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| KeyError::Encoding)?)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Its bytes as base64url without padding (the `x` of its JWK).
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its name in signatures: the JWK thumbprint (RFC 7638, RFC 8037), base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            self.to_base64url()
        );
        URL_SAFE_NO_PAD.encode(Sha256::digest(jwk.as_bytes()))
    }

    /// Whether `signature` is this key's over `message`, by the strict rules.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let (Ok(key), Ok(signature)) = (
            VerifyingKey::from_bytes(&self.0),
            Signature::from_slice(signature),
        ) else {
            return false;
        };
        key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64url())
    }
}

/// A private key; wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// As a PKCS #8 PEM file.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it cannot be encoded.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self
            .0
            .to_pkcs8_pem(ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF);
        pem.map(|text| text.to_string()).map_err(|_| KeyError::Pem)
    }

    /// As PKCS #8 in DER; wiped from memory when dropped.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it cannot be encoded.
    pub fn to_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = self.0.to_pkcs8_der().map_err(|_| KeyError::Pem)?;
        Ok(Zeroizing::new(der.as_bytes().to_vec()))
    }

    /// From a PKCS #8 PEM file.
    ///
    /// # Errors
    /// [`KeyError::Pem`] when it is none.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(text)
            .map(Self)
            .map_err(|_| KeyError::Pem)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}
