//! Publishing a model, and whose models are taken.
//!
//! Guarantee: what is published was signed by the key that is pinned for the organization, and loads
//! in this program. The first publisher pins the key; only an owner replaces it.

use std::fmt::Debug;
use std::sync::Arc;

use aim_domain::event::OrganizationChange;
use aim_domain::id::ModelVersionId;
use aim_domain::signature::PublicKey;
use aim_store::models::{ModelSigner, ModelVersion};
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most bytes of a published model: a forest of a thousand trees.
pub const MODEL_BYTES_MAX: usize = 16 << 20;

/// Most bytes of what a model says of itself: hundreds of feature names and parameters. Lists show it.
const CARD_MAX_BYTES: usize = 64 << 10;
/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// What a model says of itself, once everything about it was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedModel {
    /// What kind of model.
    pub kind: String,
    /// Version of the features it scores.
    pub feature_schema_version: i32,
    /// Hash of the data it was made of, in hexadecimal.
    pub data_sha256: String,
    /// Area under the curve on held-out agents, where there were labels.
    pub auc: Option<f64>,
    /// All that its maker said of it.
    pub header: Value,
    /// Hash of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Looks at models: this crate knows none.
pub trait ModelChecker: Debug + Send + Sync {
    /// Checks size, checksum, signature, features and soundness of a model's bytes.
    ///
    /// # Errors
    /// In words, what is wrong and what to do.
    fn check(&self, bytes: &[u8], key: &PublicKey) -> Result<CheckedModel, String>;
}

/// Knows no model.
#[derive(Debug)]
pub(crate) struct NoChecker;

impl ModelChecker for NoChecker {
    fn check(&self, _: &[u8], _: &PublicKey) -> Result<CheckedModel, String> {
        Err("cannot be checked by this process; ask another one".to_owned())
    }
}

impl App {
    /// Publishes a model. Bytes that are published already stay what they are.
    ///
    /// # Errors
    /// `InvalidInput` for bytes that are no model for this program, or not signed by `key`;
    /// `Conflict` when another key is pinned, or somebody else published meanwhile.
    pub async fn publish_model(
        &self,
        permit: &Permit,
        bytes: Vec<u8>,
        key: &str,
    ) -> Result<ModelVersion, AppError> {
        let key = model_key("signerKey", key)?;
        let pinned = self.store.find_model_signer(permit.scope()).await?;
        if let Some(pinned) = &pinned
            && pinned.public_key != key.to_base64url()
        {
            let message = format!(
                "models are signed by key `{}` here, this one by `{}`; an owner can replace the key",
                thumbprint(&pinned.public_key),
                key.thumbprint()
            );
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let (bytes, checked) = self.check_model(bytes, key.clone()).await?;
        check_card(&checked)?;
        let scope = permit.scope();
        if let Some(same) = self.store.find_model_sha256(scope, &checked.sha256).await? {
            return Ok(same);
        }
        let organization = scope.organization;
        let mut tx = self.store.begin().await?;
        let version = ModelVersion {
            id: ModelVersionId::from_uuid(self.ids.next()),
            organization,
            number: tx.next_model_number(organization).await?,
            kind: checked.kind,
            feature_schema_version: checked.feature_schema_version,
            data_sha256: checked.data_sha256,
            auc: checked.auc,
            header: checked.header,
            sha256: checked.sha256,
            byte_count: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            signer: key.to_base64url(),
            published_by: permit.actor(),
            created_at: tx.now(),
        };
        if pinned.is_none() {
            let signer = ModelSigner {
                organization,
                public_key: key.to_base64url(),
                pinned_by: permit.actor(),
                pinned_at: tx.now(),
            };
            tx.insert_model_signer(&signer).await?;
        }
        tx.insert_model_version(&version, bytes).await?;
        let change = OrganizationChange::ModelPublished {
            version: version.number,
        };
        tx.emit(&self.organization_event(organization, change));
        let after = json!({
            "number": version.number, "kind": version.kind, "sha256": version.sha256,
            "signer": key.thumbprint(), "isSignerPinned": pinned.is_none(),
        });
        tx.audit(permit.audit(
            &self.ids,
            "model.publish",
            ("model-version", version.id.to_string()),
            None,
            (None, Some(after)),
        ));
        tx.commit().await?;
        Ok(version)
    }

    /// Takes models that are signed by another key from now on. Versions of the key before stay, and
    /// serve where they serve, but cannot be promoted any more.
    ///
    /// # Errors
    /// `InvalidInput` for the key or the reason.
    pub async fn replace_model_signer(
        &self,
        permit: &Permit,
        key: &str,
        reason: String,
    ) -> Result<ModelSigner, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        let key = errors.keep("publicKey", PublicKey::parse(key));
        errors.finish()?;
        let Some(key) = key else {
            return Err(AppError::new(ErrorCode::Internal, "internal error"));
        };
        let before = self.store.find_model_signer(permit.scope()).await?;
        if let Some(before) = &before
            && before.public_key == key.to_base64url()
        {
            return Ok(before.clone());
        }
        let organization = permit.scope().organization;
        let mut tx = self.store.begin().await?;
        let signer = ModelSigner {
            organization,
            public_key: key.to_base64url(),
            pinned_by: permit.actor(),
            pinned_at: tx.now(),
        };
        tx.upsert_model_signer(&signer).await?;
        let change = OrganizationChange::ModelSignerReplaced {
            key_id: key.thumbprint(),
        };
        tx.emit(&self.organization_event(organization, change));
        let before = before.map(|it| json!({ "signer": thumbprint(&it.public_key) }));
        tx.audit(permit.audit(
            &self.ids,
            "model.replace-signer",
            ("organization", organization.to_string()),
            Some(reason),
            (before, Some(json!({ "signer": key.thumbprint() }))),
        ));
        tx.commit().await?;
        Ok(signer)
    }

    /// Looks at a model on a thread that may take its time.
    pub(crate) async fn check_model(
        &self,
        bytes: Vec<u8>,
        key: PublicKey,
    ) -> Result<(Vec<u8>, CheckedModel), AppError> {
        if bytes.len() > MODEL_BYTES_MAX {
            let message = format!(
                "has {} bytes, at most {MODEL_BYTES_MAX} are taken; train a smaller model",
                bytes.len()
            );
            return Err(AppError::field("artefact", message));
        }
        let models = Arc::clone(&self.models);
        let work = move || models.check(&bytes, &key).map(|checked| (bytes, checked));
        let checked = tokio::task::spawn_blocking(work).await;
        checked
            .map_err(|_| AppError::new(ErrorCode::Internal, "a model could not be checked"))?
            .map_err(|message| AppError::field("artefact", message))
    }
}

/// Whatever a maker writes about a model is shown and kept: it has to be short and text.
fn check_card(checked: &CheckedModel) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    let card = checked.header.to_string();
    if card.len() > CARD_MAX_BYTES {
        let length = card.len();
        errors.add(
            "artefact",
            format!("says {length} bytes of itself; shorten its parameters to {CARD_MAX_BYTES}"),
        );
    }
    // PostgreSQL keeps no such text.
    if card.contains("\\u0000") {
        errors.add("artefact", "has a null character in what it says of itself");
    }
    let hash = &checked.data_sha256;
    let is_hash = hash.len() == SHA256_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hash {
        errors.add("artefact", "names data by something that is no SHA-256");
    }
    errors.finish()
}

fn model_key(field: &str, text: &str) -> Result<PublicKey, AppError> {
    PublicKey::parse(text).map_err(|error| AppError::field(field, error.to_string()))
}

/// How people name a key.
#[must_use]
pub(crate) fn thumbprint(public_key: &str) -> String {
    PublicKey::parse(public_key).map_or_else(|_| "unknown".to_owned(), |key| key.thumbprint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_says_of_itself_is_short_and_text() {
        let model = |data: &str, text: String| CheckedModel {
            kind: "forest".to_owned(),
            feature_schema_version: 1,
            data_sha256: data.to_owned(),
            auc: None,
            header: json!({ "parameters": { "trained_with": text } }),
            sha256: String::new(),
        };
        let hash = "0123456789abcdef".repeat(4);
        let words = |text: &str| text.to_owned();
        assert!(check_card(&model(&hash, words("Grüße"))).is_ok());
        for (data, text, said) in [
            (hash.as_str(), words("a\0b"), "null character"),
            (hash.as_str(), "x".repeat(CARD_MAX_BYTES), "shorten"),
            ("data", words("fine"), "no SHA-256"),
            ("", words("fine"), "no SHA-256"),
        ] {
            let error = check_card(&model(data, text)).unwrap_err();
            assert!(error.message.contains(said), "{}", error.message);
        }
    }
}
