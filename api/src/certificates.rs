//! What whoever checks an agent's certificate needs, for everybody: the authority's certificate and the
//! list of revoked ones.

use std::sync::Arc;

use aim_app::{Actor, AppError, ErrorCode};
use aim_domain::id::OrganizationId;
use axum::extract::{Path, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::door::Door;
use crate::events::problem;

/// Characters of a line in PEM (RFC 7468).
const LINE: usize = 64;

/// A certificate in PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let body = STANDARD.encode(der);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn id(text: &str) -> Result<OrganizationId, AppError> {
    text.parse().map_err(|_| missing())
}

fn missing() -> AppError {
    AppError::new(ErrorCode::NotFound, "no such certificate authority")
}

/// `GET /v1/organizations/{id}/authority.pem`.
pub(crate) async fn authority(State(door): State<Arc<Door>>, Path(text): Path<String>) -> Response {
    let outcome = async {
        let found = door.app.find_authority_certificate(id(&text)?).await?;
        found.ok_or_else(missing)
    };
    match outcome.await {
        Ok(der) => {
            let kind = [(header::CONTENT_TYPE, "application/x-pem-file")];
            (kind, pem(&der)).into_response()
        }
        Err(error) => problem(&error),
    }
}

/// `GET /v1/organizations/{id}/crl.der` (RFC 5280).
///
/// Signed anew for whoever asks, so that asking is charged to their address.
pub(crate) async fn list(
    State(door): State<Arc<Door>>,
    Path(text): Path<String>,
    parts: Parts,
) -> Response {
    if let Err(refused) = door.charge(&parts, &Actor::Anonymous, 1) {
        return refused;
    }
    let outcome = async {
        let found = door.app.revocation_list(id(&text)?).await?;
        found.ok_or_else(missing)
    };
    match outcome.await {
        Ok(der) => {
            let headers = [
                (header::CONTENT_TYPE, "application/pkix-crl"),
                (header::CACHE_CONTROL, "public, max-age=30"),
            ];
            (headers, der).into_response()
        }
        Err(error) => problem(&error),
    }
}
