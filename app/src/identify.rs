//! Who signed this request?

use aim_domain::id::AgentKeyId;
use aim_domain::signature::{HttpRequest, Profile, SignedRequest};
use aim_domain::verification::{Reason, ReasonCode};
use aim_store::Tx;
use aim_store::verifications::UsedNonce;
use uuid::Uuid;

use crate::{Actor, AgentActor, App, AppError, ErrorCode};

impl App {
    /// The agent that signed an HTTP request, by RFC 9421 and RFC 9530 over the raw bytes.
    ///
    /// A suspended agent, or one whose key has ended, is still who it is: what stops it goes with the
    /// actor, and its decision says so. A nonce is good once in this process, and whatever is done
    /// with the request writes it off in the database, for all.
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
                    "no agent has the key named by `keyid`, or it ended long ago; register it",
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
        let facts = self.facts(agent).await?;
        self.key_use.note(key, now);
        let own = facts.keys.iter().find(|it| it.id == key);
        Ok(AgentActor {
            agent,
            organization,
            key,
            nonce: signed.nonce,
            stale_at: verified.stale_at,
            stopped: facts.stopped(key, now),
            key_ends_at: own.and_then(|it| it.expires_at),
            token: None,
            client: None,
        })
    }

    /// An actor as of now: what it was when its connection was opened, stopped by whatever was heard
    /// of since.
    #[must_use]
    pub fn actor_now(&self, actor: Actor) -> Actor {
        match actor {
            Actor::Agent(agent) => Actor::Agent(AgentActor {
                stopped: self.stopped_now(&agent),
                ..agent
            }),
            other => other,
        }
    }

    /// Why an agent that was let in may not go on.
    fn stopped_now(&self, agent: &AgentActor) -> Option<Reason> {
        let now = self.clock.now();
        if agent.stopped.is_some() {
            return agent.stopped.clone();
        }
        if agent.key_ends_at.is_some_and(|end| end <= now) {
            let message = "the key that opened the connection has expired; rotate it";
            return Some(Reason::new(ReasonCode::KeyExpired, message));
        }
        let message = "the agent or its key was stopped since the connection was opened";
        let stops = self.kills.stops(agent, now);
        stops.then(|| Reason::new(ReasonCode::AgentSuspended, message))
    }

    /// Whether an agent that was let in has been stopped since.
    pub(crate) fn is_stopped(&self, agent: &AgentActor) -> bool {
        self.stopped_now(agent).is_some()
    }

    /// Writes the nonce of an agent's request off in the database, for all nodes, with what the
    /// request does. What is asked for twice in one request is one use.
    pub(crate) async fn use_nonce(
        &self,
        tx: &mut Tx,
        actor: &AgentActor,
        request_id: &str,
    ) -> Result<(), AppError> {
        let nonce = UsedNonce {
            key: actor.key,
            nonce: actor.nonce.clone(),
            expires_at: actor.stale_at,
        };
        let request = Uuid::parse_str(request_id).unwrap_or_else(|_| self.ids.next());
        if tx.use_nonce(&nonce, request).await? {
            return Ok(());
        }
        Err(AppError::new(
            ErrorCode::Unauthenticated,
            "NONCE_REPLAYED: this request was sent before; sign a new one",
        ))
    }

    /// Writes the nonce of a request that changes nothing off, for all nodes.
    ///
    /// # Errors
    /// `Unauthenticated` when it was used before, `Unavailable` when that cannot be known.
    pub async fn spend_nonce(&self, actor: &AgentActor) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let request = self.ids.next().to_string();
        self.use_nonce(&mut tx, actor, &request).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) fn cache_nonce(&self, key: AgentKeyId, nonce: &str) -> bool {
        self.writer.nonces().insert_once(key, nonce)
    }
}
