//! A database with two tenants and their agents, and the processes that share it.

use std::sync::Arc;
use std::time::Duration;

use aim_app::{App, AppConfig};
use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::id::{AgentId, AgentKeyId, CapabilityGrantId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::signature::{SecretKey, sign_event};
use aim_domain::trust::{TrustScore, TrustWeights};
use aim_domain::verification::{DecisionSettings, KeyFacts};
use aim_eventlog::{EventSource, MemoryLog};
use aim_migration::{Migrator, MigratorTrait};
use aim_store::agents::Agent;
use aim_store::grants::GrantRecord;
use aim_store::organizations::Organization;
use aim_store::{Store, StoreConfig};
use aim_stream::{Processor, StreamConfig};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::{Ticking, beginning};

/// Partitions of a topic.
pub(crate) const PARTITIONS: i32 = 3;
/// What every agent may do; everything else is an attempt without a grant.
pub(crate) const GRANTED: &str = "files:*";

/// An agent with its key.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: AgentId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: &'static str,
    pub(crate) key: SecretKey,
}

impl Member {
    fn new(number: u8, organization: u8, name: &'static str) -> Self {
        Self {
            id: AgentId::from_uuid(Uuid::from_u128(0xa0 + u128::from(number))),
            organization: organization_id(organization),
            name,
            key: SecretKey::from_seed(&[number + 1; 32]),
        }
    }

    pub(crate) fn sign(&self, payload: &[u8]) -> String {
        let key_id = self.key.public_key().thumbprint();
        sign_event(&self.key, &key_id, payload).to_string()
    }
}

pub(crate) fn organization_id(number: u8) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

/// Every agent that there is. The first four send events, the others ask us; two of different
/// tenants have one name.
pub(crate) fn members() -> Vec<Member> {
    [
        (0, "reader"),
        (0, "writer"),
        (0, "mover"),
        (1, "reader"),
        (0, "asker"),
        (1, "other-asker"),
    ]
    .into_iter()
    .zip(0..)
    .map(|((organization, name), number)| Member::new(number, organization, name))
    .collect()
}

/// The database, which outlives the processes.
pub(crate) struct Site {
    home: TempDir,
    clock: Arc<Ticking>,
    pub(crate) members: Vec<Member>,
    pub(crate) takes_unsigned: bool,
}

impl Site {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let site = Self {
            home: tempfile::tempdir()?,
            clock: Arc::default(),
            members: members(),
            takes_unsigned: false,
        };
        let store = site.store().await?;
        Migrator::up(store.writer(), None).await?;
        site.fill(&store).await?;
        Ok(site)
    }

    async fn fill(&self, store: &Store) -> anyhow::Result<()> {
        let mut tx = store.begin().await?;
        for number in [0, 1] {
            let organization = Organization {
                id: organization_id(number),
                name: format!("Organization {number}"),
                settings: DecisionSettings::default(),
                created_at: beginning(),
                trust_weights: TrustWeights::default(),
                kill_switch: None,
                approvals: None,
            };
            tx.insert_organization(&organization, &format!("organization-{number}"))
                .await?;
        }
        for (member, number) in self.members.iter().zip(0..) {
            tx.insert_agent(&agent(member)).await?;
            let public_key = member.key.public_key();
            let key = KeyFacts {
                id: AgentKeyId::from_uuid(Uuid::from_u128(0xb0 + number)),
                key_id: public_key.thumbprint().into(),
                public_key,
                expires_at: None,
                revoked_at: None,
            };
            tx.insert_key(member.organization, member.id, &key, "system")
                .await?;
            let grant = GrantRecord {
                organization: member.organization,
                agent: member.id,
                grant: CapabilityGrant {
                    id: CapabilityGrantId::from_uuid(Uuid::from_u128(0xc0 + number)),
                    capability: Pattern::capability(GRANTED)?,
                    resource: None,
                    expires_at: None,
                },
                granted_by: "system".to_owned(),
                reason: None,
                created_at: beginning(),
                revoked_at: None,
                revoked_by: None,
            };
            tx.insert_grant(&grant).await?;
        }
        Ok(tx.commit().await?)
    }

    pub(crate) fn log(&self) -> MemoryLog {
        MemoryLog::new(PARTITIONS, self.clock.clone())
    }

    pub(crate) fn scopes() -> [Scope; 2] {
        [0, 1].map(|number| Scope::of(organization_id(number)))
    }

    /// Connections of their own, as another process would have.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let file = self.home.path().join("aim.db");
        let config = StoreConfig {
            url: format!("sqlite://{}?mode=rwc", file.display()),
            connections: 2,
        };
        Ok(Store::connect(&config, self.clock.clone()).await?)
    }

    /// Ends the key of an agent, as of the beginning.
    pub(crate) async fn end_key(&self, member: &Member, column: &str) -> anyhow::Result<()> {
        let statement = format!(
            "UPDATE agent_keys SET {column} = '{}' WHERE key_id = '{}'",
            beginning().to_rfc3339(),
            member.key.public_key().thumbprint()
        );
        let store = self.store().await?;
        store.writer().execute_unprepared(&statement).await?;
        Ok(())
    }

    /// A process that reads `source` until `stop` fires.
    pub(crate) async fn processor(
        &self,
        source: Box<dyn EventSource>,
        batch_max: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<Processor> {
        let app = App::new(
            self.store().await?,
            self.clock.clone(),
            Arc::new(self.log()),
            AppConfig::default(),
            &TaskTracker::new(),
            stop.clone(),
        );
        let config = StreamConfig {
            batch_max,
            wait: Duration::ZERO,
            pace: Duration::ZERO,
            rest_max: Duration::ZERO,
            written_few: 0,
            takes_unsigned: self.takes_unsigned,
            ..StreamConfig::default()
        };
        Ok(Processor::new(Arc::new(app), source, config))
    }
}

fn agent(member: &Member) -> Agent {
    Agent {
        id: member.id,
        organization: member.organization,
        name: member.name.to_owned(),
        display_name: member.name.to_owned(),
        description: String::new(),
        agent_type: AgentType::Custom,
        version: None,
        repository_url: None,
        documentation_url: None,
        declared_capabilities: Vec::new(),
        talks_to: Vec::new(),
        status: AgentStatus::Verified,
        status_reason: None,
        status_changed_at: beginning(),
        status_changed_by: "system".to_owned(),
        trust: None,
        trust_confidence: TrustScore::default(),
        trust_sample_count: 0,
        trust_override: None,
        trust_updated_at: None,
        created_by: "system".to_owned(),
        created_at: beginning(),
        updated_at: beginning(),
        last_seen_at: None,
        kill_switch: None,
        tags: Vec::new(),
        deleted_at: None,
    }
}
