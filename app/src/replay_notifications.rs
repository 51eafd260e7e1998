//! Telling a target again, or for a try; and shutting off one that has failed for too long.

use aim_domain::anomaly::Severity;
use aim_domain::event::OrganizationChange;
use aim_domain::id::{NotificationDeliveryId, NotificationTargetId};
use aim_domain::notification::{TargetKind, TargetState};
use aim_domain::role::Role;
use aim_domain::scope::Scope;
use aim_store::audit::NewAuditEntry;
use aim_store::mails::ClaimedMail;
use aim_store::notification_deliveries::NotificationDelivery;
use aim_store::notification_targets::NotificationTarget;
use aim_store::{StoreError, Tx};
use serde_json::json;

use crate::mail::{MailKind, Words};
use crate::notices::Notice;
use crate::{App, AppError, ErrorCode, Permit};

/// What a try is called.
const TEST: &str = "aim.notification.test.v1";
/// Most owners who are told of one.
const TOLD_MAX: u64 = 20;

impl App {
    /// Sends a target something, to see whether it comes.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` while the target is shut off.
    pub async fn test_notification_target(
        &self,
        permit: &Permit,
        id: NotificationTargetId,
    ) -> Result<NotificationDelivery, AppError> {
        let target = self.own_target(permit, id).await?;
        refuse_disabled(&target)?;
        let payload = match target.kind {
            TargetKind::Webhook => json!({
                "type": TEST,
                "timestamp": self.clock.now(),
                "data": { "target": id },
            })
            .to_string(),
            TargetKind::Slack | TargetKind::Email => {
                let notice = Notice::test(Severity::Low, &target.name);
                serde_json::to_string(&notice).unwrap_or_default()
            }
        };
        let key = format!("test:{}", self.ids.next());
        let delivery = self.new_delivery(&target, TEST, key, payload);
        let mut tx = self.store.begin().await?;
        tx.insert_notification_deliveries(std::slice::from_ref(&delivery))
            .await?;
        let object = ("notification-target", id.to_string());
        let action = "notification-target.test";
        tx.audit(permit.audit(&self.ids, action, object, None, (None, None)));
        tx.commit().await?;
        self.deliveries_were_written();
        Ok(delivery)
    }

    /// Sends a delivery that ended again, with the id that it had.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` while it waits already or its target is shut off.
    pub async fn replay_notification_delivery(
        &self,
        permit: &Permit,
        id: NotificationDeliveryId,
    ) -> Result<NotificationDelivery, AppError> {
        let found = self.find_notification_delivery(permit, id).await?;
        let before = found.ok_or_else(|| AppError::not_found("notification delivery"))?;
        refuse_disabled(&self.own_target(permit, before.target).await?)?;
        let mut tx = self.store.begin().await?;
        if !tx.replay_notification_delivery(id).await? {
            let message = "it waits to be sent already";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let object = ("notification-delivery", id.to_string());
        let action = "notification-delivery.replay";
        tx.audit(permit.audit(&self.ids, action, object, None, (None, None)));
        tx.commit().await?;
        self.deliveries_were_written();
        let found = self.find_notification_delivery(permit, id).await?;
        found.ok_or_else(|| AppError::not_found("notification delivery"))
    }

    /// Shuts a target off by itself and tells the owners; false when it was already.
    pub(crate) async fn shut_off_target(
        &self,
        tx: &mut Tx,
        target: &NotificationTarget,
        reason: &'static str,
    ) -> Result<bool, StoreError> {
        if !tx.disable_notification_target(target.id, reason).await? {
            return Ok(false);
        }
        tracing::warn!(target = %target.id, reason, "a notification target was shut off");
        tx.give_up_deliveries(target.id).await?;
        let organization = target.organization;
        let object = ("notification-target", target.id.to_string());
        let action = "notification-target.disable";
        tx.audit(NewAuditEntry {
            reason: Some(reason.to_owned()),
            ..self.by_system("notifications", organization, action, object)
        });
        let change = OrganizationChange::NotificationTarget {
            target: target.id,
            state: TargetState::Disabled,
        };
        tx.emit(&self.organization_event(organization, change));
        let scope = Scope::of(organization);
        let owners = self.store.list_users_with(scope, Role::Owner, TOLD_MAX);
        for owner in owners.await? {
            let about = format!("{}:{}", target.id, tx.now().timestamp());
            let parameters = json!({ "organization": organization, "target": target.id });
            let kind = MailKind::TargetDisabled;
            let queued = self.queue_mail(tx, kind, &owner.email, &about, parameters);
            queued.await?;
        }
        Ok(true)
    }

    /// What owners are told, as long as it is true.
    pub(crate) async fn target_disabled_words(
        &self,
        mail: &ClaimedMail,
    ) -> Result<Option<Words>, AppError> {
        let id = |name: &str| mail.parameters[name].as_str().unwrap_or_default().parse();
        let (Ok(organization), Ok(target)) = (id("organization"), id("target")) else {
            return Ok(None);
        };
        let organization = aim_domain::id::OrganizationId::from_uuid(organization);
        let target = NotificationTargetId::from_uuid(target);
        let scope = Scope::of(organization);
        let found = self.store.find_notification_target(scope, target).await?;
        let words = found.and_then(|it| {
            let reason = it.disabled_reason?;
            Some(Words::target_disabled(&it.name, &reason))
        });
        Ok(words)
    }
}

fn refuse_disabled(target: &NotificationTarget) -> Result<(), AppError> {
    if target.disabled_at.is_none() {
        return Ok(());
    }
    let message = "the notification target is shut off; enable it first";
    Err(AppError::new(ErrorCode::Conflict, message))
}
