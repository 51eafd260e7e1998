//! What an agent asks.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::action::ActionClass;
use crate::digest::canonical_sha256;
use crate::name::{ActionName, Resource};
use crate::risk::RiskLevel;

/// Most arguments of one action: more is a document, not a call.
pub const ARGUMENTS_MAX: usize = 64;
/// Most bytes of all arguments as JSON.
pub const ARGUMENTS_MAX_BYTES: usize = 16 * 1024;

/// Named arguments of an action, bounded.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Arguments(Map<String, Value>);

/// Why arguments were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// Too many names.
    #[error("has {0} members; send at most {ARGUMENTS_MAX}")]
    TooMany(usize),
    /// Too many bytes.
    #[error("has {0} bytes as JSON; send at most {ARGUMENTS_MAX_BYTES}")]
    TooLarge(usize),
}

impl Arguments {
    /// Checks and wraps `members`.
    ///
    /// # Errors
    /// [`ArgumentsError`] when there are too many or they are too large.
    pub fn new(members: Map<String, Value>) -> Result<Self, ArgumentsError> {
        if members.len() > ARGUMENTS_MAX {
            return Err(ArgumentsError::TooMany(members.len()));
        }
        let bytes = serde_json::to_string(&members).map_or(usize::MAX, |text| text.len());
        if bytes > ARGUMENTS_MAX_BYTES {
            return Err(ArgumentsError::TooLarge(bytes));
        }
        Ok(Self(members))
    }

    /// The members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// What an agent wants to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionRequest {
    /// The action; also the name of the capability it needs.
    pub action: ActionName,
    /// What it is done to.
    pub resource: Option<Resource>,
    /// With which arguments.
    pub arguments: Arguments,
    /// What the agent says of its risk. It can raise the risk, never lower it.
    pub declared_risk: Option<RiskLevel>,
    /// The run it belongs to.
    pub session: Option<String>,
    /// The job it is for.
    pub task: Option<String>,
}

impl ActionRequest {
    /// The risk that counts: the higher of the declared one and that of the action's class.
    #[must_use]
    pub fn risk(&self, class: ActionClass) -> RiskLevel {
        self.declared_risk.unwrap_or_default().max(class.risk)
    }

    /// SHA-256 of the request's canonical JSON (RFC 8785): what an approval or an idempotency key
    /// is bound to.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // Strings, numbers that JSON carried in and maps with string keys always have a JSON form.
        canonical_sha256(self).unwrap_or_default()
    }
}
