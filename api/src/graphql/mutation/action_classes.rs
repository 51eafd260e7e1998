//! Saying what actions are.

use aim_app::OverrideActionClass;
use aim_domain::action::ActionClass;
use aim_domain::role::Permission;
use async_graphql::{Context, InputObject, Object, Result};

use super::super::context::RequestContext;
use super::super::enums::RiskLevel;
use super::super::types::ActionClassOverride;
use super::super::user_error::payload;

/// What shall count for an action.
#[derive(Debug, InputObject)]
struct OverrideActionClassInput {
    /// Exactly this action, case and all, such as `crm:sync`.
    action: String,
    /// Whether it changes something or sends something out.
    is_write: bool,
    /// The least risk it has, whatever its caller declares.
    risk: RiskLevel,
    /// Why; kept in the audit trail.
    reason: String,
}

/// Of which action to take it back.
#[derive(Debug, InputObject)]
struct WithdrawActionClassInput {
    /// Exactly this action.
    action: String,
    /// Why; kept in the audit trail.
    reason: String,
}

payload!(OverrideActionClassPayload, OverrideActionClassError, /// What counts from now on.
    action_class_override: ActionClassOverride);
payload!(WithdrawActionClassPayload, WithdrawActionClassError, /// What was taken back.
    action_class_override: ActionClassOverride);

/// Mutations of what actions are.
#[derive(Debug, Default)]
pub(crate) struct ActionClassMutations;

#[Object]
impl ActionClassMutations {
    /// Says what an action is for your organization, for decisions and for what is learned from now
    /// on, in place of what its name says. Needs `ADMIN`.
    async fn override_action_class(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which action, what it is, and why.")] input: OverrideActionClassInput,
    ) -> Result<OverrideActionClassPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let input = OverrideActionClass {
            action: input.action,
            class: ActionClass {
                is_write: input.is_write,
                risk: input.risk.into(),
            },
            reason: input.reason,
        };
        let outcome = request.app.override_action_class(&permit, input).await;
        OverrideActionClassPayload::of(outcome)
    }

    /// Takes that back: the action's name counts again. Needs `ADMIN`.
    async fn withdraw_action_class(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which action, and why.")] input: WithdrawActionClassInput,
    ) -> Result<WithdrawActionClassPayload> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ManageSettings)?;
        let app = &request.app;
        let outcome = app.withdraw_action_class(&permit, input.action, input.reason);
        WithdrawActionClassPayload::of(outcome.await)
    }
}
