//! What people's accounts need beside the database, and what their use cases share.

use std::sync::Arc;

use aim_domain::access::AccessChange;
use aim_domain::id::{AuditEntryId, MailId, OrganizationId, UserId};
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use aim_store::mails::NewMail;
use aim_store::users::User;
use aim_store::{StoreError, Tx};
use chrono::Duration;
use serde_json::Value;
use tokio::sync::Notify;

use crate::mail::{MailKind, Mailer};
use crate::oidc::OidcProviders;
use crate::sealing::Sealer;
use crate::throttle::Throttle;
use crate::{App, AppError, ErrorCode};

/// Most letters that wait at one time; a flood of more is refused.
const MAILS_MAX: u64 = 10_000;
/// How often one address may be asked about, by one process.
const ASKED_MAX: u32 = 5;
const ASKED_WINDOW: Duration = Duration::minutes(10);

/// Who carries letters, what secrets are sealed with, where people find us.
#[derive(Debug)]
pub struct Accounts {
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
    pub(crate) base_url: Option<String>,
    pub(crate) sealer: Option<Sealer>,
    pub(crate) oidc: OidcProviders,
    pub(crate) asked: Throttle,
    pub(crate) bell: Notify,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            mailer: None,
            base_url: None,
            sealer: None,
            oidc: OidcProviders::default(),
            asked: Throttle::new(ASKED_MAX, ASKED_WINDOW),
            bell: Notify::new(),
        }
    }
}

impl Accounts {
    /// With somebody who carries letters; without, whatever needs one says so.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// With the URL that links in letters begin with.
    #[must_use]
    pub fn at(mut self, base_url: &str) -> Self {
        self.base_url = Some(base_url.to_owned());
        self
    }

    /// With issuers that people sign in at.
    #[must_use]
    pub fn with_oidc(mut self, providers: OidcProviders) -> Self {
        self.oidc = providers;
        self
    }

    /// With the secret that all API processes share: second factors, sign-ins at issuers and private
    /// keys of the installation are sealed with it.
    #[must_use]
    pub fn sealing_with(mut self, secret: &[u8]) -> Self {
        self.sealer = Some(Sealer::new(secret));
        self
    }
}

/// Whose doing an audit entry tells of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// A person's, who had no permit yet.
    User(UserId),
    /// Ours, on behalf of somebody whom we do not know.
    System,
}

impl App {
    /// With what people's accounts need.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Accounts) -> Self {
        self.accounts = accounts;
        self
    }

    /// That letters can be sent.
    ///
    /// # Errors
    /// `Conflict` where nobody carries them.
    pub(crate) fn needs_mail(&self) -> Result<(), AppError> {
        if self.accounts.mailer.is_some() {
            return Ok(());
        }
        let message = "this installation sends no e-mail; its operator can set `smtp_url` and \
                       `smtp_from`";
        Err(AppError::new(ErrorCode::Conflict, message))
    }

    pub(crate) fn sealer(&self) -> Result<&Sealer, AppError> {
        let internal = || AppError::new(ErrorCode::Internal, "internal error");
        self.accounts.sealer.as_ref().ok_or_else(internal)
    }

    /// Writes a letter into the transaction of its cause. Without anybody who carries it nothing is
    /// written. [`App::mail_was_queued`] after the commit makes it go at once.
    pub(crate) async fn queue_mail(
        &self,
        tx: &mut Tx,
        kind: MailKind,
        recipient: &str,
        about: &str,
        parameters: Value,
    ) -> Result<(), StoreError> {
        if self.accounts.mailer.is_none() {
            return Ok(());
        }
        let kind = kind.text();
        let mail = NewMail {
            id: MailId::from_uuid(self.ids.next()),
            kind,
            recipient: recipient.to_owned(),
            key: format!("{kind}:{recipient}:{about}"),
            parameters,
        };
        tx.insert_mail(&mail).await
    }

    pub(crate) fn mail_was_queued(&self) {
        self.accounts.bell.notify_one();
    }

    /// Writes a letter that somebody asked for whom we do not know. What is true of the address, or
    /// of anything else that they named, is found out when it is sent: the answer and its time are
    /// the same whatever it is.
    ///
    /// # Errors
    /// `RateLimited` for an address that was asked about too often, known or not; `Unavailable`
    /// when too many letters wait.
    pub(crate) async fn queue_unknown(
        &self,
        kind: MailKind,
        recipient: &str,
        about: &str,
        parameters: Value,
    ) -> Result<(), AppError> {
        self.needs_mail()?;
        let now = self.clock.now();
        self.accounts.asked.take(kind.text(), recipient, now)?;
        if self.store.count_waiting_mails().await? >= MAILS_MAX {
            let message = "too many letters wait to be sent; try again later";
            return Err(AppError::new(ErrorCode::Unavailable, message));
        }
        let mut tx = self.store.begin().await?;
        self.queue_mail(&mut tx, kind, recipient, about, parameters)
            .await?;
        tx.commit().await?;
        self.mail_was_queued();
        Ok(())
    }

    /// An audit entry for what was done without a permit.
    pub(crate) fn account_audit(
        &self,
        organization: OrganizationId,
        by: By,
        action: &'static str,
        object: (&'static str, String),
        request_id: &str,
    ) -> NewAuditEntry {
        let (actor_type, actor_id) = match by {
            By::User(user) => ("user", user.to_string()),
            By::System => ("system", "accounts".to_owned()),
        };
        NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization,
            actor_type,
            actor_id,
            action,
            object_type: object.0,
            object_id: object.1,
            reason: None,
            before: None,
            after: None,
            request_id: request_id.to_owned(),
        }
    }

    /// The name of an organization, for letters.
    pub(crate) async fn organization_name(&self, id: OrganizationId) -> Result<String, AppError> {
        let found = self.store.find_organization(id).await?;
        Ok(found.map_or_else(String::new, |it| it.name))
    }

    /// Lets a new person in, if there is room and nobody has the address.
    pub(crate) async fn admit(&self, tx: &mut Tx, user: &User) -> Result<(), AppError> {
        let scope = Scope::of(user.organization);
        self.check_room_for_user(tx, scope).await?;
        tx.insert_user(user).await.map_err(|error| match error {
            // Only whoever has the mailbox, or lets them in, reads this.
            StoreError::Duplicate(_) => {
                let message = "this address has an account already; an address has one account in \
                               one organization";
                AppError::new(ErrorCode::Conflict, message)
            }
            other => other.into(),
        })?;
        let joined = AccessChange::Joined { role: user.role };
        tx.emit(&self.access_event(user.organization, user.id, joined));
        Ok(())
    }

    /// A new person, who has a password already.
    pub(crate) fn new_user(
        &self,
        scope: Scope,
        email: &str,
        name: String,
        role: Role,
        password_hash: String,
    ) -> User {
        User {
            id: UserId::from_uuid(self.ids.next()),
            organization: scope.organization,
            email: email.to_owned(),
            name,
            role,
            password_hash,
            must_change_password: false,
            token_generation: 0,
            created_at: self.clock.now(),
        }
    }
}
