//! Asking a server what it is, by its protocol.
//!
//! Whoever answers is a stranger: pages, parts, bytes and time are bounded, and nothing that it says is
//! told to others but in a manifest.

use std::time::Duration;

use aim_domain::mcp::{
    ITEMS_MAX, MANIFEST_MAX_BYTES, ManifestError, McpItem, McpManifest, McpPart,
};
use rmcp::model::{
    ClientCapabilities, Implementation, InitializeRequestParams, PaginatedRequestParams,
    ProtocolVersion, ServerPeerInfo,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, Peer, RoleClient, ServiceError,
};
use rmcp::transport::IntoTransport;
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest time of a whole handshake.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time that a server has to let go.
const CLOSING: Duration = Duration::from_secs(2);
/// Most pages of one list.
const PAGES_MAX: usize = 50;

/// Why there is no manifest. The words are for whoever asked: they say nothing of what a server
/// answered that is none.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It may not be asked.
    #[error("the server may not be asked: {0}")]
    Refused(String),
    /// Nobody answered, or not by this protocol.
    #[error("nobody answers there who speaks MCP")]
    NoServer(#[source] Box<ClientInitializeError>),
    /// It stopped answering, or answered with something else.
    #[error("the server answered one of the lists with an error, or not at all")]
    List(#[source] Box<ServiceError>),
    /// Too slow.
    #[error("the server took longer than {} s", TIMEOUT.as_secs())]
    TooSlow,
    /// Too many pages, or one again and again.
    #[error("the server has more than {PAGES_MAX} pages of one list, or one page twice")]
    Pages,
    /// What it says cannot be kept.
    #[error("what the server says {0}")]
    Manifest(#[from] ManifestError),
}

/// What the server at the other end of `transport` says of itself.
///
/// # Errors
/// [`HandshakeError`] when it says nothing, too much, or no sense.
pub async fn read_manifest<T, E, A>(transport: T) -> Result<McpManifest, HandshakeError>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let asked = tokio::time::timeout(TIMEOUT, ask(transport)).await;
    asked.map_err(|_| HandshakeError::TooSlow)?
}

async fn ask<T, E, A>(transport: T) -> Result<McpManifest, HandshakeError>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let me = Implementation::new("aim", env!("CARGO_PKG_VERSION"));
    let client = InitializeRequestParams::new(ClientCapabilities::default(), me);
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::LATEST],
        legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
    };
    let opened = client.serve_with_lifecycle(transport, lifecycle).await;
    let mut service = opened.map_err(|error| HandshakeError::NoServer(Box::new(error)))?;
    let read = match service.peer().peer_info() {
        Some(info) => read_parts(service.peer(), &info).await,
        None => Err(HandshakeError::List(Box::new(
            ServiceError::UnexpectedResponse,
        ))),
    };
    let _ = service.close_with_timeout(CLOSING).await;
    read
}

async fn read_parts(
    peer: &Peer<RoleClient>,
    info: &ServerPeerInfo,
) -> Result<McpManifest, HandshakeError> {
    let mut parts = Parts::default();
    if info.capabilities.tools.is_some() {
        let mut pages = Pages::default();
        while let Some(at) = pages.next()? {
            let page = peer.list_tools(Some(at)).await.map_err(failed)?;
            parts.take(McpPart::Tool, "name", &page.tools)?;
            pages.go_on(page.next_cursor);
        }
    }
    if info.capabilities.prompts.is_some() {
        let mut pages = Pages::default();
        while let Some(at) = pages.next()? {
            let page = peer.list_prompts(Some(at)).await.map_err(failed)?;
            parts.take(McpPart::Prompt, "name", &page.prompts)?;
            pages.go_on(page.next_cursor);
        }
    }
    if info.capabilities.resources.is_some() {
        let mut pages = Pages::default();
        while let Some(at) = pages.next()? {
            let page = peer.list_resources(Some(at)).await.map_err(failed)?;
            parts.take(McpPart::Resource, "uri", &page.resources)?;
            pages.go_on(page.next_cursor);
        }
        let mut pages = Pages::default();
        while let Some(at) = pages.next()? {
            let page = peer.list_resource_templates(Some(at)).await;
            let page = page.map_err(failed)?;
            parts.take(
                McpPart::ResourceTemplate,
                "uriTemplate",
                &page.resource_templates,
            )?;
            pages.go_on(page.next_cursor);
        }
    }
    let (server_name, server_version) = match &info.server_info {
        Some(it) => (it.name.clone(), it.version.clone()),
        None => (String::new(), String::new()),
    };
    let manifest = McpManifest {
        protocol_version: info.protocol_version.as_str().to_owned(),
        server_name,
        server_version,
        instructions: info.instructions.clone(),
        items: parts.items,
    };
    Ok(manifest.check()?)
}

fn failed(error: ServiceError) -> HandshakeError {
    HandshakeError::List(Box::new(error))
}

/// The pages of one list.
#[derive(Default)]
struct Pages {
    count: usize,
    cursor: Option<String>,
    is_done: bool,
}

impl Pages {
    /// What to ask for next; `None` when all pages are there.
    fn next(&mut self) -> Result<Option<PaginatedRequestParams>, HandshakeError> {
        if self.is_done {
            return Ok(None);
        }
        if self.count == PAGES_MAX {
            return Err(HandshakeError::Pages);
        }
        self.count += 1;
        let at = PaginatedRequestParams::default().with_cursor(self.cursor.clone());
        Ok(Some(at))
    }

    fn go_on(&mut self, next: Option<String>) {
        // A server that sends the same cursor again would never end; the count ends it anyway.
        self.is_done = next.is_none();
        self.cursor = next;
    }
}

/// Parts as they come in, bounded while they do.
#[derive(Default)]
struct Parts {
    items: Vec<McpItem>,
    bytes: usize,
}

impl Parts {
    fn take<T: Serialize>(
        &mut self,
        part: McpPart,
        id: &str,
        found: &[T],
    ) -> Result<(), HandshakeError> {
        let count = self.items.len() + found.len();
        if count > ITEMS_MAX {
            return Err(ManifestError::TooMany(count).into());
        }
        for it in found {
            let Ok(Value::Object(definition)) = serde_json::to_value(it) else {
                continue;
            };
            self.bytes += serde_json::to_vec(&definition).map_or(0, |it| it.len());
            if self.bytes > MANIFEST_MAX_BYTES {
                return Err(ManifestError::TooLarge.into());
            }
            self.items.push(item(part, id, definition));
        }
        Ok(())
    }
}

fn item(part: McpPart, id: &str, mut definition: Map<String, Value>) -> McpItem {
    let name = match definition.remove(id) {
        Some(Value::String(name)) => name,
        _ => String::new(),
    };
    // What a resource is called, beside its URI.
    if let Some(label) = definition.remove("name") {
        definition.insert("label".to_owned(), label);
    }
    McpItem {
        part,
        name,
        definition,
    }
}
