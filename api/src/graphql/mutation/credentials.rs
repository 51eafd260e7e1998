//! Credentials of programs: API keys and SDK tokens.

use aim_app::{CreateApiKey, CreateSdkToken, MadeApiKey, RotateApiKey};
use aim_domain::role::Permission;
use aim_domain::session::SessionKind;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Duration, Utc};

use super::super::context::RequestContext;
use super::super::id::{global_id, parse_id};
use super::super::types::{ApiKey, ProgramPermission, SdkToken};
use super::super::user_error::payload;
use super::sessions::{Session, revealed};

/// A key to make.
#[derive(Debug, InputObject)]
struct CreateApiKeyInput {
    /// What it is for.
    name: String,
    /// What its holder may do at most, within your own role, now and later.
    permissions: Vec<ProgramPermission>,
    /// When it ends; the longest life that your organization allows when left out.
    expires_at: Option<DateTime<Utc>>,
}

/// A secret to replace.
#[derive(Debug, InputObject)]
struct RotateApiKeyInput {
    /// One of your own keys.
    api_key_id: ID,
    /// For how many seconds the old secret stays good, at most seven days; 0 when it has leaked.
    #[graphql(default = 3600)]
    overlap_seconds: u32,
}

/// Which key.
#[derive(Debug, InputObject)]
struct DisableApiKeyInput {
    /// One of your own, or, if you manage people, anybody's.
    api_key_id: ID,
}

/// Which key.
#[derive(Debug, InputObject)]
struct EnableApiKeyInput {
    /// One of your own, or, if you manage people, anybody's.
    api_key_id: ID,
}

/// Which key.
#[derive(Debug, InputObject)]
struct DeleteApiKeyInput {
    /// One of your own, or, if you manage people, anybody's.
    api_key_id: ID,
}

/// A token to make.
#[derive(Debug, InputObject)]
struct CreateSdkTokenInput {
    /// What it is for.
    name: String,
    /// What its holder may do at most, within your own role, now and later.
    permissions: Vec<ProgramPermission>,
    /// When it ends; the longest life that your organization allows when left out.
    expires_at: Option<DateTime<Utc>>,
}

/// Which token.
#[derive(Debug, InputObject)]
struct RevokeSdkTokenInput {
    /// One of your own.
    sdk_token_id: ID,
}

/// A key with its secret.
#[derive(SimpleObject)]
pub(crate) struct ApiKeyWithSecret {
    /// The key.
    api_key: ApiKey,
    /// Send it as `authorization: Bearer <secret>`. It is shown now and never again.
    secret: String,
}

impl std::fmt::Debug for ApiKeyWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.api_key.fmt(f)
    }
}

impl From<MadeApiKey> for ApiKeyWithSecret {
    fn from(made: MadeApiKey) -> Self {
        Self {
            api_key: made.key.into(),
            secret: made.secret.reveal().to_owned(),
        }
    }
}

/// A token with its secrets.
#[derive(Debug, SimpleObject)]
pub(crate) struct SdkTokenWithSecret {
    /// The token.
    sdk_token: SdkToken,
    /// What the program begins with; it goes on with `refreshSession`.
    session: Session,
}

payload!(CreateApiKeyPayload, CreateApiKeyError, /// The key, with its secret.
    created: ApiKeyWithSecret);
payload!(RotateApiKeyPayload, RotateApiKeyError, /// The key, with its new secret.
    rotated: ApiKeyWithSecret);
payload!(DisableApiKeyPayload, DisableApiKeyError, /// The key as it is now.
    api_key: ApiKey);
payload!(EnableApiKeyPayload, EnableApiKeyError, /// The key as it is now.
    api_key: ApiKey);
payload!(DeleteApiKeyPayload, DeleteApiKeyError, /// The key that is gone.
    api_key_id: ID);
payload!(CreateSdkTokenPayload, CreateSdkTokenError, /// The token, with its secrets.
    created: SdkTokenWithSecret);
payload!(RevokeSdkTokenPayload, RevokeSdkTokenError, /// The token that ended.
    sdk_token_id: ID);
payload!(RevokeAllSdkTokensPayload, RevokeAllSdkTokensError, /// How many ended.
    ended_count: u64);

/// Mutations of programs' credentials.
#[derive(Debug, Default)]
pub(crate) struct CredentialMutations;

#[Object]
impl CredentialMutations {
    /// Makes an API key for a program of yours, with at most what you may. It loses what you lose, and
    /// ends when you are gone. Needs `MEMBER`.
    async fn create_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is for, and what it may.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let input = CreateApiKey {
            name: input.name,
            permissions: input.permissions.into_iter().map(Into::into).collect(),
            expires_at: input.expires_at,
        };
        let made = request
            .app
            .create_api_key(&permit, request.person()?, input);
        CreateApiKeyPayload::of(made.await)
    }

    /// Replaces the secret of one of your API keys; the old one stays good for a while. Needs `MEMBER`.
    async fn rotate_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which key, and for how long both are good.")] input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let input = RotateApiKey {
            id: parse_id("ApiKey", "apiKeyId", &input.api_key_id)?,
            overlap: Duration::seconds(input.overlap_seconds.into()),
        };
        let made = request
            .app
            .rotate_api_key(&permit, request.person()?, input);
        RotateApiKeyPayload::of(made.await)
    }

    /// Makes an API key good for nothing until it is enabled. Needs `MEMBER`.
    async fn disable_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which key.")] input: DisableApiKeyInput,
    ) -> Result<DisableApiKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let id = parse_id("ApiKey", "apiKeyId", &input.api_key_id)?;
        let app = &request.app;
        let done = app.set_api_key_enabled(&permit, request.person()?, id, false);
        DisableApiKeyPayload::of(done.await)
    }

    /// Makes a disabled API key good again. Needs `MEMBER`.
    async fn enable_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which key.")] input: EnableApiKeyInput,
    ) -> Result<EnableApiKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let id = parse_id("ApiKey", "apiKeyId", &input.api_key_id)?;
        let app = &request.app;
        let done = app.set_api_key_enabled(&permit, request.person()?, id, true);
        EnableApiKeyPayload::of(done.await)
    }

    /// Deletes an API key for ever. Needs `MEMBER`.
    async fn delete_api_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which key.")] input: DeleteApiKeyInput,
    ) -> Result<DeleteApiKeyPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageCredentials)?;
        let id = parse_id("ApiKey", "apiKeyId", &input.api_key_id)?;
        let done = request
            .app
            .delete_api_key(&permit, request.person()?, id)
            .await;
        DeleteApiKeyPayload::of(done.map(|key| global_id("ApiKey", key.id)))
    }

    /// Opens a session for a program of yours, with at most what you may: its refresh token is good once
    /// and gives the next, by `refreshSession`. Needs `MEMBER`.
    async fn create_sdk_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is for, and what it may.")] input: CreateSdkTokenInput,
    ) -> Result<CreateSdkTokenPayload> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::ManageCredentials)?;
        let input = CreateSdkToken {
            name: input.name,
            permissions: input.permissions.into_iter().map(Into::into).collect(),
            expires_at: input.expires_at,
        };
        let id = &request.request_id;
        let opened = request
            .app
            .create_sdk_token(request.person()?, input, id)
            .await;
        CreateSdkTokenPayload::of(opened.and_then(|opened| {
            Ok(SdkTokenWithSecret {
                sdk_token: opened.session.clone().into(),
                session: revealed(context, opened)?,
            })
        }))
    }

    /// Ends one of your SDK tokens for ever. Needs `MEMBER`.
    async fn revoke_sdk_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which token.")] input: RevokeSdkTokenInput,
    ) -> Result<RevokeSdkTokenPayload> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::ManageCredentials)?;
        let session = parse_id("SdkToken", "sdkTokenId", &input.sdk_token_id)?;
        let (actor, kind) = (request.person()?, SessionKind::Sdk);
        let ended = request
            .app
            .revoke_session(actor, session, kind, &request.request_id);
        RevokeSdkTokenPayload::of(ended.await.map(|it| global_id("SdkToken", it.id)))
    }

    /// Ends all your SDK tokens for ever. Needs `MEMBER`.
    async fn revoke_all_sdk_tokens(
        &self,
        context: &Context<'_>,
    ) -> Result<RevokeAllSdkTokensPayload> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::ManageCredentials)?;
        let (actor, kind) = (request.person()?, SessionKind::Sdk);
        let ended = request
            .app
            .revoke_all_sessions(actor, kind, &request.request_id);
        RevokeAllSdkTokensPayload::of(ended.await)
    }
}
