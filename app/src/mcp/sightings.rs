//! The discovery inbox: servers that somebody saw and nobody registered, until a person has looked.

use std::collections::{HashMap, HashSet};

use aim_domain::event::{NewEvent, OrganizationChange, OrganizationChanged};
use aim_domain::id::{AgentId, McpServerId, McpSightingId, OrganizationId};
use aim_domain::mcp::{
    McpSightingMethod, McpTransport, check_command_digest, check_sighted_url, sighting_fingerprint,
};
use aim_domain::sighting::SightingStatus;
use aim_domain::trust::TrustScore;
use aim_store::mcp_servers::McpServer;
use aim_store::mcp_sightings::{McpSighting, McpSightingFilter};
use aim_store::{Page, PageRequest, Tx};
use serde_json::json;

use super::servers::{RegisterMcpServer, check_reason};
use crate::error::FieldErrors;
use crate::inbox::{InboxReport, count, fit};
use crate::{Actor, App, AppError, ErrorCode, Permit};

/// Most entries of the inbox that one reporter saw first: none fills the inbox alone.
const REPORTER_MAX: u64 = 200;
/// Most servers of one report.
const REPORT_MAX: usize = 100;
/// Longest name and source, in bytes.
const NAME_MAX: usize = 128;

/// A server that somebody saw.
#[derive(Debug, Clone)]
pub struct Sighted {
    /// What it is called.
    pub name: String,
    /// How it is spoken to, where that is known.
    pub transport: Option<McpTransport>,
    /// Where.
    pub url: Option<String>,
    /// The digest of the command that starts it.
    pub command_digest: Option<String>,
    /// How it was seen.
    pub method: McpSightingMethod,
    /// How sure its reporter is, 0 to 1.
    pub confidence: f64,
    /// What it was found in.
    pub source: Option<String>,
}

impl Sighted {
    /// One that an action named.
    pub(super) const fn called(name: String) -> Self {
        Self {
            name,
            transport: None,
            url: None,
            command_digest: None,
            method: McpSightingMethod::Call,
            confidence: 1.0,
            source: None,
        }
    }

    fn fingerprint(&self) -> String {
        let place = self.url.as_deref().or(self.command_digest.as_deref());
        sighting_fingerprint(&self.name, self.transport, place)
    }

    /// Whether it is this registered server. One of its name at another place is another one; a process
    /// has no place, and whoever calls a server names none.
    fn is(&self, server: &McpServer) -> bool {
        match (&self.url, self.transport) {
            (Some(url), _) => server.url.as_deref() == Some(url.as_str()),
            (None, None) => server.name == self.name,
            (None, Some(transport)) => server.name == self.name && server.transport == transport,
        }
    }
}

impl App {
    /// Writes down what servers somebody saw. Registered ones are counted and left alone; the others wait
    /// in the inbox for a person: nothing is registered by a report.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Unauthenticated` for a replayed request,
    /// `PreconditionFailed` where reports are shut off.
    pub async fn report_mcp_servers(
        &self,
        actor: &Actor,
        permit: &Permit,
        seen: Vec<Sighted>,
    ) -> Result<InboxReport<McpSighting>, AppError> {
        self.check_attesting()?;
        check(&seen)?;
        let organization = permit.scope().organization;
        let mut tx = self.store.begin().await?;
        if let Actor::Agent(agent) = actor {
            self.use_nonce(&mut tx, agent, permit.request_id()).await?;
        }
        let by = permit.actor();
        let report = self.write_sighted(&mut tx, (organization, &by), &seen);
        let report = report.await?;
        tx.audit(permit.audit(
            &self.ids,
            "mcp-sighting.report",
            ("organization", organization.to_string()),
            None,
            (None, Some(report.told(|it| &it.name))),
        ));
        tx.commit().await?;
        Ok(report)
    }

    /// The same, of what the stream saw an agent call.
    pub(super) async fn note_sighted(
        &self,
        organization: OrganizationId,
        agent: AgentId,
        seen: Vec<Sighted>,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let by = format!("agent:{agent}");
        let report = self.write_sighted(&mut tx, (organization, &by), &seen);
        let report = report.await?;
        let object = ("organization", organization.to_string());
        let mut entry = self.by_system("stream", organization, "mcp-sighting.report", object);
        entry.after = Some(report.told(|it| &it.name));
        tx.audit(entry);
        tx.commit().await?;
        Ok(())
    }

    async fn write_sighted(
        &self,
        tx: &mut Tx,
        (organization, by): (OrganizationId, &str),
        seen: &[Sighted],
    ) -> Result<InboxReport<McpSighting>, AppError> {
        // Nobody changes the servers until the commit: one that is being registered, and leaves the inbox
        // by that, does not come back into it as unknown.
        tx.lock_limits(organization).await?;
        let servers = self.store.load_mcp_servers(organization).await?;
        let mut registered_count = 0;
        let mut unknown: HashMap<String, &Sighted> = HashMap::new();
        for sighted in seen {
            match servers.iter().any(|server| sighted.is(server)) {
                true => registered_count += 1,
                false => drop(unknown.insert(sighted.fingerprint(), sighted)),
            }
        }
        let fingerprints: Vec<&str> = unknown.keys().map(String::as_str).collect();
        let known = tx.find_mcp_sightings(organization, &fingerprints).await?;
        let ids: Vec<McpSightingId> = known.iter().map(|it| it.id).collect();
        tx.touch_mcp_sightings(&ids).await?;
        let is_known: HashSet<&str> = known.iter().map(|it| it.fingerprint.as_str()).collect();
        let there = tx.count_mcp_sightings(organization, by).await?;
        let mut fresh: Vec<McpSighting> = unknown
            .iter()
            .filter(|(fingerprint, _)| !is_known.contains(fingerprint.as_str()))
            .map(|(fingerprint, sighted)| {
                self.sighting(tx, (organization, by), fingerprint, sighted)
            })
            .collect();
        let refused_count = fit(&mut fresh, there, REPORTER_MAX);
        tx.insert_mcp_sightings(&fresh).await?;
        for new in &fresh {
            let change = OrganizationChange::McpServerSighted {
                sighting: new.id,
                name: new.name.clone(),
                method: new.method,
            };
            tx.emit(&self.of_organization(organization, change));
        }
        // As they are now, in an order that is always the same.
        let mut all = tx.find_mcp_sightings(organization, &fingerprints).await?;
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(InboxReport {
            new_count: count(fresh.len()),
            known_count: count(known.len()),
            registered_count,
            refused_count,
            sightings: all,
        })
    }

    fn sighting(
        &self,
        tx: &Tx,
        (organization, by): (OrganizationId, &str),
        fingerprint: &str,
        seen: &Sighted,
    ) -> McpSighting {
        McpSighting {
            id: McpSightingId::from_uuid(self.ids.next()),
            organization,
            fingerprint: fingerprint.to_owned(),
            name: seen.name.clone(),
            transport: seen.transport,
            url: seen.url.clone(),
            command_digest: seen.command_digest.clone(),
            method: seen.method,
            confidence: TrustScore::from_fraction(seen.confidence),
            source: seen.source.clone(),
            status: SightingStatus::Open,
            reported_by: by.to_owned(),
            first_seen_at: tx.now(),
            last_seen_at: tx.now(),
            count: 1,
            dismissed_by: None,
            dismissed_at: None,
            dismissal_reason: None,
        }
    }

    /// What happened to an organization, as an event of its own.
    pub(crate) fn of_organization(
        &self,
        organization: OrganizationId,
        change: OrganizationChange,
    ) -> NewEvent {
        let fact = OrganizationChanged {
            organization,
            change,
        };
        self.event(
            organization,
            AgentId::from_uuid(organization.as_uuid()),
            fact,
        )
    }

    /// Registers a server that was seen: `PENDING`, like any other. It leaves the inbox with everything
    /// that is the same server.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Conflict` when its name or its URL is taken.
    pub async fn adopt_mcp_sighting(
        &self,
        permit: &Permit,
        id: McpSightingId,
        (name, url): (Option<String>, Option<String>),
    ) -> Result<McpServer, AppError> {
        let found = self.store.find_mcp_sighting(permit.scope(), id).await?;
        let found = found.ok_or_else(|| AppError::not_found("sighting"))?;
        let url = url.or(found.url);
        let transport = found.transport.unwrap_or(match url {
            Some(_) => McpTransport::StreamableHttp,
            None => McpTransport::Stdio,
        });
        let new = RegisterMcpServer {
            name: name.unwrap_or(found.name),
            description: String::new(),
            transport,
            url,
            public_key: None,
            tags: Vec::new(),
        };
        self.register_mcp_server_as(permit, new, Some(id)).await
    }

    /// Takes out of the inbox what was registered.
    pub(super) async fn settle_sightings(
        &self,
        tx: &mut Tx,
        server: &McpServer,
        adopted: Option<McpSightingId>,
    ) -> Result<(), AppError> {
        let place = (server.name.as_str(), server.url.as_deref());
        let taken = tx.take_mcp_sightings(server.organization, adopted, place);
        for sighting in taken.await? {
            let event = self.settled(server.organization, sighting, Some(server.id));
            tx.emit(&event);
        }
        Ok(())
    }

    fn settled(
        &self,
        organization: OrganizationId,
        sighting: McpSightingId,
        server: Option<McpServerId>,
    ) -> NewEvent {
        let change = OrganizationChange::McpSightingSettled { sighting, server };
        self.of_organization(organization, change)
    }

    /// Leaves a sighting alone: it stays on the list, and does not come back.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was dismissed before.
    pub async fn dismiss_mcp_sighting(
        &self,
        permit: &Permit,
        id: McpSightingId,
        reason: String,
    ) -> Result<McpSighting, AppError> {
        check_reason(&reason)?;
        let scope = permit.scope();
        let missing = || AppError::not_found("sighting");
        let found = self.store.find_mcp_sighting(scope, id).await?;
        let found = found.ok_or_else(missing)?;
        let mut tx = self.store.begin().await?;
        let by = permit.actor();
        if !tx.dismiss_mcp_sighting(scope, id, (&by, &reason)).await? {
            let message = "it was dismissed before, or is registered by now";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.emit(&self.settled(scope.organization, id, None));
        tx.audit(permit.audit(
            &self.ids,
            "mcp-sighting.dismiss",
            ("mcp-sighting", id.to_string()),
            Some(reason),
            (Some(json!({ "name": found.name, "url": found.url })), None),
        ));
        tx.commit().await?;
        let after = self.store.find_mcp_sighting(scope, id).await?;
        after.ok_or_else(missing)
    }

    /// A page of the inbox.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_sightings(
        &self,
        permit: &Permit,
        filter: &McpSightingFilter,
        page: PageRequest,
    ) -> Result<Page<McpSighting>, AppError> {
        let found = self.store.list_mcp_sightings(permit.scope(), filter, page);
        Ok(found.await?)
    }
}

fn check(seen: &[Sighted]) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    if seen.is_empty() || seen.len() > REPORT_MAX {
        let message = format!("has {} entries; give 1 to {REPORT_MAX}", seen.len());
        errors.add("servers", message);
    }
    for (at, sighted) in seen.iter().take(REPORT_MAX).enumerate() {
        let field = |name: &str| format!("servers.{at}.{name}");
        errors.text(&field("name"), &sighted.name, NAME_MAX);
        if sighted.name.trim().is_empty() {
            errors.add(&field("name"), "is empty; say what it is called");
        }
        if let Some(source) = &sighted.source {
            errors.text(&field("source"), source, NAME_MAX);
        }
        if !(0.0..=1.0).contains(&sighted.confidence) {
            let message = format!("is {}; give 0 to 1", sighted.confidence);
            errors.add(&field("confidence"), message);
        }
        let Some(transport) = sighted.transport else {
            continue;
        };
        let url = check_sighted_url(transport, sighted.url.as_deref());
        errors.keep(&field("url"), url);
        let digest = check_command_digest(transport, sighted.command_digest.as_deref());
        errors.keep(&field("commandDigest"), digest);
    }
    errors.finish()
}
