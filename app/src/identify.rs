//! Who signed this request?

use aim_domain::id::AgentKeyId;
use aim_domain::signature::{HttpRequest, Profile, SignedRequest};

use crate::{AgentActor, App, AppError, ErrorCode};

impl App {
    /// The agent that signed an HTTP request, by RFC 9421 and RFC 9530 over the raw bytes.
    ///
    /// Status and grants are not looked at here: a suspended agent is still who it is, and its
    /// decision says so. A nonce is good once in this process; mutations also write it off in
    /// the database.
    ///
    /// # Errors
    /// `Unauthenticated` with the reason's code in front.
    pub async fn identify_agent(
        &self,
        request: &HttpRequest<'_>,
        body: &[u8],
    ) -> Result<AgentActor, AppError> {
        let refused = |code: &str, detail: &str| {
            AppError::new(ErrorCode::Unauthenticated, format!("{code}: {detail}"))
        };
        let signed = SignedRequest::parse(request, Profile::AGENT)
            .map_err(|error| refused(error.code(), &error.to_string()))?;
        let (agent, key, organization, public_key) =
            self.find_key(&signed.key_id).await?.ok_or_else(|| {
                refused(
                    "KEY_UNKNOWN",
                    "no agent has the key named by `keyid`; register it",
                )
            })?;
        let now = self.clock.now();
        let verified = signed
            .verify(request, body, &public_key, now)
            .map_err(|error| refused(error.code(), &error.to_string()))?;
        if !self.cache_nonce(key, &signed.nonce) {
            return Err(refused(
                "NONCE_REPLAYED",
                "this request was sent before; sign a new one",
            ));
        }
        Ok(AgentActor {
            agent,
            organization,
            key,
            nonce: signed.nonce,
            stale_at: verified.stale_at,
            is_killed: self.facts(agent).await?.killed().is_some(),
            client: None,
        })
    }

    fn cache_nonce(&self, key: AgentKeyId, nonce: &str) -> bool {
        self.writer.nonces().insert_once(key, nonce)
    }
}
