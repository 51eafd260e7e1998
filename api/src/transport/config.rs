//! Role: what a deployment may choose about the transport. Limits are not here: see
//! [`super::limits`].

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use http::HeaderValue;
use tokio::time::Instant;

use super::{
    limits::{
        EXECUTION_TIMEOUT, IDLE_TIMEOUT, INIT_TIMEOUT, KEEP_ALIVE_INTERVAL, MAX_STREAMS_PER_ACTOR,
        PING_INTERVAL,
    },
    persisted::TrustedDocuments,
};

/// The time, as a parameter.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Choices of a deployment.
#[derive(Clone)]
pub struct TransportConfig {
    /// The schema, as the executor prints it.
    pub sdl: String,
    /// Whether clients may ask for the schema.
    pub introspection: bool,
    /// Whether validation errors may hint at names; off in production.
    pub suggestions: bool,
    /// Whether GET requests need a header field that no other site's page can send unasked.
    pub strict_get: bool,
    /// The only documents that are executed; any valid one if absent.
    pub trusted_documents: Option<TrustedDocuments>,
    /// Websockets and event streams that one actor may have open.
    pub streams_per_actor: u32,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// Where GraphiQL's and React's files are; see `scripts/graphiql`.
    pub graphiql_dir: Option<PathBuf>,
    /// Origins of web pages, such as `https://aim.example`, that may call from another host. The
    /// own host is always allowed; requests without `Origin` do not come from a web page.
    pub allowed_origins: Vec<HeaderValue>,
    /// Used for `expires_at` only.
    pub clock: Clock,
    /// How long things may take.
    pub timing: Timing,
}

/// Durations; [`Default`] takes the constants of [`super::limits`]. Tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For reading a body, for authenticating, and for executing a query or mutation.
    pub execution: Duration,
    /// From the open websocket to `connection_init`.
    pub init: Duration,
    /// A websocket without an operation.
    pub idle: Duration,
    /// Between pings on a websocket.
    pub ping: Duration,
    /// Between comments on an event stream.
    pub keep_alive: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            execution: EXECUTION_TIMEOUT,
            init: INIT_TIMEOUT,
            idle: IDLE_TIMEOUT,
            ping: PING_INTERVAL,
            keep_alive: KEEP_ALIVE_INTERVAL,
        }
    }
}

impl TransportConfig {
    /// Production choices: no introspection, no hints, no GraphiQL, no foreign origins, no GET that
    /// a page elsewhere could send.
    pub fn new(sdl: impl Into<String>, clock: Clock) -> Self {
        Self {
            sdl: sdl.into(),
            introspection: false,
            suggestions: false,
            strict_get: true,
            trusted_documents: None,
            streams_per_actor: MAX_STREAMS_PER_ACTOR,
            graphiql: false,
            graphiql_dir: None,
            allowed_origins: Vec::new(),
            clock,
            timing: Timing::default(),
        }
    }

    /// When something known until `expires_at` ends on the runtime's clock; `None` for never.
    pub(super) fn deadline(&self, expires_at: Option<DateTime<Utc>>) -> Option<Instant> {
        // Negative is already over.
        let left = (expires_at? - (self.clock)()).to_std().unwrap_or_default();
        Instant::now().checked_add(left)
    }
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("introspection", &self.introspection)
            .field("suggestions", &self.suggestions)
            .field("graphiql", &self.graphiql)
            .field("strict_get", &self.strict_get)
            .field("allowed_origins", &self.allowed_origins)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}
