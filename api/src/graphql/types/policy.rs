//! Policies and what they say.

use aim_domain::policy::{PolicyHit, PolicyScope as DomainScope, PolicyText as Text};
use aim_store::policies::{Policy as Row, PolicyVersion as VersionRow};
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::{connection, page};
use super::super::context::{RequestContext, fault};
use super::super::enums::{AgentType, PolicyEffect, PolicyMode, PolicyStep, Severity};
use super::super::id::global_id;
use super::PolicyRule;
use aim_domain::id::PolicyId;
use aim_domain::role::Permission;

/// A rule of your organization about actions, as it counts now.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Policy {
    /// Global id.
    id: ID,
    /// How it counts.
    mode: PolicyMode,
    /// The version that counts, from 1 on.
    version: i32,
    /// What it says.
    text: PolicyText,
    /// Why that was published.
    reason: String,
    /// By whom, as `user:<id>`.
    published_by: String,
    /// When.
    published_at: DateTime<Utc>,
    /// Since when there is a policy of this id.
    created_at: DateTime<Utc>,
    /// When it was put away; then it is not asked any more.
    archived_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    key: PolicyId,
}

/// What became of a policy, or would.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyChange {
    /// The policy's name.
    name: String,
    /// What became of it.
    step: PolicyStep,
    /// Global id of the policy; null where it would be new.
    policy_id: Option<ID>,
}

impl From<aim_app::PolicyChange> for PolicyChange {
    fn from(change: aim_app::PolicyChange) -> Self {
        let id = change.policy.map(|id| global_id("Policy", id));
        Self {
            name: change.name,
            step: change.step.into(),
            policy_id: id,
        }
    }
}

/// What a version of a policy says. It never changes.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyText {
    /// Its name, unique in your organization.
    name: String,
    /// What it is for.
    description: String,
    /// When it matches.
    rule: PolicyRule,
    /// What then happens.
    effect: PolicyEffect,
    /// How bad that is; of the alert, where there is one.
    severity: Severity,
    /// The higher is named first, 0 to 1,000. It changes no decision.
    priority: u16,
    /// Whom and what it is about.
    scope: PolicyScope,
    /// How many different persons have to agree, where it asks for approval.
    approver_count: u8,
    /// Global ids of the notification targets that are told of what it decides and finds.
    notification_target_ids: Vec<ID>,
}

/// Whom and what a policy is about. Each list that is not empty has to hold; one entry of it is enough.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyScope {
    /// Global ids of agents.
    agent_ids: Vec<ID>,
    /// Kinds of agents.
    agent_types: Vec<AgentType>,
    /// Tags of agents; one of them is enough.
    tags: Vec<String>,
    /// Patterns of actions, where `*` stands for any run of characters.
    actions: Vec<String>,
    /// Patterns of resources; an action that names no resource is not meant.
    resources: Vec<String>,
}

/// One published text of a policy.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyVersion {
    /// Global id.
    id: ID,
    /// Counted from 1.
    version: i32,
    /// What it says.
    text: PolicyText,
    /// Why it was published.
    reason: String,
    /// By whom, as `user:<id>`.
    published_by: String,
    /// When.
    published_at: DateTime<Utc>,
}

/// A policy that matched an action.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyMatch {
    /// Global id of the policy.
    policy_id: ID,
    /// Which text of it.
    version: i32,
    /// Its name then.
    name: String,
    /// What it does.
    effect: PolicyEffect,
    /// How bad that is.
    severity: Severity,
    /// Whether it counted: one in `SHADOW` changed nothing, and this is what it would have done.
    mode: PolicyMode,
    /// Whether it could not be evaluated; then it denies.
    is_error: bool,
    /// How many different persons have to agree, where it asks for approval.
    approver_count: u8,
    /// Why it matched, and what would not have.
    why: String,
}

impl From<PolicyHit> for PolicyMatch {
    fn from(hit: PolicyHit) -> Self {
        Self {
            policy_id: global_id("Policy", hit.policy),
            version: hit.version,
            name: hit.name,
            effect: hit.effect.into(),
            severity: hit.severity.into(),
            mode: hit.mode.into(),
            is_error: hit.is_error,
            approver_count: hit.approvers,
            why: hit.why,
        }
    }
}

impl From<DomainScope> for PolicyScope {
    fn from(scope: DomainScope) -> Self {
        let texts = |all: Vec<aim_domain::capability::Pattern>| {
            let all = all.iter().map(|it| it.as_str().to_owned());
            all.collect()
        };
        Self {
            agent_ids: scope
                .agents
                .iter()
                .map(|id| global_id("Agent", id))
                .collect(),
            agent_types: scope.agent_types.into_iter().map(Into::into).collect(),
            tags: scope.tags,
            actions: texts(scope.actions),
            resources: texts(scope.resources),
        }
    }
}

impl From<Text> for PolicyText {
    fn from(text: Text) -> Self {
        Self {
            name: text.name,
            description: text.description,
            rule: text.rule.into(),
            effect: text.effect.into(),
            severity: text.severity.into(),
            priority: text.priority,
            scope: text.scope.into(),
            approver_count: text.approvers,
            notification_target_ids: text
                .notify
                .iter()
                .map(|id| global_id("NotificationTarget", id))
                .collect(),
        }
    }
}

impl From<Row> for Policy {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("Policy", row.id),
            key: row.id,
            mode: row.mode.into(),
            version: row.published.version,
            text: row.published.text.into(),
            reason: row.published.reason,
            published_by: row.published.by,
            published_at: row.published.at,
            created_at: row.created_at,
            archived_at: row.archived_at,
        }
    }
}

impl From<VersionRow> for PolicyVersion {
    fn from(row: VersionRow) -> Self {
        Self {
            id: global_id("PolicyVersion", row.id),
            version: row.published.version,
            text: row.published.text.into(),
            reason: row.published.reason,
            published_by: row.published.by,
            published_at: row.published.at,
        }
    }
}

connection!(PolicyConnection, PolicyEdge, Policy, Row, "Policy");
connection!(
    PolicyVersionConnection,
    PolicyVersionEdge,
    PolicyVersion,
    VersionRow,
    "PolicyVersion"
);

#[ComplexObject]
impl Policy {
    /// All texts it ever had, newest first.
    async fn versions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
    ) -> Result<PolicyVersionConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let page = page("PolicyVersion", first, after, last, before)?;
        let found = request.app.list_policy_versions(&permit, self.key, page);
        Ok(found.await.map_err(fault)?.into())
    }
}
