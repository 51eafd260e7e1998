//! Proofs of possession as input.

use aim_domain::signature::PossessionProof;
use async_graphql::InputObject;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Proof that the caller has the private key.
#[derive(Debug, InputObject)]
pub(super) struct ProofOfPossessionInput {
    /// When it was signed, in Unix seconds; at most 300 s from now.
    created: i64,
    /// Ed25519 signature, base64 or base64url. At a registration over five lines: `aim-register-v1`,
    /// the organization's UUID, the agent's name, the public key in base64url, `created`.
    signature: String,
}

impl From<ProofOfPossessionInput> for PossessionProof {
    fn from(input: ProofOfPossessionInput) -> Self {
        Self {
            created: input.created,
            signature: signature_bytes(&input.signature),
        }
    }
}

/// The bytes of a signature; none for what is no base64, which is no signature either.
pub(super) fn signature_bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(text))
        .unwrap_or_default()
}
