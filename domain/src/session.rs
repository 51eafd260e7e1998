//! Sessions: what is shown after signing in, and for how long.
//!
//! A session is one family of refresh tokens. Each is good once and gives the next; whoever shows one
//! that was used before proves that two hold it, and the family ends.

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long an access token is good. A revoked session stops sooner; this is for who holds a copy.
pub const ACCESS_LIFE: Duration = Duration::minutes(15);
/// Most live sessions of a person; the one that was not used for longest makes place.
pub const SESSIONS_MAX: u64 = 100;
/// Most bytes of what a client says it is.
const USER_AGENT_MAX: usize = 256;

/// Who holds a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SessionKind {
    /// A person.
    Person,
    /// A program that acts for a person, with an SDK token.
    Sdk,
}

/// How a session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SignInMethod {
    /// E-mail address and password.
    Password,
    /// An issuer of OpenID Connect.
    Oidc,
    /// A person made it for a program.
    SdkToken,
}

/// Where a request came from, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: Option<IpAddr>,
    /// What it says it is.
    pub user_agent: Option<String>,
}

impl Client {
    /// What is known; what a client says of itself is cut to what we keep.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let printable = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            text[..text.floor_char_boundary(USER_AGENT_MAX)].to_owned()
        };
        Self {
            address: address.map(|it| it.to_canonical()),
            user_agent: user_agent.map(printable).filter(|it| !it.is_empty()),
        }
    }
}

/// The time by which a session has to be refreshed: after `idle` without use, and never past its end.
#[must_use]
pub fn refresh_by(now: DateTime<Utc>, idle: Duration, expires_at: DateTime<Utc>) -> DateTime<Utc> {
    expires_at.min(now + idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_use_makes_a_session_last_past_its_end() {
        let at = |hours| DateTime::UNIX_EPOCH + Duration::hours(hours);
        let idle = Duration::hours(3);
        assert_eq!(refresh_by(at(0), idle, at(10)), at(3));
        assert_eq!(refresh_by(at(9), idle, at(10)), at(10));
    }

    #[test]
    fn what_a_client_says_of_itself_is_cut() {
        let client = Client::new(None, Some(&format!("a\u{7}{}", "ü".repeat(300))));
        let kept = client.user_agent.unwrap();
        assert!(
            kept.starts_with("aü") && kept.len() <= USER_AGENT_MAX,
            "{kept}"
        );
        assert_eq!(Client::new(None, Some("\n")).user_agent, None);
        let mapped = "::ffff:1.2.3.4".parse().ok();
        assert_eq!(Client::new(mapped, None).address, "1.2.3.4".parse().ok());
    }
}
