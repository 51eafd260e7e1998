//! A server's life, and where it is.

use serde::{Deserialize, Serialize};

/// Longest URL of a server, in bytes.
const URL_MAX: usize = 1024;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpTransport {
    /// At a URL.
    StreamableHttp,
    /// As a process on the machine of whoever uses it.
    Stdio,
}

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpServerStatus {
    /// Registered; nobody has approved what it says of itself.
    Pending,
    /// A person approved what it says of itself.
    Verified,
    /// Stopped by a person.
    Suspended,
    /// Ended for ever.
    Revoked,
}

/// Why a change of status was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server that is `{from:?}` cannot become `{to:?}`")]
pub struct McpTransitionError {
    /// What it is.
    pub from: McpServerStatus,
    /// What was asked for.
    pub to: McpServerStatus,
}

impl McpServerStatus {
    /// Checks the step from this status to `to`. Staying is not a step. A suspended server goes back to
    /// where it came from; one that moved has to be approved again.
    ///
    /// # Errors
    /// [`McpTransitionError`] when the life cycle has no such step.
    pub const fn transition(self, to: Self) -> Result<Self, McpTransitionError> {
        use McpServerStatus::{Pending, Revoked, Suspended, Verified};
        match (self, to) {
            (Pending, Verified | Suspended | Revoked)
            | (Verified, Pending | Suspended | Revoked)
            | (Suspended, Pending | Verified | Revoked) => Ok(to),
            (from, to) => Err(McpTransitionError { from, to }),
        }
    }
}

/// Why a URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// More than is kept.
    #[error("has {0} bytes; use at most {URL_MAX}")]
    TooLong(usize),
    /// No URL of a server.
    #[error("is no URL of a server; give one such as `https://tools.example.org/mcp`")]
    Malformed,
    /// A secret would be kept and shown.
    #[error("holds a user or a password; leave them out")]
    Credentials,
    /// What no request carries.
    #[error("holds a fragment; leave it out")]
    Fragment,
}

/// Checks what can be checked of a URL without asking for it.
///
/// # Errors
/// [`ServerUrlError`] naming what is wrong.
pub fn check_url(url: &str) -> Result<(), ServerUrlError> {
    if url.len() > URL_MAX {
        return Err(ServerUrlError::TooLong(url.len()));
    }
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or(ServerUrlError::Malformed)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(ServerUrlError::Credentials);
    }
    if rest.contains('#') {
        return Err(ServerUrlError::Fragment);
    }
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if authority.is_empty() || authority.starts_with(':') || url.contains(is_bad) {
        return Err(ServerUrlError::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::McpServerStatus::{Pending, Revoked, Suspended, Verified};
    use super::*;

    #[test]
    fn the_life_cycle_is_guarded() {
        let all = [Pending, Verified, Suspended, Revoked];
        let allowed = [
            (Pending, Verified),
            (Pending, Suspended),
            (Pending, Revoked),
            (Verified, Pending),
            (Verified, Suspended),
            (Verified, Revoked),
            (Suspended, Pending),
            (Suspended, Verified),
            (Suspended, Revoked),
        ];
        for from in all {
            for to in all {
                let may = allowed.contains(&(from, to));
                assert_eq!(from.transition(to).is_ok(), may, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn urls_hold_no_secrets_and_name_a_host() {
        use ServerUrlError::{Credentials, Fragment, Malformed};
        for (url, wanted) in [
            ("https://tools.example.org/mcp", Ok(())),
            ("http://127.0.0.1:3001/mcp?a=b", Ok(())),
            ("ftp://tools.example.org/", Err(Malformed)),
            ("https:///mcp", Err(Malformed)),
            ("https://:80/mcp", Err(Malformed)),
            ("https://a b/", Err(Malformed)),
            ("https://me:secret@tools.example.org/", Err(Credentials)),
            ("https://tools.example.org/#a", Err(Fragment)),
            ("tools.example.org", Err(Malformed)),
        ] {
            assert_eq!(check_url(url), wanted, "{url}");
        }
    }
}
