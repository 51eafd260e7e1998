//! Who I am, the audit trail, dead letters, the stream.

use aim_app::{Actor, ProgramActor, UserActor};
use aim_domain::role::Permission;
use aim_eventlog::Topic;
use aim_store::audit::AuditFilter as Audit;
use async_graphql::{Context, ID, InputObject, Object, Result, Union};
use chrono::{DateTime, Utc};

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::id::parse_id;
use super::super::types::{
    Agent, AuditEntryConnection, DeadLetterConnection, Organization, StreamTotals, User,
};
use super::node::{self, Node};

/// Who makes the request.
#[derive(Debug, Union)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once a request and taken apart at once"
)]
enum Viewer {
    /// A signed-in person, or the one for whom a program acts.
    User(User),
    /// An agent that signed.
    Agent(Agent),
}

/// Which entries.
#[derive(Debug, Default, InputObject)]
struct AuditFilter {
    /// By this actor (a plain id).
    actor_id: Option<String>,
    /// Of this action, such as `agent.suspend`.
    action: Option<String>,
    /// On this object (a plain id).
    object_id: Option<String>,
    /// On this kind of object, such as `agent`.
    object_type: Option<String>,
    /// By or on this agent (global id).
    agent_id: Option<ID>,
    /// Of this request.
    request_id: Option<String>,
    /// Not before this time.
    from: Option<DateTime<Utc>>,
    /// Before this time.
    until: Option<DateTime<Utc>>,
}

/// Queries about the installation.
#[derive(Debug, Default)]
pub(crate) struct OperationQueries;

#[Object]
impl OperationQueries {
    /// Any object by its global id; null when it does not exist in your organization. Needs
    /// `VIEWER`.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Global id.")] id: ID,
    ) -> Result<Option<Node>> {
        node::find(RequestContext::of(context)?, &id).await
    }

    /// Who makes this request; null for nobody we know.
    async fn viewer(&self, context: &Context<'_>) -> Result<Option<Viewer>> {
        let request = RequestContext::of(context)?;
        Ok(match &request.actor {
            Actor::Anonymous => None,
            // A program is shown for whom it acts.
            Actor::User(UserActor { id, .. })
            | Actor::ApiKey(ProgramActor { owner: id, .. })
            | Actor::SdkToken(ProgramActor { owner: id, .. }) => {
                let found = request.app.find_user(*id).await.map_err(fault)?;
                found.map(|user| Viewer::User(user.into()))
            }
            Actor::Agent(agent) => {
                let found = request
                    .agents()?
                    .load_one(agent.agent)
                    .await
                    .map_err(fault)?;
                found.map(|agent| Viewer::Agent(agent.into()))
            }
        })
    }

    /// Your organization. Needs `VIEWER`.
    async fn organization(&self, context: &Context<'_>) -> Result<Organization> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        Ok(request
            .app
            .get_organization(&permit)
            .await
            .map_err(fault)?
            .into())
    }

    /// The audit trail, newest first. Needs `ADMIN`.
    async fn audit_entries(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which entries; all when left out.")] filter: Option<AuditFilter>,
    ) -> Result<AuditEntryConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("AuditEntry", first, after, last, before)?;
        let filter = filter.unwrap_or_default();
        let filter = Audit {
            actor_id: filter.actor_id,
            action: filter.action,
            object_id: filter.object_id,
            object_type: filter.object_type,
            agent: match &filter.agent_id {
                Some(id) => Some(parse_id("Agent", "filter.agentId", id)?),
                None => None,
            },
            request_id: filter.request_id,
            from: filter.from,
            until: filter.until,
        };
        Ok(request
            .app
            .list_audit(&permit, &filter, page)
            .await
            .map_err(fault)?
            .into())
    }

    /// Events that were given up on, newest first. Needs `ADMIN`.
    async fn dead_letters(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "With this reason; all when left out.")] reason: Option<String>,
    ) -> Result<DeadLetterConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let page = page("DeadLetter", first, after, last, before)?;
        let found = request
            .app
            .list_dead_letters(&permit, reason.as_deref(), page)
            .await;
        Ok(found.map_err(fault)?.into())
    }

    /// What became of the actions that fleets reported, in the whole installation, ever. Needs
    /// `VIEWER`.
    async fn stream_totals(&self, context: &Context<'_>) -> Result<StreamTotals> {
        let request = RequestContext::of(context)?;
        request.permit(Permission::Read)?;
        let totals = request
            .app
            .stream_totals(Topic::Actions)
            .await
            .map_err(fault)?;
        let (applied_count, duplicate_count, dead_letter_count) = totals;
        Ok(StreamTotals {
            applied_count,
            duplicate_count,
            dead_letter_count,
        })
    }
}
