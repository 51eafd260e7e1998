//! Who people are at other issuers.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::id::parse_id;
use super::super::types::Identity;
use super::super::user_error::payload;

/// Which identity to link.
#[derive(InputObject)]
struct LinkIdentityInput {
    /// What `/auth/oidc/callback` answered.
    ticket: String,
    /// Your password: a stolen session is not enough.
    password: String,
}

/// Which link to take off.
#[derive(Debug, InputObject)]
struct UnlinkIdentityInput {
    /// Global id of the identity.
    identity_id: ID,
}

payload!(LinkIdentityPayload, LinkIdentityError, /// The link.
    identity: Identity);
payload!(UnlinkIdentityPayload, UnlinkIdentityError, /// The link that was taken off.
    identity: Identity);

/// Mutations of identities at issuers.
#[derive(Debug, Default)]
pub(crate) struct IdentityMutations;

#[Object]
impl IdentityMutations {
    /// Links who you are at an issuer to your account here. For signed-in people.
    async fn link_identity(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which identity, and your password.")] input: LinkIdentityInput,
    ) -> Result<LinkIdentityPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let LinkIdentityInput { ticket, password } = input;
        let (app, client, id) = (&request.app, &request.client, &request.request_id);
        let outcome = app.link_own_identity(actor, (&password, &ticket), client, id);
        LinkIdentityPayload::of(outcome.await)
    }

    /// Takes a link to an issuer off your account. For signed-in people.
    async fn unlink_identity(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: UnlinkIdentityInput,
    ) -> Result<UnlinkIdentityPayload> {
        let request = RequestContext::of(context)?;
        let actor = request.person()?;
        let id = parse_id("Identity", "identityId", &input.identity_id)?;
        let app = &request.app;
        let outcome = app.unlink_identity(actor, id, &request.request_id);
        UnlinkIdentityPayload::of(outcome.await)
    }
}
