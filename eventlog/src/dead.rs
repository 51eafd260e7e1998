//! Why an event is given up on.

use std::borrow::Cow;

/// A reason in code and words; the event becomes a dead letter with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// For programs, such as `EVENT_MALFORMED`.
    pub code: &'static str,
    /// For people: names field, value and remedy.
    pub detail: Cow<'static, str>,
}

impl Refusal {
    /// Puts code and words together.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}
