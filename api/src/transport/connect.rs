//! Role: the beginning of a websocket: who opened it, and what its budget and number allow.

use async_graphql::{Executor, ServerError};
use http::request::Parts;

use super::{
    Shared,
    auth::{AuthError, Authenticate, Identity},
    document::PreparedRequest,
    error::ErrorCode,
    limits::REFUSED_CREDENTIALS_POINTS,
    params::Params,
    rate::{self, Caller},
    streams::OpenStream,
};

/// A connection whose actor is known.
pub(crate) struct Connected<A: Authenticate> {
    pub(crate) identity: Identity<A::Actor>,
    pub(crate) caller: Caller,
    _open: OpenStream,
}

/// Finds out who opened a connection, and whether they may have one more.
pub(crate) async fn connect<E: Executor, A: Authenticate>(
    shared: &Shared<E, A>,
    parts: &Parts,
    payload: Option<serde_json::Value>,
) -> Result<Connected<A>, AuthError> {
    let limited = |error: ServerError| AuthError::new(ErrorCode::RateLimited, error.message);
    let charge = |caller: &Caller, points| {
        let left = shared.budgets.charge(caller, points);
        left.map_err(|refused| limited(refused.refusal()))
    };
    let identity = match shared.authenticator.connection(parts, payload).await {
        Ok(identity) => identity,
        Err(error) => {
            if error.code == ErrorCode::Unauthenticated {
                let address = shared.authenticator.caller(parts, None);
                charge(&address, REFUSED_CREDENTIALS_POINTS)?;
            }
            return Err(error);
        }
    };
    let caller = shared.authenticator.caller(parts, Some(&identity.actor));
    charge(&caller, 1)?;
    Ok(Connected {
        _open: shared.streams.open(caller).map_err(limited)?,
        identity,
        caller,
    })
}

impl<E: Executor, A: Authenticate> Shared<E, A> {
    /// Charges a caller's budget for a request on a websocket, and checks it.
    pub(crate) fn prepare(
        &self,
        caller: &Caller,
        params: Params,
    ) -> Result<PreparedRequest, Vec<ServerError>> {
        let charge = |points| {
            let left = self.budgets.charge(caller, points);
            left.map_err(|refused| vec![refused.refusal()])
        };
        charge(1)?;
        let prepared = self.guard.prepare(params)?;
        charge(rate::further_points(caller, &prepared))?;
        Ok(prepared)
    }
}
