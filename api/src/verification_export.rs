//! `GET /v1/verifications/export`: the log of verifications, streamed, oldest first. `format=jsonl` (the
//! default) or `format=csv`; `agent`, `from` and `to` narrow it. For administrators; that it was made is an
//! entry of the audit trail.

use std::sync::Arc;

use aim_app::{App, AppError, ErrorCode};
use aim_domain::digest::hex;
use aim_domain::id::{AgentId, VerificationId};
use aim_domain::role::Permission;
use aim_domain::scope::Scope;
use aim_store::verification_log::LogRange;
use aim_store::verifications::Verification;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::door::Door;
use crate::events::problem;
use crate::graphql::{global_id, split_id};

/// The columns of the table, which are the members of the lines.
const COLUMNS: [&str; 17] = [
    "id",
    "agentId",
    "action",
    "resource",
    "risk",
    "decision",
    "reasons",
    "trust",
    "session",
    "task",
    "actionDigest",
    "createdAt",
    "decidedBy",
    "decidedAt",
    "approval",
    "outcome",
    "durationMs",
];

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Jsonl,
    Csv,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    format: Form,
    agent: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

impl Asked {
    fn range(&self) -> Option<LogRange> {
        let agent = match &self.agent {
            Some(id) => match split_id(id) {
                Some((kind, uuid)) if kind == "Agent" => Some(AgentId::from_uuid(uuid)),
                _ => return None,
            },
            None => None,
        };
        let (from, to) = (self.from, self.to);
        Some(LogRange { agent, from, to })
    }
}

/// Sends the log.
pub(crate) async fn export(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let actor = door.identify(&parts, &Bytes::new()).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::Audit, &request_id);
        let permit = permit.map_err(refused)?;
        let asked = Query::<Asked>::try_from_uri(&parts.uri).ok();
        let asked = asked.and_then(|Query(asked)| Some((asked.range()?, asked.format)));
        let (range, form) = asked.ok_or_else(|| {
            let message = "`format` is `jsonl` or `csv`, `agent` the global id of an agent, `from` and \
                           `to` are times; there are no other parameters";
            refused(AppError::new(ErrorCode::InvalidInput, message))
        })?;
        let scope = door.app.begin_verification_export(&permit, range).await;
        Ok::<_, Response>((scope.map_err(refused)?, range, form))
    };
    match outcome.await {
        Ok((scope, range, form)) => {
            let kind = match form {
                Form::Jsonl => "application/jsonl",
                Form::Csv => "text/csv; charset=utf-8",
            };
            let body = parts_of(Arc::clone(&door.app), scope, range, form);
            ([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response()
        }
        Err(refused) => refused,
    }
}

/// The body, part by part; one that fails breaks the connection, so that nobody takes it for whole.
fn parts_of(
    app: Arc<App>,
    scope: Scope,
    range: LogRange,
    form: Form,
) -> impl stream::Stream<Item = Result<String, AppError>> + Send {
    let begin: Option<VerificationId> = None;
    stream::try_unfold(
        (app, begin, true),
        move |(app, after, is_first)| async move {
            let rows = app.read_verification_log(scope, range, after).await?;
            let mut text = String::new();
            if is_first && form == Form::Csv {
                text.push_str(&COLUMNS.join(","));
                text.push_str("\r\n");
            }
            let Some(last) = rows.last().map(|it| it.id) else {
                return Ok((!text.is_empty()).then_some((text, (app, after, false))));
            };
            for row in &rows {
                let line = line_of(row);
                match form {
                    Form::Jsonl => text.push_str(&line.to_string()),
                    Form::Csv => {
                        let cells: Vec<_> = COLUMNS.iter().map(|name| cell(&line[*name])).collect();
                        text.push_str(&cells.join(","));
                        text.push('\r');
                    }
                }
                text.push('\n');
            }
            Ok(Some((text, (app, Some(last), false))))
        },
    )
}

fn line_of(row: &Verification) -> Value {
    let codes: Vec<_> = row.reasons.iter().map(|it| json!(it.code)).collect();
    json!({
        "id": global_id("Verification", row.id).to_string(),
        "agentId": global_id("Agent", row.agent).to_string(),
        "action": row.action,
        "resource": row.resource,
        "risk": row.risk,
        "decision": row.decision,
        "reasons": codes,
        "trust": row.trust.map(aim_domain::trust::TrustScore::as_fraction),
        "session": row.session,
        "task": row.task,
        "actionDigest": hex(&row.action_digest),
        "createdAt": row.created_at,
        "decidedBy": row.decided_by,
        "decidedAt": row.decided_at,
        "approval": row.approval.as_ref().map(|it| it.status),
        "outcome": row.outcome,
        "durationMs": row.duration_ms,
    })
}

/// A value as a cell of a table (RFC 4180). What a spreadsheet would take for a formula is made text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && value.is_string();
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_text_to_a_spreadsheet() {
        for (value, expected) in [
            (json!(null), ""),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"no\""), "\"say \"\"no\"\"\""),
            (json!("=1+1"), "'=1+1"),
            (json!(-1), "-1"),
            (json!(["A", "B"]), "A B"),
        ] {
            assert_eq!(cell(&value), expected, "{value}");
        }
    }
}
