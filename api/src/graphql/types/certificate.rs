//! Certificates of agents' keys.

use aim_app::IssuedCertificate;
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use crate::certificates::pem;

/// An X.509 certificate of an agent's key. Nobody but the agent has the private key that goes with it.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentCertificate {
    /// Serial number, in hexadecimal.
    serial: String,
    /// The SPIFFE id that it names.
    spiffe_id: String,
    /// Since when it is good.
    not_before: DateTime<Utc>,
    /// Until when.
    not_after: DateTime<Utc>,
    /// The certificate, in PEM.
    certificate: String,
    /// The certificate of the organization's authority, in PEM: what verifiers trust.
    authority: String,
}

impl From<IssuedCertificate> for AgentCertificate {
    fn from(issued: IssuedCertificate) -> Self {
        Self {
            serial: issued.serial,
            spiffe_id: issued.spiffe_id,
            not_before: issued.not_before,
            not_after: issued.not_after,
            certificate: pem(&issued.certificate),
            authority: pem(&issued.authority),
        }
    }
}
