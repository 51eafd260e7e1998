//! Registering MCP servers, changing them, and their life.

use aim_domain::event::{McpServerChange, McpServerChanged, NewEvent};
use aim_domain::id::{AgentId, McpManifestId, McpServerId, McpSightingId};
use aim_domain::mcp::{McpServerStatus, McpTransport, check_url};
use aim_domain::name::McpServerName;
use aim_domain::signature::PublicKey;
use aim_store::agents::{Agent, AgentFilter};
use aim_store::mcp_manifests::{McpDrift, McpManifest};
use aim_store::mcp_servers::{McpServer, McpServerFilter};
use aim_store::{Page, PageRequest, StoreError, Tx};
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most servers of an organization: decisions keep all of them in memory.
const SERVERS_MAX: u64 = 1_000;
/// Most bytes of a description.
const DESCRIPTION_MAX: usize = 2_000;
/// Most tags of a server.
const TAGS_MAX: usize = 50;
/// Most bytes of a tag.
const TAG_MAX: usize = 64;

/// A server to register.
#[derive(Debug, Clone)]
pub struct RegisterMcpServer {
    /// Its name: what actions and agents call it by.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How it is spoken to.
    pub transport: McpTransport,
    /// Where; for those that are at a URL.
    pub url: Option<String>,
    /// The Ed25519 key that it signs challenges with.
    pub public_key: Option<String>,
    /// Words that people sort servers by.
    pub tags: Vec<String>,
}

/// What is to be said of a server from now on; what is left out stays, an empty text takes back.
#[derive(Debug, Clone, Default)]
pub struct UpdateMcpServer {
    /// What it is for.
    pub description: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// The key that it signs challenges with.
    pub public_key: Option<String>,
    /// Words that people sort servers by.
    pub tags: Option<Vec<String>>,
}

/// What a person may do to a server's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpStatusChange {
    /// Stop it for now.
    Suspend,
    /// Let it go on as before.
    Reinstate,
    /// End it for ever.
    Revoke,
}

/// What the trail keeps of it.
fn said(server: &McpServer) -> Value {
    json!({
        "name": server.name,
        "description": server.description,
        "transport": server.transport,
        "url": server.url,
        "publicKey": server.public_key,
        "tags": server.tags,
    })
}

impl App {
    /// Registers a server. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when the name or the URL is taken.
    pub async fn register_mcp_server(
        &self,
        permit: &Permit,
        input: RegisterMcpServer,
    ) -> Result<McpServer, AppError> {
        self.register_mcp_server_as(permit, input, None).await
    }

    /// The same, of one that was seen before.
    pub(super) async fn register_mcp_server_as(
        &self,
        permit: &Permit,
        input: RegisterMcpServer,
        adopted: Option<McpSightingId>,
    ) -> Result<McpServer, AppError> {
        let mut errors = FieldErrors::default();
        let name = errors.keep("name", McpServerName::parse(input.name));
        if name.as_ref().is_some_and(|it| it.as_str().contains("__")) {
            errors.add(
                "name",
                "holds `__`, which parts a server from its tool in actions",
            );
        }
        let mut new = self.blank(permit, &input.transport);
        if let Some(name) = &name {
            name.as_str().clone_into(&mut new.name);
        }
        new.description = input.description;
        new.url = input.url.filter(|it| !it.is_empty());
        new.public_key = input.public_key.filter(|it| !it.is_empty());
        new.tags = input.tags;
        check(&mut errors, &mut new);
        errors.finish()?;
        let name = name.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))?;
        let mut tx = self.store.begin().await?;
        tx.move_mcp_servers(new.organization).await?;
        let count = tx.count_mcp_servers(new.organization).await?;
        if count >= SERVERS_MAX {
            let message = format!("there are {count} servers; delete some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.put_mcp_server(&new, true).await.map_err(taken)?;
        self.settle_sightings(&mut tx, &new, adopted).await?;
        tx.emit(&self.mcp_event(&new, McpServerChange::Registered { name }));
        let object = ("mcp-server", new.id.to_string());
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.register",
            object,
            None,
            (None, Some(said(&new))),
        ));
        tx.commit().await.map_err(taken)?;
        self.cache.forget_organization(new.organization);
        self.get_mcp_server(permit, new.id).await
    }

    fn blank(&self, permit: &Permit, transport: &McpTransport) -> McpServer {
        let now = self.clock.now();
        McpServer {
            id: McpServerId::from_uuid(self.ids.next()),
            organization: permit.scope().organization,
            name: String::new(),
            description: String::new(),
            transport: *transport,
            url: None,
            public_key: None,
            tags: Vec::new(),
            status: McpServerStatus::Pending,
            status_reason: None,
            status_changed_at: now,
            status_changed_by: permit.actor(),
            approved_manifest: None,
            observed_manifest: None,
            observed_at: None,
            failure: None,
            failed_at: None,
            key_proven_at: None,
            drift_since: None,
            created_by: permit.actor(),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// Changes what is said of a server. Its name and how it is spoken to stay. One that moves, or gets
    /// another key, is `PENDING` again: what was approved was approved of what it was.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Conflict` when the URL is taken or the server
    /// is deleted or revoked.
    pub async fn update_mcp_server(
        &self,
        permit: &Permit,
        id: McpServerId,
        input: UpdateMcpServer,
    ) -> Result<McpServer, AppError> {
        let mut tx = self.store.begin().await?;
        let before = self.live_mcp_server(&mut tx, permit, id).await?;
        let mut after = before.clone();
        let put = |to: &mut Option<String>, from: Option<String>| {
            if let Some(text) = from {
                *to = (!text.is_empty()).then_some(text);
            }
        };
        after.description = input.description.unwrap_or(after.description);
        put(&mut after.url, input.url);
        put(&mut after.public_key, input.public_key);
        after.tags = input.tags.unwrap_or(after.tags);
        let mut errors = FieldErrors::default();
        check(&mut errors, &mut after);
        errors.finish()?;
        if said(&before) == said(&after) {
            return Ok(before);
        }
        if (&before.url, &before.public_key) != (&after.url, &after.public_key) {
            after.observed_manifest = None;
            after.observed_at = None;
            after.key_proven_at = None;
            if before.status == McpServerStatus::Verified {
                let to = McpServerStatus::Pending;
                let reason = "it moved, or has another key".to_owned();
                let from = before.status;
                after.status = to;
                after.status_reason = Some(reason.clone());
                after.status_changed_at = tx.now();
                after.status_changed_by = permit.actor();
                tx.emit(&self.mcp_event(&after, McpServerChange::Status { from, to, reason }));
            }
        }
        tx.put_mcp_server(&after, false).await.map_err(taken)?;
        tx.emit(&self.mcp_event(&after, McpServerChange::Updated));
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.update",
            ("mcp-server", id.to_string()),
            None,
            (Some(said(&before)), Some(said(&after))),
        ));
        tx.commit().await.map_err(taken)?;
        self.cache.forget_organization(after.organization);
        self.get_mcp_server(permit, id).await
    }

    /// Changes the status of a server; the next decision of every node sees it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput` for the reason, `Conflict` when the life cycle has no such step.
    pub async fn change_mcp_server_status(
        &self,
        permit: &Permit,
        id: McpServerId,
        change: McpStatusChange,
        reason: String,
    ) -> Result<McpServer, AppError> {
        check_reason(&reason)?;
        let mut tx = self.store.begin().await?;
        let before = self.live_mcp_server(&mut tx, permit, id).await?;
        let from = before.status;
        let (to, action) = match change {
            McpStatusChange::Suspend => (McpServerStatus::Suspended, "mcp-server.suspend"),
            McpStatusChange::Revoke => (McpServerStatus::Revoked, "mcp-server.revoke"),
            // It goes back to where it came from: only an approval makes it `VERIFIED`.
            McpStatusChange::Reinstate if from == McpServerStatus::Suspended => {
                let was_verified = before.approved_manifest.is_some();
                let to = match was_verified && before.observed_manifest.is_some() {
                    true => McpServerStatus::Verified,
                    false => McpServerStatus::Pending,
                };
                (to, "mcp-server.reinstate")
            }
            McpStatusChange::Reinstate => {
                let message = format!("a server that is `{from:?}` is not suspended");
                return Err(AppError::new(ErrorCode::Conflict, message));
            }
        };
        from.transition(to)
            .map_err(|error| AppError::new(ErrorCode::Conflict, error.to_string()))?;
        let after = McpServer {
            status: to,
            status_reason: Some(reason.clone()),
            status_changed_at: tx.now(),
            status_changed_by: permit.actor(),
            ..before
        };
        tx.put_mcp_server(&after, false).await?;
        if to == McpServerStatus::Revoked {
            tx.forget_mcp_tools(id).await?;
        }
        let fact = McpServerChange::Status {
            from,
            to,
            reason: reason.clone(),
        };
        tx.emit(&self.mcp_event(&after, fact));
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("mcp-server", id.to_string()),
            Some(reason),
            (
                Some(json!({ "status": from })),
                Some(json!({ "status": to })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(after.organization);
        self.get_mcp_server(permit, id).await
    }

    /// Deletes a server: to decisions it is not registered any more. Its name and its URL are free again;
    /// what it said stays on record.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was deleted before.
    pub async fn delete_mcp_server(
        &self,
        permit: &Permit,
        id: McpServerId,
        reason: String,
    ) -> Result<McpServer, AppError> {
        check_reason(&reason)?;
        let mut tx = self.store.begin().await?;
        tx.move_mcp_servers(permit.scope().organization).await?;
        let found = tx.find_mcp_server(permit.scope(), id).await?;
        let before = found.ok_or_else(|| AppError::not_found("MCP server"))?;
        if before.deleted_at.is_some() {
            return Err(deleted());
        }
        let after = McpServer {
            deleted_at: Some(tx.now()),
            ..before.clone()
        };
        tx.put_mcp_server(&after, false).await?;
        tx.forget_mcp_tools(id).await?;
        tx.emit(&self.mcp_event(&after, McpServerChange::Deleted));
        tx.audit(permit.audit(
            &self.ids,
            "mcp-server.delete",
            ("mcp-server", id.to_string()),
            Some(reason),
            (
                Some(json!({ "name": before.name, "status": before.status })),
                None,
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(after.organization);
        self.get_mcp_server(permit, id).await
    }

    /// A server that can still change, in a transaction that nobody else changes it beside.
    pub(super) async fn live_mcp_server(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        id: McpServerId,
    ) -> Result<McpServer, AppError> {
        tx.move_mcp_servers(permit.scope().organization).await?;
        let found = tx.find_mcp_server(permit.scope(), id).await?;
        let found = found.ok_or_else(|| AppError::not_found("MCP server"))?;
        check_live(&found)?;
        Ok(found)
    }

    /// A fact about a server.
    pub(super) fn mcp_event(&self, server: &McpServer, change: McpServerChange) -> NewEvent {
        let fact = McpServerChanged {
            server: server.id,
            change,
        };
        // What keeps the order of its events is its own id.
        let key = AgentId::from_uuid(server.id.as_uuid());
        self.event(server.organization, key, fact)
    }

    /// A server of the permit's organization, also a deleted one.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_mcp_server(
        &self,
        permit: &Permit,
        id: McpServerId,
    ) -> Result<Option<McpServer>, AppError> {
        Ok(self.store.find_mcp_server(permit.scope(), id).await?)
    }

    /// Several servers of the permit's organization; unknown ids are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_mcp_servers(
        &self,
        permit: &Permit,
        ids: &[McpServerId],
    ) -> Result<Vec<McpServer>, AppError> {
        Ok(self.store.find_mcp_servers(permit.scope(), ids).await?)
    }

    pub(super) async fn get_mcp_server(
        &self,
        permit: &Permit,
        id: McpServerId,
    ) -> Result<McpServer, AppError> {
        let found = self.find_mcp_server(permit, id).await?;
        found.ok_or_else(|| AppError::not_found("MCP server"))
    }

    /// A page of servers.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_servers(
        &self,
        permit: &Permit,
        filter: &McpServerFilter,
        page: PageRequest,
    ) -> Result<Page<McpServer>, AppError> {
        let found = self.store.list_mcp_servers(permit.scope(), filter, page);
        Ok(found.await?)
    }

    /// A page of the agents that say they talk to a server.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_clients(
        &self,
        permit: &Permit,
        server: String,
        page: PageRequest,
    ) -> Result<Page<Agent>, AppError> {
        let filter = AgentFilter {
            talks_to: Some(server),
            ..AgentFilter::default()
        };
        Ok(self
            .store
            .list_agents(permit.scope(), &filter, page)
            .await?)
    }

    /// Several manifests of the permit's organization; unknown ids are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_mcp_manifests(
        &self,
        permit: &Permit,
        ids: &[McpManifestId],
    ) -> Result<Vec<McpManifest>, AppError> {
        Ok(self.store.load_mcp_manifests(permit.scope(), ids).await?)
    }

    /// A page of what a server said of itself.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_manifests(
        &self,
        permit: &Permit,
        server: McpServerId,
        page: PageRequest,
    ) -> Result<Page<McpManifest>, AppError> {
        let found = self.store.list_mcp_manifests(permit.scope(), server, page);
        Ok(found.await?)
    }

    /// A page of how a server differed from what was approved.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_mcp_drifts(
        &self,
        permit: &Permit,
        server: McpServerId,
        is_settled: Option<bool>,
        page: PageRequest,
    ) -> Result<Page<McpDrift>, AppError> {
        let scope = permit.scope();
        Ok(self
            .store
            .list_mcp_drifts(scope, server, is_settled, page)
            .await?)
    }
}

/// Refuses what is deleted or revoked.
pub(super) fn check_live(server: &McpServer) -> Result<(), AppError> {
    if server.deleted_at.is_some() {
        return Err(deleted());
    }
    if server.status == McpServerStatus::Revoked {
        let message = "the server was revoked; register another";
        return Err(AppError::new(ErrorCode::Conflict, message));
    }
    Ok(())
}

fn check(errors: &mut FieldErrors, server: &mut McpServer) {
    errors.text("description", &server.description, DESCRIPTION_MAX);
    match (server.transport, &server.url) {
        (McpTransport::StreamableHttp, None) => {
            errors.add("url", "is missing; say where the server is");
        }
        (McpTransport::Stdio, Some(_)) => {
            errors.add("url", "is of no use: the server is a process; leave it out");
        }
        (_, Some(url)) => {
            errors.keep("url", check_url(url));
        }
        (McpTransport::Stdio, None) => {}
    }
    match (server.transport, &server.public_key) {
        (McpTransport::Stdio, Some(_)) => {
            let message = "is of no use: only servers at a URL are asked to sign; leave it out";
            errors.add("publicKey", message);
        }
        (_, Some(key)) => {
            errors.keep("publicKey", PublicKey::parse(key));
        }
        (_, None) => {}
    }
    if server.tags.len() > TAGS_MAX {
        let message = format!("has {} entries; give at most {TAGS_MAX}", server.tags.len());
        errors.add("tags", message);
    }
    for (at, tag) in server.tags.iter().take(TAGS_MAX).enumerate() {
        match tag.trim().is_empty() {
            true => errors.add(&format!("tags.{at}"), "is empty; leave it out"),
            false => errors.text(&format!("tags.{at}"), tag, TAG_MAX),
        }
    }
    server.tags.sort_unstable();
    server.tags.dedup();
}

pub(super) fn check_reason(reason: &str) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    errors.reason(reason);
    errors.finish()
}

fn deleted() -> AppError {
    AppError::new(ErrorCode::Conflict, "the server was deleted")
}

fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Duplicate(_) => AppError::new(
            ErrorCode::Conflict,
            "another server of yours has this name or this URL",
        ),
        error => error.into(),
    }
}
