//! A migrated database with two tenants, each with an agent of the same name.

use std::sync::Arc;

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::clock::Clock;
use aim_domain::event::{AgentChange, AgentChanged, NewEvent};
use aim_domain::id::{AgentId, AgentKeyId, AuditEntryId, EventId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::signature::SecretKey;
use aim_domain::trust::{TrustScore, TrustWeights};
use aim_domain::verification::{DecisionSettings, KeyFacts};
use aim_entities::event_log;
use aim_migration::{Migrator, MigratorTrait};
use aim_store::agents::Agent;
use aim_store::audit::{AuditFilter, NewAuditEntry};
use aim_store::organizations::Organization;
use aim_store::{PageRequest, Store, StoreConfig};
use aim_tests::Postgres;
use anyhow::Context;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Database, EntityTrait, PaginatorTrait};
use tempfile::TempDir;
use uuid::Uuid;

/// A clock that stands: rows of different transactions have one time.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        now()
    }
}

/// The time of everything.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000)
}

/// A tenant with its agent and the agent's key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) organization: OrganizationId,
    pub(crate) scope: Scope,
    pub(crate) agent: AgentId,
    pub(crate) key: AgentKeyId,
}

impl Tenant {
    fn new(number: u128) -> Self {
        let organization = OrganizationId::from_uuid(Uuid::from_u128(number));
        Self {
            organization,
            scope: Scope::of(organization),
            agent: AgentId::from_uuid(Uuid::from_u128(0xa0 + number)),
            key: AgentKeyId::from_uuid(Uuid::from_u128(0xb0 + number)),
        }
    }

    /// Another agent of this tenant.
    pub(crate) fn agent(&self, number: u128) -> Agent {
        agent(
            self.organization,
            AgentId::from_uuid(Uuid::from_u128(number)),
            &format!("agent-{number}"),
        )
    }

    pub(crate) fn event(&self, number: u128) -> NewEvent {
        let change = AgentChange::Registered {
            name: number.to_string(),
        };
        NewEvent {
            id: EventId::from_uuid(Uuid::from_u128(number)),
            organization: self.organization,
            agent: self.agent,
            time: now(),
            trace: None,
            fact: AgentChanged {
                agent: self.agent,
                change,
            }
            .into(),
        }
    }

    pub(crate) fn audit(&self, number: u128) -> NewAuditEntry {
        NewAuditEntry {
            id: AuditEntryId::from_uuid(Uuid::from_u128(number)),
            organization: self.organization,
            actor_type: "agent",
            actor_id: self.agent.to_string(),
            action: "action.verify",
            object_type: "verification",
            object_id: number.to_string(),
            reason: None,
            before: None,
            after: None,
            request_id: "request".to_owned(),
        }
    }
}

/// The database.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) ours: Tenant,
    pub(crate) theirs: Tenant,
    _home: Option<TempDir>,
}

impl Scene {
    pub(crate) async fn sqlite() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let file = home.path().join("aim.db");
        Self::new(format!("sqlite://{}?mode=rwc", file.display()), Some(home)).await
    }

    pub(crate) async fn postgresql() -> anyhow::Result<Self> {
        Self::new(Postgres::shared()?.fresh_database()?, None).await
    }

    /// Of an owner who may create tables, but no extensions.
    pub(crate) async fn postgresql_without_extensions() -> anyhow::Result<Self> {
        let url = Postgres::shared()?.fresh_database()?;
        let database = Database::connect(&url).await?;
        let owner = format!("owner_{}", Uuid::new_v4().simple());
        for statement in [
            format!("CREATE ROLE {owner} LOGIN"),
            format!("GRANT ALL ON SCHEMA public TO {owner}"),
        ] {
            database.execute_unprepared(&statement).await?;
        }
        database.close().await?;
        let (_, place) = url.split_once('@').context("a URL with a user")?;
        Self::new(format!("postgres://{owner}@{place}"), None).await
    }

    async fn new(url: String, home: Option<TempDir>) -> anyhow::Result<Self> {
        let config = StoreConfig {
            url,
            connections: 4,
        };
        let store = Store::connect(&config, Arc::new(Still)).await?;
        Migrator::up(store.writer(), None).await?;
        let scene = Self {
            store,
            ours: Tenant::new(1),
            theirs: Tenant::new(2),
            _home: home,
        };
        scene.fill().await?;
        Ok(scene)
    }

    async fn fill(&self) -> anyhow::Result<()> {
        let mut tx = self.store.begin().await?;
        for (tenant, number) in [(self.ours, 1), (self.theirs, 2)] {
            let organization = Organization {
                id: tenant.organization,
                name: number.to_string(),
                settings: DecisionSettings::default(),
                created_at: now(),
                trust_weights: TrustWeights::default(),
                kill_switch: None,
                approvals: None,
            };
            tx.insert_organization(&organization, &number.to_string())
                .await?;
            tx.insert_agent(&agent(tenant.organization, tenant.agent, "twin"))
                .await?;
            let public_key = SecretKey::from_seed(&[number; 32]).public_key();
            let key = KeyFacts {
                id: tenant.key,
                key_id: public_key.thumbprint().into(),
                public_key,
                expires_at: None,
                revoked_at: None,
            };
            tx.insert_key(tenant.organization, tenant.agent, &key, "system")
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many events and how many audit entries of both tenants there are.
    pub(crate) async fn recorded(&self) -> anyhow::Result<(u64, u64)> {
        let events = event_log::Entity::find().count(self.store.reader()).await?;
        let mut entries = 0;
        for tenant in [self.ours, self.theirs] {
            let page = PageRequest::new(Some(1), None, None, None)?;
            let filter = AuditFilter::default();
            let page = self.store.list_audit(tenant.scope, &filter, page).await?;
            entries += page.total;
        }
        Ok((events, entries))
    }
}

fn agent(organization: OrganizationId, id: AgentId, name: &str) -> Agent {
    Agent {
        id,
        organization,
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        agent_type: AgentType::Custom,
        version: None,
        repository_url: None,
        documentation_url: None,
        declared_capabilities: Vec::new(),
        talks_to: Vec::new(),
        status: AgentStatus::Verified,
        status_reason: None,
        status_changed_at: now(),
        status_changed_by: "system".to_owned(),
        trust: None,
        trust_confidence: TrustScore::default(),
        trust_sample_count: 0,
        trust_override: None,
        trust_updated_at: None,
        created_by: "system".to_owned(),
        created_at: now(),
        updated_at: now(),
        last_seen_at: None,
        kill_switch: None,
        tags: Vec::new(),
        deleted_at: None,
    }
}
