//! Who makes a request, and the proof that they may.

use std::net::IpAddr;

use aim_domain::id::{AgentId, AgentKeyId, AuditEntryId, OrganizationId, SessionId, UserId};
use aim_domain::role::{Permission, Role};
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::authorization::access;
use crate::{AppError, ErrorCode, Ids};

/// A signed-in person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserActor {
    /// Who.
    pub id: UserId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// As what.
    pub role: Role,
    /// Whether they must choose a new password before anything else.
    pub must_change_password: bool,
    /// The session that their request shows.
    pub session: SessionId,
}

/// An agent whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentActor {
    /// Which.
    pub agent: AgentId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// The key it signed with.
    pub key: AgentKeyId,
    /// The nonce of its request.
    pub nonce: String,
    /// When the signature becomes stale.
    pub stale_at: DateTime<Utc>,
    /// Whether a kill switch stops it: it may still ask for actions, which are denied, report
    /// results and send in events, which are evidence.
    pub is_killed: bool,
    /// The address that the request came from, where it is known. It is not kept.
    pub client: Option<IpAddr>,
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody we know.
    Anonymous,
    /// A person.
    User(UserActor),
    /// An agent.
    Agent(AgentActor),
    /// A program that shows an API key.
    ApiKey(ProgramActor),
    /// A program that shows an access token of its SDK token.
    SdkToken(ProgramActor),
}

/// A program that acts for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramActor {
    /// The key, or the session of the token.
    pub id: Uuid,
    /// Of which organization.
    pub organization: OrganizationId,
    /// For whom it acts.
    pub owner: UserId,
    /// What it was given.
    pub given: Vec<Permission>,
    /// The role of its person now.
    pub role: Role,
    /// What its key is found by, where it has one.
    pub prefix: Option<String>,
}

/// The proof that an actor may do something; only [`Actor::permit`] makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    scope: Scope,
    actor_type: &'static str,
    actor_id: String,
    request_id: String,
}

impl Actor {
    /// Checks that the actor has `permission`, by the table in `authorization.rs`.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody, `Forbidden` for the wrong role, `PreconditionFailed` while a
    /// password has to be changed.
    pub fn permit(&self, permission: Permission, request_id: &str) -> Result<Permit, AppError> {
        match self {
            Self::Anonymous => Err(AppError::new(
                ErrorCode::Unauthenticated,
                "sign in, or sign the request with an agent's key",
            )),
            Self::Agent(agent)
                if agent.is_killed
                    && matches!(permission, Permission::Read | Permission::RateAgents) =>
            {
                Err(AppError::new(
                    ErrorCode::Forbidden,
                    "the kill switch is engaged; an administrator can release it",
                ))
            }
            Self::Agent(agent) if access(permission).agents => Ok(Permit {
                scope: Scope::of(agent.organization),
                actor_type: "agent",
                actor_id: agent.agent.to_string(),
                request_id: request_id.to_owned(),
            }),
            Self::ApiKey(program) => program.permit("api-key", permission, request_id),
            Self::SdkToken(program) => program.permit("sdk-token", permission, request_id),
            Self::Agent(_) => Err(AppError::new(
                ErrorCode::Forbidden,
                "agents may not do this; a person can",
            )),
            Self::User(user) if user.must_change_password => Err(AppError::new(
                ErrorCode::PreconditionFailed,
                "change the one-time password first, with `changePassword`",
            )),
            Self::User(user) if user.role.may(permission) => Ok(Permit {
                scope: Scope::of(user.organization),
                actor_type: "user",
                actor_id: user.id.to_string(),
                request_id: request_id.to_owned(),
            }),
            Self::User(user) => Err(AppError::new(
                ErrorCode::Forbidden,
                format!(
                    "role `{:?}` may not; it needs `{:?}`",
                    user.role,
                    permission.least_role()
                ),
            )),
        }
    }
}

impl Actor {
    /// The person who acts, or for whom a program acts.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id),
            Self::ApiKey(program) | Self::SdkToken(program) => Some(program.owner),
            Self::Anonymous | Self::Agent(_) => None,
        }
    }
}

impl ProgramActor {
    fn permit(
        &self,
        actor_type: &'static str,
        permission: Permission,
        request_id: &str,
    ) -> Result<Permit, AppError> {
        let refused = |message: String| Err(AppError::new(ErrorCode::Forbidden, message));
        if !access(permission).programs {
            return refused("programs may not do this; a person can".to_owned());
        }
        if !self.given.contains(&permission) {
            return refused(format!("this credential was not given `{permission:?}`"));
        }
        if !self.role.may(permission) {
            let least = permission.least_role();
            return refused(format!(
                "the person this credential is of has role `{:?}`; it needs `{least:?}`",
                self.role
            ));
        }
        Ok(Permit {
            scope: Scope::of(self.organization),
            actor_type,
            actor_id: self.id.to_string(),
            request_id: request_id.to_owned(),
        })
    }
}

/// An audit entry in the name of a person, for what needs no permit: their own sessions and secrets.
pub(crate) fn audit_of(
    ids: &Ids,
    (organization, user): (OrganizationId, UserId),
    action: &'static str,
    object: (&'static str, String),
    (before, after): (Option<Value>, Option<Value>),
    request_id: &str,
) -> NewAuditEntry {
    NewAuditEntry {
        id: AuditEntryId::from_uuid(ids.next()),
        organization,
        actor_type: "user",
        actor_id: user.to_string(),
        action,
        object_type: object.0,
        object_id: object.1,
        reason: None,
        before,
        after,
        request_id: request_id.to_owned(),
    }
}

impl Permit {
    /// What its holder may see.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Its holder, as `user:<id>`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("{}:{}", self.actor_type, self.actor_id)
    }

    /// An audit entry in its holder's name.
    pub(crate) fn audit(
        &self,
        ids: &Ids,
        action: &'static str,
        object: (&'static str, String),
        reason: Option<String>,
        (before, after): (Option<Value>, Option<Value>),
    ) -> NewAuditEntry {
        NewAuditEntry {
            id: AuditEntryId::from_uuid(ids.next()),
            organization: self.scope.organization,
            actor_type: self.actor_type,
            actor_id: self.actor_id.clone(),
            action,
            object_type: object.0,
            object_id: object.1,
            reason,
            before,
            after,
            request_id: self.request_id.clone(),
        }
    }
}
