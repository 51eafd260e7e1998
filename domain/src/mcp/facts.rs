//! What decisions know of servers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::McpServerStatus;
use crate::id::McpServerId;

/// What may be wrong with the server of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpConcern {
    /// No server of this name is registered.
    Unknown,
    /// It is registered, and not verified.
    Unverified,
    /// It is not what was approved.
    Drift,
}

/// A server, as far as decisions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServerFacts {
    /// Which.
    pub id: McpServerId,
    /// Where it is in its life.
    pub status: McpServerStatus,
    /// What differs from what was approved, in words; `None` is nothing.
    pub drift: Option<Box<str>>,
}

/// The servers of an organization, by name and by URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpFacts {
    by_name: HashMap<Box<str>, McpServerFacts>,
    by_url: HashMap<Box<str>, Box<str>>,
}

/// A call of a tool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McpCall<'a> {
    /// What the action calls the server.
    pub server: &'a str,
    /// The server of that name.
    pub known: Option<&'a McpServerFacts>,
}

impl McpFacts {
    /// Adds a server.
    pub fn add(&mut self, name: &str, url: Option<&str>, facts: McpServerFacts) {
        if let Some(url) = url {
            self.by_url.insert(url.into(), name.into());
        }
        self.by_name.insert(name.into(), facts);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The server that an action calls a tool of; `None` where it is no such call. These are:
    /// `mcp__SERVER__TOOL`, as clients name tools; `mcp:SERVER/TOOL`; any action that begins with `mcp` on
    /// a resource `mcp://SERVER/TOOL`; any action on a resource that is a registered server's URL. An
    /// action that names two servers in these ways is of a server that nobody knows.
    #[must_use]
    pub fn call<'a>(
        facts: Option<&'a Self>,
        action: &'a str,
        resource: Option<&'a str>,
    ) -> Option<McpCall<'a>> {
        let by_url = || facts?.by_url.get(resource?).map(|name| &**name);
        let named = [of_action(action), of_resource(action, resource), by_url()];
        let mut named = named.into_iter().flatten();
        let server = named.next()?;
        let is_one = named.all(|other| other == server);
        let known = facts.and_then(|it| it.by_name.get(server));
        Some(McpCall {
            server,
            known: known.filter(|_| is_one),
        })
    }
}

fn of_action(action: &str) -> Option<&str> {
    if let Some(rest) = action.strip_prefix("mcp__") {
        return Some(rest.split_once("__").map_or(rest, |(server, _)| server));
    }
    let (server, _) = action.strip_prefix("mcp:")?.split_once('/')?;
    Some(server)
}

fn of_resource<'a>(action: &str, resource: Option<&'a str>) -> Option<&'a str> {
    if !action.starts_with("mcp") {
        return None;
    }
    let path = resource?.strip_prefix("mcp://")?;
    Some(path.split('/').next().unwrap_or(path))
}

impl McpCall<'_> {
    /// Whether this is wrong with its server. With one that nobody knows everything is.
    #[must_use]
    pub fn is(&self, concern: McpConcern) -> bool {
        let Some(known) = self.known else {
            return true;
        };
        match concern {
            McpConcern::Unknown => false,
            McpConcern::Unverified => known.status != McpServerStatus::Verified,
            McpConcern::Drift => known.drift.is_some(),
        }
    }

    /// That in words, with what would be fine.
    #[must_use]
    pub fn explain(&self, concern: McpConcern) -> String {
        let server = self.server;
        let Some(known) = self.known else {
            return format!(
                "`{server}` is no registered MCP server, or not the only one named; register it"
            );
        };
        match concern {
            McpConcern::Unknown => format!("MCP server `{server}` is registered"),
            McpConcern::Unverified => {
                format!(
                    "MCP server `{server}` is `{:?}`, not `Verified`",
                    known.status
                )
            }
            McpConcern::Drift => {
                let drift = known.drift.as_deref().unwrap_or("something changed");
                format!(
                    "MCP server `{server}` is not what was approved: {drift}; it is fine once a \
                     person approves what it says now"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn facts() -> McpFacts {
        let mut facts = McpFacts::default();
        let server = McpServerFacts {
            id: McpServerId::from_uuid(Uuid::nil()),
            status: McpServerStatus::Verified,
            drift: Some("`description` of tool `add` changed".into()),
        };
        facts.add("weather", Some("https://w.example/mcp"), server);
        facts
    }

    #[test]
    fn actions_name_their_server_in_four_ways() {
        let facts = facts();
        for (action, resource, wanted) in [
            ("mcp__weather__forecast", None, Some(("weather", true))),
            ("mcp__other__forecast", None, Some(("other", false))),
            ("mcp:weather/forecast", None, Some(("weather", true))),
            (
                "mcp:call",
                Some("mcp://weather/forecast"),
                Some(("weather", true)),
            ),
            (
                "mcp:weather/a",
                Some("mcp://other/a"),
                Some(("weather", false)),
            ),
            (
                "mcp:other/a",
                Some("mcp://weather/a"),
                Some(("other", false)),
            ),
            (
                "mcp__other__a",
                Some("https://w.example/mcp"),
                Some(("other", false)),
            ),
            (
                "http:post",
                Some("https://w.example/mcp"),
                Some(("weather", true)),
            ),
            ("http:post", Some("https://w.example/else"), None),
            ("mcp:call", Some("/data"), None),
            ("files:read", Some("mcp://weather/forecast"), None),
        ] {
            let found = McpFacts::call(Some(&facts), action, resource);
            let found = found.map(|call| (call.server, call.known.is_some()));
            assert_eq!(found, wanted, "{action} {resource:?}");
        }
        let unknown = McpFacts::call(None, "mcp:weather/forecast", None).unwrap();
        for concern in [
            McpConcern::Unknown,
            McpConcern::Unverified,
            McpConcern::Drift,
        ] {
            assert!(unknown.is(concern), "{concern:?}");
        }
    }

    #[test]
    fn a_server_is_what_is_wrong_with_it() {
        let facts = facts();
        let call = McpFacts::call(Some(&facts), "mcp:weather/a", None).unwrap();
        assert!(call.is(McpConcern::Drift));
        assert!(!call.is(McpConcern::Unverified));
        assert!(!call.is(McpConcern::Unknown));
        let words = call.explain(McpConcern::Drift);
        assert!(
            words.contains("`description` of tool `add` changed"),
            "{words}"
        );
    }
}
