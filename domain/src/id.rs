//! Typed identifiers. One type a noun, so that two of them cannot be swapped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Ids are UUID version 7 where we make them (they sort by creation), version 8 (RFC 9562) where they
/// are derived from somebody else's identifier.
macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to name this kind of object.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The plain UUID, for storage and wire formats.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

typed_id! {
    /// A tenant.
    OrganizationId,
    /// A person.
    UserId,
    /// A registered autonomous program.
    AgentId,
    /// One public key of an agent.
    AgentKeyId,
    /// The row that gives an agent a capability.
    CapabilityGrantId,
    /// An agent's word that another may act with a part of what it may do.
    DelegationId,
    /// Our recorded answer to "may it?".
    VerificationId,
    /// What somebody thinks of an agent.
    AgentRatingId,
    /// A score of an agent at a time.
    TrustSnapshotId,
    /// A detector's finding.
    AnomalyId,
    /// A person's word on what an action is.
    ActionClassOverrideId,
    /// Where somebody outside is told of events.
    NotificationTargetId,
    /// One thing to tell one of them.
    NotificationDeliveryId,
    /// A rule of an organization about actions.
    PolicyId,
    /// One published text of a policy.
    PolicyVersionId,
    /// Something a person must look at.
    AlertId,
    /// A person's word that findings raise no alert.
    AlertSuppressionId,
    /// A record of who did what.
    AuditEntryId,
    /// A fact on the event log.
    EventId,
    /// A person's session.
    SessionId,
    /// A key of a program that acts for a person.
    ApiKeyId,
    /// An event that was given up on.
    DeadLetterId,
    /// A published model.
    ModelVersionId,
    /// A move of champion or challenger.
    ModelMoveId,
    /// A letter.
    MailId,
    /// An invitation to join an organization.
    InvitationId,
    /// A request to join an organization.
    RegistrationId,
    /// Who a person is at another issuer.
    IdentityId,
    /// A passkey of a person.
    PasskeyId,
    /// A person's answer to a pending verification.
    ApprovalAnswerId,
    /// A person's word that an agent may do something without asking each time.
    ApprovalGrantId,
    /// A capability that an agent asks for.
    CapabilityRequestId,
    /// Attempts at what nothing grants.
    CapabilityViolationId,
    /// A server of tools.
    McpServerId,
    /// What such a server said of itself at a time.
    McpManifestId,
    /// A part of that which is not what was approved.
    McpDriftId,
    /// An agent's word on what it saw of such a server.
    McpAttestationId,
    /// A server that somebody saw and nobody registered.
    McpSightingId,
    /// An agent that somebody saw and nobody registered.
    AgentSightingId,
    /// A review of who and what may get in.
    AccessReviewId,
    /// One thing of such a review.
    AccessReviewItemId,
    /// A report that is made again and again.
    ReportScheduleId,
    /// A report as it was when it was made.
    KeptReportId,
    /// A filter of a list under a name.
    SavedFilterId,
}

impl EventId {
    /// Name space of event ids derived from a producer's `source` and `id`.
    const PRODUCED: [u8; 16] = 0x6f1c_8a0e_5b7d_4c39_9e21_7a40_d35b_18f2_u128.to_be_bytes();

    /// The id of a producer's event: CloudEvents makes (`source`, `id`) unique, and the
    /// organization keeps tenants apart, so the same event always gets the same id. It is the
    /// beginning of a SHA-256, so that nobody finds two events with one id.
    #[must_use]
    pub fn produced(organization: OrganizationId, source: &str, id: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(Self::PRODUCED)
            .chain_update(organization.as_uuid().as_bytes())
            .chain_update(source)
            .chain_update([0])
            .chain_update(id)
            .finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(Uuid::new_v8(first))
    }
}
