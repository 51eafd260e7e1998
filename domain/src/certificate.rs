//! What agents' certificates name and how long they last.

use crate::id::{AgentId, OrganizationId};

/// How long a certificate is good where its request does not say, in seconds.
pub const CERTIFICATE_LIFE_SECONDS: u32 = 3_600;
/// Most seconds that a certificate is good: short enough that whoever reads no revocation list is not
/// wrong for long.
pub const CERTIFICATE_LIFE_SECONDS_MAX: u32 = 24 * 3_600;
/// Most bytes of a signing request in PEM; one with a P-256 key and one name has some 500.
pub const SIGNING_REQUEST_BYTES_MAX: usize = 8 * 1024;
/// Behind the organization's id in the name of its trust domain: a name of no public registry.
const TRUST_DOMAIN: &str = "aim.internal";

/// The SPIFFE trust domain of an organization. Each has its own authority, so each has its own.
#[must_use]
pub fn trust_domain(organization: OrganizationId) -> String {
    format!("{organization}.{TRUST_DOMAIN}")
}

/// The SPIFFE id of an agent.
#[must_use]
pub fn spiffe_id(organization: OrganizationId, agent: AgentId) -> String {
    format!("spiffe://{}/agent/{agent}", trust_domain(organization))
}

/// Where an organization's revocation list is, below the URL that verifiers know us by.
#[must_use]
pub fn revocation_list_url(base: &str, organization: OrganizationId) -> String {
    let base = base.trim_end_matches('/');
    format!("{base}/v1/organizations/{organization}/crl.der")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A trust domain has lower-case letters, digits, dots, dashes and underscores, 255 at most; the
    /// whole id 2,048 bytes at most.
    #[test]
    fn the_id_is_one_of_spiffe() {
        let id = Uuid::from_u128(0xAB);
        let (organization, agent) = (OrganizationId::from_uuid(id), AgentId::from_uuid(id));
        assert_eq!(
            spiffe_id(organization, agent),
            "spiffe://00000000-0000-0000-0000-0000000000ab.aim.internal\
             /agent/00000000-0000-0000-0000-0000000000ab"
        );
    }
}
