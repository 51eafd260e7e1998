//! Who signed this request?

use std::sync::Arc;

use aim_domain::id::{AgentId, AgentKeyId};
use aim_domain::scope::Scope;
use aim_domain::signature::{HttpRequest, Profile, PublicKey, SignedRequest};
use aim_domain::verification::AgentFacts;

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

    /// The key with this thumbprint and whose it is.
    pub(crate) async fn find_key(
        &self,
        key_id: &str,
    ) -> Result<
        Option<(
            AgentId,
            AgentKeyId,
            aim_domain::id::OrganizationId,
            PublicKey,
        )>,
        AppError,
    > {
        let owner = match self.cache.key_owner(key_id) {
            Some(owner) => owner,
            None => match self.store.find_key_owner(key_id).await? {
                Some((agent, _, key)) => (agent, key),
                None => return Ok(None),
            },
        };
        let facts = self.facts(owner.0).await?;
        let key = facts.keys.iter().find(|key| key.id == owner.1);
        Ok(key.map(|key| (owner.0, key.id, facts.organization, key.public_key.clone())))
    }

    /// Everything a decision about this agent depends on: from memory when warm.
    pub(crate) async fn facts(&self, id: AgentId) -> Result<Arc<AgentFacts>, AppError> {
        if let Some(facts) = self.cache.agent(id, self.clock.now()) {
            return Ok(facts);
        }
        let generation = self.cache.generation(id);
        let facts = Arc::new(self.load_facts(id).await?);
        self.cache.keep(&facts, generation);
        Ok(facts)
    }

    /// The same, from the database.
    pub(crate) async fn load_facts(&self, id: AgentId) -> Result<AgentFacts, AppError> {
        let agents = self.store.load_agents_of_all(&[id]).await?;
        let agent = agents
            .into_iter()
            .next()
            .ok_or_else(|| AppError::not_found("agent"))?;
        let scope = Scope::of(agent.organization);
        let organization = self
            .store
            .find_organization(scope.organization)
            .await?
            .ok_or_else(|| AppError::not_found("organization"))?;
        let keys = self.store.list_keys(&[id]).await?;
        let grants = self.store.list_grants(&[id]).await?;
        Ok(AgentFacts {
            agent: id,
            organization: agent.organization,
            name: agent.name,
            status: agent.status,
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            grants: grants.into_iter().map(|record| record.grant).collect(),
            trust: agent.trust,
            trust_override: agent.trust_override,
            kill_switch: agent.kill_switch,
            organization_kill_switch: organization.kill_switch,
            settings: organization.settings,
        })
    }
}
