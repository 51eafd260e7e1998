//! Witnesses and their co-signatures.

use std::collections::HashMap;

use aim_domain::audit::VerifierKey;
use aim_domain::scope::Scope;
use aim_entities::{audit_cosignature as cosignature, audit_witness as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::audit_log::AuditCheckpoint;
use crate::{Store, StoreError, Tx};

/// Somebody whose co-signatures an organization takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditWitness {
    /// Its identity.
    pub id: Uuid,
    /// Name and key.
    pub key: VerifierKey,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<AuditWitness, StoreError> {
    Ok(AuditWitness {
        id: row.id,
        key: VerifierKey::parse(&row.verifier_key).map_err(|_| StoreError::Corrupt {
            column: "audit_witnesses.verifier_key",
            value: row.verifier_key,
        })?,
        added_by: row.added_by,
        created_at: row.created_at,
    })
}

impl Store {
    /// An organization's witnesses, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_audit_witnesses(
        &self,
        scope: Scope,
    ) -> Result<Vec<AuditWitness>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .order_by_asc(entity::Column::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// The co-signatures of checkpoints, as lines of their notes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_cosignatures(
        &self,
        checkpoints: &[AuditCheckpoint],
    ) -> Result<HashMap<Uuid, Vec<String>>, StoreError> {
        let ids = checkpoints.iter().map(|it| it.id.as_uuid());
        let rows = cosignature::Entity::find()
            .filter(cosignature::Column::CheckpointId.is_in(ids))
            .order_by_asc(cosignature::Column::WitnessId)
            .all(self.reader())
            .await?;
        let mut found: HashMap<Uuid, Vec<String>> = HashMap::new();
        for row in rows {
            found.entry(row.checkpoint_id).or_default().push(row.line);
        }
        Ok(found)
    }
}

impl Tx {
    /// How many witnesses an organization has.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_audit_witnesses(&self, scope: Scope) -> Result<u64, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        Ok(query.count(self.on()).await?)
    }

    /// Adds a witness.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when the organization has this key already.
    pub async fn insert_audit_witness(
        &mut self,
        scope: Scope,
        new: &AuditWitness,
    ) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id),
            organization_id: Set(scope.organization.as_uuid()),
            verifier_key: Set(new.key.to_string()),
            added_by: Set(new.added_by.clone()),
            created_at: Set(new.created_at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// Removes a witness; false when the organization has none with this id. Its co-signatures stay.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_audit_witness(
        &mut self,
        scope: Scope,
        id: Uuid,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::delete_by_id(id)
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Keeps a co-signature, in place of an earlier one of the same witness.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_cosignature(
        &mut self,
        checkpoint: &AuditCheckpoint,
        witness: &AuditWitness,
        line: &str,
        signed_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use cosignature::Column as C;
        let row = cosignature::ActiveModel {
            checkpoint_id: Set(checkpoint.id.as_uuid()),
            witness_id: Set(witness.id),
            line: Set(line.to_owned()),
            signed_at: Set(signed_at),
        };
        let mut newer = OnConflict::columns([C::CheckpointId, C::WitnessId]);
        newer.update_columns([C::Line, C::SignedAt]);
        cosignature::Entity::insert(row)
            .on_conflict(newer)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }
}
