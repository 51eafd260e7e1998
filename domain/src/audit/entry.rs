//! What a leaf commits to.
//!
//! Fields that can hold data of a person are not in the leaf themselves: it has their salted hashes.
//! Erasing such a field removes its value and its salt; the hash stays, so that the leaf, and every
//! proof over it, stays what it was, and nobody can try values against the hash.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::merkle::{Hash, leaf_hash};
use crate::id::{AuditEntryId, OrganizationId};

/// Bytes of a salt.
pub const SALT_BYTES: usize = 32;

/// A field that can hold data of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditField {
    /// Who.
    ActorId,
    /// What it is.
    After,
    /// What it was.
    Before,
    /// To which object.
    ObjectId,
    /// Why.
    Reason,
    /// The request it was part of.
    RequestId,
}

impl AuditField {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::ActorId,
        Self::After,
        Self::Before,
        Self::ObjectId,
        Self::Reason,
        Self::RequestId,
    ];

    /// Its name in a leaf.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActorId => "actorId",
            Self::After => "after",
            Self::Before => "before",
            Self::ObjectId => "objectId",
            Self::Reason => "reason",
            Self::RequestId => "requestId",
        }
    }
}

/// A salt: random bytes that keep a hash from being tried out.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; SALT_BYTES]);

impl Seed {
    /// From random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SALT_BYTES]) -> Self {
        Self(bytes)
    }

    /// From bytes that should be as many.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SALT_BYTES] {
        &self.0
    }

    /// The salt of one field of an entry whose salts come from this seed: whoever knows it knows
    /// nothing of those of the other fields.
    #[must_use]
    pub fn salt(&self, field: AuditField) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"aim-audit-salt/v1\0");
        hasher.update(self.0);
        hasher.update(field.name());
        Self(hasher.finalize().into())
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Serialize for Seed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes()).ok();
        let seed = bytes.and_then(|bytes| Self::from_slice(&bytes));
        seed.ok_or_else(|| serde::de::Error::custom("a salt is 32 bytes of base64"))
    }
}

/// A field as the leaf commits to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Committed {
    /// Its value with the salt that opens the commitment.
    Open {
        /// What it is; null where the entry has none.
        value: Value,
        /// What was hashed with it.
        salt: Seed,
    },
    /// Only the commitment is left.
    Erased {
        /// The commitment.
        hash: Hash,
    },
}

impl Committed {
    /// The commitment: `SHA-256("aim-audit-field/v1" 0x00 || salt || name || 0x00 || JCS(value))`.
    #[must_use]
    pub fn hash(&self, field: AuditField) -> Hash {
        let (value, salt) = match self {
            Self::Erased { hash } => return *hash,
            Self::Open { value, salt } => (value, salt),
        };
        let mut hasher = Sha256::new();
        hasher.update(b"aim-audit-field/v1\0");
        hasher.update(salt.as_bytes());
        hasher.update(field.name());
        hasher.update([0]);
        match value {
            Value::Null => hasher.update(b"null"),
            // A value read from JSON always has a canonical form.
            value => hasher.update(serde_json_canonicalizer::to_vec(value).unwrap_or_default()),
        }
        Hash::from_bytes(hasher.finalize().into())
    }

    /// Whether the value is gone.
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }
}

/// An entry as the tree has it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its place in its organization's log.
    pub index: u64,
    /// Whose log.
    pub organization: OrganizationId,
    /// Its identity.
    pub id: AuditEntryId,
    /// `user`, `agent` or `system`.
    pub actor_type: String,
    /// What.
    pub action: String,
    /// To what kind of object.
    pub object_type: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The rest, all six.
    pub fields: BTreeMap<AuditField, Committed>,
}

/// What is hashed: names in the order that RFC 8785 wants.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Leaf<'a> {
    action: &'a str,
    actor_type: &'a str,
    created_at: String,
    fields: BTreeMap<&'static str, Hash>,
    id: AuditEntryId,
    index: u64,
    object_type: &'a str,
    organization: OrganizationId,
    version: u8,
}

impl AuditRecord {
    /// The bytes of its leaf: canonical JSON (RFC 8785).
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let fields = self.fields.iter();
        let leaf = Leaf {
            action: &self.action,
            actor_type: &self.actor_type,
            created_at: self.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            fields: fields
                .map(|(field, it)| (field.name(), it.hash(*field)))
                .collect(),
            id: self.id,
            index: self.index,
            object_type: &self.object_type,
            organization: self.organization,
            version: 1,
        };
        // Texts and one whole number: there is nothing that JSON cannot hold.
        serde_json_canonicalizer::to_vec(&leaf).unwrap_or_default()
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.leaf())
    }

    /// A field's value; null where there is none, or it is erased.
    #[must_use]
    pub fn value(&self, field: AuditField) -> &Value {
        match self.fields.get(&field) {
            Some(Committed::Open { value, .. }) => value,
            _ => &Value::Null,
        }
    }

    /// The fields whose values are gone.
    #[must_use]
    pub fn erased(&self) -> Vec<AuditField> {
        let erased = self.fields.iter().filter(|(_, it)| it.is_erased());
        erased.map(|(field, _)| *field).collect()
    }
}
