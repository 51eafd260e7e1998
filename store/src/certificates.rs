//! Certificate authorities of organizations, and the certificates that they gave.

use aim_domain::agent::AgentStatus;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_entities::{
    agent, agent_certificate as entity, agent_key, certificate_authority, organization,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::OnConflict,
};
use std::collections::HashMap;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, code};

/// An organization's authority.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// Whose.
    pub organization: OrganizationId,
    /// Its own certificate, in DER.
    pub certificate: Vec<u8>,
    /// Its private key, sealed.
    pub sealed: Vec<u8>,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

/// A certificate that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCertificate {
    /// Its identity.
    pub id: Uuid,
    /// Whose its agent is.
    pub organization: OrganizationId,
    /// Whose it is.
    pub agent: AgentId,
    /// Of which key.
    pub key: AgentKeyId,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Since when it is good.
    pub not_before: DateTime<Utc>,
    /// Until when.
    pub not_after: DateTime<Utc>,
}

/// Why a certificate is good no more before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateEnd {
    /// Its key was revoked.
    KeyRevoked(DateTime<Utc>),
    /// Its key was exchanged and has ended before it.
    KeyEnded(DateTime<Utc>),
    /// Its agent's life has ended.
    AgentRevoked(DateTime<Utc>),
    /// Its agent may not act for now.
    AgentStopped(DateTime<Utc>),
}

impl Store {
    /// An organization's authority, if it has one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_authority(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<CertificateAuthority>, StoreError> {
        let query = certificate_authority::Entity::find_by_id(organization.as_uuid());
        let row = query.one(self.reader()).await?;
        Ok(row.map(|row| CertificateAuthority {
            organization: OrganizationId::from_uuid(row.organization_id),
            certificate: row.certificate,
            sealed: row.sealed,
            created_at: row.created_at,
        }))
    }

    /// Certificates of an organization that would still be good by their times, and are not: because
    /// of their key, their agent or the organization's kill switch.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_ended_certificates(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Vec<(Vec<u8>, CertificateEnd)>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(organization_id.as_uuid()))
            .filter(entity::Column::NotAfter.gt(self.now()))
            .order_by_asc(entity::Column::Id)
            .all(self.reader())
            .await?;
        let agents: Vec<Uuid> = rows.iter().map(|row| row.agent_id).collect();
        let keys: Vec<Uuid> = rows.iter().map(|row| row.agent_key_id).collect();
        let now = self.now();
        let mut ended = HashMap::new();
        for chunk in keys.chunks(5_000) {
            let found = agent_key::Entity::find()
                .filter(agent_key::Column::Id.is_in(chunk.iter().copied()));
            let found = found.all(self.reader()).await?.into_iter();
            ended.extend(found.filter_map(|key| Some((key.id, end_of_key(&key, now)?))));
        }
        let mut stopped = HashMap::new();
        for chunk in agents.chunks(5_000) {
            let found =
                agent::Entity::find().filter(agent::Column::Id.is_in(chunk.iter().copied()));
            let found = found.all(self.reader()).await?.into_iter();
            stopped.extend(found.filter_map(|agent| Some((agent.id, end_of(&agent)?))));
        }
        let whole = organization::Entity::find_by_id(organization_id.as_uuid());
        let whole = whole.one(self.reader()).await?;
        let killed = whole.and_then(|it| it.kill_switch_engaged_at);
        let killed = killed.map(CertificateEnd::AgentStopped);
        let found = rows.into_iter().filter_map(|row| {
            let end = ended.get(&row.agent_key_id).copied();
            let end = end.or_else(|| stopped.get(&row.agent_id).copied());
            Some((row.serial, end.or(killed)?))
        });
        Ok(found.collect())
    }
}

/// What ended a key.
fn end_of_key(key: &agent_key::Model, now: DateTime<Utc>) -> Option<CertificateEnd> {
    if let Some(at) = key.revoked_at {
        return Some(CertificateEnd::KeyRevoked(at));
    }
    let end = key.expires_at.filter(|end| *end <= now)?;
    Some(CertificateEnd::KeyEnded(end))
}

/// What ends the certificates of an agent.
fn end_of(agent: &agent::Model) -> Option<CertificateEnd> {
    if agent.status == code::text(&AgentStatus::Revoked) {
        return Some(CertificateEnd::AgentRevoked(agent.status_changed_at));
    }
    if let Some(at) = agent.kill_switch_engaged_at {
        return Some(CertificateEnd::AgentStopped(at));
    }
    let may_act = agent.status == code::text(&AgentStatus::Verified);
    (!may_act).then_some(CertificateEnd::AgentStopped(agent.status_changed_at))
}

impl Tx {
    /// Writes an organization's authority; false when there is one, of whoever was faster.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_authority(
        &mut self,
        new: &CertificateAuthority,
    ) -> Result<bool, StoreError> {
        let row = certificate_authority::ActiveModel {
            organization_id: Set(new.organization.as_uuid()),
            certificate: Set(new.certificate.clone()),
            sealed: Set(new.sealed.clone()),
            created_at: Set(new.created_at),
        };
        let once = OnConflict::new().do_nothing().to_owned();
        let insert = certificate_authority::Entity::insert(row).on_conflict(once);
        Ok(insert.exec_without_returning(self.on()).await? == 1)
    }

    /// Writes a certificate that is given.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_certificate(&mut self, new: &AgentCertificate) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id),
            organization_id: Set(new.organization.as_uuid()),
            agent_id: Set(new.agent.as_uuid()),
            agent_key_id: Set(new.key.as_uuid()),
            serial: Set(new.serial.clone()),
            not_before: Set(new.not_before),
            not_after: Set(new.not_after),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Forgets certificates that have expired; their serial numbers never come again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_expired_certificates(&mut self) -> Result<u64, StoreError> {
        let done = entity::Entity::delete_many()
            .filter(entity::Column::NotAfter.lt(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }
}
