//! The standard catalogue of capabilities. Other names are as good; these are those that people look for.

use crate::action::{ActionClass, classify};
use crate::capability::Pattern;

/// A named permission, or a pattern of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCapability {
    /// Such as `files:read`, or `files:*`.
    pub name: &'static str,
    /// What it allows.
    pub description: &'static str,
    /// What a pattern of resources can look like.
    pub resource_example: &'static str,
}

const fn known(
    name: &'static str,
    description: &'static str,
    resource_example: &'static str,
) -> KnownCapability {
    KnownCapability {
        name,
        description,
        resource_example,
    }
}

const PATHS: &str = "/data/reports/*";
const HOSTS: &str = "https://api.example.com/*";
const TABLES: &str = "shop.orders";
const MAILBOXES: &str = "*@example.com";

/// All of them, by category.
pub const CATALOGUE: &[KnownCapability] = &[
    known("files:read", "read files", PATHS),
    known("files:list", "list folders", PATHS),
    known("files:write", "write files", PATHS),
    known("files:delete", "delete files", PATHS),
    known("files:*", "everything with files", PATHS),
    known("network:fetch", "fetch from the network", HOSTS),
    known("network:post", "send to the network", HOSTS),
    known("network:*", "everything with the network", HOSTS),
    known("api:read", "read by an API", HOSTS),
    known("api:call", "call an API", HOSTS),
    known("api:*", "everything with an API", HOSTS),
    known("db:query", "query a database", TABLES),
    known("db:write", "change a database", TABLES),
    known("db:delete", "delete from a database", TABLES),
    known("db:*", "everything with a database", TABLES),
    known("data:read", "read records", "customers/*"),
    known("data:export", "export data", "customers/*"),
    known("data:delete", "delete records", "customers/*"),
    known("data:*", "everything with records", "customers/*"),
    known("email:read", "read mail", MAILBOXES),
    known("email:send", "send mail", MAILBOXES),
    known("email:*", "everything with mail", MAILBOXES),
    known("system:read", "read what the system is like", "host-7"),
    known(
        "system:configure",
        "change how the system is set up",
        "host-7",
    ),
    known("system:execute", "run programs", "/usr/bin/git"),
    known("system:*", "everything with the system", "host-7"),
    known(
        "mcp:list",
        "see what an MCP server offers",
        "https://tools.example.com/mcp",
    ),
    known(
        "mcp:call",
        "call a tool of an MCP server",
        "https://tools.example.com/mcp",
    ),
    known(
        "mcp:*",
        "everything with MCP servers",
        "https://tools.example.com/mcp",
    ),
    known("user:read", "read who people are", "people/*"),
    known("user:impersonate", "act as a person", "people/ada"),
    known("user:*", "everything with people", "people/*"),
];

impl KnownCapability {
    /// What comes before the colon.
    #[must_use]
    pub fn category(&self) -> &'static str {
        self.name.split(':').next().unwrap_or(self.name)
    }

    /// How risky it is, and whether it changes something: of a pattern, the worst that it stands for.
    #[must_use]
    pub fn class(&self) -> ActionClass {
        let Ok(pattern) = Pattern::capability(self.name) else {
            return classify(self.name);
        };
        let named = CATALOGUE.iter().filter(|it| !it.name.contains('*'));
        let meant = named.filter(|it| pattern.matches(it.name));
        let mut classes = meant.map(|it| classify(it.name));
        let first = classes.next().unwrap_or_else(|| classify(self.name));
        classes.fold(first, |worst, it| ActionClass {
            is_write: worst.is_write || it.is_write,
            risk: worst.risk.max(it.risk),
        })
    }
}

/// The entry of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static KnownCapability> {
    CATALOGUE.iter().find(|it| it.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_examples_are_patterns() {
        for (place, it) in CATALOGUE.iter().enumerate() {
            assert!(Pattern::capability(it.name).is_ok(), "{}", it.name);
            assert!(
                Pattern::resource(it.resource_example).is_ok(),
                "{}",
                it.name
            );
            let before = &CATALOGUE[..place];
            assert!(
                before.iter().all(|other| other.name != it.name),
                "{}",
                it.name
            );
        }
    }

    #[test]
    fn a_pattern_is_as_risky_as_the_worst_that_it_stands_for() {
        for pattern in CATALOGUE.iter().filter(|it| it.name.contains('*')) {
            assert!(pattern.class().is_write, "{}", pattern.name);
        }
        let delete = find("db:delete").unwrap().class();
        assert_eq!(find("db:*").unwrap().class().risk, delete.risk);
    }
}
