//! What a server says of itself now, held against what was approved.
//!
//! Servers at a URL are asked by us; what a process says is read by the command line on the machine of
//! whoever runs it, and reported: no process of somebody's choosing is ever started here.

use aim_domain::alert::{AlertStatus, INCIDENT_GAP, Incident};
use aim_domain::anomaly::{AnomalyKind, Evidence, Finding, Severity};
use aim_domain::event::{AlertRaised, McpServerChange};
use aim_domain::id::{AgentId, AlertId, EventId, McpDriftId, McpManifestId, McpServerId};
use aim_domain::mcp::{
    McpManifest as Said, McpPart, McpSuspicion, McpSuspicionKind, McpTransport, drifts, lookalike,
    suspicions,
};
use aim_domain::signature::PublicKey;
use aim_store::Tx;
use aim_store::alerts::Alert;
use aim_store::mcp_manifests::{McpDrift, McpManifest, McpManifestSource};
use aim_store::mcp_servers::McpServer;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use url::Url;

use super::handshake::{HandshakeError, read_manifest};
use crate::{App, AppError, ErrorCode, Permit};

/// Most bytes of one answer of a server; a whole manifest may not have more either.
const ANSWER_MAX: usize = aim_domain::mcp::MANIFEST_MAX_BYTES;
/// Facts that an alert names; the list of drift has all.
const EVIDENCE_MAX: usize = 20;

/// What was seen, and how.
struct Seen {
    said: Said,
    source: McpManifestSource,
    /// Whether the server proved to have its key, where it was asked to.
    has_key: bool,
}

impl App {
    /// Asks a server at a URL what it is, and holds the answer against what was approved.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when it is a process, deleted or revoked, or when it does not answer; that
    /// is then on record.
    pub async fn inspect_mcp_server(
        &self,
        permit: &Permit,
        id: McpServerId,
    ) -> Result<McpServer, AppError> {
        let server = self.get_mcp_server(permit, id).await?;
        let (McpTransport::StreamableHttp, Some(url)) = (server.transport, &server.url) else {
            let message = "the server is a process; `aim mcp report` reads it on its own machine";
            return Err(AppError::new(ErrorCode::Conflict, message));
        };
        let read = self.shake_hands(url).await;
        let said = match read {
            Ok(said) => said,
            Err(error) => return Err(self.note_failure(permit, &server, &error).await?),
        };
        let key = server.public_key.as_deref();
        let has_key = match key.and_then(|text| PublicKey::parse(text).ok()) {
            Some(key) => self.mcp_door.proves(url, &key).await,
            None => false,
        };
        let seen = Seen {
            said,
            source: McpManifestSource::Handshake,
            has_key,
        };
        self.observe(permit, &server, seen).await
    }

    /// Takes what somebody saw of a server that is a process on their machine.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the manifest, `Conflict` when the server is at a URL, deleted or
    /// revoked.
    pub async fn report_mcp_manifest(
        &self,
        permit: &Permit,
        id: McpServerId,
        manifest: Value,
    ) -> Result<McpServer, AppError> {
        let server = self.get_mcp_server(permit, id).await?;
        if server.transport != McpTransport::Stdio {
            let message = "the server is at a URL; `inspectMcpServer` asks it there";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let said = Said::parse(manifest);
        let said = said.map_err(|error| AppError::field("manifest", error.to_string()))?;
        let seen = Seen {
            said,
            source: McpManifestSource::Report,
            has_key: false,
        };
        self.observe(permit, &server, seen).await
    }

    async fn shake_hands(&self, url: &str) -> Result<Said, HandshakeError> {
        let refused = |error: &dyn std::fmt::Display| HandshakeError::Refused(error.to_string());
        let parsed = Url::parse(url).map_err(|error| refused(&error))?;
        let client = self
            .mcp_door
            .client(&parsed)
            .map_err(|error| refused(&error))?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.max_sse_event_size = ANSWER_MAX;
        config.max_json_response_size = ANSWER_MAX;
        config.max_error_response_size = 1_024;
        config.reinit_on_expired_session = false;
        read_manifest(StreamableHttpClientTransport::with_client(client, config)).await
    }

    async fn note_failure(
        &self,
        permit: &Permit,
        server: &McpServer,
        error: &HandshakeError,
    ) -> Result<AppError, AppError> {
        tracing::info!(server = %server.id, error = ?error, "an MCP server could not be asked");
        let words = error.to_string();
        let mut tx = self.store.begin().await?;
        let mut now = self.live_mcp_server(&mut tx, permit, server.id).await?;
        now.failure = Some(words.clone());
        now.failed_at = Some(tx.now());
        tx.put_mcp_server(&now, false).await?;
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.inspect",
            ("mcp-server", server.id.to_string()),
            None,
            (None, Some(json!({ "failure": words }))),
        ));
        tx.commit().await?;
        Ok(AppError::new(ErrorCode::Conflict, words))
    }

    async fn observe(
        &self,
        permit: &Permit,
        server: &McpServer,
        seen: Seen,
    ) -> Result<McpServer, AppError> {
        let mut suspicious = suspicions(&seen.said);
        suspicious.extend(self.shadows(permit, server.id, &seen.said).await?);
        let mut tx = self.store.begin().await?;
        let mut now = self.live_mcp_server(&mut tx, permit, server.id).await?;
        if (&now.url, &now.public_key) != (&server.url, &server.public_key) {
            let message = "the server moved meanwhile; ask again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let (manifest, is_new) = self
            .keep_manifest(&mut tx, permit, &now, &seen, suspicious)
            .await?;
        let fresh = self.keep_drift(&mut tx, &mut now, &manifest).await?;
        now.observed_manifest = Some(manifest.id);
        now.observed_at = Some(tx.now());
        now.failure = None;
        now.failed_at = None;
        // The key is asked for each time: one that was lost counts no more.
        now.key_proven_at = seen.has_key.then(|| tx.now());
        tx.put_mcp_server(&now, false).await?;
        let new_words = match is_new {
            true => manifest.suspicions.as_slice(),
            false => &[],
        };
        let findings = findings(&now, &fresh, new_words, &tx);
        self.raise(&mut tx, &now, findings).await?;
        let drift_count = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
        if is_new || drift_count > 0 {
            let digest = manifest.digest.clone();
            let change = McpServerChange::Observed {
                digest,
                drift_count,
            };
            tx.emit(&self.mcp_event(&now, change));
        }
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.inspect",
            ("mcp-server", now.id.to_string()),
            None,
            (
                None,
                Some(json!({
                    "digest": manifest.digest,
                    "source": manifest.source,
                    "newDriftCount": drift_count,
                    "hasProvenKey": seen.has_key,
                })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(now.organization);
        self.get_mcp_server(permit, now.id).await
    }

    /// Tools of this server that look like approved tools of others.
    async fn shadows(
        &self,
        permit: &Permit,
        id: McpServerId,
        said: &Said,
    ) -> Result<Vec<McpSuspicion>, AppError> {
        let looks: Vec<(&str, String)> = said.tools().map(|it| (it, lookalike(it))).collect();
        let all: Vec<String> = looks.iter().map(|(_, look)| look.clone()).collect();
        let scope = permit.scope();
        let others = self.store.find_mcp_lookalikes(scope, id, &all).await?;
        let mut found = Vec::new();
        for (other, its_name, its_look) in others {
            let Some((name, _)) = looks.iter().find(|(_, look)| *look == its_look) else {
                continue;
            };
            let owner = self.store.find_mcp_server(scope, other).await?;
            let owner = owner.map(|it| it.name).unwrap_or_default();
            found.push(McpSuspicion {
                kind: McpSuspicionKind::ShadowsTool,
                part: McpPart::Tool,
                name: (*name).to_owned(),
                field: "name".to_owned(),
                words: format!("looks like tool `{its_name}` of server `{owner}`"),
            });
            if found.len() == EVIDENCE_MAX {
                break;
            }
        }
        Ok(found)
    }

    async fn keep_manifest(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        server: &McpServer,
        seen: &Seen,
        suspicious: Vec<McpSuspicion>,
    ) -> Result<(McpManifest, bool), AppError> {
        let digest = seen.said.digest_hex();
        if let Some(known) = tx.find_mcp_manifest_by_digest(server.id, &digest).await? {
            tx.touch_mcp_manifest(known.id).await?;
            return Ok((known, false));
        }
        let new = McpManifest {
            id: McpManifestId::from_uuid(self.ids.next()),
            organization: server.organization,
            server: server.id,
            digest,
            said: seen.said.clone(),
            suspicions: suspicious,
            source: seen.source,
            reported_by: permit.actor(),
            first_seen_at: tx.now(),
            last_seen_at: tx.now(),
            approved_at: None,
            approved_by: None,
            approval_reason: None,
        };
        tx.insert_mcp_manifest(&new).await?;
        Ok((new, true))
    }

    /// Writes what differs from what was approved and was not written before; returns that.
    async fn keep_drift(
        &self,
        tx: &mut Tx,
        server: &mut McpServer,
        observed: &McpManifest,
    ) -> Result<Vec<McpDrift>, AppError> {
        let Some(approved) = server.approved_manifest else {
            return Ok(Vec::new());
        };
        let approved = tx.find_mcp_manifest(server.id, approved).await?;
        let approved = approved.ok_or_else(|| AppError::not_found("approved manifest"))?;
        if approved.digest == observed.digest {
            return Ok(Vec::new());
        }
        let known = tx.find_unsettled_mcp_drifts(server.id).await?;
        let differs = drifts(&approved.said, &observed.said).into_iter();
        let differs = differs.filter(|it| !known.iter().any(|known| known.difference == *it));
        let fresh: Vec<McpDrift> = differs
            .map(|difference| McpDrift {
                id: McpDriftId::from_uuid(self.ids.next()),
                organization: server.organization,
                server: server.id,
                manifest: observed.id,
                severity: difference.severity(),
                difference,
                detected_at: tx.now(),
                settled_at: None,
                settled_by: None,
            })
            .collect();
        // A server in many disguises fills no disk either: beyond this it is in drift anyway.
        let room = 1_000_usize.saturating_sub(known.len());
        let fresh: Vec<McpDrift> = fresh.into_iter().take(room).collect();
        tx.insert_mcp_drifts(&fresh).await?;
        server.drift_since.get_or_insert(tx.now());
        Ok(fresh)
    }

    /// Adds findings to the alert under way about the server, or raises one.
    pub(super) async fn raise(
        &self,
        tx: &mut Tx,
        server: &McpServer,
        findings: Vec<Finding>,
    ) -> Result<(), AppError> {
        let subject = AgentId::from_uuid(server.id.as_uuid());
        let since = tx.now() - INCIDENT_GAP;
        let mut underway = match findings.is_empty() {
            true => return Ok(()),
            false => tx.find_unresolved_alerts(&[subject], since).await?.pop(),
        };
        let mut is_new = false;
        for finding in &findings {
            match &mut underway {
                Some(alert) => {
                    alert.incident.absorb(finding);
                }
                None => {
                    underway = self.alert_about(tx, server, subject, finding);
                    is_new = true;
                }
            }
        }
        let (Some(alert), Some(worst)) = (underway, findings.first()) else {
            return Ok(());
        };
        match is_new {
            true => tx.insert_alerts(&[&alert]).await?,
            false => tx.update_alert_findings(&alert).await?,
        }
        let fact = AlertRaised {
            alert: alert.id,
            agent: subject,
            severity: worst.severity,
            summary: worst.summary.clone(),
            mcp_server: Some(server.id),
        };
        tx.emit(&self.event(server.organization, subject, fact));
        Ok(())
    }

    fn alert_about(
        &self,
        tx: &Tx,
        server: &McpServer,
        subject: AgentId,
        finding: &Finding,
    ) -> Option<Alert> {
        Some(Alert {
            id: AlertId::from_uuid(self.ids.next()),
            organization: server.organization,
            agent: subject,
            status: AlertStatus::Open,
            incident: Incident::raise(finding)?,
            dedup_key: format!("mcp:{}:{}", server.id, finding.event),
            created_at: tx.now(),
            updated_at: tx.now(),
            assignee: None,
            assigned_at: None,
            acknowledged_by: None,
            acknowledged_at: None,
            resolved_by: None,
            resolved_at: None,
            verdict: None,
            mcp_server: Some(server.id),
        })
    }
}

/// What is new about a server that a person must look at, worst first.
fn findings(
    server: &McpServer,
    drift: &[McpDrift],
    suspicious: &[McpSuspicion],
    tx: &Tx,
) -> Vec<Finding> {
    let of = |kind, severity, summary, evidence: Vec<Evidence>| Finding {
        kind,
        severity,
        score: 1.0,
        summary,
        evidence,
        event: EventId::from_uuid(server.id.as_uuid()),
        time: tx.now(),
        policies: Vec::new(),
    };
    let name = &server.name;
    let mut found = Vec::new();
    if let Some(worst) = drift.first() {
        let words = worst.difference.words();
        let more = match drift.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let summary = format!("MCP server `{name}` is not what was approved: {words}{more}");
        let evidence = drift.iter().take(EVIDENCE_MAX).map(|drift| Evidence {
            label: drift.difference.words(),
            observed: drift.difference.after.clone().unwrap_or_default(),
            expected: drift.difference.before.clone(),
        });
        let evidence = evidence.collect();
        found.push(of(AnomalyKind::McpDrift, worst.severity, summary, evidence));
    }
    for (is_shadow, kind, severity, what) in [
        (
            false,
            AnomalyKind::McpPoisonedText,
            Severity::High,
            "says what looks like an order to models",
        ),
        (
            true,
            AnomalyKind::McpShadowedTool,
            Severity::Medium,
            "has tools that are named like those of others",
        ),
    ] {
        let of_kind = suspicious
            .iter()
            .filter(|it| (it.kind == McpSuspicionKind::ShadowsTool) == is_shadow);
        let evidence: Vec<Evidence> = of_kind.take(EVIDENCE_MAX).map(told).collect();
        if let Some(first) = evidence.first() {
            let summary = format!("MCP server `{name}` {what}: {}", first.label);
            found.push(of(kind, severity, summary, evidence));
        }
    }
    found
}

fn told(it: &McpSuspicion) -> Evidence {
    let label = match it.name.is_empty() {
        true => format!("`{}` of the server: {:?}", it.field, it.kind),
        false => format!("`{}` of `{}`: {:?}", it.field, it.name, it.kind),
    };
    Evidence {
        label,
        observed: it.words.clone(),
        expected: None,
    }
}
