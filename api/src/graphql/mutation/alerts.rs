//! Working on alerts.

use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::AlertVerdict;
use super::super::id::parse_id;
use super::super::types::Alert;
use super::super::user_error::payload;

/// Which alert somebody is looking at.
#[derive(Debug, InputObject)]
struct AcknowledgeAlertInput {
    /// Global id of the alert.
    alert_id: ID,
}

/// What an alert was found to be.
#[derive(Debug, InputObject)]
struct ResolveAlertInput {
    /// Global id of the alert.
    alert_id: ID,
    /// What it was.
    verdict: AlertVerdict,
    /// Why; kept in the audit trail.
    reason: Option<String>,
}

/// Whose an alert shall be.
#[derive(Debug, InputObject)]
struct AssignAlertInput {
    /// Global id of the alert.
    alert_id: ID,
    /// Global id of the person; nobody's when left out.
    user_id: Option<ID>,
}

payload!(AssignAlertPayload, AssignAlertError, /// The alert.
    alert: Alert);
payload!(AcknowledgeAlertPayload, AcknowledgeAlertError, /// The alert.
    alert: Alert);
payload!(ResolveAlertPayload, ResolveAlertError, /// The alert.
    alert: Alert);

/// Mutations of alerts.
#[derive(Debug, Default)]
pub(crate) struct AlertMutations;

#[Object]
impl AlertMutations {
    /// Gives an alert to a person of your organization, or to nobody. Needs `MANAGER`.
    async fn assign_alert(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which alert, and to whom.")] input: AssignAlertInput,
    ) -> Result<AssignAlertPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let id = parse_id("Alert", "alertId", &input.alert_id)?;
        let user = input.user_id.as_ref();
        let user = user.map(|id| parse_id("User", "userId", id)).transpose()?;
        AssignAlertPayload::of(request.app.assign_alert(&permit, id, user).await)
    }

    /// Says that somebody is looking at an alert. Needs `MANAGER`.
    async fn acknowledge_alert(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which alert.")] input: AcknowledgeAlertInput,
    ) -> Result<AcknowledgeAlertPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let id = parse_id("Alert", "alertId", &input.alert_id)?;
        AcknowledgeAlertPayload::of(request.app.answer_alert(&permit, id, None, None).await)
    }

    /// Says what an alert was. The next bad finding raises a new one. Needs `MANAGER`.
    async fn resolve_alert(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which alert, and what it was.")] input: ResolveAlertInput,
    ) -> Result<ResolveAlertPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageAlerts)?;
        let id = parse_id("Alert", "alertId", &input.alert_id)?;
        let verdict = Some(input.verdict.into());
        let outcome = request
            .app
            .answer_alert(&permit, id, verdict, input.reason)
            .await;
        ResolveAlertPayload::of(outcome)
    }
}
