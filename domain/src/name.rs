//! Names that people and agents choose, checked once at the door.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of an agent, an action or a capability, in bytes: fits every index we keep.
pub const NAME_MAX_BYTES: usize = 128;
/// Longest resource, in bytes: URLs and paths fit, documents do not.
pub const RESOURCE_MAX_BYTES: usize = 1024;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("is empty; give between 1 and {max} bytes")]
    Empty {
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// More than is kept.
    #[error("has {length} bytes; shorten it to at most {max}")]
    TooLong {
        /// What was given, in bytes.
        length: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// A character that is not allowed there.
    #[error("has the character `{}` at byte {at}; allowed are {allowed}", .character.escape_default())]
    Character {
        /// The offending character.
        character: char,
        /// Where it stands.
        at: usize,
        /// What may stand there.
        allowed: &'static str,
    },
}

fn check(
    text: &str,
    max: usize,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { max });
    }
    if text.len() > max {
        return Err(NameError::TooLong {
            length: text.len(),
            max,
        });
    }
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((at, character)) => Err(NameError::Character {
            character,
            at,
            allowed,
        }),
        None => Ok(()),
    }
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:literal, $is:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps `text`.
            ///
            /// # Errors
            /// [`NameError`] when it is empty, too long or has a character that is not allowed.
            pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text, $max, $allowed, $is)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

checked_name!(
    /// The name of an agent, unique in its organization.
    AgentName,
    NAME_MAX_BYTES,
    "letters, digits and . _ - / : @",
    |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c)
);
checked_name!(
    /// The name of an action, such as `files:read` or `send_email`; also the capability it needs.
    ActionName,
    NAME_MAX_BYTES,
    "letters, digits and . _ - / :",
    |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c)
);
checked_name!(
    /// The name of an MCP server, unique in its organization: what actions and agents call it by.
    McpServerName,
    NAME_MAX_BYTES,
    "letters, digits and . _ -",
    |c: char| c.is_ascii_alphanumeric() || "._-".contains(c)
);
checked_name!(
    /// What an action is done to: a URL, path, address or record. Any printable text.
    Resource,
    RESOURCE_MAX_BYTES,
    "printable characters",
    |c: char| (' '..='~').contains(&c) || !c.is_control()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_the_door() {
        assert!(AgentName::parse("weather-agent").is_ok());
        assert_eq!(
            AgentName::parse(""),
            Err(NameError::Empty {
                max: NAME_MAX_BYTES
            })
        );
        assert!(matches!(
            AgentName::parse("a b"),
            Err(NameError::Character {
                character: ' ',
                at: 1,
                ..
            })
        ));
        assert!(matches!(
            ActionName::parse("x".repeat(129)),
            Err(NameError::TooLong { length: 129, .. })
        ));
        assert!(Resource::parse("s3://bucket/ключ").is_ok());
        assert!(Resource::parse("a\0b").is_err());
    }
}
