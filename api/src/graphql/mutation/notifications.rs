//! Saying who outside is told of events.

use aim_app::{TargetDraft, UpdateTarget};
use aim_domain::notification::TargetKind;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use chrono::Duration;

use super::super::context::RequestContext;
use super::super::enums::Severity;
use super::super::id::parse_id;
use super::super::types::{NotificationDelivery, NotificationTarget, WebhookWithSecret};
use super::super::user_error::payload;

/// A webhook to make.
#[derive(Debug, InputObject)]
struct CreateWebhookInput {
    /// What you call it, once in your organization.
    name: String,
    /// Where requests go: `https`, at an address of the public internet or in a network that the
    /// operator lets in.
    url: String,
    /// The types of events it is told of, as in `docs/events.md`, such as `aim.alert.raised.v1`; none
    /// is only what policies tell it of.
    event_types: Vec<String>,
    /// Of alerts and anomalies, only those as bad; all when left out.
    least_severity: Option<Severity>,
}

/// A channel to tell.
#[derive(Debug, InputObject)]
struct CreateSlackTargetInput {
    /// What you call it, once in your organization.
    name: String,
    /// The URL of an incoming webhook of Slack, or of something that takes the same. It is kept
    /// sealed and not shown again.
    url: String,
    /// The types of events it is told of; when left out alerts, actions that wait for approval, and
    /// what stops agents. None is only what policies tell it of.
    event_types: Option<Vec<String>>,
    /// Only what is as bad; all when left out.
    least_severity: Option<Severity>,
}

/// A mailbox to write to.
#[derive(Debug, InputObject)]
struct CreateEmailTargetInput {
    /// What you call it, once in your organization.
    name: String,
    /// The address of somebody of your organization.
    email: String,
    /// The types of events it is told of; when left out alerts, actions that wait for approval, and
    /// what stops agents. None is only what policies tell it of.
    event_types: Option<Vec<String>>,
    /// Only what is as bad; all when left out.
    least_severity: Option<Severity>,
}

/// What shall be otherwise; what is left out stays.
#[derive(Debug, InputObject)]
struct UpdateNotificationTargetInput {
    /// Global id of the target.
    notification_target_id: ID,
    /// What you call it.
    name: Option<String>,
    /// Where it is: a URL, or an e-mail address.
    address: Option<String>,
    /// The types of events it is told of; none is only what policies tell it of.
    event_types: Option<Vec<String>>,
    /// Only what is as bad; null is all.
    least_severity: MaybeUndefined<Severity>,
}

/// Which target shall hear again.
#[derive(Debug, InputObject)]
struct EnableNotificationTargetInput {
    /// Global id of the target.
    notification_target_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which target to shut off.
#[derive(Debug, InputObject)]
struct DisableNotificationTargetInput {
    /// Global id of the target.
    notification_target_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Which target to remove.
#[derive(Debug, InputObject)]
struct DeleteNotificationTargetInput {
    /// Global id of the target.
    notification_target_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

/// A secret to replace.
#[derive(Debug, InputObject)]
struct RotateWebhookSecretInput {
    /// Global id of the webhook.
    notification_target_id: ID,
    /// For how many seconds requests are signed with the old secret, too, at most seven days; 0 when
    /// it has leaked.
    #[graphql(default = 86400)]
    overlap_seconds: u32,
}

/// Which target to try.
#[derive(Debug, InputObject)]
struct TestNotificationTargetInput {
    /// Global id of the target.
    notification_target_id: ID,
}

/// What to send again.
#[derive(Debug, InputObject)]
struct ReplayNotificationDeliveryInput {
    /// Global id of a delivery that ended.
    notification_delivery_id: ID,
}

payload!(CreateWebhookPayload, CreateWebhookError, /// The webhook, with its secret.
    created: WebhookWithSecret);
payload!(CreateSlackTargetPayload, CreateSlackTargetError, /// The target.
    notification_target: NotificationTarget);
payload!(CreateEmailTargetPayload, CreateEmailTargetError, /// The target.
    notification_target: NotificationTarget);
payload!(UpdateNotificationTargetPayload, UpdateNotificationTargetError, /// The target as it is now.
    notification_target: NotificationTarget);
payload!(EnableNotificationTargetPayload, EnableNotificationTargetError, /// The target as it is now.
    notification_target: NotificationTarget);
payload!(DisableNotificationTargetPayload, DisableNotificationTargetError, /// The target as it is now.
    notification_target: NotificationTarget);
payload!(DeleteNotificationTargetPayload, DeleteNotificationTargetError, /// The target that is gone.
    notification_target: NotificationTarget);
payload!(RotateWebhookSecretPayload, RotateWebhookSecretError, /// The webhook, with its new secret.
    rotated: WebhookWithSecret);
payload!(TestNotificationTargetPayload, TestNotificationTargetError, /// What is sent.
    notification_delivery: NotificationDelivery);
payload!(ReplayNotificationDeliveryPayload, ReplayNotificationDeliveryError, /// What is sent again.
    notification_delivery: NotificationDelivery);

/// Mutations of notification targets.
#[derive(Debug, Default)]
pub(crate) struct NotificationMutations;

#[Object]
impl NotificationMutations {
    /// Makes a webhook, which is told of events from now on. Needs `ADMIN`.
    async fn create_webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where it is, and what it is told of.")] input: CreateWebhookInput,
    ) -> Result<CreateWebhookPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let draft = TargetDraft {
            name: input.name,
            address: input.url,
            event_types: Some(input.event_types),
            least_severity: input.least_severity.map(Into::into),
        };
        let app = &request.app;
        let made = app.create_notification_target(&permit, TargetKind::Webhook, draft);
        CreateWebhookPayload::of(made.await)
    }

    /// Makes a target of a channel that takes Slack's messages. Needs `ADMIN`.
    async fn create_slack_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Where it is, and what it is told of.")] input: CreateSlackTargetInput,
    ) -> Result<CreateSlackTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let draft = TargetDraft {
            name: input.name,
            address: input.url,
            event_types: input.event_types,
            least_severity: input.least_severity.map(Into::into),
        };
        let app = &request.app;
        let made = app.create_notification_target(&permit, TargetKind::Slack, draft);
        CreateSlackTargetPayload::of(made.await)
    }

    /// Makes a target of a mailbox of your organization. Needs `ADMIN`.
    async fn create_email_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whose it is, and what it is told of.")] input: CreateEmailTargetInput,
    ) -> Result<CreateEmailTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let draft = TargetDraft {
            name: input.name,
            address: input.email,
            event_types: input.event_types,
            least_severity: input.least_severity.map(Into::into),
        };
        let app = &request.app;
        let made = app.create_notification_target(&permit, TargetKind::Email, draft);
        CreateEmailTargetPayload::of(made.await)
    }

    /// Changes a notification target. What waits for it goes where it is now. Needs `ADMIN`.
    async fn update_notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which target, and what is otherwise.")]
        input: UpdateNotificationTargetInput,
    ) -> Result<UpdateNotificationTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let change = UpdateTarget {
            name: input.name,
            address: input.address,
            event_types: input.event_types,
            least_severity: match input.least_severity {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(least) => Some(Some(least.into())),
            },
        };
        let outcome = request.app.update_notification_target(&permit, id, change);
        UpdateNotificationTargetPayload::of(outcome.await)
    }

    /// Lets a target that was shut off hear of what happens from now on. Needs `ADMIN`.
    async fn enable_notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which target, and why.")] input: EnableNotificationTargetInput,
    ) -> Result<EnableNotificationTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let app = &request.app;
        let outcome = app.set_target_enabled(&permit, id, true, input.reason);
        EnableNotificationTargetPayload::of(outcome.await)
    }

    /// Shuts a target off. What waits for it is given up, and can be replayed once it is enabled.
    /// Needs `ADMIN`.
    async fn disable_notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which target, and why.")] input: DisableNotificationTargetInput,
    ) -> Result<DisableNotificationTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let app = &request.app;
        let outcome = app.set_target_enabled(&permit, id, false, input.reason);
        DisableNotificationTargetPayload::of(outcome.await)
    }

    /// Removes a target for ever, with the log of what it was told. Needs `ADMIN`.
    async fn delete_notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which target, and why.")] input: DeleteNotificationTargetInput,
    ) -> Result<DeleteNotificationTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let app = &request.app;
        let outcome = app.delete_notification_target(&permit, id, input.reason);
        DeleteNotificationTargetPayload::of(outcome.await)
    }

    /// Replaces the secret of a webhook; requests are signed with both for a while. Needs `ADMIN`.
    async fn rotate_webhook_secret(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which webhook, and for how long both are used.")]
        input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let overlap = Duration::seconds(input.overlap_seconds.into());
        let outcome = request.app.rotate_webhook_secret(&permit, id, overlap);
        RotateWebhookSecretPayload::of(outcome.await)
    }

    /// Sends a target something, to see whether it comes. Needs `ADMIN`.
    async fn test_notification_target(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which target.")] input: TestNotificationTargetInput,
    ) -> Result<TestNotificationTargetPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_target_id;
        let id = parse_id("NotificationTarget", "notificationTargetId", id)?;
        let outcome = request.app.test_notification_target(&permit, id);
        TestNotificationTargetPayload::of(outcome.await)
    }

    /// Sends a delivery that ended again, with the `messageId` that it had. Needs `ADMIN`.
    async fn replay_notification_delivery(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which delivery.")] input: ReplayNotificationDeliveryInput,
    ) -> Result<ReplayNotificationDeliveryPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let id = &input.notification_delivery_id;
        let id = parse_id("NotificationDelivery", "notificationDeliveryId", id)?;
        let outcome = request.app.replay_notification_delivery(&permit, id);
        ReplayNotificationDeliveryPayload::of(outcome.await)
    }
}
