//! Signed notes and their keys, as C2SP signed-note has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::signature::{PublicKey, SecretKey};

/// Most bytes of a note, and most signatures on one.
const NOTE_MAX: usize = 64 * 1_024;
const SIGNATURES_MAX: usize = 64;

/// Why a note or a key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("is no signed note: text, an empty line, lines of signatures")]
    Form,
    /// Not a checkpoint.
    #[error("is no checkpoint: origin, size and root, a line each")]
    Checkpoint,
    /// Not a verifier key.
    #[error("is no verifier key: `<name>+<id>+<base64 of kind and key>`")]
    Key,
    /// No signature by the key that was asked for.
    #[error("has no signature of this key")]
    Unsigned,
    /// A signature by that key that is wrong.
    #[error("has a wrong signature")]
    Signature,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A log's own checkpoints.
    Log,
    /// Other logs' checkpoints, with a time (C2SP tlog-cosignature).
    Witness,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A public key with the name it signs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// Who; a log's is its origin.
    pub name: String,
    /// What it signs.
    pub kind: KeyKind,
    /// The key.
    pub key: PublicKey,
}

impl VerifierKey {
    /// From `<name>+<id>+<key>`.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is none, or its id is not its key's.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, key) = match bytes.split_first() {
            Some((1, key)) => (KeyKind::Log, key),
            Some((4, key)) => (KeyKind::Witness, key),
            _ => return Err(NoteError::Key),
        };
        let key = key.try_into().map_err(|_| NoteError::Key)?;
        let key = PublicKey::from_bytes(key).map_err(|_| NoteError::Key)?;
        let name = name.to_owned();
        let found = Self { name, kind, key };
        if is_name(&found.name) && found.to_string().split('+').nth(1) == Some(id) {
            Ok(found)
        } else {
            Err(NoteError::Key)
        }
    }

    /// The four bytes that name it in a signature.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', self.kind.byte()]);
        hasher.update(self.key.to_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend(self.key.to_bytes());
        let id = u32::from_be_bytes(self.id());
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(bytes))
    }
}

/// Names have neither spaces nor plus signs.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// A line under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Whose.
    pub name: String,
    /// By which of their keys.
    pub id: [u8; 4],
    /// What stands behind the key's id: a signature, or a time and a signature.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// From its line, without its end.
    ///
    /// # Errors
    /// [`NoteError::Form`] when it is none.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Form)?;
        let (name, signature) = rest.split_once(' ').ok_or(NoteError::Form)?;
        let bytes = STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
        let (id, bytes) = bytes.split_first_chunk().ok_or(NoteError::Form)?;
        if !is_name(name) || bytes.is_empty() {
            return Err(NoteError::Form);
        }
        Ok(Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

impl std::fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [&self.id[..], &self.bytes].concat();
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text with signatures under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last line's end.
    pub text: String,
    /// By whom.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// From its bytes.
    ///
    /// # Errors
    /// [`NoteError::Form`] when they are no note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let is_plain = |c: char| !c.is_control() || c == '\n';
        if note.len() > NOTE_MAX || !note.chars().all(is_plain) {
            return Err(NoteError::Form);
        }
        let end = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let lines: Vec<&str> = lines.split('\n').collect();
        if lines.len() > SIGNATURES_MAX {
            return Err(NoteError::Form);
        }
        let signatures = lines.into_iter().map(NoteSignature::parse);
        Ok(Self {
            text: text.to_owned(),
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// The signature of `key`, unverified.
    #[must_use]
    pub fn signature(&self, key: &VerifierKey) -> Option<&NoteSignature> {
        let id = key.id();
        let mut all = self.signatures.iter();
        all.find(|it| it.name == key.name && it.id == id)
    }

    /// Checks that a log's key has signed.
    ///
    /// # Errors
    /// [`NoteError`] when it has not, or the signature is wrong.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let signature = self.signature(key).ok_or(NoteError::Unsigned)?;
        if key.kind == KeyKind::Log && key.key.verify(self.text.as_bytes(), &signature.bytes) {
            Ok(())
        } else {
            Err(NoteError::Signature)
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|it| writeln!(f, "{it}"))
    }
}

/// Signs `text` as `name`.
#[must_use]
pub fn sign_note(text: String, name: &str, key: &SecretKey) -> Note {
    let verifier = VerifierKey {
        name: name.to_owned(),
        kind: KeyKind::Log,
        key: key.public_key(),
    };
    let signature = NoteSignature {
        name: verifier.name.clone(),
        id: verifier.id(),
        bytes: key.sign(text.as_bytes()).to_vec(),
    };
    Note {
        text,
        signatures: vec![signature],
    }
}
