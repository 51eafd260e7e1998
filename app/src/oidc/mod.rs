//! Signing in at issuers of OpenID Connect.

mod accounts;
mod flow;
mod provider;

pub use accounts::OidcArrived;
pub use flow::OidcStarted;
pub use provider::{OidcError, OidcProvider, OidcProviders};
