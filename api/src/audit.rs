//! `GET /v1/audit/export`: a whole log, streamed. `format=jsonl` (the default) is what `aim audit
//! verify` reads, `format=ocsf` is for a SIEM. For administrators; that it was made is an entry.

use std::sync::Arc;

use aim_app::{AppError, ErrorCode};
use aim_domain::audit::{ExportLine, ocsf_event};
use aim_domain::role::Permission;
use aim_store::audit_export::AuditExport;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;

use crate::door::Door;
use crate::events::problem;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Jsonl,
    Ocsf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    format: Form,
}

/// Sends a log.
pub(crate) async fn export(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let actor = door.identify(&parts, &Bytes::new()).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::Audit, &request_id);
        let permit = permit.map_err(refused)?;
        let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri).map_err(|_| {
            let message = "`format` is `jsonl` or `ocsf`; there are no other parameters";
            refused(AppError::new(ErrorCode::InvalidInput, message))
        })?;
        let export = door.app.export_audit(&permit).await;
        Ok::<_, Response>((export.map_err(refused)?, asked.format))
    };
    match outcome.await {
        Ok((export, form)) => {
            let kind = [(header::CONTENT_TYPE, "application/jsonl")];
            (kind, Body::from_stream(parts_of(export, form))).into_response()
        }
        Err(refused) => refused,
    }
}

/// The body, part by part; one that fails breaks the connection, so that nobody takes it for whole.
fn parts_of(
    export: AuditExport,
    form: Form,
) -> impl stream::Stream<Item = Result<String, aim_store::StoreError>> + Send {
    stream::try_unfold(export, move |mut export| async move {
        let lines = export.next().await?;
        if lines.is_empty() {
            return Ok(None);
        }
        let texts = lines.iter().filter_map(|line| text(line, form));
        Ok(Some((texts.collect::<String>(), export)))
    })
}

fn text(line: &ExportLine, form: Form) -> Option<String> {
    match (form, line) {
        (Form::Jsonl, line) => Some(format!("{}\n", line.to_text())),
        (Form::Ocsf, ExportLine::Entry(entry)) => Some(format!("{}\n", ocsf_event(entry))),
        (Form::Ocsf, _) => None,
    }
}
