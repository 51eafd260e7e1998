//! How people join an organization: by invitation, or by asking and being let in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::id::{InvitationId, OrganizationId, RegistrationId, UserId};
use crate::role::Role;

/// An invitation to join an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its identity.
    pub id: InvitationId,
    /// To which organization.
    pub organization: OrganizationId,
    /// Whom.
    pub email: String,
    /// As what.
    pub role: Role,
    /// By whom, as `user:<id>`.
    pub invited_by: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when it can be accepted.
    pub expires_at: DateTime<Utc>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Who came.
    pub user: Option<UserId>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// By whom.
    pub revoked_by: Option<String>,
}

/// What has become of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationStatus {
    /// It can be accepted.
    Open,
    /// Somebody came.
    Accepted,
    /// It was taken back.
    Revoked,
    /// Nobody came in time.
    Expired,
}

impl Invitation {
    /// What has become of it.
    #[must_use]
    pub fn status(&self, now: DateTime<Utc>) -> InvitationStatus {
        if self.accepted_at.is_some() {
            InvitationStatus::Accepted
        } else if self.revoked_at.is_some() {
            InvitationStatus::Revoked
        } else if self.expires_at <= now {
            InvitationStatus::Expired
        } else {
            InvitationStatus::Open
        }
    }
}

/// How far a request to join has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationStatus {
    /// Nobody has shown yet that the e-mail address is theirs.
    Unverified,
    /// It waits for an administrator.
    Pending,
    /// They were let in.
    Approved,
    /// They were not.
    Rejected,
}

/// A person's request to join an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its identity.
    pub id: RegistrationId,
    /// Which organization.
    pub organization: OrganizationId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// How far it has come.
    pub status: RegistrationStatus,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When they showed that the address is theirs.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    pub decided_by: Option<String>,
    /// Why not.
    pub reason: Option<String>,
}

/// How people may join an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinSettings {
    /// Whether people may ask to be let in. An administrator decides each time.
    pub registration_open: bool,
    /// Only with an address of this domain. It never lets anybody in by itself.
    pub registration_domain: Option<String>,
}

/// The highest role that somebody gets who joins without being invited or approved.
pub const UNINVITED_ROLE_MAX: Role = Role::Member;

impl JoinSettings {
    /// Whether somebody with this address may ask to be let in.
    #[must_use]
    pub fn may_register(&self, email: &EmailAddress) -> bool {
        let domain = self.registration_domain.as_deref();
        self.registration_open && domain.is_none_or(|domain| domain == email.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_only_restricts() {
        let email = |text| EmailAddress::parse(text).unwrap();
        let mut settings = JoinSettings {
            registration_domain: Some("example.org".to_owned()),
            ..JoinSettings::default()
        };
        assert!(!settings.may_register(&email("a@example.org")));
        settings.registration_open = true;
        assert!(settings.may_register(&email("a@example.org")));
        for other in ["a@sub.example.org", "a@xexample.org", "a@example.org.evil"] {
            assert!(!settings.may_register(&email(other)), "{other}");
        }
    }
}
