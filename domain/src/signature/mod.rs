//! Signatures: keys, signed HTTP requests, signed events, proofs of possession.
//!
//! Everything is verified over bytes as received, with the strict Ed25519 rules: no small-order
//! keys, no torsion, canonical encodings only.

mod batch;
mod content_digest;
mod error;
mod event;
mod http_message;
mod key;
mod profile;
mod proof;
mod sign;
#[cfg(test)]
mod tests;

pub use batch::{Signed, verify_all};
pub use content_digest::{content_digest, verify_content_digest};
pub use error::SignatureError;
pub use event::{EventSignature, sign_event, verify_events};
pub use http_message::{HttpRequest, SignedRequest, Verified};
pub use key::{KeyError, PublicKey, SecretKey};
pub use profile::Profile;
pub use proof::{
    PossessionProof, ProofError, challenge_text, possession_text, rotation_text, sign_challenge,
    sign_possession, sign_rotation,
};
pub use sign::{SignatureHeaders, sign_request};
