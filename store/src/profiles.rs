//! Behaviour profiles, as opaque bytes.

use aim_domain::id::{AgentId, OrganizationId};
use aim_entities::behaviour_profile as entity;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};

use crate::{Store, StoreError, Tx, unnest};

/// The learned normal of an agent, encoded by `ml-models/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProfile {
    /// Whose.
    pub agent: AgentId,
    /// Whose agent.
    pub organization: OrganizationId,
    /// From how many steps it has learned.
    pub revision: i64,
    /// The bytes.
    pub profile: Vec<u8>,
    /// Event time up to which it has learned.
    pub watermark: DateTime<Utc>,
}

impl Store {
    /// The profiles of these agents, in no order; agents without one are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_profiles(&self, ids: &[AgentId]) -> Result<Vec<StoredProfile>, StoreError> {
        let mut profiles = Vec::new();
        for chunk in ids.chunks(5_000) {
            let rows = entity::Entity::find()
                .filter(entity::Column::AgentId.is_in(chunk.iter().map(AgentId::as_uuid)))
                .all(self.reader())
                .await?;
            profiles.extend(rows.into_iter().map(|row| StoredProfile {
                agent: AgentId::from_uuid(row.agent_id),
                organization: OrganizationId::from_uuid(row.organization_id),
                revision: row.revision,
                profile: row.profile,
                watermark: row.watermark,
            }));
        }
        Ok(profiles)
    }
}

impl Tx {
    /// Writes profiles, new or old.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn upsert_profiles(&mut self, profiles: &[&StoredProfile]) -> Result<(), StoreError> {
        use entity::Column::{AgentId, Profile, Revision, UpdatedAt, Watermark};
        for chunk in profiles.chunks(1_000) {
            if self.on().get_database_backend() == DbBackend::Postgres {
                unnest::upsert_profiles(self.on(), chunk, self.now()).await?;
                continue;
            }
            let rows = chunk.iter().map(|stored| entity::ActiveModel {
                agent_id: Set(stored.agent.as_uuid()),
                organization_id: Set(stored.organization.as_uuid()),
                revision: Set(stored.revision),
                profile: Set(stored.profile.clone()),
                watermark: Set(stored.watermark),
                updated_at: Set(self.now()),
            });
            let conflict = OnConflict::column(AgentId)
                .update_columns([Revision, Profile, Watermark, UpdatedAt])
                .to_owned();
            entity::Entity::insert_many(rows)
                .on_conflict(conflict)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }
}
