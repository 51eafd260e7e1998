//! Second factors.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use serde_json::Value;

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::{NewSecondFactor, User};
use super::super::user_error::payload;
use super::passkeys::proof;

/// Who sets a second factor up.
#[derive(InputObject)]
struct EnrollSecondFactorInput {
    /// Your password: a stolen session is not enough.
    password: String,
    /// Where you have a passkey: a recovery code.
    code: Option<String>,
    /// In place of the code: what a passkey of yours answered to `beginPasskeyCheck`.
    passkey: Option<Json<Value>>,
}

/// Shows that an authenticator has the secret.
#[derive(InputObject)]
struct ConfirmSecondFactorInput {
    /// The code that the authenticator shows now.
    code: String,
}

/// Who asks for new codes.
#[derive(InputObject)]
struct RenewRecoveryCodesInput {
    /// The code that the authenticator shows now, or a recovery code.
    code: Option<String>,
    /// In place of the code: what a passkey of yours answered to `beginPasskeyCheck`.
    passkey: Option<Json<Value>>,
}

/// Who takes their codes by time off.
#[derive(InputObject)]
struct DisableSecondFactorInput {
    /// Your password.
    password: String,
    /// The code that the authenticator shows now, or a recovery code.
    code: Option<String>,
    /// In place of the code: what a passkey of yours answered to `beginPasskeyCheck`.
    passkey: Option<Json<Value>>,
}

/// Whose factor to take off.
#[derive(Debug, InputObject)]
struct ResetSecondFactorInput {
    /// Global id of the person.
    user_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(EnrollSecondFactorPayload, EnrollSecondFactorError, /// What the authenticator needs; shown once.
    second_factor: NewSecondFactor);
payload!(ConfirmSecondFactorPayload, ConfirmSecondFactorError, /// Codes that stand in for a lost factor, each good once; shown once.
    recovery_codes: Vec<String>);
payload!(RenewRecoveryCodesPayload, RenewRecoveryCodesError, /// Codes in place of all that you had; shown once.
    recovery_codes: Vec<String>);
payload!(DisableSecondFactorPayload, DisableSecondFactorError, /// That it is off.
    is_disabled: bool);
payload!(ResetSecondFactorPayload, ResetSecondFactorError, /// Whose factor is off; their sessions have ended.
    user: User);

/// Mutations of second factors.
#[derive(Debug, Default)]
pub(crate) struct SecondFactorMutations;

#[Object]
impl SecondFactorMutations {
    /// Begins to set up codes by time (RFC 6238) as a second factor; they count once one is confirmed.
    /// For signed-in people.
    async fn enroll_second_factor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Your password, and a passkey where you have one.")]
        input: EnrollSecondFactorInput,
    ) -> Result<EnrollSecondFactorPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let (app, client, id) = (&request.app, &request.client, &request.request_id);
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let outcome = app.enroll_second_factor(actor, (&input.password, shown), client, id);
        EnrollSecondFactorPayload::of(outcome.await)
    }

    /// Makes codes by time count, by one of them. For signed-in people.
    async fn confirm_second_factor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A code.")] input: ConfirmSecondFactorInput,
    ) -> Result<ConfirmSecondFactorPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let app = &request.app;
        let outcome = app.confirm_second_factor(actor, &input.code, &request.request_id);
        ConfirmSecondFactorPayload::of(outcome.await)
    }

    /// Gives you new recovery codes. For signed-in people.
    async fn renew_recovery_codes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A code, or a passkey.")] input: RenewRecoveryCodesInput,
    ) -> Result<RenewRecoveryCodesPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let app = &request.app;
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let outcome = app.renew_recovery_codes(actor, shown, &request.request_id);
        RenewRecoveryCodesPayload::of(outcome.await)
    }

    /// Takes your codes by time off; `removePasskey` takes passkeys off. For signed-in people.
    async fn disable_second_factor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Your password, and a code or a passkey.")]
        input: DisableSecondFactorInput,
    ) -> Result<DisableSecondFactorPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let shown = proof(input.code.as_ref(), input.passkey.as_ref());
        let (app, client, id) = (&request.app, &request.client, &request.request_id);
        let outcome = app.disable_second_factor(actor, (&input.password, shown), client, id);
        DisableSecondFactorPayload::of(outcome.await.map(|()| true))
    }

    /// Takes the second factor of somebody off who lost it, codes and passkeys, and ends their sessions.
    /// They are told by letter. Needs `ADMIN`.
    async fn reset_second_factor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose, and why.")] input: ResetSecondFactorInput,
    ) -> Result<ResetSecondFactorPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManagePeople)?;
        let own = request.person()?.role;
        let id = parse_id("User", "userId", &input.user_id)?;
        let app = &request.app;
        let outcome = app.reset_second_factor(&permit, own, id, input.reason);
        ResetSecondFactorPayload::of(outcome.await)
    }
}
