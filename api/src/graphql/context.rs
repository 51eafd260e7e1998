//! What a resolver knows of its request.

use std::sync::{Arc, OnceLock};

use aim_app::{Actor, AgentActor, App, AppError, ErrorCode, Permit, UserActor};
use aim_domain::role::Permission;
use aim_domain::session::Client;
use async_graphql::dataloader::DataLoader;
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use async_graphql::{Context, Error, ErrorExtensions};

use super::loaders::{AgentLoader, DetailLoader};
use crate::error_code::code;

/// One request.
pub(crate) struct RequestContext {
    pub(crate) app: Arc<App>,
    pub(crate) actor: Actor,
    pub(crate) client: Client,
    pub(crate) request_id: String,
    agents: OnceLock<DataLoader<AgentLoader>>,
    details: OnceLock<DataLoader<DetailLoader>>,
}

impl RequestContext {
    pub(crate) const fn new(
        app: Arc<App>,
        actor: Actor,
        client: Client,
        request_id: String,
    ) -> Self {
        Self {
            app,
            actor,
            client,
            request_id,
            agents: OnceLock::new(),
            details: OnceLock::new(),
        }
    }

    /// The request that a resolver belongs to.
    pub(crate) fn of<'a>(context: &'a Context<'_>) -> async_graphql::Result<&'a Self> {
        context
            .data::<Self>()
            .map_err(|_| fault(AppError::new(ErrorCode::Internal, "internal error")))
    }

    pub(crate) fn permit(&self, permission: Permission) -> Result<Permit, Error> {
        self.actor
            .permit(permission, &self.request_id)
            .map_err(fault)
    }

    /// The agent that signed the request.
    pub(crate) fn agent(&self) -> Result<&AgentActor, Error> {
        match &self.actor {
            Actor::Agent(agent) => Ok(agent),
            Actor::Anonymous => Err(fault(AppError::new(
                ErrorCode::Unauthenticated,
                "sign the request with the agent's key (RFC 9421)",
            ))),
            _ => Err(fault(AppError::new(
                ErrorCode::Forbidden,
                "only an agent can do this; sign the request with its key",
            ))),
        }
    }

    /// The person who is signed in, also before they have chosen a password of their own.
    pub(crate) fn person(&self) -> Result<&UserActor, Error> {
        match &self.actor {
            Actor::User(user) => Ok(user),
            Actor::Anonymous => Err(fault(AppError::new(
                ErrorCode::Unauthenticated,
                "sign in first",
            ))),
            _ => Err(fault(AppError::new(
                ErrorCode::Forbidden,
                "only a person can do this; sign in",
            ))),
        }
    }

    /// Agents and people, many in one statement.
    pub(crate) fn agents(&self) -> Result<&DataLoader<AgentLoader>, Error> {
        let permit = self.permit(Permission::Read)?;
        Ok(self.agents.get_or_init(|| {
            let loader = AgentLoader {
                app: Arc::clone(&self.app),
                permit,
            };
            DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default())
        }))
    }

    /// Grants of agents, many in one statement.
    pub(crate) fn details(&self) -> &DataLoader<DetailLoader> {
        self.details.get_or_init(|| {
            let loader = DetailLoader {
                app: Arc::clone(&self.app),
            };
            DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default())
        })
    }
}

/// A failed use case as a top-level error.
pub(crate) fn fault(error: AppError) -> Error {
    Error::new(error.message).extend_with(|_, extensions| {
        extensions.set("code", code(error.code).as_str());
    })
}
