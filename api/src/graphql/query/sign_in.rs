//! What people sign in with, beside a password.

use async_graphql::{Context, Object, Result};

use super::super::context::{RequestContext, fault};
use super::super::types::{Identity, Passkey, SecondFactor};

/// Queries about how people sign in.
#[derive(Debug, Default)]
pub(crate) struct SignInQueries;

#[Object]
impl SignInQueries {
    /// Your second factor. For signed-in people.
    async fn second_factor(&self, context: &Context<'_>) -> Result<SecondFactor> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let state = request.app.second_factor_state(actor).await;
        Ok(state.map_err(fault)?.into())
    }

    /// Who you are at issuers of OpenID Connect, at most 100. For signed-in people.
    async fn identities(&self, context: &Context<'_>) -> Result<Vec<Identity>> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let found = request.app.list_identities(actor).await.map_err(fault)?;
        Ok(found.into_iter().map(Identity::from).collect())
    }

    /// Your passkeys, oldest first, at most ten. For signed-in people.
    async fn passkeys(&self, context: &Context<'_>) -> Result<Vec<Passkey>> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let found = request.app.list_passkeys(actor).await.map_err(fault)?;
        Ok(found.into_iter().map(Passkey::from).collect())
    }

    /// Names of the issuers that people can sign in at, for `/auth/oidc/start?provider=`. For
    /// everybody.
    async fn oidc_providers(&self, context: &Context<'_>) -> Result<Vec<String>> {
        Ok(RequestContext::of(context)?.app.oidc_providers())
    }
}
