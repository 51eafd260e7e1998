//! `GET /v1/reports/{id}`: a kept report as a file, `format=csv` (the default) or `format=pdf`. For
//! administrators.

use std::sync::Arc;

use aim_app::{AppError, ErrorCode};
use aim_domain::compliance::report_csv;
use aim_domain::id::KeptReportId;
use aim_domain::role::Permission;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::door::Door;
use crate::events::problem;
use crate::graphql::split_id;
use crate::report_pdf::report_pdf;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Csv,
    Pdf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    format: Form,
}

/// Sends the file.
pub(crate) async fn download(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let actor = door.identify(&parts, &Bytes::new()).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::Audit, &request_id);
        let permit = permit.map_err(refused)?;
        let asked = Query::<Asked>::try_from_uri(&parts.uri);
        let Query(asked) = asked.map_err(|_| {
            let message = "`format` is `csv` or `pdf`; there are no other parameters";
            refused(AppError::new(ErrorCode::InvalidInput, message))
        })?;
        let missing = || refused(AppError::not_found("report"));
        let id = split_id(&id).filter(|(kind, _)| kind == "KeptReport");
        let (_, id) = id.ok_or_else(missing)?;
        let found = door
            .app
            .find_kept_report(&permit, KeptReportId::from_uuid(id));
        let report = found.await.map_err(refused)?.ok_or_else(missing)?;
        Ok::<_, Response>((report, asked.format))
    };
    match outcome.await {
        Ok((report, form)) => {
            let (kind, end, file) = match form {
                Form::Csv => {
                    let csv = report_csv(report.measured_at, &report.body.lines);
                    ("text/csv; charset=utf-8", "csv", csv.into_bytes())
                }
                Form::Pdf => ("application/pdf", "pdf", report_pdf(&report)),
            };
            let name = format!("attachment; filename=\"report-{}.{end}\"", report.id);
            let headers = [
                (header::CONTENT_TYPE, kind.to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, file).into_response()
        }
        Err(refused) => refused,
    }
}
