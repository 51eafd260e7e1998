//! Passkeys.

use aim_app::FactorProof;
use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use serde_json::Value;

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::Passkey;
use super::super::user_error::{UserErrorCode, payload, split};

/// Who makes a passkey.
#[derive(InputObject)]
struct BeginPasskeyRegistrationInput {
    /// Your password: a stolen session is not enough.
    password: String,
    /// Where a second factor is on: the code that the authenticator shows now, or a recovery code.
    code: Option<String>,
    /// In place of the code: what a passkey of yours answered to `beginPasskeyCheck`.
    passkey: Option<Json<Value>>,
}

/// What an authenticator made.
#[derive(InputObject)]
struct FinishPasskeyRegistrationInput {
    /// What to call it, at most 100 bytes.
    name: String,
    /// What `navigator.credentials.create` answered, as its `toJSON` writes it.
    credential: Json<Value>,
}

/// Which passkey to call otherwise.
#[derive(Debug, InputObject)]
struct RenamePasskeyInput {
    /// Global id of the passkey.
    passkey_id: ID,
    /// What to call it, at most 100 bytes.
    name: String,
}

/// Which passkey to take off.
#[derive(InputObject)]
struct RemovePasskeyInput {
    /// Global id of the passkey.
    passkey_id: ID,
    /// Your password.
    password: String,
    /// The code that the authenticator shows now, or a recovery code.
    code: Option<String>,
    /// In place of the code: what a passkey of yours answered to `beginPasskeyCheck`; it may be the one
    /// that goes.
    passkey: Option<Json<Value>>,
}

/// Who signs in.
#[derive(InputObject)]
struct BeginPasskeySignInInput {
    /// The challenge that `signIn` or `/auth/oidc/callback` answered.
    challenge: String,
}

payload!(BeginPasskeyRegistrationPayload, BeginPasskeyRegistrationError, /// For `PublicKeyCredential.parseCreationOptionsFromJSON`; good for five minutes, once.
    options: Json<Value>);
payload!(RenamePasskeyPayload, RenamePasskeyError, /// The passkey.
    passkey: Passkey);
payload!(RemovePasskeyPayload, RemovePasskeyError, /// The passkey that was taken off.
    passkey: Passkey);
payload!(BeginPasskeySignInPayload, BeginPasskeySignInError, /// For `PublicKeyCredential.parseRequestOptionsFromJSON`; good for five minutes, once.
    options: Json<Value>);
payload!(BeginPasskeyCheckPayload, BeginPasskeyCheckError, /// For `PublicKeyCredential.parseRequestOptionsFromJSON`; good for five minutes, once.
    options: Json<Value>);

/// The outcome: the passkey, or what was wrong.
#[derive(Default, SimpleObject)]
pub(crate) struct FinishPasskeyRegistrationPayload {
    /// The passkey; it counts from now on.
    passkey: Option<Passkey>,
    /// Codes that stand in for a lost factor, each good once; shown once. Null where you have some.
    recovery_codes: Option<Vec<String>>,
    /// What the caller did wrong; empty when it was done.
    user_errors: Vec<FinishPasskeyRegistrationError>,
}

/// What was wrong with one field, or with the whole input.
#[derive(Debug, SimpleObject)]
pub(crate) struct FinishPasskeyRegistrationError {
    /// For programs.
    code: UserErrorCode,
    /// For people: names the value and the remedy.
    message: String,
    /// Path of the field in the input; absent when it is about the whole.
    field: Option<Vec<String>>,
}

/// A code, or what a passkey answered.
pub(super) fn proof<'a>(
    code: Option<&'a String>,
    passkey: Option<&'a Json<Value>>,
) -> FactorProof<'a> {
    FactorProof {
        code: code.map(String::as_str),
        passkey: passkey.map(|it| &it.0),
    }
}

/// Mutations of passkeys.
#[derive(Debug, Default)]
pub(crate) struct PasskeyMutations;

#[Object]
impl PasskeyMutations {
    /// Begins to make a passkey (WebAuthn) as a second factor. For signed-in people.
    async fn begin_passkey_registration(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Your password, and a second factor where one is on.")]
        input: BeginPasskeyRegistrationInput,
    ) -> Result<BeginPasskeyRegistrationPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let (app, client, id) = (&request.app, &request.client, &request.request_id);
        let begun = app.begin_passkey_registration(actor, (&input.password, shown), client, id);
        BeginPasskeyRegistrationPayload::of(begun.await.map(Json))
    }

    /// Makes the passkey. Signing in asks for a second factor from then on. For signed-in people.
    async fn finish_passkey_registration(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the authenticator made.")] input: FinishPasskeyRegistrationInput,
    ) -> Result<FinishPasskeyRegistrationPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let (app, id) = (&request.app, &request.request_id);
        let made = app.finish_passkey_registration(actor, &input.name, &input.credential, id);
        match made.await {
            Ok(made) => Ok(FinishPasskeyRegistrationPayload {
                passkey: Some(made.passkey.into()),
                recovery_codes: made.recovery_codes,
                user_errors: Vec::new(),
            }),
            Err(error) => {
                let wrong = |(code, message, field)| FinishPasskeyRegistrationError {
                    code,
                    message,
                    field,
                };
                let user_errors = split(error)?.into_iter().map(wrong).collect();
                Ok(FinishPasskeyRegistrationPayload {
                    user_errors,
                    ..FinishPasskeyRegistrationPayload::default()
                })
            }
        }
    }

    /// Calls a passkey otherwise. For signed-in people.
    async fn rename_passkey(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and how.")] input: RenamePasskeyInput,
    ) -> Result<RenamePasskeyPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let passkey = parse_id("Passkey", "passkeyId", &input.passkey_id)?;
        let (app, id) = (&request.app, &request.request_id);
        let named = app.rename_passkey(actor, passkey, &input.name, id);
        RenamePasskeyPayload::of(named.await)
    }

    /// Takes a passkey off. For signed-in people.
    async fn remove_passkey(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, your password and a second factor.")] input: RemovePasskeyInput,
    ) -> Result<RemovePasskeyPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let passkey = parse_id("Passkey", "passkeyId", &input.passkey_id)?;
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let (app, client, id) = (&request.app, &request.client, &request.request_id);
        let gone = app.remove_passkey(actor, passkey, (&input.password, shown), client, id);
        RemovePasskeyPayload::of(gone.await)
    }

    /// Asks for a passkey in a sign-in that answered a challenge; `completeSignIn` takes what it answers.
    /// For everybody.
    async fn begin_passkey_sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The challenge.")] input: BeginPasskeySignInInput,
    ) -> Result<BeginPasskeySignInPayload> {
        let request = RequestContext::of(context)?;
        let begun = request.app.begin_passkey_sign_in(&input.challenge).await;
        BeginPasskeySignInPayload::of(begun.map(Json))
    }

    /// Asks for a passkey of yours, for whatever asks for your second factor. For signed-in people.
    async fn begin_passkey_check(&self, context: &Context<'_>) -> Result<BeginPasskeyCheckPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let begun = request.app.begin_passkey_check(actor).await;
        BeginPasskeyCheckPayload::of(begun.map(Json))
    }
}
