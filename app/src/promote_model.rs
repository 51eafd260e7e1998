//! Saying which model serves and which is tried, and taking that back.
//!
//! Guarantee: an answer of success means that this node's stream scores its next batch by it; the
//! others do as soon as they have read the event log. No batch is scored by two champions.

use aim_domain::event::OrganizationChange;
use aim_domain::id::{ModelMoveId, ModelVersionId, OrganizationId};
use aim_domain::model::{GateRefusal, Measured, ModelAlias, ModelMove, Serving, before, gate};
use aim_domain::signature::PublicKey;
use aim_store::Tx;
use aim_store::models::ModelVersion;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Which version shall be what.
#[derive(Debug, Clone)]
pub struct PromoteModel {
    /// Which version.
    pub version: ModelVersionId,
    /// What for.
    pub alias: ModelAlias,
    /// Why.
    pub reason: String,
    /// Whether the gate is not asked.
    pub is_forced: bool,
}

impl App {
    /// Points a name at a version. A challenger that becomes champion has to pass the gate, unless it
    /// is forced; the first champion and a challenger need not. What is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the reason; `NotFound`; `Conflict` when the gate refuses, the version
    /// cannot be loaded by this program or is signed by a key that is not taken any more, or somebody
    /// else was faster.
    pub async fn promote_model(
        &self,
        permit: &Permit,
        input: PromoteModel,
    ) -> Result<ModelMove, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        errors.finish()?;
        let version = self.get_model_version(permit, input.version).await?;
        self.check_promotable(permit, &version).await?;
        let mut tx = self.store.begin().await?;
        let serving = tx.load_serving(version.organization).await?;
        let moves = tx
            .load_model_moves(version.organization, input.alias)
            .await?;
        let now = match input.alias {
            ModelAlias::Champion => serving.champion,
            ModelAlias::Challenger => serving.challenger,
        };
        if let Some(last) = moves.last()
            && now.is_some_and(|it| it.version == version.number)
        {
            return Ok(last.clone());
        }
        match input.alias {
            ModelAlias::Champion if !input.is_forced => {
                ask_gate(&tx, permit, serving, &version).await?;
            }
            ModelAlias::Challenger
                if serving.champion.map(|it| it.version) == Some(version.number) =>
            {
                let message = format!("version {} is the champion already", version.number);
                return Err(conflict(message));
            }
            _ => {}
        }
        let mut change = self
            .new_move(&tx, version.organization, input.alias)
            .await?;
        change.from = now.map(|it| it.version);
        change.to = Some(version.number);
        change.is_forced = input.is_forced;
        change.by = permit.actor();
        change.reason = input.reason;
        let expected = moves.last().map_or(0, |it| it.number);
        self.write_move(&mut tx, version.organization, &change, expected)
            .await?;
        self.audit_move(&mut tx, permit, "model.promote", &change);
        let tried = serving.challenger.filter(|it| it.version == version.number);
        if let (ModelAlias::Champion, Some(tried)) = (input.alias, tried) {
            // It would be tried beside itself.
            let clear = ModelMove {
                id: ModelMoveId::from_uuid(self.ids.next()),
                number: change.number + 1,
                alias: ModelAlias::Challenger,
                from: Some(version.number),
                to: None,
                is_forced: false,
                reason: "it became champion".to_owned(),
                ..change.clone()
            };
            self.write_move(&mut tx, version.organization, &clear, tried.since_move)
                .await?;
        }
        tx.commit().await?;
        self.serving.forget(version.organization);
        Ok(change)
    }

    /// Points a name back at what it was before the last promotion that was not taken back; before
    /// the first one, at nothing.
    ///
    /// # Errors
    /// `InvalidInput` for the reason; `Conflict` when there is no promotion to take back, what was
    /// there cannot be loaded any more, or somebody else was faster.
    pub async fn rollback_model(
        &self,
        permit: &Permit,
        alias: ModelAlias,
        reason: String,
    ) -> Result<ModelMove, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let organization = permit.scope().organization;
        // Looking at a model takes its time: a transaction begins behind it, and whoever was faster
        // has made another move the last one.
        let moves = self.store.load_model_moves(organization, alias).await?;
        let (Some(to), Some(last)) = (before(&moves), moves.last()) else {
            let message = format!("the {alias} was never anything else; promote a version instead");
            return Err(conflict(message));
        };
        if let Some(number) = to {
            let found = self
                .store
                .find_model_number(permit.scope(), number)
                .await?
                .ok_or_else(|| AppError::not_found("model version"))?;
            self.check_promotable(permit, &found).await?;
        }
        let mut tx = self.store.begin().await?;
        let mut change = self.new_move(&tx, organization, alias).await?;
        change.from = last.to;
        change.to = to;
        change.is_rollback = true;
        change.by = permit.actor();
        change.reason = reason;
        self.write_move(&mut tx, organization, &change, last.number)
            .await?;
        self.audit_move(&mut tx, permit, "model.rollback", &change);
        tx.commit().await?;
        self.serving.forget(organization);
        Ok(change)
    }

    /// What cannot be loaded, or is not signed by whoever may sign now, must not serve.
    async fn check_promotable(
        &self,
        permit: &Permit,
        version: &ModelVersion,
    ) -> Result<(), AppError> {
        let pinned = self.store.find_model_signer(permit.scope()).await?;
        if pinned.is_none_or(|pinned| pinned.public_key != version.signer) {
            let message = format!(
                "version {} is signed by a key that is not taken any more; publish it signed anew",
                version.number
            );
            return Err(conflict(message));
        }
        let bytes = self.store.load_model_artefact(version.id).await?;
        let key = PublicKey::parse(&version.signer);
        let (Some(bytes), Ok(key)) = (bytes, key) else {
            return Err(conflict(format!(
                "version {} is gone; publish it again",
                version.number
            )));
        };
        let checked = self.check_model(bytes, key).await;
        checked
            .map(|_| ())
            .map_err(|error| conflict(format!("version {}: {}", version.number, error.message)))
    }

    /// A move that says nothing yet but its place in the order of moves.
    pub(crate) async fn new_move(
        &self,
        tx: &Tx,
        organization: OrganizationId,
        alias: ModelAlias,
    ) -> Result<ModelMove, aim_store::StoreError> {
        Ok(ModelMove {
            id: ModelMoveId::from_uuid(self.ids.next()),
            number: tx.next_move_number(organization).await?,
            alias,
            from: None,
            to: None,
            is_rollback: false,
            is_forced: false,
            by: String::new(),
            reason: String::new(),
            at: tx.now(),
        })
    }

    /// Writes a move and tells every node.
    pub(crate) async fn write_move(
        &self,
        tx: &mut Tx,
        organization: OrganizationId,
        change: &ModelMove,
        expected: i64,
    ) -> Result<(), aim_store::StoreError> {
        tx.move_model(organization, change, expected).await?;
        let told = OrganizationChange::ModelMoved {
            alias: change.alias,
            from: change.from,
            to: change.to,
            number: change.number,
            is_rollback: change.is_rollback,
            by: change.by.clone(),
            reason: change.reason.clone(),
        };
        tx.emit(&self.organization_event(organization, told));
        Ok(())
    }

    fn audit_move(&self, tx: &mut Tx, permit: &Permit, action: &'static str, change: &ModelMove) {
        tx.audit(permit.audit(
            &self.ids,
            action,
            ("model-alias", change.alias.to_string()),
            Some(change.reason.clone()),
            (
                Some(json!({ "version": change.from })),
                Some(json!({ "version": change.to, "isForced": change.is_forced })),
            ),
        ));
    }
}

async fn ask_gate(
    tx: &Tx,
    permit: &Permit,
    serving: Serving,
    version: &ModelVersion,
) -> Result<(), AppError> {
    let Some(champion) = serving.champion else {
        return Ok(());
    };
    let refused = |refusal: GateRefusal| conflict(refusal.to_string());
    if serving.challenger.map(|it| it.version) != Some(version.number) {
        return Err(refused(GateRefusal::NotTried(version.number)));
    }
    let scope = permit.scope();
    let shadow = tx.load_shadow(scope, serving).await?;
    let champion = tx.find_model_number(scope, champion.version).await?;
    let champion = champion.ok_or_else(|| AppError::not_found("model version"))?;
    gate(&shadow, measured(&champion), measured(version)).map_err(refused)
}

fn measured(version: &ModelVersion) -> Measured<'_> {
    Measured {
        data_sha256: &version.data_sha256,
        auc: version.auc,
    }
}

fn conflict(message: String) -> AppError {
    AppError::new(ErrorCode::Conflict, message)
}
