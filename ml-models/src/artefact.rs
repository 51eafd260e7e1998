//! A model as a file that says what it is and cannot be changed unseen.
//!
//! `AIMMODL1`, the length of the header (4 bytes, little-endian), the header as JSON, the length of
//! the body (4 bytes), the body (postcard), SHA-256 of all that, and the registry's Ed25519
//! signature over all that. Reading checks in this order: size, shape, checksum, signature, and only
//! then looks at what the header says.

mod file;

pub(crate) use file::sync_folder;
pub use file::{read_file, write_file};

use aim_domain::signature::{PublicKey, SecretKey};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{MODEL_MAX_BYTES, Metrics, Model, ModelError, ModelKind};
use crate::{FEATURE_NAMES, FEATURE_SCHEMA_VERSION};

/// Version of header and body.
pub const ARTEFACT_FORMAT: u32 = 1;
/// Most bytes of an artefact: the largest model with its header.
pub const ARTEFACT_MAX_BYTES: usize = MODEL_MAX_BYTES + HEADER_MAX_BYTES + 256;
/// Most bytes of a header: hundreds of feature names and parameters.
const HEADER_MAX_BYTES: usize = 1 << 20;
const MAGIC: &[u8; 8] = b"AIMMODL1";
/// Separates artefact signatures from every other use of the same key.
const CONTEXT: &[u8] = b"aim-model-v1\n";
const CHECKSUM_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// Why an artefact is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// Longer than any artefact.
    #[error("artefact has {0} bytes, at most {ARTEFACT_MAX_BYTES} are read")]
    Oversized(u64),
    /// Ends before its parts do, or goes on after them.
    #[error("artefact is cut off or no artefact: copy it again")]
    Truncated,
    /// Bytes have changed.
    #[error("artefact's checksum is wrong, it is damaged: copy it again")]
    Checksum,
    /// Not signed by the key of this registry.
    #[error(
        "artefact is not signed by this registry's key: train it here or import it from its features"
    )]
    Signature,
    /// Of another version of the product.
    #[error("artefact has format {0}, this program reads {ARTEFACT_FORMAT}: train it again")]
    Format(u64),
    /// Header that is not one.
    #[error("artefact's header cannot be read: {0}")]
    Header(String),
    /// Trained on other features than are computed here.
    #[error(
        "model is for features version {given} with {names} names, this program computes version {FEATURE_SCHEMA_VERSION} with others or in another order: export features and train again"
    )]
    Features {
        /// Version it was trained on.
        given: u16,
        /// How many features it was trained on.
        names: usize,
    },
    /// Header and model say different things.
    #[error("artefact's header says {0}, its model says otherwise")]
    Contradiction(String),
    /// The model is none.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file cannot be read or written.
    #[error("`{path}` cannot be read or written")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`ARTEFACT_FORMAT`].
    pub format: u32,
    /// What kind of model.
    pub kind: ModelKind,
    /// Version of the features it was trained on.
    pub feature_schema_version: u16,
    /// Their names, in order.
    pub features: Vec<String>,
    /// SHA-256 of the rows it was made of, in hexadecimal; see [`crate::dataset::Dataset::sha256`].
    pub data_sha256: String,
    /// Rows it was made of.
    pub rows: usize,
    /// Of these, labelled as risk.
    pub positives: usize,
    /// Of these, labelled as fine.
    pub negatives: usize,
    /// What everything drawn comes from.
    pub seed: u64,
    /// Measured on the held-out part; `None` where it has too few labels.
    pub metrics: Option<Metrics>,
    /// When it was trained.
    pub created_at: DateTime<Utc>,
    /// What it was trained with, by parameter.
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

impl Header {
    /// Refuses features that are not those computed here.
    ///
    /// # Errors
    /// [`ArtefactError::Features`].
    pub fn check_features(&self) -> Result<(), ArtefactError> {
        let same = self.feature_schema_version == FEATURE_SCHEMA_VERSION
            && self.features.iter().eq(FEATURE_NAMES.iter());
        same.then_some(()).ok_or(ArtefactError::Features {
            given: self.feature_schema_version,
            names: self.features.len(),
        })
    }
}

/// A model with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Artefact {
    /// What is known.
    pub header: Header,
    /// What scores.
    pub model: Model,
}

impl Artefact {
    /// As signed bytes.
    ///
    /// # Errors
    /// [`ArtefactError`] when header and model do not fit, or either is too long.
    pub fn encode(&self, key: &SecretKey) -> Result<Vec<u8>, ArtefactError> {
        self.check()?;
        let header = serde_json::to_vec(&self.header)
            .map_err(|error| ArtefactError::Header(error.to_string()))?;
        if header.len() > HEADER_MAX_BYTES {
            let detail = format!("{} bytes, at most {HEADER_MAX_BYTES}", header.len());
            return Err(ArtefactError::Header(detail));
        }
        let body = self.model.encode()?;
        let mut bytes = MAGIC.to_vec();
        for part in [&header, &body] {
            let length = u32::try_from(part.len()).map_err(|_| ArtefactError::Truncated)?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        let signature = key.sign(&signed(&bytes));
        bytes.extend_from_slice(&signature);
        Ok(bytes)
    }

    /// From bytes that `key` has signed.
    ///
    /// # Errors
    /// [`ArtefactError`] for whatever is not as it was written, or not for this program.
    pub fn decode(bytes: &[u8], key: &PublicKey) -> Result<Self, ArtefactError> {
        if bytes.len() > ARTEFACT_MAX_BYTES {
            return Err(ArtefactError::Oversized(bytes.len() as u64));
        }
        let (header, body, end) = split(bytes).ok_or(ArtefactError::Truncated)?;
        let (content, rest) = bytes.split_at(end);
        let (checksum, signature) = rest.split_at(CHECKSUM_BYTES);
        if Sha256::digest(content).as_slice() != checksum {
            return Err(ArtefactError::Checksum);
        }
        if !key.verify(&signed(&bytes[..end + CHECKSUM_BYTES]), signature) {
            return Err(ArtefactError::Signature);
        }
        let artefact = Self {
            header: parse_header(header)?,
            model: Model::decode(body)?,
        };
        artefact.header.check_features()?;
        artefact.check()?;
        Ok(artefact)
    }

    fn check(&self) -> Result<(), ArtefactError> {
        let Header { kind, features, .. } = &self.header;
        if *kind != self.model.kind() || features.len() != self.model.width() {
            let detail = format!("{kind} of {} features", features.len());
            return Err(ArtefactError::Contradiction(detail));
        }
        Ok(())
    }
}

/// The format is looked at first: a later one may have other members.
fn parse_header(bytes: &[u8]) -> Result<Header, ArtefactError> {
    let unreadable = |error: serde_json::Error| ArtefactError::Header(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(ARTEFACT_FORMAT) => {
            serde_json::from_value(value).map_err(unreadable)
        }
        Some(format) => Err(ArtefactError::Format(format)),
        None => Err(ArtefactError::Header("`format` is missing".to_owned())),
    }
}

/// Header, body, and where the checksum begins; `None` unless all bytes are accounted for.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (header, rest) = part(rest)?;
    let (body, rest) = part(rest)?;
    let is_whole = rest.len() == CHECKSUM_BYTES + SIGNATURE_BYTES;
    is_whole.then_some((header, body, bytes.len() - rest.len()))
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn signed(bytes: &[u8]) -> Vec<u8> {
    [CONTEXT, bytes].concat()
}
