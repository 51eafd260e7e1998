//! What an organization allows itself: how much of everything, and for how long.

use chrono::Duration;
use serde::{Deserialize, Serialize};

const DAY: u32 = 24 * 60 * 60;

/// The limits of an organization. What a stored set does not name has its built-in value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OrganizationLimits {
    /// Most agents that are not revoked.
    pub max_agents: u32,
    /// Most people who may sign in.
    pub max_users: u32,
    /// Most API keys and live SDK tokens together.
    pub max_program_credentials: u32,
    /// How long a session lasts at most.
    pub session_life_seconds: u32,
    /// How long a session lasts without use.
    pub session_idle_seconds: u32,
    /// Longest life of an API key or SDK token, in days.
    pub credential_life_days: u32,
    /// Least characters of a password.
    pub password_min_chars: u32,
}

impl Default for OrganizationLimits {
    fn default() -> Self {
        Self {
            max_agents: 100_000,
            max_users: 10_000,
            max_program_credentials: 1_000,
            session_life_seconds: 14 * DAY,
            session_idle_seconds: 3 * DAY,
            credential_life_days: 365,
            password_min_chars: 12,
        }
    }
}

/// A limit that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {value}; choose between {least} and {most}")]
pub struct LimitError {
    /// Which, as the input names it.
    pub field: &'static str,
    value: u32,
    least: u32,
    most: u32,
}

impl OrganizationLimits {
    /// Every limit that is out of its range.
    #[must_use]
    pub fn check(&self) -> Vec<LimitError> {
        let ranges = [
            ("maxAgents", self.max_agents, 1, 10_000_000),
            ("maxUsers", self.max_users, 1, 1_000_000),
            (
                "maxProgramCredentials",
                self.max_program_credentials,
                0,
                100_000,
            ),
            (
                "sessionLifeSeconds",
                self.session_life_seconds,
                15 * 60,
                90 * DAY,
            ),
            (
                "sessionIdleSeconds",
                self.session_idle_seconds,
                15 * 60,
                90 * DAY,
            ),
            ("credentialLifeDays", self.credential_life_days, 1, 3_650),
            ("passwordMinChars", self.password_min_chars, 12, 64),
        ];
        let wrong = ranges
            .into_iter()
            .filter(|(_, value, least, most)| value < least || value > most);
        wrong
            .map(|(field, value, least, most)| LimitError {
                field,
                value,
                least,
                most,
            })
            .collect()
    }

    /// How long a session lasts at most.
    #[must_use]
    pub fn session_life(&self) -> Duration {
        Duration::seconds(self.session_life_seconds.into())
    }

    /// How long a session lasts without use.
    #[must_use]
    pub fn session_idle(&self) -> Duration {
        Duration::seconds(self.session_idle_seconds.into())
    }

    /// Longest life of an API key or SDK token.
    #[must_use]
    pub fn credential_life(&self) -> Duration {
        Duration::days(self.credential_life_days.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_limits_are_in_range_and_fill_what_is_missing() {
        assert_eq!(OrganizationLimits::default().check(), []);
        let read: OrganizationLimits = serde_json::from_str(r#"{ "maxAgents": 3 }"#).unwrap();
        assert_eq!(read.max_agents, 3);
        assert_eq!(read.max_users, OrganizationLimits::default().max_users);
    }

    #[test]
    fn every_limit_out_of_range_is_named() {
        let limits = OrganizationLimits {
            max_agents: 0,
            password_min_chars: 8,
            ..OrganizationLimits::default()
        };
        let wrong = limits.check();
        let fields: Vec<_> = wrong.iter().map(|it| it.field).collect();
        assert_eq!(fields, ["maxAgents", "passwordMinChars"]);
        assert_eq!(wrong[1].to_string(), "is 8; choose between 12 and 64");
    }
}
