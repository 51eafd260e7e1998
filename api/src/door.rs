//! What the plain HTTP endpoints share: who asks, and how much they may ask for.

use std::sync::Arc;

use aim_app::{Actor, App, AppError, ErrorCode};
use axum::body::Bytes;
use axum::http::request::Parts;
use axum::response::Response;

use crate::Authenticator;
use crate::events::problem;
use crate::transport::limits::REFUSED_CREDENTIALS_POINTS;
use crate::transport::{Allowance, Budgets, Caller};

/// Use cases, credentials and budgets.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) app: Arc<App>,
    pub(crate) auth: Authenticator,
    pub(crate) budgets: Arc<Budgets>,
    /// Page that browsers are sent to behind a sign-in at an issuer.
    pub(crate) oidc_return_url: Option<String>,
}

impl Door {
    /// Who sent this request, charged for one point; wrong credentials are charged to the address.
    pub(crate) async fn identify(&self, parts: &Parts, body: &Bytes) -> Result<Actor, Response> {
        match self.auth.identify(parts, body).await {
            Ok(identity) => {
                self.charge(parts, &identity.actor, 1)?;
                Ok(identity.actor)
            }
            Err(error) => {
                self.charge_refused(parts, &error)?;
                Err(problem(&error))
            }
        }
    }

    /// Takes points out of an actor's budget.
    #[expect(
        clippy::result_large_err,
        reason = "a refusal is the whole answer, made once"
    )]
    pub(crate) fn charge(&self, parts: &Parts, actor: &Actor, points: u32) -> Result<(), Response> {
        self.take(&self.auth.budget_of(parts, Some(actor)), points)
    }

    /// Takes points out of the budget of the address that wrong credentials came from.
    #[expect(
        clippy::result_large_err,
        reason = "a refusal is the whole answer, made once"
    )]
    pub(crate) fn charge_refused(&self, parts: &Parts, error: &AppError) -> Result<(), Response> {
        if error.code != ErrorCode::Unauthenticated {
            return Ok(());
        }
        let address = self.auth.budget_of(parts, None);
        self.take(&address, REFUSED_CREDENTIALS_POINTS)
    }

    #[expect(
        clippy::result_large_err,
        reason = "a refusal is the whole answer, made once"
    )]
    fn take(&self, caller: &Caller, points: u32) -> Result<(), Response> {
        self.spend(caller, points).map_err(|left| {
            let error = AppError::new(ErrorCode::RateLimited, left.refusal().message);
            let mut response = problem(&error);
            left.write(response.headers_mut());
            response
        })
    }

    /// Takes points, for whoever says a refusal in words of their own.
    pub(crate) fn spend(&self, caller: &Caller, points: u32) -> Result<(), Allowance> {
        self.budgets.charge(caller, points).map(drop)
    }
}
