//! Witnesses: people outside who co-sign checkpoints, so that nobody can show two logs.

use aim_domain::audit::{KeyKind, NoteSignature, VerifierKey};
use aim_store::audit_log::AuditCheckpoint;
use aim_store::audit_witnesses::AuditWitness;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most witnesses of an organization.
const WITNESSES_MAX: u64 = 16;
/// How far a witness's clock may be ahead.
const SKEW: TimeDelta = TimeDelta::minutes(5);

impl App {
    /// Takes co-signatures of this witness from now on.
    ///
    /// # Errors
    /// `InvalidInput` for the key or the reason, `Conflict` when it is there already or there are
    /// too many.
    pub async fn add_checkpoint_witness(
        &self,
        permit: &Permit,
        verifier_key: &str,
        reason: String,
    ) -> Result<AuditWitness, AppError> {
        let mut errors = FieldErrors::default();
        let key = errors.keep("verifierKey", VerifierKey::parse(verifier_key));
        if key.as_ref().is_some_and(|it| it.kind != KeyKind::Witness) {
            errors.add(
                "verifierKey",
                "is a log's key; a witness's has kind 4 (tlog-cosignature)",
            );
        }
        errors.reason(&reason);
        errors.finish()?;
        let key = key.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))?;
        let scope = permit.scope();
        let new = AuditWitness {
            id: self.ids.next(),
            key,
            added_by: permit.actor(),
            created_at: self.clock.now(),
        };
        let mut tx = self.store.begin().await?;
        let count = tx.count_audit_witnesses(scope).await?;
        if count >= WITNESSES_MAX {
            let message = format!("there are {count} witnesses; that is the most");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.insert_audit_witness(scope, &new).await?;
        tx.audit(permit.audit(
            &self.ids,
            "audit.add-witness",
            ("audit-witness", new.id.to_string()),
            Some(reason),
            (None, Some(json!({ "verifierKey": new.key.to_string() }))),
        ));
        tx.commit().await?;
        Ok(new)
    }

    /// Takes no more co-signatures of this witness. Those that it gave stay where they are.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound` when there is no such witness.
    pub async fn remove_checkpoint_witness(
        &self,
        permit: &Permit,
        id: Uuid,
        reason: String,
    ) -> Result<AuditWitness, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let scope = permit.scope();
        let witnesses = self.store.list_audit_witnesses(scope).await?;
        let found = witnesses.into_iter().find(|it| it.id == id);
        let found = found.ok_or_else(|| AppError::not_found("witness"))?;
        let mut tx = self.store.begin().await?;
        if !tx.delete_audit_witness(scope, id).await? {
            return Err(AppError::not_found("witness"));
        }
        tx.audit(permit.audit(
            &self.ids,
            "audit.remove-witness",
            ("audit-witness", id.to_string()),
            Some(reason),
            (Some(json!({ "verifierKey": found.key.to_string() })), None),
        ));
        tx.commit().await?;
        Ok(found)
    }

    /// Keeps a witness's co-signature of a checkpoint, if it is right, and serves it from then on.
    ///
    /// # Errors
    /// `InvalidInput` when it is no co-signature of a witness of the organization over this
    /// checkpoint, `NotFound` when there is no such checkpoint.
    pub async fn submit_cosignature(
        &self,
        permit: &Permit,
        size: u64,
        line: &str,
    ) -> Result<AuditCheckpoint, AppError> {
        let refused = |why: &str| AppError::field("cosignature", why);
        let line = line.trim_end_matches('\n');
        let signature = NoteSignature::parse(line)
            .map_err(|_| refused("is no line of a signed note: `\u{2014} <name> <base64>`"))?;
        let scope = permit.scope();
        let found = self.store.find_audit_checkpoint(scope, Some(size)).await?;
        let checkpoint = found.ok_or_else(|| AppError::not_found("checkpoint"))?;
        let witnesses = self.store.list_audit_witnesses(scope).await?;
        let witness = witnesses
            .into_iter()
            .find(|it| it.key.name == signature.name && it.key.id() == signature.id)
            .ok_or_else(|| refused("is of a witness that is not registered here"))?;
        let text = checkpoint
            .note
            .split_once("\n\n")
            .map(|(text, _)| format!("{text}\n"));
        let text = text.unwrap_or_default();
        let at = signature
            .verify_cosignature(&text, &witness.key)
            .map_err(|_| refused("is not this witness's signature over this checkpoint"))?;
        let at = i64::try_from(at)
            .ok()
            .and_then(|it| DateTime::<Utc>::from_timestamp(it, 0));
        let at = at.filter(|it| *it <= self.clock.now() + SKEW);
        let at = at.ok_or_else(|| refused("was signed in the future; set the witness's clock"))?;
        let mut tx = self.store.begin().await?;
        tx.put_cosignature(&checkpoint, &witness, &signature.to_string(), at)
            .await?;
        tx.audit(permit.audit(
            &self.ids,
            "audit.cosign",
            ("audit-checkpoint", size.to_string()),
            None,
            (
                None,
                Some(json!({ "witness": witness.key.name, "signedAt": at })),
            ),
        ));
        tx.commit().await?;
        let found = self.find_audit_checkpoint(permit, Some(size)).await?;
        found.ok_or_else(|| AppError::not_found("checkpoint"))
    }
}
