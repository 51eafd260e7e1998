//! `POST /v1/models`: a model that is too large for a GraphQL request.
//!
//! The body is the artefact; the header `aim-signer-key` is the public key that signed it, base64url.
//! The use case is that of `publishModel`. Answered with 200 and `{"id", "number", "kind"}`; problems
//! are RFC 9457 documents. The body is read only once its sender is known to be an administrator.

use std::sync::Arc;

use aim_app::{AppError, ErrorCode, MODEL_BYTES_MAX};
use aim_domain::role::Permission;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::door::Door;
use crate::events::{problem, read};
use crate::graphql::global_id;

/// Header with the public key.
const SIGNER: &str = "aim-signer-key";

/// Takes a model in.
pub(crate) async fn post(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = async {
        let refused = |error| problem(&error);
        let actor = door.identify(&parts, &Bytes::new()).await?;
        let request_id = door.app.next_id().to_string();
        let permit = actor.permit(Permission::ManageModels, &request_id);
        let permit = permit.map_err(refused)?;
        let key = parts.headers.get(SIGNER).and_then(|it| it.to_str().ok());
        let key = key.ok_or_else(|| {
            let message = format!("header `{SIGNER}` is missing; give the key that signed");
            refused(AppError::new(ErrorCode::InvalidInput, message))
        })?;
        let bytes = read(body, MODEL_BYTES_MAX).await.map_err(refused)?;
        let published = door.app.publish_model(&permit, bytes.into(), key).await;
        published.map_err(refused)
    };
    match outcome.await {
        Ok(version) => axum::Json(json!({
            "id": global_id("ModelVersion", version.id).as_str(),
            "number": version.number,
            "kind": version.kind,
        }))
        .into_response(),
        Err(refused) => refused,
    }
}
