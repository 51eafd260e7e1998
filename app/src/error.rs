//! One closed set of error codes, mapped once per transport.

use aim_store::StoreError;

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No such object, for this actor.
    NotFound,
    /// The input breaks a rule; see the field errors.
    InvalidInput,
    /// The state does not allow it, or somebody was faster.
    Conflict,
    /// Nobody, or not who they say.
    Unauthenticated,
    /// Somebody who may not.
    Forbidden,
    /// Something has to be done before.
    PreconditionFailed,
    /// Too often.
    RateLimited,
    /// Not now; nothing was decided or written.
    Unavailable,
    /// Our own fault.
    Internal,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field in the input.
    pub field: String,
    /// What is wrong, with value and remedy.
    pub message: String,
}

/// A failed use case. `message` is for the caller; causes are logged where they happen.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Every field that is wrong.
    pub fields: Vec<FieldError>,
}

impl AppError {
    /// An error without field errors.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// No such object.
    #[must_use]
    pub fn not_found(kind: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("no such {kind}"))
    }

    /// Input with wrong fields.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let words: Vec<_> = fields
            .iter()
            .map(|f| format!("`{}` {}", f.field, f.message))
            .collect();
        Self {
            code: ErrorCode::InvalidInput,
            message: words.join("; "),
            fields,
        }
    }

    /// Input with one wrong field.
    #[must_use]
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(_) => Self::new(ErrorCode::Conflict, "already exists"),
            StoreError::Conflict(_) => Self::new(
                ErrorCode::Conflict,
                "changed by somebody else; read it again",
            ),
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "store");
                Self::new(ErrorCode::Internal, "internal error")
            }
            StoreError::Database(_) => {
                tracing::error!(%error, "store");
                Self::new(
                    ErrorCode::Unavailable,
                    "the database does not answer; try again",
                )
            }
        }
    }
}

/// Collects field errors, so that a caller hears of all at once.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors(Vec<FieldError>);

/// Most bytes of a reason.
pub(crate) const REASON_MAX: usize = 1_000;

impl FieldErrors {
    /// Keeps a good value; remembers what is wrong with a bad one.
    pub(crate) fn keep<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        outcome: Result<T, E>,
    ) -> Option<T> {
        outcome
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }

    /// Remembers what is wrong with a field.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Refuses a text that is too long or holds control characters.
    pub(crate) fn text(&mut self, field: &str, text: &str, max: usize) {
        if text.len() > max {
            self.add(
                field,
                format!("has {} bytes; shorten it to at most {max}", text.len()),
            );
        } else if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            self.add(field, "has a control character; use printable characters");
        }
    }

    /// Refuses a reason that says nothing, or too much.
    pub(crate) fn reason(&mut self, reason: &str) {
        self.text("reason", reason, REASON_MAX);
        if reason.trim().is_empty() {
            self.add("reason", "is empty; say why");
        }
    }

    /// Ends the collection.
    pub(crate) fn finish(self) -> Result<(), AppError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(AppError::invalid(self.0))
        }
    }
}
