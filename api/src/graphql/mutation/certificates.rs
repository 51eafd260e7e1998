//! Certificates of agents' keys.

use aim_app::IssueCertificate;
use async_graphql::{Context, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::types::AgentCertificate;
use super::super::user_error::payload;

/// What certificate is wanted.
#[derive(Debug, InputObject)]
struct IssueAgentCertificateInput {
    /// How long it is good, 1 to 86400 s; an hour when left out. It ends with its key in any case.
    life_seconds: Option<u32>,
    /// A signing request of PKCS #10 in PEM, signed by the key that the certificate is for: Ed25519 or
    /// P-256. It names the agent's SPIFFE id as its only subject alternative name. The certificate is
    /// for the key that signs this request when left out; it ends with that one either way.
    signing_request: Option<String>,
}

payload!(IssueAgentCertificatePayload, IssueAgentCertificateError, /// The certificate.
    certificate: AgentCertificate);

/// Mutations of certificates.
#[derive(Debug, Default)]
pub(crate) struct CertificateMutations;

#[Object]
impl CertificateMutations {
    /// An X.509 certificate for the key that signs this request, or for another one that the agent
    /// proves to have, with the agent's SPIFFE id, by the organization's own authority. For agents only, by signature.
    async fn issue_agent_certificate(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How long it is to be good.")] input: IssueAgentCertificateInput,
    ) -> Result<IssueAgentCertificatePayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let (app, id) = (&request.app, &request.request_id);
        let wanted = IssueCertificate {
            life_seconds: input.life_seconds,
            signing_request: input.signing_request,
        };
        let outcome = app.issue_certificate(agent, wanted, id);
        IssueAgentCertificatePayload::of(outcome.await)
    }
}
