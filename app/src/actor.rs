//! Who makes a request, and the proof that they may.

use std::net::IpAddr;
use std::sync::Arc;

use aim_domain::id::{AgentId, AgentKeyId, AuditEntryId, OrganizationId, SessionId, UserId};
use aim_domain::role::{Permission, Role};
use aim_domain::scope::Scope;
use aim_domain::verification::{Reason, ReasonCode};
use aim_store::audit::NewAuditEntry;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::authorization::access;
use crate::{AgentToken, AppError, ErrorCode, Ids};

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
    /// Why it may not act, if something stops it: a kill switch, its status, the end of its key. It
    /// may still ask for actions, which are denied; while its key is good it may report results and
    /// send in events, which are evidence.
    pub stopped: Option<Reason>,
    /// When its key ends, as far as was known when it signed.
    pub key_ends_at: Option<DateTime<Utc>>,
    /// The token that it came with, if it came with one: it asks for actions within its limits, and
    /// reports results.
    pub token: Option<Arc<AgentToken>>,
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
            Self::ApiKey(program) => program.permit("api-key", permission, request_id),
            Self::SdkToken(program) => program.permit("sdk-token", permission, request_id),
            Self::Agent(agent) => agent.permit(permission, request_id),
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

impl AgentActor {
    fn permit(&self, permission: Permission, request_id: &str) -> Result<Permit, AppError> {
        self.refuse_dead_key()?;
        if self.token.is_some() {
            return Err(AppError::new(
                ErrorCode::Forbidden,
                "a token is for `verifyAction` and `reportActionResult`; sign the request with the \
                 agent's key",
            ));
        }
        if !access(permission).agents {
            return Err(AppError::new(
                ErrorCode::Forbidden,
                "agents may not do this; a person can",
            ));
        }
        // What it sends in is evidence, also of what is stopped.
        if permission != Permission::IngestEvents
            && let Some(reason) = &self.stopped
        {
            return Err(AppError::new(ErrorCode::Forbidden, reason.message.clone()));
        }
        Ok(Permit {
            scope: Scope::of(self.organization),
            actor_type: "agent",
            actor_id: self.agent.to_string(),
            request_id: request_id.to_owned(),
        })
    }

    /// Refuses what only an agent may do that may act, with its own key.
    ///
    /// # Errors
    /// `Unauthenticated` for a key that has ended, `Forbidden` for an agent that is stopped, or a token.
    pub(crate) fn refuse_unable(&self) -> Result<(), AppError> {
        self.refuse_dead_key()?;
        if let Some(reason) = &self.stopped {
            return Err(AppError::new(ErrorCode::Forbidden, reason.message.clone()));
        }
        if self.token.is_some() {
            let message = "a token is not good for this; sign the request with the agent's key";
            return Err(AppError::new(ErrorCode::Forbidden, message));
        }
        Ok(())
    }

    /// The same agent for one of several decisions of its request: each writes off a nonce of its own, of
    /// which the first is the request's. No nonce of a request has a control character.
    #[must_use]
    pub fn numbered(&self, number: usize) -> Self {
        let mut numbered = self.clone();
        if number > 0 {
            numbered.nonce = format!("{}\u{1f}{number}", self.nonce);
        }
        numbered
    }

    /// Refuses whatever is signed with a key that has ended. Only `verifyAction` takes it, to record
    /// that it was tried.
    ///
    /// # Errors
    /// `Unauthenticated` with the reason's code in front.
    pub fn refuse_dead_key(&self) -> Result<(), AppError> {
        let code = match &self.stopped {
            Some(reason) => match reason.code {
                ReasonCode::KeyRevoked => "KEY_REVOKED",
                ReasonCode::KeyExpired => "KEY_EXPIRED",
                ReasonCode::KeyUnknown => "KEY_UNKNOWN",
                _ => return Ok(()),
            },
            None => return Ok(()),
        };
        let words = self.stopped.as_ref().map_or("", |it| it.message.as_str());
        let message = format!("{code}: {words}");
        Err(AppError::new(ErrorCode::Unauthenticated, message))
    }
}

impl Permit {
    /// What its holder may see.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The request it was given for.
    #[must_use]
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
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
