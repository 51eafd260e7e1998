//! Agents' words on what they saw of a server, and taking such a word back.

use std::collections::HashMap;

use aim_domain::anomaly::{AnomalyKind, Evidence, Finding, Severity};
use aim_domain::event::McpServerChange;
use aim_domain::id::{EventId, McpAttestationId, McpServerId};
use aim_domain::mcp::{
    ATTESTATION_LIFE, ATTESTED_TOOL_MAX, ATTESTED_TOOLS_MAX, McpStatement, McpWord, confidence,
    is_sha256_hex, standing,
};
use aim_domain::role::Permission;
use aim_domain::signature::PublicKey;
use aim_domain::trust::{Rater, TrustScore, effective_trust};
use aim_store::agents::Agent;
use aim_store::mcp_attestations::{McpAttestation, McpAttestationFilter};
use aim_store::mcp_servers::McpServer;
use aim_store::{Page, PageRequest, StoreError, Tx};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::servers::check_reason;
use crate::error::FieldErrors;
use crate::{Actor, AgentActor, App, AppError, ErrorCode, Permit};

/// What an agent saw.
#[derive(Debug, Clone)]
pub struct AttestMcpServer {
    /// Which server.
    pub server: McpServerId,
    /// The digest of the manifest that it saw.
    pub digest: String,
    /// The names of the tools that it saw.
    pub tools: Vec<String>,
    /// How long the server took to answer.
    pub latency_ms: u32,
    /// When it saw that.
    pub observed_at: DateTime<Utc>,
    /// Its signature over the statement, in base64url.
    pub signature: String,
}

/// What the words about a server come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct McpConfidence {
    /// How sure they make that it is what was approved, 0 to 1.
    pub value: f64,
    /// How sure they make that it is not, 0 to 1.
    pub contradicted: f64,
    /// Agents whose words count.
    pub agent_count: u64,
    /// People behind them.
    pub sponsor_count: u64,
    /// The digest of what is approved; `None` is nothing.
    pub approved_digest: Option<String>,
}

impl App {
    /// Refuses what the operator shut off.
    pub(super) fn check_attesting(&self) -> Result<(), AppError> {
        if self.is_attesting {
            return Ok(());
        }
        let message = "attestations and reports of MCP servers are shut off here \
                       (`enable_mcp_attestation`)";
        Err(AppError::new(ErrorCode::PreconditionFailed, message))
    }

    /// Takes an agent's word on what it saw of a server, in the place of what it said before. One that saw
    /// something else than what is approved raises an alert.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound` for the server, `Conflict` when that is deleted
    /// or revoked, or the agent said something newer, `Unauthenticated` for a replayed request,
    /// `PreconditionFailed` where attestations are shut off.
    pub async fn attest_mcp_server(
        &self,
        actor: &AgentActor,
        input: AttestMcpServer,
        request_id: &str,
    ) -> Result<McpAttestation, AppError> {
        let permit = &Actor::Agent(actor.clone()).permit(Permission::Read, request_id)?;
        self.check_attesting()?;
        let (statement, signature) = self.check_statement(actor, input).await?;
        let agent = self.get_agent(permit, actor.agent).await?;
        let mut tx = self.store.begin().await?;
        self.use_nonce(&mut tx, actor, permit.request_id()).await?;
        let server = self.find_live_server(&tx, permit, statement.server).await?;
        let former = tx.find_live_mcp_attestation(server.id, agent.id).await?;
        if former
            .as_ref()
            .is_some_and(|it| it.observed_at > statement.observed_at)
        {
            let message = "you said what you saw later than this; that stays";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let new = self.attestation(&agent, actor, statement, signature);
        tx.put_mcp_attestation(&new).await.map_err(at_once)?;
        let agrees = self
            .compare(&mut tx, &server, &agent, (&new, former))
            .await?;
        let digest = new.digest.clone();
        tx.emit(&self.mcp_event(
            &server,
            McpServerChange::Attested {
                agent: new.agent,
                digest,
                agrees,
            },
        ));
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.attest",
            ("mcp-server", server.id.to_string()),
            None,
            (
                None,
                Some(
                    json!({ "attestation": new.id, "digest": new.digest, "agrees": agrees,
                             "weight": new.weight, "expiresAt": new.expires_at }),
                ),
            ),
        ));
        tx.commit().await.map_err(at_once)?;
        Ok(new)
    }

    /// A server that words can be said about. Nobody waits for it: a word changes nothing of it.
    async fn find_live_server(
        &self,
        tx: &Tx,
        permit: &Permit,
        id: McpServerId,
    ) -> Result<McpServer, AppError> {
        let found = tx.find_mcp_server(permit.scope(), id).await?;
        let found = found.ok_or_else(|| AppError::not_found("MCP server"))?;
        super::servers::check_live(&found)?;
        Ok(found)
    }

    fn attestation(
        &self,
        agent: &Agent,
        actor: &AgentActor,
        statement: McpStatement,
        signature: String,
    ) -> McpAttestation {
        let now = self.clock.now();
        let trust = effective_trust(agent.trust, agent.trust_override.as_ref(), now);
        let weight = TrustScore::from_fraction(Rater::Peer(trust).weight());
        // What is ahead of us was seen now: nobody's word is worth more for a wrong clock.
        let seen = statement.observed_at.min(now);
        McpAttestation {
            id: McpAttestationId::from_uuid(self.ids.next()),
            organization: statement.organization,
            server: statement.server,
            agent: agent.id,
            key: actor.key,
            sponsor: agent.created_by.clone(),
            digest: statement.digest,
            tools: statement.tools,
            latency_ms: statement.latency_ms,
            observed_at: statement.observed_at,
            signature,
            weight,
            standing: standing(weight.as_fraction(), seen),
            received_at: now,
            expires_at: seen + ATTESTATION_LIFE,
            revoked_at: None,
            revoked_by: None,
            revoked_reason: None,
        }
    }

    /// Whether what was seen is what is approved. What is not raises an alert, the first time that this
    /// agent says so; it blocks nothing, so that no agent's word shuts a server off for others.
    async fn compare(
        &self,
        tx: &mut Tx,
        server: &McpServer,
        agent: &Agent,
        (new, former): (&McpAttestation, Option<McpAttestation>),
    ) -> Result<bool, AppError> {
        let Some(approved) = server.approved_manifest else {
            return Ok(false);
        };
        let approved = tx.find_mcp_manifest(server.id, approved).await?;
        let approved = approved.ok_or_else(|| AppError::not_found("approved manifest"))?;
        if approved.digest == new.digest {
            return Ok(true);
        }
        if former.is_none_or(|it| it.digest != new.digest) {
            let finding = contradiction(server, agent, new, &approved.digest);
            self.raise(tx, server, vec![finding]).await?;
        }
        Ok(false)
    }

    async fn check_statement(
        &self,
        actor: &AgentActor,
        input: AttestMcpServer,
    ) -> Result<(McpStatement, String), AppError> {
        let mut errors = FieldErrors::default();
        if !is_sha256_hex(&input.digest) {
            errors.add(
                "digest",
                "is no SHA-256 in 64 hexadecimal digits, lower case",
            );
        }
        if input.tools.len() > ATTESTED_TOOLS_MAX {
            let count = input.tools.len();
            let message = format!("has {count} entries; give at most {ATTESTED_TOOLS_MAX}");
            errors.add("tools", message);
        }
        for (at, tool) in input.tools.iter().take(ATTESTED_TOOLS_MAX).enumerate() {
            errors.text(&format!("tools.{at}"), tool, ATTESTED_TOOL_MAX);
        }
        let statement = McpStatement {
            organization: actor.organization,
            agent: actor.agent,
            server: input.server,
            digest: input.digest,
            tools: input.tools,
            latency_ms: input.latency_ms,
            observed_at: input.observed_at,
        };
        errors.keep("observedAt", statement.check_time(self.clock.now()));
        let signature = URL_SAFE_NO_PAD.decode(&input.signature);
        let key = self.key_of(actor).await?;
        if !signature.is_ok_and(|it| key.verify(statement.text().as_bytes(), &it)) {
            let message = "is none over the statement by the key that signed the request; see \
                           docs/mcp.md";
            errors.add("signature", message);
        }
        errors.finish()?;
        Ok((statement, input.signature))
    }

    /// The key that signed the request; that it is live was seen when the request was let in.
    async fn key_of(&self, actor: &AgentActor) -> Result<PublicKey, AppError> {
        let facts = self.facts(actor.agent).await?;
        let key = facts.keys.iter().find(|key| key.id == actor.key);
        let key = key.map(|key| key.public_key.clone());
        key.ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "KEY_UNKNOWN: sign anew"))
    }

    /// Takes an agent's word back, in a person's name; it is on the list of those from then on.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was taken back before.
    pub async fn revoke_mcp_attestation(
        &self,
        permit: &Permit,
        id: McpAttestationId,
        reason: String,
    ) -> Result<McpAttestation, AppError> {
        check_reason(&reason)?;
        let scope = permit.scope();
        let missing = || AppError::not_found("attestation");
        let found = self.store.find_mcp_attestation(scope, id).await?;
        let found = found.ok_or_else(missing)?;
        let mut tx = self.store.begin().await?;
        let by = permit.actor();
        if !tx.revoke_mcp_attestation(scope, id, (&by, &reason)).await? {
            let message = "it was taken back before, or the agent has said something else since";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let server = tx.find_mcp_server(scope, found.server).await?;
        let server = server.ok_or_else(missing)?;
        let agent = found.agent;
        tx.emit(&self.mcp_event(&server, McpServerChange::AttestationRevoked { agent }));
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.revoke-attestation",
            ("mcp-server", found.server.to_string()),
            Some(reason),
            (
                Some(json!({ "attestation": id, "agent": agent, "digest": found.digest })),
                None,
            ),
        ));
        tx.commit().await?;
        let after = self.store.find_mcp_attestation(scope, id).await?;
        after.ok_or_else(missing)
    }

    /// What the words about servers of the permit's organization come to now.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_mcp_confidences(
        &self,
        permit: &Permit,
        servers: &[McpServerId],
    ) -> Result<HashMap<McpServerId, McpConfidence>, AppError> {
        let approved = self
            .store
            .load_approved_mcp_digests(permit.scope(), servers);
        let mut found: HashMap<_, McpConfidence> = HashMap::new();
        for (server, digest) in approved.await? {
            found.entry(server).or_default().approved_digest = Some(digest);
        }
        if !self.is_attesting || found.is_empty() {
            return Ok(found);
        }
        let now = self.clock.now();
        let own: Vec<_> = found.keys().copied().collect();
        let mut words: HashMap<McpServerId, Vec<McpWord>> = HashMap::new();
        for counted in self.store.load_mcp_words(&own, now).await? {
            let of_server = found.entry(counted.server).or_default();
            of_server.agent_count += counted.agent_count;
            words.entry(counted.server).or_default().push(counted.word);
        }
        for (server, mut words) in words {
            let of_server = found.entry(server).or_default();
            of_server.value = confidence(&words, true, now);
            of_server.contradicted = confidence(&words, false, now);
            words.sort_unstable_by(|a, b| a.sponsor.cmp(&b.sponsor));
            words.dedup_by(|a, b| a.sponsor == b.sponsor);
            of_server.sponsor_count = u64::try_from(words.len()).unwrap_or(u64::MAX);
        }
        Ok(found)
    }

    /// A page of attestations.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_attestations(
        &self,
        permit: &Permit,
        filter: &McpAttestationFilter,
        page: PageRequest,
    ) -> Result<Page<McpAttestation>, AppError> {
        let found = self
            .store
            .list_mcp_attestations(permit.scope(), filter, page);
        Ok(found.await?)
    }
}

fn contradiction(
    server: &McpServer,
    agent: &Agent,
    new: &McpAttestation,
    approved: &str,
) -> Finding {
    Finding {
        kind: AnomalyKind::McpDrift,
        severity: Severity::Medium,
        score: 1.0,
        summary: format!(
            "agent `{}` saw MCP server `{}` be something else than what was approved",
            agent.name, server.name
        ),
        evidence: vec![Evidence {
            label: "digest of the manifest".to_owned(),
            observed: new.digest.clone(),
            expected: Some(approved.to_owned()),
        }],
        event: EventId::from_uuid(server.id.as_uuid()),
        time: new.received_at,
        policies: Vec::new(),
    }
}

fn at_once(error: StoreError) -> AppError {
    match error {
        StoreError::Duplicate(_) => AppError::new(
            ErrorCode::Conflict,
            "you say something else of this server at the same time; try again",
        ),
        error => error.into(),
    }
}
