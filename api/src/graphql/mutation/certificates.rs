//! Certificates of agents' keys.

use async_graphql::{Context, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::types::AgentCertificate;
use super::super::user_error::payload;

/// What certificate is wanted.
#[derive(Debug, InputObject)]
struct IssueAgentCertificateInput {
    /// How long it is good, 1 to 86400 s; an hour when left out. It ends with its key in any case.
    life_seconds: Option<u32>,
}

payload!(IssueAgentCertificatePayload, IssueAgentCertificateError, /// The certificate.
    certificate: AgentCertificate);

/// Mutations of certificates.
#[derive(Debug, Default)]
pub(crate) struct CertificateMutations;

#[Object]
impl CertificateMutations {
    /// An X.509 certificate for the key that signs this request, with the agent's SPIFFE id, by the
    /// organization's own authority. For agents only, by signature.
    async fn issue_agent_certificate(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How long it is to be good.")] input: IssueAgentCertificateInput,
    ) -> Result<IssueAgentCertificatePayload> {
        let request = RequestContext::of(context)?;
        let agent = request.agent()?;
        let (app, id) = (&request.app, &request.request_id);
        let outcome = app.issue_certificate(agent, input.life_seconds, id);
        IssueAgentCertificatePayload::of(outcome.await)
    }
}
