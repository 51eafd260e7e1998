//! Published models and the keys that may sign them.

use aim_domain::id::{ModelVersionId, OrganizationId};
use aim_domain::scope::Scope;
use aim_entities::{model_artefact, model_signer, model_version as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::OnConflict,
};
use serde_json::Value;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx};

/// A published model, without its bytes. Never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelVersion {
    /// Its identity.
    pub id: ModelVersionId,
    /// Whose.
    pub organization: OrganizationId,
    /// Counts the organization's versions from 1.
    pub number: i32,
    /// What kind of model, as its header says.
    pub kind: String,
    /// Version of the features it scores.
    pub feature_schema_version: i32,
    /// Hash of the data it was made of, in hexadecimal.
    pub data_sha256: String,
    /// Area under the curve on held-out agents, where there were labels.
    pub auc: Option<f64>,
    /// All that its maker said of it.
    pub header: Value,
    /// Hash of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many bytes they are.
    pub byte_count: i64,
    /// The public key that signed it, base64url.
    pub signer: String,
    /// By whom, as `user:<id>`.
    pub published_by: String,
    /// When it was published.
    pub created_at: DateTime<Utc>,
}

/// The key whose models an organization takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSigner {
    /// Whose.
    pub organization: OrganizationId,
    /// The public key, base64url.
    pub public_key: String,
    /// By whom, as `user:<id>`.
    pub pinned_by: String,
    /// When.
    pub pinned_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<ModelVersion, StoreError> {
    Ok(ModelVersion {
        id: ModelVersionId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        number: row.number,
        kind: row.kind,
        feature_schema_version: row.feature_schema_version,
        data_sha256: row.data_sha256,
        auc: row.auc,
        header: row.header,
        sha256: row.sha256,
        byte_count: row.byte_count,
        signer: row.signer,
        published_by: row.published_by,
        created_at: row.created_at,
    })
}

fn of(scope: Scope) -> Select<entity::Entity> {
    let organization = scope.organization.as_uuid();
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization))
}

impl Store {
    /// A version of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_version(
        &self,
        scope: Scope,
        id: ModelVersionId,
    ) -> Result<Option<ModelVersion>, StoreError> {
        let query = of(scope).filter(entity::Column::Id.eq(id.as_uuid()));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// The version of this number.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_number(
        &self,
        scope: Scope,
        number: i32,
    ) -> Result<Option<ModelVersion>, StoreError> {
        numbered(self.reader(), scope, number).await
    }

    /// The version with these bytes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_sha256(
        &self,
        scope: Scope,
        sha256: &str,
    ) -> Result<Option<ModelVersion>, StoreError> {
        let query = of(scope)
            .filter(entity::Column::Sha256.eq(sha256))
            .order_by_asc(entity::Column::Number);
        query.one(self.reader()).await?.map(convert).transpose()
    }

    /// A page of versions.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_model_versions(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<ModelVersion>, StoreError> {
        page::fetch(self.reader(), of(scope), entity::Column::Id, page, convert).await
    }

    /// The bytes of a version; `None` when they are gone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_model_artefact(
        &self,
        id: ModelVersionId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let query = model_artefact::Entity::find_by_id(id.as_uuid());
        Ok(query.one(self.reader()).await?.map(|row| row.bytes))
    }

    /// The key whose models the scope's organization takes; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_signer(&self, scope: Scope) -> Result<Option<ModelSigner>, StoreError> {
        signer(self.reader(), scope).await
    }
}

async fn numbered<C: ConnectionTrait>(
    on: &C,
    scope: Scope,
    number: i32,
) -> Result<Option<ModelVersion>, StoreError> {
    let query = of(scope).filter(entity::Column::Number.eq(number));
    query.one(on).await?.map(convert).transpose()
}

async fn signer<C: ConnectionTrait>(
    on: &C,
    scope: Scope,
) -> Result<Option<ModelSigner>, StoreError> {
    let query = model_signer::Entity::find_by_id(scope.organization.as_uuid());
    Ok(query.one(on).await?.map(|row| ModelSigner {
        organization: OrganizationId::from_uuid(row.organization_id),
        public_key: row.public_key,
        pinned_by: row.pinned_by,
        pinned_at: row.pinned_at,
    }))
}

impl Tx {
    /// The version of this number.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_number(
        &self,
        scope: Scope,
        number: i32,
    ) -> Result<Option<ModelVersion>, StoreError> {
        numbered(self.on(), scope, number).await
    }

    /// The key whose models the scope's organization takes; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_model_signer(&self, scope: Scope) -> Result<Option<ModelSigner>, StoreError> {
        signer(self.on(), scope).await
    }

    /// The number that the organization's next version gets.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn next_model_number(&self, organization: OrganizationId) -> Result<i32, StoreError> {
        let last: Option<Option<i32>> = of(Scope::of(organization))
            .select_only()
            .column_as(entity::Column::Number.max(), "last")
            .into_tuple()
            .one(self.on())
            .await?;
        Ok(last.flatten().unwrap_or(0).saturating_add(1))
    }

    /// Writes a version with its bytes.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when somebody else has taken its number.
    pub async fn insert_model_version(
        &mut self,
        version: &ModelVersion,
        bytes: Vec<u8>,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(version.id.as_uuid()),
            organization_id: Set(version.organization.as_uuid()),
            number: Set(version.number),
            kind: Set(version.kind.clone()),
            feature_schema_version: Set(version.feature_schema_version),
            data_sha256: Set(version.data_sha256.clone()),
            auc: Set(version.auc),
            header: Set(version.header.clone()),
            sha256: Set(version.sha256.clone()),
            byte_count: Set(version.byte_count),
            signer: Set(version.signer.clone()),
            published_by: Set(version.published_by.clone()),
            created_at: Set(version.created_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        let row = model_artefact::ActiveModel {
            version_id: Set(version.id.as_uuid()),
            bytes: Set(bytes),
        };
        model_artefact::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Pins the first key.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when one is pinned.
    pub async fn insert_model_signer(&mut self, signer: &ModelSigner) -> Result<(), StoreError> {
        model_signer::Entity::insert(row(signer))
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Pins a key in place of whatever was pinned.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn upsert_model_signer(&mut self, signer: &ModelSigner) -> Result<(), StoreError> {
        use model_signer::Column::{OrganizationId, PinnedAt, PinnedBy, PublicKey};
        let conflict = OnConflict::column(OrganizationId)
            .update_columns([PublicKey, PinnedBy, PinnedAt])
            .to_owned();
        model_signer::Entity::insert(row(signer))
            .on_conflict(conflict)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}

fn row(signer: &ModelSigner) -> model_signer::ActiveModel {
    model_signer::ActiveModel {
        organization_id: Set(signer.organization.as_uuid()),
        public_key: Set(signer.public_key.clone()),
        pinned_by: Set(signer.pinned_by.clone()),
        pinned_at: Set(signer.pinned_at),
    }
}
