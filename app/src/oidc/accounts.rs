//! Who somebody is here whom an issuer vouched for.
//!
//! Issuer and subject name a person, an e-mail address never does: whoever controls an issuer, or got
//! an address that was somebody else's, gets nobody's account by it.

use aim_domain::access::AccessChange;
use aim_domain::email::EmailAddress;
use aim_domain::id::IdentityId;
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_domain::session::{Client, SignInMethod};
use aim_store::identities::Identity;
use aim_store::users::User;
use aim_store::{StoreError, Tx};
use rand::RngExt;
use serde_json::json;
use zeroize::Zeroizing;

use super::flow::{Arrival, refused};
use crate::accounts::By;
use crate::sign_in_steps::OpenChallenge;
use crate::{App, AppError, ErrorCode, UserActor};

/// How a sign-in at an issuer ended.
#[derive(Debug)]
pub enum OidcArrived {
    /// Somebody here: `completeSignIn` takes the challenge.
    Known(OpenChallenge),
    /// Nobody here is linked to the identity. With the ticket they can accept an invitation, or link
    /// it while signed in another way.
    Stranger(Zeroizing<String>),
}

impl App {
    /// Finishes a sign-in at an issuer; and the page of a program's login, if one was left for it.
    ///
    /// # Errors
    /// `Unauthenticated` when it was not begun here, or the issuer's answer is not believed.
    pub async fn finish_oidc(
        &self,
        cookie: &str,
        state: &str,
        code: &str,
        issuer: Option<&str>,
        request_id: &str,
    ) -> Result<(OidcArrived, Option<String>), AppError> {
        let mut arrival = self.arrive(cookie, state, code, issuer).await?;
        let login = arrival.login.take();
        let known = self
            .store
            .find_identity(&arrival.issuer, &arrival.subject)
            .await?;
        let user = match known {
            Some(identity) => {
                let user = self.store.find_user(identity.user).await?;
                let gone = || refused("the account of this identity is not in use any more");
                let user = user.ok_or_else(gone)?;
                let mut tx = self.store.begin().await?;
                tx.touch_identity(identity.id).await?;
                tx.commit().await?;
                Some(user)
            }
            None => self.let_in(&arrival, request_id).await?,
        };
        let arrived = match user {
            Some(user) => OidcArrived::Known(self.open_challenge(&user, SignInMethod::Oidc).await?),
            None => OidcArrived::Stranger(self.seal_ticket(&arrival)?),
        };
        Ok((arrived, login))
    }

    /// Links an identity to a person, in the transaction of whatever lets them.
    pub(crate) async fn link_identity(
        &self,
        tx: &mut Tx,
        user: &User,
        (issuer, subject): (&str, &str),
        request_id: &str,
    ) -> Result<Identity, AppError> {
        let now = self.clock.now();
        let identity = Identity {
            id: IdentityId::from_uuid(self.ids.next()),
            organization: user.organization,
            user: user.id,
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            created_at: now,
            last_used_at: now,
        };
        tx.insert_identity(&identity)
            .await
            .map_err(|error| match error {
                StoreError::Duplicate(_) => {
                    let message = "this identity is linked to somebody here already";
                    AppError::new(ErrorCode::Conflict, message)
                }
                other => other.into(),
            })?;
        let mut entry = self.account_audit(
            user.organization,
            By::User(user.id),
            "identity.link",
            ("identity", identity.id.to_string()),
            request_id,
        );
        entry.after = Some(json!({ "issuer": issuer, "subject": subject }));
        tx.audit(entry);
        let linked = AccessChange::Identity {
            identity: identity.id,
            is_linked: true,
        };
        tx.emit(&self.access_event(user.organization, user.id, linked));
        Ok(identity)
    }

    /// Makes an account for somebody whom the operator's configuration lets in; `None` for others.
    async fn let_in(&self, arrival: &Arrival, request_id: &str) -> Result<Option<User>, AppError> {
        let provider = self.accounts.oidc.find(&arrival.provider);
        let email = arrival.email.as_deref().map(EmailAddress::parse);
        let (Some(provider), Some(Ok(email))) = (provider, email) else {
            return Ok(None);
        };
        let config = &provider.config;
        let Some(slug) = &config.organization else {
            return Ok(None);
        };
        let Some(organization) = self.store.find_organization_by_slug(slug).await? else {
            tracing::error!(slug, "no organization has the slug that `oidc` names");
            return Ok(None);
        };
        // Whoever has the address here already is not thereby the one who came.
        if self
            .store
            .find_user_by_email(email.as_str())
            .await?
            .is_some()
        {
            return Ok(None);
        }
        let scope = Scope::of(organization.id);
        let name = name_of(arrival, email.as_str());
        let user = self
            .passwordless(scope, email.as_str(), name, config.role)
            .await?;
        let mut tx = self.store.begin().await?;
        self.admit(&mut tx, &user).await?;
        let mut entry = self.account_audit(
            user.organization,
            By::System,
            "user.create-from-issuer",
            ("user", user.id.to_string()),
            request_id,
        );
        entry.after = Some(json!({ "email": user.email, "issuer": arrival.issuer }));
        tx.audit(entry);
        let identity = (arrival.issuer.as_str(), arrival.subject.as_str());
        self.link_identity(&mut tx, &user, identity, request_id)
            .await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    /// A person with a password that nobody knows; the mailbox's owner can choose one.
    pub(crate) async fn passwordless(
        &self,
        scope: Scope,
        email: &str,
        name: String,
        role: Role,
    ) -> Result<User, AppError> {
        let random: [u8; 32] = rand::rng().random();
        let password = Zeroizing::new(crate::token::hex(&random));
        let hash = self.passwords.hash(password.as_str().to_owned()).await?;
        Ok(self.new_user(scope, email, name, role, hash))
    }

    /// Names of the issuers that people can sign in at.
    #[must_use]
    pub fn oidc_providers(&self) -> Vec<String> {
        self.accounts.oidc.names()
    }

    /// Links an identity to a signed-in person.
    ///
    /// # Errors
    /// `InvalidInput` for a wrong password or ticket, `Conflict` when it is somebody's already.
    pub async fn link_own_identity(
        &self,
        actor: &UserActor,
        (password, ticket): (&str, &str),
        client: &Client,
        request_id: &str,
    ) -> Result<Identity, AppError> {
        let user = self.check_own_password(actor, password, client).await?;
        let ticket = self.open_ticket("ticket", ticket)?;
        let mut tx = self.store.begin().await?;
        let identity = (ticket.issuer.as_str(), ticket.subject.as_str());
        let linked = self.link_identity(&mut tx, &user, identity, request_id);
        let linked = linked.await?;
        tx.commit().await?;
        Ok(linked)
    }

    /// The links of a person.
    ///
    /// # Errors
    /// [`AppError`] when the database cannot be asked.
    pub async fn list_identities(&self, actor: &UserActor) -> Result<Vec<Identity>, AppError> {
        Ok(self.store.list_identities(actor.id).await?)
    }

    /// Takes one of one's own links off.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unlink_identity(
        &self,
        actor: &UserActor,
        id: IdentityId,
        request_id: &str,
    ) -> Result<Identity, AppError> {
        let all = self.store.list_identities(actor.id).await?;
        let found = all.into_iter().find(|it| it.id == id);
        let found = found.ok_or_else(|| AppError::not_found("identity"))?;
        let mut tx = self.store.begin().await?;
        if !tx.delete_identity(actor.id, id).await? {
            return Err(AppError::not_found("identity"));
        }
        let mut entry = self.account_audit(
            actor.organization,
            By::User(actor.id),
            "identity.unlink",
            ("identity", id.to_string()),
            request_id,
        );
        entry.before = Some(json!({ "issuer": found.issuer, "subject": found.subject }));
        tx.audit(entry);
        let unlinked = AccessChange::Identity {
            identity: id,
            is_linked: false,
        };
        tx.emit(&self.access_event(actor.organization, actor.id, unlinked));
        tx.commit().await?;
        Ok(found)
    }
}

/// The name that the issuer says, or the address.
fn name_of(arrival: &Arrival, email: &str) -> String {
    let given = arrival.name.as_deref().unwrap_or_default();
    let printable = given.chars().filter(|c| !c.is_control());
    let name: String = printable.take(100).collect();
    match name.trim() {
        "" => email.to_owned(),
        name => name.to_owned(),
    }
}
