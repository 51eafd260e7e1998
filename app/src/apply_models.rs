//! What an organization's models did in a batch, and the guard that takes a bad champion back.
//!
//! Guarantee: counts and the guard's move commit with the batch and its position, so that a crash or a
//! redelivery counts nothing twice and moves nothing twice.

use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_domain::model::{ModelAlias, Serving, Shadow, before, guard};
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use aim_store::models::ModelVersion;
use aim_store::offsets::ConsumerOffset;
use aim_store::{StoreError, Tx};
use serde_json::json;

use crate::App;

/// What the models of one organization did in a batch.
#[derive(Debug, Clone)]
pub struct ModelsSeen {
    /// Whose.
    pub organization: OrganizationId,
    /// Which models.
    pub serving: Serving,
    /// What they did.
    pub seen: Shadow,
}

impl App {
    /// Adds up what models did and asks the guard; returns for whom it moved a name.
    pub(crate) async fn write_models(
        &self,
        tx: &mut Tx,
        moves: &[(ConsumerOffset, ConsumerOffset)],
        models: &[ModelsSeen],
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let mut moved = Vec::new();
        // Of several partitions the first: its position is locked by this transaction.
        let Some(place) = moves.iter().map(|(_, to)| to.partition).min() else {
            return Ok(moved);
        };
        let place = format!("{}/{}", place.topic.name(), place.number);
        let seen: Vec<_> = models
            .iter()
            .map(|models| (models.organization, models.serving, models.seen))
            .collect();
        let sums = tx.add_shadows(&place, &seen).await?;
        for (models, all) in models.iter().zip(sums) {
            if let Some(reason) = guard(&all.window)
                && self.take_back(tx, models, &reason).await?
            {
                moved.push(models.organization);
            }
        }
        Ok(moved)
    }

    /// Takes the champion back to what was there before; false when it is not the champion any more.
    async fn take_back(
        &self,
        tx: &mut Tx,
        models: &ModelsSeen,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let (organization, alias) = (models.organization, ModelAlias::Champion);
        let now = tx.load_serving(organization).await?;
        let Some(champion) = now
            .champion
            .filter(|_| now.champion == models.serving.champion)
        else {
            return Ok(false);
        };
        let moves = tx.load_model_moves(organization, alias).await?;
        let to = before(&moves).flatten();
        let mut change = self.new_move(tx, organization, alias).await?;
        change.from = Some(champion.version);
        change.to = still_signed(tx, organization, to).await?;
        change.is_rollback = true;
        "system:stream".clone_into(&mut change.by);
        change.reason = format!("version {}: {reason}", champion.version);
        self.write_move(tx, organization, &change, champion.since_move)
            .await?;
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(self.ids.next()),
            organization,
            actor_type: "system",
            actor_id: "stream".to_owned(),
            action: "model.rollback",
            object_type: "model-alias",
            object_id: alias.to_string(),
            reason: Some(change.reason.clone()),
            before: Some(json!({ "version": change.from })),
            after: Some(json!({ "version": change.to })),
            request_id: change.id.to_string(),
        });
        metrics::counter!("aim_model_rollbacks_total").increment(1);
        tracing::warn!(%organization, reason = change.reason, "a champion was taken back");
        Ok(true)
    }
}

/// The version, unless it is signed by a key that is not taken any more.
async fn still_signed(
    tx: &Tx,
    organization: OrganizationId,
    version: Option<i32>,
) -> Result<Option<i32>, StoreError> {
    let scope = Scope::of(organization);
    let Some(number) = version else {
        return Ok(None);
    };
    let signer = tx.find_model_signer(scope).await?;
    let found = tx.find_model_number(scope, number).await?;
    let same = |found: &ModelVersion| signer.is_some_and(|it| it.public_key == found.signer);
    Ok(found.filter(same).map(|found| found.number))
}
