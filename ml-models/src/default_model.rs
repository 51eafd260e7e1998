//! The model that comes with the program, for organizations that have none of their own yet.
//!
//! `scripts/train-default-model` makes the files of `ml-models/default/` anew: `model.aim`, the public
//! key that signed it, and its card. The private key is thrown away: whoever takes the model in signs
//! it with a key of their own.

use aim_domain::signature::PublicKey;

use crate::artefact::{Artefact, ArtefactError};

const MODEL: &[u8] = include_bytes!("../default/model.aim");
const KEY: &str = include_str!("../default/registry.pub");

/// The model, checked as every other one.
///
/// # Errors
/// [`ArtefactError`] when it is for other features than this program computes: train it anew.
pub fn load() -> Result<Artefact, ArtefactError> {
    let key = PublicKey::parse(KEY.trim()).map_err(|_| ArtefactError::Signature)?;
    Artefact::decode(MODEL, &key)
}
