//! Proofs that whoever brings a key holds its private half: at a registration, at a rotation, and
//! as the answer to a challenge. Each signs a text of its own kind, so that none is another.

use chrono::{DateTime, Utc};

use super::{PublicKey, SecretKey};
use crate::id::{AgentId, OrganizationId};
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
    #[error("does not verify over the text to sign with the given public key")]
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

/// What the new key signs when it takes the place of others of `agent`.
#[must_use]
pub fn rotation_text(
    organization: OrganizationId,
    agent: AgentId,
    key: &PublicKey,
    created: i64,
) -> String {
    format!(
        "aim-rotate-v1\n{organization}\n{agent}\n{}\n{created}",
        key.to_base64url()
    )
}

/// Signs that text with the new key, for clients.
#[must_use]
pub fn sign_rotation(
    organization: OrganizationId,
    agent: AgentId,
    key: &SecretKey,
    created: i64,
) -> PossessionProof {
    let text = rotation_text(organization, agent, &key.public_key(), created);
    PossessionProof {
        created,
        signature: key.sign(text.as_bytes()).to_vec(),
    }
}

/// What an agent's key signs to answer a challenge.
#[must_use]
pub fn challenge_text(organization: OrganizationId, agent: AgentId, challenge: &str) -> String {
    format!("aim-verify-agent-v1\n{organization}\n{agent}\n{challenge}")
}

/// Signs that text, for clients.
#[must_use]
pub fn sign_challenge(
    organization: OrganizationId,
    agent: AgentId,
    key: &SecretKey,
    challenge: &str,
) -> [u8; 64] {
    key.sign(challenge_text(organization, agent, challenge).as_bytes())
}

impl PossessionProof {
    /// Checks a registration's proof.
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
        let text = possession_text(organization, name, key, self.created);
        self.check(&text, key, now)
    }

    /// Checks a rotation's proof, by the new key.
    ///
    /// # Errors
    /// [`ProofError`] when it is too old or does not verify.
    pub fn verify_rotation(
        &self,
        organization: OrganizationId,
        agent: AgentId,
        key: &PublicKey,
        now: DateTime<Utc>,
    ) -> Result<(), ProofError> {
        let text = rotation_text(organization, agent, key, self.created);
        self.check(&text, key, now)
    }

    fn check(&self, text: &str, key: &PublicKey, now: DateTime<Utc>) -> Result<(), ProofError> {
        let age = now.timestamp().saturating_sub(self.created);
        if age.unsigned_abs() > MAX_AGE_SECONDS.unsigned_abs() {
            return Err(ProofError::Age(age));
        }
        if key.verify(text.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(ProofError::Invalid)
        }
    }
}
