//! Joining an organization by invitation.

use aim_domain::join::{Invitation, InvitationStatus};
use aim_domain::scope::Scope;
use aim_store::users::User;
use serde_json::json;

use crate::accounts::By;
use crate::error::FieldErrors;
use crate::token::hash_of_given;
use crate::{App, AppError};

/// Longest name of a person.
pub(crate) const PERSON_NAME_MAX: usize = 200;

/// Who joins, and how.
#[derive(Clone)]
pub struct AcceptInvitation {
    /// The token of the letter.
    pub token: String,
    /// Their name.
    pub name: String,
    /// How they sign in.
    pub with: SignInWith,
}

impl std::fmt::Debug for SignInWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Identity(_) => "Identity",
        })
    }
}

/// How somebody who joins signs in.
#[derive(Clone)]
pub enum SignInWith {
    /// A password that they choose.
    Password(String),
    /// A ticket of an issuer.
    Identity(String),
}

impl std::fmt::Debug for AcceptInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcceptInvitation").finish_non_exhaustive()
    }
}

fn not_good() -> AppError {
    AppError::field(
        "token",
        "is not good, or not any more; ask to be invited again",
    )
}

impl FieldErrors {
    /// Refuses a person's name that says nothing, or too much.
    pub(crate) fn person(&mut self, field: &str, name: &str) {
        self.text(field, name, PERSON_NAME_MAX);
        if name.trim().is_empty() || name.contains(['\n', '\t']) {
            self.add(field, "is empty or has more than one line; say who you are");
        }
    }
}

impl App {
    /// Makes the account that an invitation is for. The token shows that the address is theirs.
    ///
    /// # Errors
    /// `InvalidInput` naming the field when the token is not good, the name empty or the password
    /// too weak; `Conflict` when the address has an account.
    pub async fn accept_invitation(
        &self,
        input: AcceptInvitation,
        request_id: &str,
    ) -> Result<User, AppError> {
        let invitation = self.open_invitation(&input.token).await?;
        let mut errors = FieldErrors::default();
        errors.person("name", &input.name);
        errors.finish()?;
        let scope = Scope::of(invitation.organization);
        let (email, role) = (&invitation.email, invitation.role);
        let name = input.name.trim().to_owned();
        let (user, ticket) = match input.with {
            SignInWith::Password(password) => {
                let mut user = self.new_user(scope, email, name, role, String::new());
                user.password_hash = self.hash_new_password("password", &user, &password).await?;
                (user, None)
            }
            SignInWith::Identity(ticket) => {
                let ticket = self.open_ticket("ticket", &ticket)?;
                (
                    self.passwordless(scope, email, name, role).await?,
                    Some(ticket),
                )
            }
        };
        let mut tx = self.store.begin().await?;
        self.join_by_invitation(&mut tx, &invitation, &user, request_id)
            .await?;
        if let Some(ticket) = ticket {
            let identity = (ticket.issuer.as_str(), ticket.subject.as_str());
            self.link_identity(&mut tx, &user, identity, request_id)
                .await?;
        }
        tx.commit().await?;
        Ok(user)
    }

    /// The invitation with this token, if it can be accepted.
    async fn open_invitation(&self, token: &str) -> Result<Invitation, AppError> {
        let hash = hash_of_given(token).ok_or_else(not_good)?;
        let found = self.store.find_invitation_by_token(&hash).await?;
        let now = self.clock.now();
        let is_open = |it: &Invitation| it.status(now) == InvitationStatus::Open;
        found.filter(is_open).ok_or_else(not_good)
    }

    /// Uses an invitation up for `user`, who is made by it.
    async fn join_by_invitation(
        &self,
        tx: &mut aim_store::Tx,
        invitation: &Invitation,
        user: &User,
        request_id: &str,
    ) -> Result<(), AppError> {
        if !tx.accept_invitation(invitation.id, user.id).await? {
            return Err(not_good());
        }
        self.admit(tx, user).await?;
        let mut entry = self.account_audit(
            user.organization,
            By::User(user.id),
            "invitation.accept",
            ("invitation", invitation.id.to_string()),
            request_id,
        );
        entry.after = Some(json!({ "user": user.id, "email": user.email, "role": user.role }));
        tx.audit(entry);
        Ok(())
    }
}
