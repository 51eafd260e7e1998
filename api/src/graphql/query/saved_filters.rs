//! Filters that people keep, and whether their list still takes them.

use aim_domain::role::Permission;
use aim_domain::saved_filter::FilteredList as List;
use async_graphql::{Context, Enum, InputObject, InputType, Object, Pos, Result, Value};
use serde_json::Value as Json;

use super::super::connection::page;
use super::super::context::{RequestContext, fault};
use super::super::types::SavedFilterConnection;
use super::agents::AgentFilter;
use super::approvals::ApprovalFilter;
use super::decisions::VerificationFilter;
use super::findings::{AlertFilter, AnomalyFilter};
use super::mcp_servers::McpServerFilter;

/// A list whose filters can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::saved_filter::FilteredList")]
pub(crate) enum FilteredList {
    /// `agents`, with an `AgentFilter`.
    Agents,
    /// `verifications`, with a `VerificationFilter`.
    Verifications,
    /// `approvals`, with an `ApprovalFilter`.
    Approvals,
    /// `alerts`, with an `AlertFilter`.
    Alerts,
    /// `anomalies`, with an `AnomalyFilter`.
    Anomalies,
    /// `mcpServers`, with a `McpServerFilter`.
    McpServers,
}

/// Which saved filters; all that is given has to hold.
#[derive(Debug, Default, InputObject)]
struct SavedFilterFilter {
    /// Of this list.
    list: Option<FilteredList>,
}

/// Says why a list does not take a filter. The list's own input type reads it, and what the list does with
/// that, so that nothing is saved which could not be opened again.
pub(crate) fn refusal(list: List, filter: &Json) -> Option<String> {
    let outcome = match list {
        List::Agents => read(filter, |_: AgentFilter| Ok(())),
        List::Verifications => read(filter, |it: VerificationFilter| it.read().map(drop)),
        List::Approvals => read(filter, |it: ApprovalFilter| it.read().map(drop)),
        List::Alerts => read(filter, |it: AlertFilter| it.read().map(drop)),
        List::Anomalies => read(filter, |it: AnomalyFilter| it.read().map(drop)),
        List::McpServers => read(filter, |_: McpServerFilter| Ok(())),
    };
    outcome.err()
}

fn read<I: InputType>(filter: &Json, take: fn(I) -> Result<()>) -> Result<(), String> {
    let given = Value::from_json(filter.clone()).map_err(|error| error.to_string())?;
    let Value::Object(fields) = &given else {
        return Err("is not an object; give the fields of the list's filter".to_owned());
    };
    let parsed = I::parse(Some(given.clone()));
    let parsed = parsed.map_err(|error| error.into_server_error(Pos::default()).message)?;
    // What is read says which fields there are; those that it does not know it passed over.
    if let Value::Object(known) = parsed.to_value()
        && let Some(other) = fields.keys().find(|name| !known.contains_key(*name))
    {
        return Err(format!("has `{other}`, which the list's filter has not"));
    }
    take(parsed).map_err(|error| error.message)
}

/// Queries about saved filters.
#[derive(Debug, Default)]
pub(crate) struct SavedFilterQueries;

#[Object]
impl SavedFilterQueries {
    /// Filters that you saved, and those that are for everybody in your organization, newest first. Needs
    /// `VIEWER`.
    async fn saved_filters(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Page size from the newest on, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Cursor to go on behind.")] after: Option<String>,
        #[graphql(desc = "Page size from the oldest on, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Cursor to go back from.")] before: Option<String>,
        #[graphql(desc = "Which filters; all when left out.")] filter: Option<SavedFilterFilter>,
    ) -> Result<SavedFilterConnection> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let user = request.person()?.id;
        let page = page("SavedFilter", first, after, last, before)?;
        let list = filter.unwrap_or_default().list.map(Into::into);
        let found = request.app.list_saved_filters(&permit, user, list, page);
        Ok(found.await.map_err(fault)?.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AGENT: &str = "QWdlbnQ6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjA3";

    #[test]
    fn what_a_list_takes_can_be_saved() {
        let agent = AGENT;
        for (list, filter) in [
            (List::Agents, json!({})),
            (
                List::Agents,
                json!({ "status": "VERIFIED", "search": "x", "isDeleted": true }),
            ),
            (
                List::Agents,
                json!({ "status": null, "keysEndBefore": "2026-01-01T00:00:00Z" }),
            ),
            (
                List::Verifications,
                json!({ "agentId": agent, "decision": "DENIED" }),
            ),
            (
                List::Approvals,
                json!({ "status": "PENDING", "risk": "HIGH" }),
            ),
            (
                List::Alerts,
                json!({ "agentId": agent, "severity": "HIGH" }),
            ),
            (List::Anomalies, json!({ "kind": "RATE_SPIKE" })),
            (
                List::McpServers,
                json!({ "isInDrift": true, "transport": "STDIO" }),
            ),
        ] {
            assert_eq!(refusal(list, &filter), None, "{list:?} {filter}");
        }
    }

    #[test]
    fn what_it_does_not_take_is_refused() {
        let agent = AGENT;
        for (list, filter, words) in [
            (List::Agents, json!(null), "not an object"),
            (List::Agents, json!([]), "not an object"),
            (List::Agents, json!("VERIFIED"), "not an object"),
            (List::Agents, json!({ "stauts": "VERIFIED" }), "`stauts`"),
            (List::Agents, json!({ "is_deleted": true }), "`is_deleted`"),
            (List::Agents, json!({ "status": "GONE" }), "GONE"),
            (List::Agents, json!({ "status": 1 }), "AgentStatus"),
            (List::Agents, json!({ "search": {} }), "String"),
            (
                List::Agents,
                json!({ "keysEndBefore": "tomorrow" }),
                "DateTime",
            ),
            (List::Agents, json!({ "isDeleted": null }), "Boolean"),
            (
                List::Verifications,
                json!({ "agentId": "1" }),
                "filter.agentId",
            ),
            (
                List::Verifications,
                json!({ "policyId": agent }),
                "filter.policyId",
            ),
            (
                List::Approvals,
                json!({ "decision": "DENIED" }),
                "`decision`",
            ),
            (
                List::Alerts,
                json!({ "assigneeId": agent }),
                "filter.assigneeId",
            ),
            (List::Anomalies, json!({ "kind": "NOTHING" }), "NOTHING"),
            (List::McpServers, json!({ "talksTo": "x" }), "`talksTo`"),
        ] {
            let refused = refusal(list, &filter);
            let refused = refused.unwrap_or_default();
            assert!(refused.contains(words), "{list:?} {filter}: {refused}");
        }
    }
}
