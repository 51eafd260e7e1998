//! Reading, within a permit's scope.

use aim_domain::id::{AgentId, AlertId, TrustSnapshotId, UserId, VerificationId};
use aim_eventlog::Topic;
use aim_store::agents::{Agent, AgentFilter};
use aim_store::alerts::{Alert, AlertFilter};
use aim_store::anomalies::{Anomaly, AnomalyFilter};
use aim_store::audit::{AuditEntry, AuditFilter};
use aim_store::capabilities::Capability;
use aim_store::dead_letters::DeadLetter;
use aim_store::grants::GrantRecord;
use aim_store::offsets::ConsumerOffset;
use aim_store::organizations::Organization;
use aim_store::ratings::AgentRating;
use aim_store::trust::{TrustSnapshot, TrustSummary};
use aim_store::users::User;
use aim_store::verifications::{Verification, VerificationFilter};
use aim_store::{Page, PageRequest};

use crate::{App, AppError, Permit};

/// The consumer group of the stream.
pub(crate) const STREAM_GROUP: &str = "aim-stream";

impl App {
    /// A person.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, AppError> {
        Ok(self.store.find_user(id).await?)
    }

    /// The permit's organization.
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub async fn get_organization(&self, permit: &Permit) -> Result<Organization, AppError> {
        let found = self
            .store
            .find_organization(permit.scope().organization)
            .await?;
        found.ok_or_else(|| AppError::not_found("organization"))
    }

    /// An agent.
    ///
    /// # Errors
    /// `NotFound` when there is none in the permit's organization.
    pub async fn get_agent(&self, permit: &Permit, id: AgentId) -> Result<Agent, AppError> {
        let found = self.store.find_agent(permit.scope(), id).await?;
        found.ok_or_else(|| AppError::not_found("agent"))
    }

    /// Several agents; unknown ones are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_agents(
        &self,
        permit: &Permit,
        ids: &[AgentId],
    ) -> Result<Vec<Agent>, AppError> {
        Ok(self.store.load_agents(permit.scope(), ids).await?)
    }

    /// A page of agents.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_agents(
        &self,
        permit: &Permit,
        filter: &AgentFilter,
        page: PageRequest,
    ) -> Result<Page<Agent>, AppError> {
        let found = self.store.list_agents(permit.scope(), filter, page);
        Ok(found.await?)
    }

    /// Several people; unknown ones are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_users(&self, permit: &Permit, ids: &[UserId]) -> Result<Vec<User>, AppError> {
        Ok(self.store.load_users(permit.scope(), ids).await?)
    }

    /// A page of what is said of an agent.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_ratings(
        &self,
        permit: &Permit,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<AgentRating>, AppError> {
        Ok(self.store.list_ratings(permit.scope(), agent, page).await?)
    }

    /// The trust of the organization's agents together.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn summarize_trust(&self, permit: &Permit) -> Result<TrustSummary, AppError> {
        Ok(self.store.summarize_trust(permit.scope()).await?)
    }

    /// Live grants of agents that the permit's holder has read before.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_grants(&self, agents: &[AgentId]) -> Result<Vec<GrantRecord>, AppError> {
        Ok(self.store.list_grants(agents).await?)
    }

    /// The standard catalogue.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_capabilities(&self) -> Result<Vec<Capability>, AppError> {
        Ok(self.store.list_capabilities().await?)
    }

    /// A verification, if it is in the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_verification(
        &self,
        permit: &Permit,
        id: VerificationId,
    ) -> Result<Option<Verification>, AppError> {
        Ok(self.store.find_verification(permit.scope(), id).await?)
    }

    /// A page of verifications.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_verifications(
        &self,
        permit: &Permit,
        filter: &VerificationFilter,
        page: PageRequest,
    ) -> Result<Page<Verification>, AppError> {
        Ok(self
            .store
            .list_verifications(permit.scope(), filter, page)
            .await?)
    }

    /// An alert, if it is in the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_alert(
        &self,
        permit: &Permit,
        id: AlertId,
    ) -> Result<Option<Alert>, AppError> {
        Ok(self.store.find_alert(permit.scope(), id).await?)
    }

    /// A page of alerts.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_alerts(
        &self,
        permit: &Permit,
        filter: &AlertFilter,
        page: PageRequest,
    ) -> Result<Page<Alert>, AppError> {
        Ok(self.store.list_alerts(permit.scope(), filter, page).await?)
    }

    /// A page of findings.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_anomalies(
        &self,
        permit: &Permit,
        filter: &AnomalyFilter,
        page: PageRequest,
    ) -> Result<Page<Anomaly>, AppError> {
        Ok(self
            .store
            .list_anomalies(permit.scope(), filter, page)
            .await?)
    }

    /// A page of an agent's trust history.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_trust_snapshots(
        &self,
        permit: &Permit,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<TrustSnapshot>, AppError> {
        Ok(self
            .store
            .list_trust_snapshots(permit.scope(), agent, page)
            .await?)
    }

    /// A snapshot, if it is in the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_trust_snapshot(
        &self,
        permit: &Permit,
        id: TrustSnapshotId,
    ) -> Result<Option<TrustSnapshot>, AppError> {
        Ok(self.store.find_trust_snapshot(permit.scope(), id).await?)
    }

    /// A page of the audit trail.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_audit(
        &self,
        permit: &Permit,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, AppError> {
        Ok(self.store.list_audit(permit.scope(), filter, page).await?)
    }

    /// A page of dead letters.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_dead_letters(
        &self,
        permit: &Permit,
        reason: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<DeadLetter>, AppError> {
        Ok(self
            .store
            .list_dead_letters(permit.scope(), reason, page)
            .await?)
    }

    /// What became of the records of a topic, over all partitions: applied, duplicates, dead
    /// letters. Counts of the whole installation, not of one organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn stream_totals(&self, topic: Topic) -> Result<(u64, u64, u64), AppError> {
        let offsets = self.store.list_offsets(STREAM_GROUP).await?;
        let mine = offsets
            .iter()
            .filter(|offset| offset.partition.topic == topic);
        Ok(mine.fold((0, 0, 0), |sum, offset: &ConsumerOffset| {
            (
                sum.0 + offset.applied,
                sum.1 + offset.duplicates,
                sum.2 + offset.dead_letters,
            )
        }))
    }
}
