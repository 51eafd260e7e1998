//! Everything a use case needs.

use std::sync::Arc;

use aim_domain::clock::Clock;
use aim_domain::event::{Fact, NewEvent};
use aim_domain::id::{AgentId, AuditEntryId, EventId, OrganizationId};
use aim_domain::location::{Locator, Nowhere};
use aim_store::Store;
use aim_store::audit::NewAuditEntry;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::action_classes::SharedClasses;
use crate::await_approval::Waiters;
use crate::backtest_policy::BACKTESTS_MAX;
use crate::cache::FactsCache;
use crate::credentials::Credentials;
use crate::expire_approvals::NextDue;
use crate::feed::Feed;
use crate::find_api_key::UsedKeys;
use crate::ingest_events::IngestSink;
use crate::keep_keys::KeyUse;
use crate::kills::Kills;
use crate::mcp::{McpDoor, McpNetworks, SharedServers};
use crate::outbound::Outbound;
use crate::password::Passwords;
use crate::policies::SharedPolicies;
use crate::publish_model::{ModelChecker, NoChecker};
use crate::seen_lately::SeenLately;
use crate::serving::ServingCache;
use crate::token_keys::TokenKeys;
use crate::trace::{self, Tracing};
use crate::writer::GroupWriter;
use crate::{AppError, ErrorCode, Ids};

/// How the use cases are set up.
#[derive(Debug, Clone, Copy)]
pub struct AppConfig {
    /// Most agents whose facts are kept in memory.
    pub cached_agents: usize,
    /// Most subscribers' facts kept for those that lag behind.
    pub feed_capacity: usize,
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            cached_agents: 100_000,
            feed_capacity: 8_192,
        }
    }
}

/// The use cases, with what they share.
#[derive(Debug)]
pub struct App {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) cache: Arc<FactsCache>,
    pub(crate) writer: GroupWriter,
    pub(crate) passwords: Passwords,
    pub(crate) feed: Feed,
    pub(crate) kills: Arc<Kills>,
    pub(crate) credentials: Credentials,
    pub(crate) used_keys: UsedKeys,
    pub(crate) key_use: KeyUse,
    pub(crate) token_keys: OnceCell<Arc<TokenKeys>>,
    pub(crate) ingest: IngestSink,
    pub(crate) locator: Arc<dyn Locator>,
    pub(crate) serving: ServingCache,
    pub(crate) classes: SharedClasses,
    pub(crate) policies: SharedPolicies,
    pub(crate) mcp_servers: SharedServers,
    pub(crate) mcp_door: McpDoor,
    pub(crate) called_servers: SeenLately,
    pub(crate) seen_agents: SeenLately,
    /// Whether attestations and reports of MCP servers are taken.
    pub(crate) is_attesting: bool,
    pub(crate) backtests: Semaphore,
    pub(crate) models: Arc<dyn ModelChecker>,
    pub(crate) accounts: Accounts,
    pub(crate) outbound: Option<Outbound>,
    pub(crate) deliveries: Notify,
    pub(crate) waiters: Waiters,
    pub(crate) next_due: NextDue,
    /// Who is told of spans, if anybody.
    pub(crate) tracing: Option<Tracing>,
}

impl App {
    /// Sets the use cases up; the writer's task runs on `tracker` until `stop` fires.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        ingest: IngestSink,
        config: AppConfig,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let ids = Arc::new(Ids::new(Arc::clone(&clock)));
        Self {
            writer: GroupWriter::start(store.clone(), tracker, stop),
            cache: Arc::new(FactsCache::new(config.cached_agents)),
            feed: Feed::new(config.feed_capacity),
            kills: Arc::default(),
            credentials: Credentials::default(),
            used_keys: UsedKeys::default(),
            key_use: KeyUse::default(),
            token_keys: OnceCell::new(),
            passwords: Passwords::default(),
            store,
            clock,
            ids,
            ingest,
            serving: ServingCache::default(),
            classes: SharedClasses::default(),
            policies: SharedPolicies::default(),
            mcp_servers: SharedServers::default(),
            mcp_door: McpDoor::new(McpNetworks::default()),
            called_servers: SeenLately::default(),
            seen_agents: SeenLately::default(),
            is_attesting: true,
            backtests: Semaphore::new(BACKTESTS_MAX),
            models: Arc::new(NoChecker),
            accounts: Accounts::default(),
            outbound: None,
            deliveries: Notify::new(),
            waiters: Waiters::default(),
            next_due: NextDue::default(),
            locator: Arc::new(Nowhere),
            tracing: None,
        }
    }

    /// With somebody who knows where addresses are.
    #[must_use]
    pub fn locating(self, locator: Arc<dyn Locator>) -> Self {
        Self { locator, ..self }
    }

    /// With networks in which MCP servers are reached beside the public internet.
    #[must_use]
    pub fn reaching_mcp(self, networks: McpNetworks) -> Self {
        let mcp_door = McpDoor::new(networks);
        Self { mcp_door, ..self }
    }

    /// With, or without, attestations and reports of MCP servers.
    #[must_use]
    pub fn attesting(self, is_attesting: bool) -> Self {
        Self {
            is_attesting,
            ..self
        }
    }

    /// Who knows where addresses are.
    #[must_use]
    pub fn locator(&self) -> &Arc<dyn Locator> {
        &self.locator
    }

    /// With what looks at models before they are published; without it none is.
    #[must_use]
    pub fn with_models(mut self, checker: Arc<dyn ModelChecker>) -> Self {
        self.models = checker;
        self
    }

    /// With what reaches the servers that people of an organization name; without it none is.
    #[must_use]
    pub fn reaching(mut self, outbound: Outbound) -> Self {
        self.outbound = Some(outbound);
        self
    }

    /// The clock that every rule is given the time of.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// A new id, in the order it was made.
    #[must_use]
    pub fn next_id(&self) -> uuid::Uuid {
        self.ids.next()
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not.
    pub async fn check_ready(&self) -> Result<(), AppError> {
        self.store.find_first_organization().await.map(|_| ())?;
        if self.cache.is_live(self.clock.now()) {
            Ok(())
        } else {
            Err(AppError::new(
                ErrorCode::Unavailable,
                "the event log has not been read lately",
            ))
        }
    }

    /// An audit entry of what a job of ours does by itself.
    pub(crate) fn by_system(
        &self,
        job: &'static str,
        organization: OrganizationId,
        action: &'static str,
        (object_type, object_id): (&'static str, String),
    ) -> NewAuditEntry {
        let id = self.ids.next();
        NewAuditEntry {
            id: AuditEntryId::from_uuid(id),
            organization,
            actor_type: "system",
            actor_id: job.to_owned(),
            action,
            object_type,
            object_id,
            reason: None,
            before: None,
            after: None,
            request_id: id.to_string(),
        }
    }

    /// A fact, ready to be emitted, in the span that this task works in.
    pub(crate) fn event(
        &self,
        organization: OrganizationId,
        agent: AgentId,
        fact: impl Into<Fact>,
    ) -> NewEvent {
        NewEvent {
            id: EventId::from_uuid(self.ids.next()),
            organization,
            agent,
            time: self.clock.now(),
            trace: trace::current(),
            fact: fact.into(),
        }
    }
}
