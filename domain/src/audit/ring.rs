//! The keys that a log has signed with, and how one vouches for the next.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::export::ExportLine;
use super::note::{KeyKind, Note, NoteError, VerifierKey};
use crate::signature::{PublicKey, SecretKey};

/// One key in place of another. Both have signed it: whoever trusts one of them trusts the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRotation {
    /// The key until then, base64url.
    pub old: String,
    /// The key from then on, base64url.
    pub new: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The old key's signature, hexadecimal; none when that key was lost.
    pub old_signature: Option<String>,
    /// The new key's signature, hexadecimal.
    pub new_signature: String,
}

impl KeyRotation {
    /// Signs a rotation. Without the old key nobody who trusts that one can follow.
    #[must_use]
    pub fn sign(
        old: &PublicKey,
        old_secret: Option<&SecretKey>,
        new: &SecretKey,
        at: DateTime<Utc>,
    ) -> Self {
        let mut rotation = Self {
            old: old.to_base64url(),
            new: new.public_key().to_base64url(),
            at,
            old_signature: None,
            new_signature: String::new(),
        };
        let message = rotation.message();
        rotation.old_signature = old_secret.map(|it| hex(&it.sign(&message)));
        rotation.new_signature = hex(&new.sign(&message));
        rotation
    }

    fn message(&self) -> Vec<u8> {
        let Self { old, new, at, .. } = self;
        format!(
            "aim-audit-key-rotation/v1\n{old}\n{new}\n{}\n",
            at.timestamp()
        )
        .into_bytes()
    }

    /// Both keys, when both have signed.
    fn keys(&self) -> Option<(PublicKey, PublicKey)> {
        let old = PublicKey::parse(&self.old).ok()?;
        let new = PublicKey::parse(&self.new).ok()?;
        let message = self.message();
        let by_old = unhex(self.old_signature.as_deref()?)?;
        let by_new = unhex(&self.new_signature)?;
        (old.verify(&message, &by_old) && new.verify(&message, &by_new)).then_some((old, new))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().as_chunks::<2>().0;
    let digit = |it: u8| {
        char::from(it)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    digits.iter().map(byte).collect()
}

/// Keys that are trusted for one log.
#[derive(Debug, Clone)]
pub struct KeyRing {
    origin: String,
    keys: Vec<PublicKey>,
    rotations: Vec<KeyRotation>,
}

impl KeyRing {
    /// The keys that an auditor was given.
    #[must_use]
    pub const fn new(origin: String, keys: Vec<PublicKey>) -> Self {
        Self {
            origin,
            keys,
            rotations: Vec::new(),
        }
    }

    /// Which log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The keys that are trusted now.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Hears of the rotations in the first line of an export, if it is one.
    pub fn learn_from(&mut self, line: &str) {
        if let Ok(ExportLine::Log(log)) = serde_json::from_str(line) {
            log.rotations.into_iter().for_each(|it| self.learn(it));
        }
    }

    /// Hears of a rotation: a key that a trusted one vouches for is trusted.
    pub fn learn(&mut self, rotation: KeyRotation) {
        if self.rotations.contains(&rotation) {
            return;
        }
        self.rotations.push(rotation);
        let mut before = 0;
        while before != self.keys.len() {
            before = self.keys.len();
            for (old, new) in self.rotations.iter().filter_map(KeyRotation::keys) {
                let (has_old, has_new) = (self.keys.contains(&old), self.keys.contains(&new));
                if has_old && !has_new {
                    self.keys.push(new);
                } else if has_new && !has_old {
                    self.keys.push(old);
                }
            }
        }
    }

    /// The checkpoint of a note that a trusted key has signed.
    ///
    /// # Errors
    /// [`NoteError`] when it is none, is another log's, or nobody who is trusted has signed.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != self.origin {
            return Err(NoteError::Unsigned);
        }
        let verifier = |key: &PublicKey| VerifierKey {
            name: self.origin.clone(),
            kind: KeyKind::Log,
            key: key.clone(),
        };
        let verdicts = self.keys.iter().map(|key| note.verify(&verifier(key)));
        let verdicts: Vec<_> = verdicts.collect();
        if verdicts.contains(&Ok(())) {
            Ok(checkpoint)
        } else if verdicts.contains(&Err(NoteError::Signature)) {
            Err(NoteError::Signature)
        } else {
            Err(NoteError::Unsigned)
        }
    }
}
