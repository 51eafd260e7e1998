//! Who makes a request, and the proof that they may.

use std::net::IpAddr;

use aim_domain::id::{AgentId, AgentKeyId, AuditEntryId, OrganizationId, UserId};
use aim_domain::role::{Permission, Role};
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use chrono::{DateTime, Utc};
use serde_json::Value;

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
    /// Checks that the actor has `permission`. Agents may read their organization's objects,
    /// rate each other and send in events, which carry signatures of their own; everything else is for people.
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
            Self::Agent(agent)
                if matches!(
                    permission,
                    Permission::Read | Permission::RateAgents | Permission::IngestEvents
                ) =>
            {
                Ok(Permit {
                    scope: Scope::of(agent.organization),
                    actor_type: "agent",
                    actor_id: agent.agent.to_string(),
                    request_id: request_id.to_owned(),
                })
            }
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
