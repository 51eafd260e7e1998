//! Silencing alerts.

use aim_app::SuppressAlerts;
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context::RequestContext;
use super::super::enums::AnomalyKind;
use super::super::id::parse_id;
use super::super::types::AlertSuppression;
use super::super::user_error::payload;

/// Which findings shall raise no alert.
#[derive(Debug, InputObject)]
struct SuppressAlertsInput {
    /// Global id of the agent; all agents when left out.
    agent_id: Option<ID>,
    /// Of this kind; all kinds when left out. Name an agent or a kind at least.
    kind: Option<AnomalyKind>,
    /// Why; kept in the audit trail.
    reason: String,
    /// Until when; at most 90 days ahead.
    expires_at: DateTime<Utc>,
}

/// Which suppression to take back.
#[derive(Debug, InputObject)]
struct WithdrawAlertSuppressionInput {
    /// Global id of the suppression.
    suppression_id: ID,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(SuppressAlertsPayload, SuppressAlertsError, /// The suppression.
    suppression: AlertSuppression);
payload!(WithdrawAlertSuppressionPayload, WithdrawAlertSuppressionError, /// The suppression, taken back.
    suppression: AlertSuppression);

/// Mutations of suppressions.
#[derive(Debug, Default)]
pub(crate) struct SuppressionMutations;

#[Object]
impl SuppressionMutations {
    /// Lets findings about an agent, of a kind, or both, raise no alert until a time. They are
    /// recorded all the same, and a critical one still quarantines. Needs `MANAGER`.
    async fn suppress_alerts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which findings, why and until when.")] input: SuppressAlertsInput,
    ) -> Result<SuppressAlertsPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let agent = input.agent_id.as_ref();
        let input = SuppressAlerts {
            agent: agent
                .map(|id| parse_id("Agent", "agentId", id))
                .transpose()?,
            kind: input.kind.map(Into::into),
            reason: input.reason,
            expires_at: input.expires_at,
        };
        SuppressAlertsPayload::of(request.app.suppress_alerts(&permit, input).await)
    }

    /// Takes a suppression back: the next bad finding raises an alert again. Needs `MANAGER`.
    async fn withdraw_alert_suppression(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which, and why.")] input: WithdrawAlertSuppressionInput,
    ) -> Result<WithdrawAlertSuppressionPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let id = parse_id("AlertSuppression", "suppressionId", &input.suppression_id)?;
        let outcome = request
            .app
            .withdraw_alert_suppression(&permit, id, input.reason)
            .await;
        WithdrawAlertSuppressionPayload::of(outcome)
    }
}
