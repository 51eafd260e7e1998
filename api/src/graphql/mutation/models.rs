//! Publishing models, and saying which serve.

use aim_app::{AppError, PromoteModel};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::context::RequestContext;
use super::super::enums::ModelAlias;
use super::super::id::parse_id;
use super::super::types::{ModelMove, ModelSigner, ModelVersion};
use super::super::user_error::payload;

/// A model to publish.
#[derive(Debug, InputObject)]
struct PublishModelInput {
    /// The artefact, base64. One that does not fit into a request goes to `POST /v1/models`.
    artefact: String,
    /// The public key that signed it, base64url. The first one is pinned for the organization.
    signer_key: String,
}

/// Which version shall be what.
#[derive(Debug, InputObject)]
struct PromoteModelInput {
    /// Global id of the version.
    model_version_id: ID,
    /// What for.
    alias: ModelAlias,
    /// Why; kept in the history and the audit trail.
    reason: String,
    /// Promote without asking the gate.
    #[graphql(default)]
    force: bool,
}

/// Which name to move back.
#[derive(Debug, InputObject)]
struct RollbackModelInput {
    /// Which name.
    alias: ModelAlias,
    /// Why; kept in the history and the audit trail.
    reason: String,
}

/// Whose models to take.
#[derive(Debug, InputObject)]
struct ReplaceModelSignerInput {
    /// The public key that signs models from now on, base64url.
    public_key: String,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(PublishModelPayload, PublishModelError, /// The version.
    model_version: ModelVersion);
payload!(PromoteModelPayload, PromoteModelError, /// The move; the last one, when it was so already.
    model_move: ModelMove);
payload!(RollbackModelPayload, RollbackModelError, /// The move.
    model_move: ModelMove);
payload!(ReplaceModelSignerPayload, ReplaceModelSignerError, /// Whose models are taken.
    signer: ModelSigner);

/// Mutations of models.
#[derive(Debug, Default)]
pub(crate) struct ModelMutations;

#[Object]
impl ModelMutations {
    /// Publishes a model: its signature, checksum and features are checked. It serves nobody until it
    /// is promoted. Needs `ADMIN`.
    async fn publish_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The model, and who signed it.")] input: PublishModelInput,
    ) -> Result<PublishModelPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageModels)?;
        let Ok(bytes) = STANDARD.decode(&input.artefact) else {
            let error = AppError::field("artefact", "is no base64; encode the artefact's bytes");
            return PublishModelPayload::of::<ModelVersion>(Err(error));
        };
        let outcome = request.app.publish_model(&permit, bytes, &input.signer_key);
        PublishModelPayload::of(outcome.await)
    }

    /// Points champion or challenger at a version. A challenger becomes champion when it was tried
    /// long enough and is not worse, or when it is forced. Needs `ADMIN`.
    async fn promote_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which version, what for, and why.")] input: PromoteModelInput,
    ) -> Result<PromoteModelPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageModels)?;
        let input = PromoteModel {
            version: parse_id("ModelVersion", "modelVersionId", &input.model_version_id)?,
            alias: input.alias.into(),
            reason: input.reason,
            is_forced: input.force,
        };
        PromoteModelPayload::of(request.app.promote_model(&permit, input).await)
    }

    /// Points champion or challenger back at what it was before the last promotion that was not taken
    /// back. Needs `ADMIN`.
    async fn rollback_model(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which name, and why.")] input: RollbackModelInput,
    ) -> Result<RollbackModelPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageModels)?;
        let alias = input.alias.into();
        let outcome = request
            .app
            .rollback_model(&permit, alias, input.reason)
            .await;
        RollbackModelPayload::of(outcome)
    }

    /// Takes models that another key has signed from now on, and none of the key before. Needs
    /// `OWNER`.
    async fn replace_model_signer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose models, and why.")] input: ReplaceModelSignerInput,
    ) -> Result<ReplaceModelSignerPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReplaceModelSigner)?;
        let outcome = request
            .app
            .replace_model_signer(&permit, &input.public_key, input.reason)
            .await;
        ReplaceModelSignerPayload::of(outcome)
    }
}
