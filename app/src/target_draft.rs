//! What people say of a target, checked.

use aim_domain::anomaly::Severity;
use aim_domain::email::EmailAddress;
use aim_domain::event::{
    AgentChanged, AlertRaised, Fact, OrganizationChanged, VerificationRecorded,
};
use aim_domain::notification::TargetKind;
use aim_domain::scope::Scope;
use url::Url;

use crate::api_keys::check_name;
use crate::error::FieldErrors;
use crate::{App, AppError};

/// Most bytes of a URL.
const URL_MAX: usize = 2_048;
/// What people can be told of, and are when nothing else was said: of verifications, those that wait
/// for approval; of agents and organizations, what stops them.
const FOR_PEOPLE: [&str; 4] = [
    AlertRaised::TYPE,
    VerificationRecorded::TYPE,
    AgentChanged::TYPE,
    OrganizationChanged::TYPE,
];

/// What a target shall be.
#[derive(Debug, Clone)]
pub struct TargetDraft {
    /// What a person calls it.
    pub name: String,
    /// Where it is: a URL, or an e-mail address.
    pub address: String,
    /// The events it is told of; all that are for people when left out, and when empty only what
    /// policies tell it of.
    pub event_types: Option<Vec<String>>,
    /// Of alerts and approvals, only those as bad.
    pub least_severity: Option<Severity>,
}

/// Where a target is.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// As lists show it.
    pub(crate) shown: String,
    /// The whole, when that is a secret.
    pub(crate) secret: Option<String>,
}

/// A draft without mistakes.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) place: Place,
    pub(crate) event_types: Vec<String>,
}

impl App {
    pub(crate) async fn check_target(
        &self,
        scope: Scope,
        kind: TargetKind,
        draft: &TargetDraft,
    ) -> Result<Checked, AppError> {
        self.check_changed(scope, kind, draft, true).await
    }

    /// As [`App::check_target`]; the address only if it is another one.
    pub(crate) async fn check_changed(
        &self,
        scope: Scope,
        kind: TargetKind,
        draft: &TargetDraft,
        is_moved: bool,
    ) -> Result<Checked, AppError> {
        let mut errors = FieldErrors::default();
        check_name(&mut errors, &draft.name);
        let event_types = check_types(&mut errors, kind, draft.event_types.as_deref());
        let place = match (is_moved, kind) {
            (false, _) => Place::default(),
            (true, TargetKind::Webhook) => self.check_url(&mut errors, &draft.address),
            (true, TargetKind::Slack) => hidden(self.check_url(&mut errors, &draft.address)),
            (true, TargetKind::Email) => {
                self.needs_mail()?;
                self.check_mailbox(scope, &mut errors, &draft.address)
                    .await?
            }
        };
        errors.finish()?;
        Ok(Checked { place, event_types })
    }

    fn check_url(&self, errors: &mut FieldErrors, text: &str) -> Place {
        errors.text("url", text, URL_MAX);
        let Some(outbound) = &self.outbound else {
            errors.add("url", "is not reached: this installation sends no requests");
            return Place::default();
        };
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                errors.add("url", format!("is no URL: {error}"));
                return Place::default();
            }
        };
        if let Err(error) = outbound.check(&url) {
            errors.add("url", error.to_string());
        }
        Place {
            shown: url.to_string(),
            secret: None,
        }
    }

    /// Letters go to people of the organization only: nobody else has agreed to get any.
    async fn check_mailbox(
        &self,
        scope: Scope,
        errors: &mut FieldErrors,
        text: &str,
    ) -> Result<Place, AppError> {
        let Some(address) = errors.keep("email", EmailAddress::parse(text)) else {
            return Ok(Place::default());
        };
        let found = self.store.find_user_by_email(address.as_str()).await?;
        if found.is_none_or(|it| it.organization != scope.organization) {
            errors.add("email", "is nobody's of your organization who may sign in");
        }
        Ok(Place {
            shown: address.as_str().to_owned(),
            secret: None,
        })
    }
}

/// Whoever knows the URL of a channel can write to it: lists show where it is, and no more.
fn hidden(place: Place) -> Place {
    let origin = Url::parse(&place.shown).map(|url| url.origin().ascii_serialization());
    Place {
        shown: format!("{}/…", origin.unwrap_or_default()),
        secret: Some(place.shown),
    }
}

fn check_types(
    errors: &mut FieldErrors,
    kind: TargetKind,
    wanted: Option<&[String]>,
) -> Vec<String> {
    let all = match kind {
        TargetKind::Webhook => Fact::TYPES,
        TargetKind::Slack | TargetKind::Email => &FOR_PEOPLE,
    };
    let wanted = match (wanted, kind) {
        (Some(wanted), _) => wanted.to_vec(),
        (None, TargetKind::Webhook) => Vec::new(),
        (None, _) => FOR_PEOPLE.map(str::to_owned).to_vec(),
    };
    for (index, name) in wanted.iter().enumerate() {
        if !all.contains(&name.as_str()) {
            let shown: String = name.chars().take(60).collect();
            let message = format!("is `{shown}`; choose from {}", all.join(", "));
            errors.add(&format!("eventTypes.{index}"), message);
        }
    }
    let mut wanted = wanted;
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}
