//! Role: what a client may learn about a failure.
//!
//! Guarantees: every error that leaves carries `extensions.code` from the closed set [`ErrorCode`];
//! text without such a code is replaced by `internal error` and logged here, once.

use std::collections::BTreeMap;

use async_graphql::{Response, ServerError, Value};
use http::HeaderMap;
use serde::Serialize;

use super::limits::MAX_MESSAGE_BYTES;

/// The closed set of codes in `extensions.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Nobody, or nobody we can prove, is asking.
    Unauthenticated,
    /// The actor is known and may not do this.
    Forbidden,
    /// The request is malformed or fails validation.
    BadUserInput,
    /// The named object does not exist for this actor.
    NotFound,
    /// Too many requests or operations.
    RateLimited,
    /// The document exceeds a limit of [`super::limits`].
    QueryTooComplex,
    /// Execution took too long and was given up.
    Timeout,
    /// A service we depend on does not answer.
    Unavailable,
    /// Our fault; the cause is in the log only.
    Internal,
    /// The client reads too slowly; it resumes by cursor.
    SubscriptionLagged,
    /// The hash is of a document that is not known here; the client sends the document with it.
    PersistedQueryNotFound,
}

impl ErrorCode {
    const ALL: [Self; 11] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::BadUserInput,
        Self::NotFound,
        Self::RateLimited,
        Self::QueryTooComplex,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
        Self::SubscriptionLagged,
        Self::PersistedQueryNotFound,
    ];

    /// The code as written in `extensions.code`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::RateLimited => "RATE_LIMITED",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::Timeout => "TIMEOUT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::SubscriptionLagged => "SUBSCRIPTION_LAGGED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
        }
    }

    /// The code written as `text`, if it belongs to the set.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Makes an error with this code; `message` is shown to the client.
    pub fn error(self, message: impl Into<String>) -> ServerError {
        let mut error = ServerError::new(shortened(message.into()), None);
        error
            .extensions
            .get_or_insert_default()
            .set("code", self.as_str());
        error
    }
}

/// Cuts a message at [`MAX_MESSAGE_BYTES`], on a character boundary.
fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// The code an error carries, if it is one of ours.
pub(crate) fn code_of(error: &ServerError) -> Option<ErrorCode> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(text) => ErrorCode::parse(text),
        Value::Enum(name) => ErrorCode::parse(name),
        _ => None,
    }
}

/// One GraphQL result as the client sees it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Reply {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<ServerError>,
    /// Absent when nothing was executed, as the GraphQL specification wants for request errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extensions: BTreeMap<String, Value>,
    #[serde(skip)]
    pub(crate) headers: HeaderMap,
}

impl Reply {
    /// A result without execution.
    pub(crate) fn refused(errors: Vec<ServerError>) -> Self {
        Self {
            errors,
            ..Self::default()
        }
    }

    /// The result of an execution, with every foreign error text replaced.
    pub(crate) fn executed(response: Response) -> Self {
        let mut errors = response.errors;
        errors.iter_mut().for_each(mask);
        Self {
            errors,
            data: Some(response.data),
            extensions: response.extensions,
            headers: response.http_headers,
        }
    }

    /// Whether any error has `code`.
    pub(crate) fn has_code(&self, code: ErrorCode) -> bool {
        self.errors.iter().any(|error| code_of(error) == Some(code))
    }

    /// Whether execution failed as a whole.
    pub(crate) fn is_null(&self) -> bool {
        !self.errors.is_empty() && matches!(self.data, None | Some(Value::Null))
    }

    /// The result as JSON. A value that cannot be written becomes an internal error.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Most results are below this; growing from empty would copy several times.
        let mut bytes = Vec::with_capacity(1024);
        if let Err(error) = serde_json::to_writer(&mut bytes, self) {
            tracing::error!(%error, "result cannot be written as JSON");
            return br#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#
                .to_vec();
        }
        bytes
    }
}

/// Keeps an error with a public code, and replaces any other by `internal error`.
fn mask(error: &mut ServerError) {
    match code_of(error) {
        Some(ErrorCode::Internal) | None => {}
        Some(_) => return,
    }
    if is_refused_input(error) {
        error
            .extensions
            .get_or_insert_default()
            .set("code", ErrorCode::BadUserInput.as_str());
        return;
    }
    tracing::error!(message = %error.message, path = ?error.path, "graphql execution failed");
    let mut masked = ErrorCode::Internal.error("internal error");
    masked.locations = std::mem::take(&mut error.locations);
    masked.path = std::mem::take(&mut error.path);
    *error = masked;
}

/// How the executor's words about a value begin.
const OF_THE_INPUT: [&str; 3] = [
    "Failed to parse \"",
    "Invalid value for argument \"",
    "Expected input type \"",
];

/// Whether the executor refused an argument, such as a malformed custom scalar.
///
/// These are the only texts of the executor that are made from the client's own input. An error
/// value that a resolver passed on has a source, so its text never gets here.
fn is_refused_input(error: &ServerError) -> bool {
    error.source.is_none()
        && error.extensions.is_none()
        && OF_THE_INPUT
            .iter()
            .any(|start| error.message.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_their_text() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::parse("ANYTHING"), None);
    }

    #[test]
    fn foreign_text_is_replaced_and_public_text_kept() {
        let response = Response::from_errors(vec![
            ServerError::new("connection to db-7 refused", None),
            ErrorCode::Forbidden.error("not yours"),
            ServerError::new("Failed to parse \"DateTime\": x", None),
            ServerError::new("Expected input type \"String\", found null.", None),
            ErrorCode::Internal.error("secret"),
        ]);
        let reply = Reply::executed(response);
        let told: Vec<_> = reply
            .errors
            .iter()
            .map(|error| (error.message.as_str(), code_of(error)))
            .collect();
        assert_eq!(
            told,
            [
                ("internal error", Some(ErrorCode::Internal)),
                ("not yours", Some(ErrorCode::Forbidden)),
                (
                    "Failed to parse \"DateTime\": x",
                    Some(ErrorCode::BadUserInput)
                ),
                (
                    "Expected input type \"String\", found null.",
                    Some(ErrorCode::BadUserInput)
                ),
                ("internal error", Some(ErrorCode::Internal)),
            ]
        );
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let error = ErrorCode::BadUserInput.error("ü".repeat(MAX_MESSAGE_BYTES));
        assert!(error.message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
    }
}
