//! Opaque global ids and cursors, tagged with what they belong to.

use std::str::FromStr;

use aim_app::{AppError, ErrorCode};
use async_graphql::{Error, ID};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::context::fault;

/// The global id of an object: its type and its UUID.
pub(crate) fn global_id(kind: &str, id: impl std::fmt::Display) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{kind}:{id}")))
}

/// Type and UUID of a global id.
pub(crate) fn split(id: &str) -> Option<(String, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (kind, uuid) = text.split_once(':')?;
    Some((kind.to_owned(), Uuid::parse_str(uuid).ok()?))
}

/// The typed id in a global id of an object of this `kind`.
///
/// # Errors
/// `BAD_USER_INPUT` when it is the id of something else, or none.
pub(crate) fn parse_id<T: FromStr>(kind: &str, field: &str, id: &ID) -> Result<T, Error> {
    let wrong = || {
        let message = format!("`{field}` is not the id of an object of type {kind}");
        fault(AppError::new(ErrorCode::InvalidInput, message))
    };
    let (found, uuid) = split(id).ok_or_else(wrong)?;
    if found != kind {
        return Err(wrong());
    }
    uuid.to_string().parse().map_err(|_| wrong())
}

/// The typed ids in several of them.
///
/// # Errors
/// As [`parse_id`], for the first that is none.
pub(crate) fn parse_ids<T: FromStr>(kind: &str, field: &str, ids: &[ID]) -> Result<Vec<T>, Error> {
    ids.iter().map(|id| parse_id(kind, field, id)).collect()
}

/// The cursor of an item in a list of this `kind`.
pub(crate) fn cursor(kind: &str, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{kind}:{id}"))
}

/// The item that a cursor of a list of this `kind` points at.
///
/// # Errors
/// `BAD_USER_INPUT` when it is a cursor of another list, or none.
pub(crate) fn parse_cursor(kind: &str, text: Option<String>) -> Result<Option<Uuid>, Error> {
    let Some(text) = text else { return Ok(None) };
    let inside = URL_SAFE_NO_PAD
        .decode(&text)
        .ok()
        .and_then(|b| String::from_utf8(b).ok());
    let id = inside
        .as_deref()
        .and_then(|inside| inside.strip_prefix("after:"))
        .and_then(|inside| inside.strip_prefix(kind))
        .and_then(|inside| inside.strip_prefix(':'))
        .and_then(|id| Uuid::parse_str(id).ok());
    match id {
        Some(id) => Ok(Some(id)),
        None => {
            let message = format!("`{text}` is not a cursor of this list");
            Err(fault(AppError::new(ErrorCode::InvalidInput, message)))
        }
    }
}
