//! Checkpoints, as C2SP tlog-checkpoint has them, and co-signatures, as C2SP tlog-cosignature.

use super::merkle::Hash;
use super::note::{KeyKind, Note, NoteError, NoteSignature, VerifierKey};

/// What a log was at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it had.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// From the text of a note. Lines behind the third are extensions, which say nothing to us.
    ///
    /// # Errors
    /// [`NoteError::Checkpoint`] when it is none.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(NoteError::Checkpoint)?
            .split('\n');
        let mut next = || {
            lines
                .next()
                .filter(|it| !it.is_empty())
                .ok_or(NoteError::Checkpoint)
        };
        let (origin, size, root) = (next()?, next()?, next()?);
        let is_decimal = size == "0" || !size.starts_with('0');
        if !is_decimal || !size.bytes().all(|it| it.is_ascii_digit()) {
            return Err(NoteError::Checkpoint);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| NoteError::Checkpoint)?,
            root: root.parse().map_err(|_| NoteError::Checkpoint)?,
        })
    }
}

/// What a witness signs: the checkpoint's text behind the time, in Unix seconds.
#[must_use]
pub fn cosignature_message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

impl Note {
    /// Checks that a witness has co-signed, and says as of when, in Unix seconds.
    ///
    /// # Errors
    /// [`NoteError`] when it has not, or the co-signature is wrong.
    pub fn verify_cosignature(&self, key: &VerifierKey) -> Result<u64, NoteError> {
        let signature = self.signature(key).ok_or(NoteError::Unsigned)?;
        signature.verify_cosignature(&self.text, key)
    }
}

impl NoteSignature {
    /// Checks that this is a witness's co-signature of a checkpoint's text, and says as of when.
    ///
    /// # Errors
    /// [`NoteError`] when it is another's, or wrong.
    pub fn verify_cosignature(&self, text: &str, key: &VerifierKey) -> Result<u64, NoteError> {
        if self.name != key.name || self.id != key.id() || key.kind != KeyKind::Witness {
            return Err(NoteError::Unsigned);
        }
        let (time, signature) = self.bytes.split_first_chunk().ok_or(NoteError::Signature)?;
        let time = u64::from_be_bytes(*time);
        if key.key.verify(&cosignature_message(text, time), signature) {
            Ok(time)
        } else {
            Err(NoteError::Signature)
        }
    }
}
