//! What the audit trail keeps, for how long, and who witnesses it.

use aim_app::EraseAuditSubject;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{AuditCheckpoint, AuditErasure, AuditRetention, AuditWitness};
use super::super::user_error::payload;

/// For how long contents are kept.
#[derive(Debug, InputObject)]
struct SetAuditRetentionInput {
    /// Days after which entries lose their contents, not their hashes; for ever when left out.
    days: Option<i32>,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Why nothing may be erased.
#[derive(Debug, InputObject)]
struct EngageLegalHoldInput {
    /// Why; kept in the audit trail.
    reason: String,
}

/// Why things may be erased again.
#[derive(Debug, InputObject)]
struct ReleaseLegalHoldInput {
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whom to erase.
#[derive(Debug, InputObject)]
struct EraseAuditSubjectInput {
    /// The person (global id of a user, who may be gone already).
    user_id: ID,
    /// Other texts that name them, such as former e-mail addresses, of at least 4 characters each;
    /// their present address need not be said.
    #[graphql(default)]
    terms: Vec<String>,
    /// Why; kept in the audit trail, so it must not name them.
    reason: String,
}

/// Whose co-signatures to take.
#[derive(Debug, InputObject)]
struct AddCheckpointWitnessInput {
    /// Name and key of the witness, as C2SP signed-note and tlog-cosignature have them.
    verifier_key: String,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Whose co-signatures to take no more.
#[derive(Debug, InputObject)]
struct RemoveCheckpointWitnessInput {
    /// The witness (global id).
    witness_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// A co-signature.
#[derive(Debug, InputObject)]
struct SubmitCheckpointCosignatureInput {
    /// The size of the checkpoint.
    tree_size: u64,
    /// The line of the signed note, from its dash on.
    cosignature: String,
}

payload!(SetAuditRetentionPayload, SetAuditRetentionError, /// What is kept from now on.
    retention: AuditRetention);
payload!(EngageLegalHoldPayload, EngageLegalHoldError, /// What is kept from now on.
    retention: AuditRetention);
payload!(ReleaseLegalHoldPayload, ReleaseLegalHoldError, /// What is kept from now on.
    retention: AuditRetention);
payload!(EraseAuditSubjectPayload, EraseAuditSubjectError, /// The order; it is carried out in the background.
    erasure: AuditErasure);
payload!(AddCheckpointWitnessPayload, AddCheckpointWitnessError, /// The witness.
    witness: AuditWitness);
payload!(RemoveCheckpointWitnessPayload, RemoveCheckpointWitnessError, /// The witness that was removed.
    witness: AuditWitness);
payload!(SubmitCheckpointCosignaturePayload, SubmitCheckpointCosignatureError, /// The checkpoint as it is served from now on.
    checkpoint: AuditCheckpoint);

/// Mutations of the audit log.
#[derive(Debug, Default)]
pub(crate) struct AuditMutations;

#[Object]
impl AuditMutations {
    /// Says after how many days entries of the audit trail lose their contents. Their hashes and
    /// proofs stay. Needs `OWNER`.
    async fn set_audit_retention(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many days, and why.")] input: SetAuditRetentionInput,
    ) -> Result<SetAuditRetentionPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let app = &request.app;
        let outcome = app.set_audit_retention(&permit, input.days, input.reason);
        SetAuditRetentionPayload::of(outcome.await)
    }

    /// Stops retention and erasure until the hold is released. Needs `OWNER`.
    async fn engage_legal_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Why.")] input: EngageLegalHoldInput,
    ) -> Result<EngageLegalHoldPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let outcome = request.app.engage_audit_hold(&permit, input.reason).await;
        EngageLegalHoldPayload::of(outcome)
    }

    /// Lets retention and erasure go on. Needs `OWNER`.
    async fn release_legal_hold(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Why.")] input: ReleaseLegalHoldInput,
    ) -> Result<ReleaseLegalHoldPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let outcome = request.app.release_audit_hold(&permit, input.reason).await;
        ReleaseLegalHoldPayload::of(outcome)
    }

    /// Orders that all the audit trail holds of a person so far be erased: values and salts go,
    /// hashes and proofs stay. Needs `OWNER`.
    async fn erase_audit_subject(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom, and why.")] input: EraseAuditSubjectInput,
    ) -> Result<EraseAuditSubjectPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let input = EraseAuditSubject {
            user: parse_id("User", "userId", &input.user_id)?,
            terms: input.terms,
            reason: input.reason,
        };
        let outcome = request.app.erase_audit_subject(&permit, input).await;
        EraseAuditSubjectPayload::of(outcome)
    }

    /// Takes co-signatures of checkpoints by somebody outside from now on. Needs `OWNER`.
    async fn add_checkpoint_witness(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose, and why.")] input: AddCheckpointWitnessInput,
    ) -> Result<AddCheckpointWitnessPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let app = &request.app;
        let outcome = app.add_checkpoint_witness(&permit, &input.verifier_key, input.reason);
        AddCheckpointWitnessPayload::of(outcome.await)
    }

    /// Takes no more co-signatures of a witness; those that it gave stay with their checkpoints. Needs
    /// `OWNER`.
    async fn remove_checkpoint_witness(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose, and why.")] input: RemoveCheckpointWitnessInput,
    ) -> Result<RemoveCheckpointWitnessPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAudit)?;
        let id = parse_id("AuditWitness", "witnessId", &input.witness_id)?;
        let app = &request.app;
        let outcome = app.remove_checkpoint_witness(&permit, id, input.reason);
        RemoveCheckpointWitnessPayload::of(outcome.await)
    }

    /// Hands in a witness's co-signature of a checkpoint; it is verified, and served with the
    /// checkpoint. Needs `ADMIN`.
    async fn submit_checkpoint_cosignature(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Of which checkpoint, and the co-signature.")]
        input: SubmitCheckpointCosignatureInput,
    ) -> Result<SubmitCheckpointCosignaturePayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let app = &request.app;
        let outcome = app.submit_cosignature(&permit, input.tree_size, &input.cosignature);
        SubmitCheckpointCosignaturePayload::of(outcome.await)
    }
}
