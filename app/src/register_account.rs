//! Asking to join an organization, and showing whose address it is.
//!
//! An organization is named by its slug, never found by the domain of an address: whoever has an
//! address at a domain, or is first with it, gets nothing by that.

use aim_domain::email::EmailAddress;
use aim_domain::id::RegistrationId;
use aim_domain::join::{Registration, RegistrationStatus};
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_store::mails::ClaimedMail;
use chrono::Duration;
use serde_json::json;

use crate::accounts::By;
use crate::error::FieldErrors;
use crate::mail::{MailKind, Words};
use crate::token::{hash_of_given, new_token, token_hash};
use crate::{App, AppError};

/// How long a token is good.
const TOKEN_LIFE: Duration = Duration::hours(24);
/// Most requests of an organization that wait for an administrator.
const PENDING_MAX: u64 = 500;
/// Administrators who are told of a request.
const TOLD_MAX: u64 = 20;
/// Longest slug of an organization.
const SLUG_MAX: usize = 100;

impl App {
    /// Sends a token to an address, with which its owner asks to join an organization. Whether there
    /// is such an organization, whether it takes such requests, and whether the address has an
    /// account, is not looked at here: answer and time are the same.
    ///
    /// # Errors
    /// `InvalidInput` for the fields, `Conflict` where no e-mail is sent, `RateLimited`.
    pub async fn register_account(
        &self,
        organization: &str,
        email: &str,
        name: &str,
    ) -> Result<(), AppError> {
        let mut errors = FieldErrors::default();
        let email = errors.keep("email", EmailAddress::parse(email));
        errors.person("name", name);
        let slug = organization.trim().to_lowercase();
        errors.text("organizationSlug", &slug, SLUG_MAX);
        errors.finish()?;
        let Some(email) = email else {
            return Err(AppError::field("email", "is no address"));
        };
        let parameters = json!({ "slug": slug, "name": name.trim() });
        let kind = MailKind::Registration;
        self.queue_unknown(kind, email.as_str(), &slug, parameters)
            .await
    }

    /// Finds out what is true of a request, and puts that into words for the owner of the address.
    pub(crate) async fn registration_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let now = self.clock.now();
        if mail.created_at + TOKEN_LIFE < now || self.has_enough(mail).await? {
            return Ok(None);
        }
        let slug = mail.parameters["slug"].as_str().unwrap_or_default();
        let name = mail.parameters["name"].as_str().unwrap_or_default();
        let Some(organization) = self.store.find_organization_by_slug(slug).await? else {
            return Ok(None);
        };
        let scope = Scope::of(organization.id);
        let settings = self.store.find_join_settings(scope).await?;
        let may = EmailAddress::parse(&mail.recipient).is_ok_and(|it| settings.may_register(&it));
        if !may {
            return Ok(None);
        }
        if self
            .store
            .find_user_by_email(&mail.recipient)
            .await?
            .is_some()
        {
            return Ok(Some(Words::registration_known()));
        }
        let mut tx = self.store.begin().await?;
        let id = match tx.find_open_registration(scope, &mail.recipient).await? {
            Some(open) if open.status == RegistrationStatus::Pending => {
                return Ok(Some(Words::registration_known()));
            }
            Some(open) => open.id,
            None if tx.count_pending_registrations(scope).await? >= PENDING_MAX => {
                tracing::warn!(organization = %organization.id, "too many requests to join wait");
                return Ok(None);
            }
            None => {
                let new = Registration {
                    id: RegistrationId::from_uuid(self.ids.next()),
                    organization: organization.id,
                    email: mail.recipient.clone(),
                    name: name.to_owned(),
                    status: RegistrationStatus::Unverified,
                    created_at: now,
                    confirmed_at: None,
                    decided_at: None,
                    decided_by: None,
                    reason: None,
                };
                tx.insert_registration(&new).await?;
                new.id
            }
        };
        let token = new_token();
        tx.put_registration_token(id, name, &token_hash(&token), now + TOKEN_LIFE)
            .await?;
        tx.commit().await?;
        let base = self.accounts.base_url.as_deref();
        let hours = TOKEN_LIFE.num_hours();
        Ok(Some(Words::registration(
            base,
            &token,
            &organization.name,
            hours,
        )))
    }

    /// Shows that the address is theirs, and chooses the password. From then on the request waits
    /// for an administrator. Whoever asked first has chosen nothing: the password is its owner's.
    ///
    /// # Errors
    /// `InvalidInput` naming the field when the token is not good or the password too weak.
    pub async fn confirm_registration(
        &self,
        token: &str,
        password: &str,
        request_id: &str,
    ) -> Result<Registration, AppError> {
        let not_good = || {
            let message = "is not good, or not any more; ask to join again";
            AppError::field("token", message)
        };
        let hash = hash_of_given(token).ok_or_else(not_good)?;
        let asked = self.store.find_registration_by_token(&hash).await?;
        let asked = asked.ok_or_else(not_good)?;
        let scope = Scope::of(asked.organization);
        let (email, name) = (&asked.email, asked.name.clone());
        let person = self.new_user(scope, email, name, Role::Viewer, String::new());
        let password = self
            .hash_new_password("password", &person, password)
            .await?;
        let mut tx = self.store.begin().await?;
        let registration = tx.confirm_registration(&hash, &password).await?;
        let registration = registration.ok_or_else(not_good)?;
        let id = registration.id.to_string();
        let mut entry = self.account_audit(
            registration.organization,
            By::System,
            "registration.request",
            ("registration", id.clone()),
            request_id,
        );
        entry.after = Some(json!({ "email": registration.email, "name": registration.name }));
        tx.audit(entry);
        let told = self
            .store
            .list_users_with(scope, Role::Admin, TOLD_MAX)
            .await?;
        for admin in told {
            let parameters = json!({
                "organization": registration.organization,
                "email": registration.email,
                "name": registration.name,
            });
            let kind = MailKind::RegistrationPending;
            self.queue_mail(&mut tx, kind, &admin.email, &id, parameters)
                .await?;
        }
        tx.commit().await?;
        self.mail_was_queued();
        Ok(registration)
    }

    pub(crate) async fn registration_pending_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let text = |name: &str| {
            mail.parameters[name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let Ok(organization) = text("organization").parse() else {
            return Ok(None);
        };
        let organization = self.organization_name(organization).await?;
        let words = Words::registration_pending(&organization, &text("email"), &text("name"));
        Ok(Some(words))
    }
}
