//! Failures whose kind shows in the exit code.

use std::fmt;
use std::process::ExitCode;

/// What a failure was, as scripts tell them apart. The numbers are those of `sysexits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something asked for is wrong in itself, or does not fit what there is.
    Refused,
    /// There is no such thing, as far as one may see.
    NotFound,
    /// No answer came, or none that says anything.
    Unavailable,
    /// Try again later.
    Busy,
    /// Not signed in, or not allowed to.
    Denied,
    /// Anything else.
    Other,
}

impl Kind {
    /// By the code that a server gives.
    fn of(code: &str) -> Self {
        match code {
            "BAD_USER_INPUT" | "INVALID" | "CONFLICT" => Self::Refused,
            "NOT_FOUND" => Self::NotFound,
            "UNAVAILABLE" => Self::Unavailable,
            "RATE_LIMITED" | "TIMEOUT" => Self::Busy,
            "UNAUTHENTICATED" | "FORBIDDEN" => Self::Denied,
            _ => Self::Other,
        }
    }

    const fn exit_code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Refused => 65,
            Self::NotFound => 66,
            Self::Unavailable => 69,
            Self::Busy => 75,
            Self::Denied => 77,
        }
    }
}

/// A failure of a known kind.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// The server's code, where it gave one.
    pub(crate) code: String,
    message: String,
}

impl Failure {
    /// What a server answered.
    pub(crate) fn answered(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::of(code),
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// What was found out here.
    pub(crate) fn here(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: String::new(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        if self.code.is_empty() {
            return Ok(());
        }
        write!(out, " ({})", self.code)
    }
}

impl std::error::Error for Failure {}

/// What kind of failure is in a chain.
pub(crate) fn kind_of(error: &anyhow::Error) -> Kind {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.kind;
        }
        if cause
            .downcast_ref::<reqwest::Error>()
            .is_some_and(no_answer)
        {
            return Kind::Unavailable;
        }
    }
    Kind::Other
}

fn no_answer(error: &reqwest::Error) -> bool {
    error.is_connect() || error.is_timeout() || error.is_request() || error.is_body()
}

/// The exit code of a failure.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(kind_of(error).exit_code())
}
