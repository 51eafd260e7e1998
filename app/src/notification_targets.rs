//! Targets: made, changed, shut off and removed by people of an organization.

use aim_domain::anomaly::Severity;
use aim_domain::event::OrganizationChange;
use aim_domain::id::{NotificationDeliveryId, NotificationTargetId};
use aim_domain::notification::{
    DeliveryStatus, TARGETS_MAX, TargetKind, TargetState, WebhookSecret,
};
use aim_store::notification_deliveries::NotificationDelivery;
use aim_store::notification_targets::NotificationTarget;
use aim_store::{Page, PageRequest, StoreError, Tx};
use chrono::Duration;
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::open_session::SecretText;
use crate::target_draft::{Place, TargetDraft};
use crate::{App, AppError, ErrorCode, Permit};

/// Longest time for which a replaced secret is used beside the new one.
const OVERLAP_MAX: Duration = Duration::days(7);
/// What secrets and addresses are sealed for.
pub(crate) const SECRET: &str = "webhook secret";
pub(crate) const ADDRESS: &str = "notification address";

/// What shall be otherwise; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdateTarget {
    /// What a person calls it.
    pub name: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// The events it is told of.
    pub event_types: Option<Vec<String>>,
    /// Of alerts and approvals, only those as bad; `Some(None)` is all.
    pub least_severity: Option<Option<Severity>>,
}

/// A target with the secret of its requests, which is shown this once.
#[derive(Debug)]
pub struct MadeTarget {
    /// The target.
    pub target: NotificationTarget,
    /// The secret; webhooks have one.
    pub secret: Option<SecretText>,
}

impl App {
    /// Makes a target. A webhook gets a secret.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Conflict` when the name is taken or there are too many.
    pub async fn create_notification_target(
        &self,
        permit: &Permit,
        kind: TargetKind,
        draft: TargetDraft,
    ) -> Result<MadeTarget, AppError> {
        let scope = permit.scope();
        let id = NotificationTargetId::from_uuid(self.ids.next());
        let checked = self.check_target(scope, kind, &draft).await?;
        let secret = (kind == TargetKind::Webhook).then(|| WebhookSecret::new(rand::random()));
        let sealed_secret = secret.as_ref().map(|it| self.seal(id, SECRET, it.bytes()));
        let mut target = NotificationTarget {
            id,
            organization: scope.organization,
            kind,
            name: draft.name.trim().to_owned(),
            address: String::new(),
            sealed_address: None,
            event_types: checked.event_types,
            least_severity: draft.least_severity,
            sealed_secret: sealed_secret.transpose()?,
            previous_secret: None,
            previous_until: None,
            secret_rotated_at: None,
            created_by: permit.actor(),
            created_at: self.clock.now(),
            disabled_at: None,
            disabled_reason: None,
            failing_since: None,
            last_success_at: None,
            since_position: 0,
        };
        self.place_target(&mut target, checked.place)?;
        let mut tx = self.store.begin().await?;
        let count = tx.count_notification_targets(scope).await?;
        if count >= TARGETS_MAX {
            let message = format!("there are {count} notification targets; delete some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        target.since_position = tx.newest_event_position().await?;
        tx.insert_notification_target(&target)
            .await
            .map_err(taken)?;
        let after = said(&target);
        self.record_target(
            tx,
            permit,
            &target,
            "notification-target.create",
            None,
            (None, after),
        )
        .await?;
        Ok(MadeTarget {
            target,
            secret: secret.map(|it| SecretText::new(it.text())),
        })
    }

    /// Changes a target.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound`, `Conflict` when the name is taken.
    pub async fn update_notification_target(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
        input: UpdateTarget,
    ) -> Result<NotificationTarget, AppError> {
        let before = self.own_target(permit, id).await?;
        let draft = TargetDraft {
            name: input.name.unwrap_or_else(|| before.name.clone()),
            address: input.address.clone().unwrap_or_default(),
            event_types: Some(
                input
                    .event_types
                    .unwrap_or_else(|| before.event_types.clone()),
            ),
            least_severity: input.least_severity.unwrap_or(before.least_severity),
        };
        let is_moved = input.address.is_some();
        let checked = self
            .check_changed(permit.scope(), before.kind, &draft, is_moved)
            .await?;
        let mut after = NotificationTarget {
            name: draft.name.trim().to_owned(),
            event_types: checked.event_types,
            least_severity: draft.least_severity,
            ..before.clone()
        };
        if is_moved {
            self.place_target(&mut after, checked.place)?;
        }
        let mut tx = self.store.begin().await?;
        if !tx.update_notification_target(&after).await.map_err(taken)? {
            return Err(AppError::not_found("notification target"));
        }
        let change = (said(&before), said(&after));
        self.record_target(
            tx,
            permit,
            &after,
            "notification-target.update",
            None,
            change,
        )
        .await?;
        Ok(after)
    }

    /// Shuts a target off, or lets it hear again of what happens from now on. What waits for one that
    /// is shut off is given up, and can be replayed. What is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`.
    pub async fn set_target_enabled(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
        is_enabled: bool,
        reason: String,
    ) -> Result<NotificationTarget, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.own_target(permit, id).await?;
        if before.disabled_at.is_none() == is_enabled {
            return Ok(before);
        }
        let mut tx = self.store.begin().await?;
        let mut after = NotificationTarget {
            disabled_at: (!is_enabled).then(|| tx.now()),
            disabled_reason: (!is_enabled).then(|| reason.clone()),
            ..before.clone()
        };
        if is_enabled {
            after.failing_since = None;
            tx.clear_target_failure(id).await?;
            after.since_position = tx.newest_event_position().await?;
        } else {
            tx.give_up_deliveries(id).await?;
        }
        if !tx.update_notification_target(&after).await? {
            return Err(AppError::not_found("notification target"));
        }
        let action = match is_enabled {
            true => "notification-target.enable",
            false => "notification-target.disable",
        };
        self.record_target(tx, permit, &after, action, Some(reason), (None, None))
            .await?;
        Ok(after)
    }

    /// Removes a target with whatever it was told.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` while a policy tells it.
    pub async fn delete_notification_target(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
        reason: String,
    ) -> Result<NotificationTarget, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.own_target(permit, id).await?;
        let mut tx = self.store.begin().await?;
        // Until the commit nobody publishes a policy that tells it.
        tx.move_policies(permit.scope().organization).await?;
        let telling = tx.find_policies_telling(permit.scope(), id).await?;
        if !telling.is_empty() {
            return Err(still_told(&telling));
        }
        tx.forget_policy_target(id).await?;
        if !tx.delete_notification_target(id.as_uuid()).await? {
            return Err(AppError::not_found("notification target"));
        }
        tx.delete_deliveries_of(id).await?;
        let change = (said(&before), None);
        let action = "notification-target.delete";
        self.record_target(tx, permit, &before, action, Some(reason), change)
            .await?;
        Ok(before)
    }

    /// Replaces the secret of a webhook. Requests are signed with both for a while.
    ///
    /// # Errors
    /// `InvalidInput` for the overlap, `NotFound`, `Conflict` for a target without a secret.
    pub async fn rotate_webhook_secret(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
        overlap: Duration,
    ) -> Result<MadeTarget, AppError> {
        if overlap < Duration::zero() || overlap > OVERLAP_MAX {
            let most = OVERLAP_MAX.num_seconds();
            let message = format!("choose between 0 and {most}");
            return Err(AppError::field("overlapSeconds", message));
        }
        let before = self.own_target(permit, id).await?;
        if before.kind != TargetKind::Webhook {
            let message = "only webhooks have a secret";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let secret = WebhookSecret::new(rand::random());
        let now = self.clock.now();
        let target = NotificationTarget {
            sealed_secret: Some(self.seal(id, SECRET, secret.bytes())?),
            previous_secret: before.sealed_secret.clone().filter(|_| !overlap.is_zero()),
            previous_until: (!overlap.is_zero()).then(|| now + overlap),
            secret_rotated_at: Some(now),
            ..before
        };
        let mut tx = self.store.begin().await?;
        if !tx.update_notification_target(&target).await? {
            return Err(AppError::not_found("notification target"));
        }
        let after = Some(json!({ "previousUntil": target.previous_until }));
        let action = "notification-target.rotate-secret";
        self.record_target(tx, permit, &target, action, None, (None, after))
            .await?;
        Ok(MadeTarget {
            target,
            secret: Some(SecretText::new(secret.text())),
        })
    }

    /// A target of the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_notification_target(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
    ) -> Result<Option<NotificationTarget>, AppError> {
        Ok(self
            .store
            .find_notification_target(permit.scope(), id)
            .await?)
    }

    /// A page of targets.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_notification_targets(
        &self,
        permit: &Permit,
        kind: Option<TargetKind>,
        page: PageRequest,
    ) -> Result<Page<NotificationTarget>, AppError> {
        let found = self
            .store
            .list_notification_targets(permit.scope(), kind, page);
        Ok(found.await?)
    }

    /// What a target was told, by its id.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_notification_delivery(
        &self,
        permit: &Permit,
        id: NotificationDeliveryId,
    ) -> Result<Option<NotificationDelivery>, AppError> {
        Ok(self
            .store
            .find_notification_delivery(permit.scope(), id)
            .await?)
    }

    /// A page of what a target was told.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_notification_deliveries(
        &self,
        permit: &Permit,
        target: NotificationTargetId,
        status: Option<DeliveryStatus>,
        page: PageRequest,
    ) -> Result<Page<NotificationDelivery>, AppError> {
        let scope = permit.scope();
        let found = self
            .store
            .list_notification_deliveries(scope, target, status, page);
        Ok(found.await?)
    }

    pub(crate) async fn own_target(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
    ) -> Result<NotificationTarget, AppError> {
        let found = self.find_notification_target(permit, id).await?;
        found.ok_or_else(|| AppError::not_found("notification target"))
    }

    /// Puts the address where it belongs: of a channel, it is a secret itself.
    fn place_target(&self, target: &mut NotificationTarget, place: Place) -> Result<(), AppError> {
        target.sealed_address = match &place.secret {
            Some(whole) => Some(self.seal(target.id, ADDRESS, whole.as_bytes())?),
            None => None,
        };
        target.address = place.shown;
        Ok(())
    }

    fn seal(
        &self,
        id: NotificationTargetId,
        purpose: &str,
        secret: &[u8],
    ) -> Result<Vec<u8>, AppError> {
        self.sealer()?
            .seal(purpose, id.as_uuid().as_bytes(), secret)
    }

    /// Writes event and audit entry, and commits.
    async fn record_target(
        &self,
        mut tx: Tx,
        permit: &Permit,
        target: &NotificationTarget,
        action: &'static str,
        reason: Option<String>,
        change: (Option<Value>, Option<Value>),
    ) -> Result<(), AppError> {
        let state = match (action, target.disabled_at) {
            ("notification-target.delete", _) => TargetState::Deleted,
            (_, None) => TargetState::Active,
            (_, Some(_)) => TargetState::Disabled,
        };
        let target_id = target.id;
        let changed = OrganizationChange::NotificationTarget {
            target: target_id,
            state,
        };
        tx.emit(&self.organization_event(target.organization, changed));
        let object = ("notification-target", target_id.to_string());
        tx.audit(permit.audit(&self.ids, action, object, reason, change));
        Ok(tx.commit().await?)
    }
}

/// What the audit trail keeps of a target: nothing that opens anything.
fn said(target: &NotificationTarget) -> Option<Value> {
    Some(json!({
        "kind": target.kind,
        "name": target.name,
        "address": target.address,
        "eventTypes": target.event_types,
        "leastSeverity": target.least_severity,
    }))
}

/// A target that nobody would miss is removed; one that policies rely on is not taken from under them.
fn still_told(policies: &[String]) -> AppError {
    let message = format!(
        "policies tell this notification target, among them `{}`; publish them without it, or archive \
         them, first",
        policies.join("`, `")
    );
    AppError::new(ErrorCode::Conflict, message)
}

fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Duplicate(_) => AppError::new(
            ErrorCode::Conflict,
            "another notification target has this name; choose another",
        ),
        error => error.into(),
    }
}
