//! Proof that whoever registers a key holds its private half.

use chrono::{DateTime, Utc};

use super::{PublicKey, SecretKey};
use crate::id::OrganizationId;
use crate::name::AgentName;

/// Most seconds between signing the proof and sending it, either way.
const MAX_AGE_SECONDS: i64 = 300;

/// A signature over [`possession_text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PossessionProof {
    /// When it was signed, in Unix seconds.
    pub created: i64,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Too old, or from the future.
    #[error("was signed {0} s away from now; sign it again, at most {MAX_AGE_SECONDS} s before")]
    Age(i64),
    /// Not this key's signature over the text.
    #[error("does not verify over the registration text with the given public key")]
    Invalid,
}

/// What is signed: five lines, so that a proof for one organization, name or key is none for
/// another.
#[must_use]
pub fn possession_text(
    organization: OrganizationId,
    name: &AgentName,
    key: &PublicKey,
    created: i64,
) -> String {
    format!(
        "aim-register-v1\n{organization}\n{name}\n{}\n{created}",
        key.to_base64url()
    )
}

/// Signs the text, for clients.
#[must_use]
pub fn sign_possession(
    organization: OrganizationId,
    name: &AgentName,
    key: &SecretKey,
    created: i64,
) -> PossessionProof {
    let text = possession_text(organization, name, &key.public_key(), created);
    PossessionProof {
        created,
        signature: key.sign(text.as_bytes()).to_vec(),
    }
}

impl PossessionProof {
    /// Checks the proof.
    ///
    /// # Errors
    /// [`ProofError`] when it is too old or does not verify.
    pub fn verify(
        &self,
        organization: OrganizationId,
        name: &AgentName,
        key: &PublicKey,
        now: DateTime<Utc>,
    ) -> Result<(), ProofError> {
        let age = now.timestamp().saturating_sub(self.created);
        if age.unsigned_abs() > MAX_AGE_SECONDS.unsigned_abs() {
            return Err(ProofError::Age(age));
        }
        let text = possession_text(organization, name, key, self.created);
        if key.verify(text.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(ProofError::Invalid)
        }
    }
}
