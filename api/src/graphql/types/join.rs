//! How people join.

use aim_domain::join::{
    Invitation as InvitationRow, InvitationStatus as InvitationState, JoinSettings as SettingsRow,
    Registration as RegistrationRow, RegistrationStatus as RegistrationState,
};
use async_graphql::{ComplexObject, Context, Enum, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::RequestContext;
use super::super::enums::Role;
use super::super::id::global_id;

/// What has become of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum InvitationStatus {
    /// It can be accepted.
    Open,
    /// They came.
    Accepted,
    /// It was taken back.
    Revoked,
    /// Nobody came in time.
    Expired,
}

/// How far a request to join has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "RegistrationState")]
pub(crate) enum RegistrationStatus {
    /// Nobody has shown yet that the address is theirs; such requests are not listed.
    Unverified,
    /// It waits for an administrator.
    Pending,
    /// They were let in.
    Approved,
    /// They were not.
    Rejected,
}

/// An invitation to join your organization. Its token is in the letter and nowhere else.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Invitation {
    /// Global id.
    id: ID,
    /// Whom.
    email: String,
    /// As what.
    role: Role,
    /// By whom, as `user:<id>`.
    invited_by: String,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Until when it can be accepted.
    expires_at: DateTime<Utc>,
    /// When it was accepted.
    accepted_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    revoked_by: Option<String>,
    #[graphql(skip)]
    row: InvitationRow,
}

impl From<InvitationRow> for Invitation {
    fn from(row: InvitationRow) -> Self {
        Self {
            id: global_id("Invitation", row.id),
            email: row.email.clone(),
            role: row.role.into(),
            invited_by: row.invited_by.clone(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            accepted_at: row.accepted_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by.clone(),
            row,
        }
    }
}

#[ComplexObject]
impl Invitation {
    /// What has become of it.
    async fn status(&self, context: &Context<'_>) -> Result<InvitationStatus> {
        let now = RequestContext::of(context)?.app.clock().now();
        Ok(match self.row.status(now) {
            InvitationState::Open => InvitationStatus::Open,
            InvitationState::Accepted => InvitationStatus::Accepted,
            InvitationState::Revoked => InvitationStatus::Revoked,
            InvitationState::Expired => InvitationStatus::Expired,
        })
    }
}

connection!(
    InvitationConnection,
    InvitationEdge,
    Invitation,
    InvitationRow,
    "Invitation"
);

/// A person's request to join your organization.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Registration {
    /// Global id.
    id: ID,
    /// Their e-mail address. They have shown that it is theirs; it proves nothing else about them.
    email: String,
    /// The name that they gave.
    name: String,
    /// How far it has come.
    status: RegistrationStatus,
    /// Since when.
    created_at: DateTime<Utc>,
    /// When they showed that the address is theirs.
    confirmed_at: Option<DateTime<Utc>>,
    /// When it was decided.
    decided_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    decided_by: Option<String>,
    /// Why not.
    reason: Option<String>,
}

impl From<RegistrationRow> for Registration {
    fn from(row: RegistrationRow) -> Self {
        Self {
            id: global_id("Registration", row.id),
            email: row.email,
            name: row.name,
            status: row.status.into(),
            created_at: row.created_at,
            confirmed_at: row.confirmed_at,
            decided_at: row.decided_at,
            decided_by: row.decided_by,
            reason: row.reason,
        }
    }
}

connection!(
    RegistrationConnection,
    RegistrationEdge,
    Registration,
    RegistrationRow,
    "Registration"
);

/// How people may join your organization, beside by invitation.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct JoinSettings {
    /// Whether people may ask to be let in. An administrator decides each time.
    is_registration_open: bool,
    /// Only with an address of this domain; any when null. It never lets anybody in by itself.
    registration_domain: Option<String>,
}

impl From<SettingsRow> for JoinSettings {
    fn from(row: SettingsRow) -> Self {
        Self {
            is_registration_open: row.registration_open,
            registration_domain: row.registration_domain,
        }
    }
}
