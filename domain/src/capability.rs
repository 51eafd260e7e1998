//! Capabilities: named permissions, and the patterns that grant them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::CapabilityGrantId;
use crate::name::{NAME_MAX_BYTES, RESOURCE_MAX_BYTES};

/// Most `*` in one pattern: keeps matching linear in practice, and more say nothing.
pub const PATTERN_MAX_STARS: usize = 8;

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was given.
    #[error("is empty; give a name such as `files:read` or a pattern such as `files:*`")]
    Empty,
    /// More than is kept.
    #[error("has {0} bytes; shorten it to at most {1}")]
    TooLong(usize, usize),
    /// Too many wildcards.
    #[error("has {0} wildcards; use at most {PATTERN_MAX_STARS}")]
    TooManyStars(usize),
    /// A control character.
    #[error("has a control character; use printable characters")]
    Control,
}

/// A text with `*` standing for any run of characters, none included.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    fn parse(text: String, max: usize) -> Result<Self, PatternError> {
        let stars = text.bytes().filter(|b| *b == b'*').count();
        if text.is_empty() {
            Err(PatternError::Empty)
        } else if text.len() > max {
            Err(PatternError::TooLong(text.len(), max))
        } else if stars > PATTERN_MAX_STARS {
            Err(PatternError::TooManyStars(stars))
        } else if text.chars().any(char::is_control) {
            Err(PatternError::Control)
        } else {
            Ok(Self(text))
        }
    }

    /// A pattern over capability names.
    ///
    /// # Errors
    /// [`PatternError`] when it is empty, too long or has too many wildcards.
    pub fn capability(text: impl Into<String>) -> Result<Self, PatternError> {
        Self::parse(text.into(), NAME_MAX_BYTES)
    }

    /// A pattern over resources.
    ///
    /// # Errors
    /// [`PatternError`] when it is empty, too long or has too many wildcards.
    pub fn resource(text: impl Into<String>) -> Result<Self, PatternError> {
        Self::parse(text.into(), RESOURCE_MAX_BYTES)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every text that this pattern stands for is one that `wider` stands for. A star here can
    /// only be met by a star there, so that what it stands for does not matter.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        wider.matches(&self.0)
    }

    /// Whether `text` is one of the texts this pattern stands for. Case matters.
    ///
    /// Cost: at most (length of pattern) × (length of text) byte comparisons, no allocation.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where to go on when a guess fails: just behind the last star, one more byte swallowed.
        let mut retry: Option<(usize, usize)> = None;
        while t < text.len() {
            if p < pattern.len() && pattern[p] == b'*' {
                p += 1;
                retry = Some((p, t));
            } else if p < pattern.len() && pattern[p] == text[t] {
                p += 1;
                t += 1;
            } else if let Some((after_star, swallowed)) = retry {
                p = after_star;
                t = swallowed + 1;
                retry = Some((p, t));
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|b| *b == b'*')
    }
}

/// A live grant, as a decision sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityGrant {
    /// The row.
    pub id: CapabilityGrantId,
    /// Which capabilities.
    pub capability: Pattern,
    /// On which resources; `None` is all of them.
    pub resource: Option<Pattern>,
    /// Until when; `None` is until revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

impl CapabilityGrant {
    /// Whether this grant covers `capability` on `resource` at `now`.
    ///
    /// A grant with a resource pattern does not cover an action without a resource: what is not
    /// named cannot be shown to be inside the limit.
    #[must_use]
    pub fn covers(&self, capability: &str, resource: Option<&str>, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
            && self.capability.matches(capability)
            && match (&self.resource, resource) {
                (None, _) => true,
                (Some(pattern), Some(resource)) => pattern.matches(resource),
                (Some(_), None) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, text, expected) in [
            ("files:read", "files:read", true),
            ("files:*", "files:read", true),
            ("files:*", "files:", true),
            ("files:*", "file:read", false),
            ("*", "", true),
            ("*:read", "db:users:read", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("*aab", "aaab", true),
            ("Files:*", "files:read", false),
        ] {
            assert_eq!(
                Pattern::resource(pattern).unwrap().matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert_eq!(
            Pattern::capability("*".repeat(9)),
            Err(PatternError::TooManyStars(9))
        );
    }

    #[test]
    fn a_pattern_is_within_another_when_all_its_texts_are() {
        for (narrow, wide, expected) in [
            ("files:read", "files:read", true),
            ("files:read", "files:*", true),
            ("files:*", "files:*", true),
            ("files:r*", "files:*", true),
            ("files:*:x", "files:*", true),
            ("*", "*", true),
            ("*", "files:*", false),
            ("files:*", "files:read", false),
            ("files*", "files:*", false),
            ("*:read", "files:*", false),
            ("a*c", "a*b*c", false),
            ("a*b*c", "a*c", true),
        ] {
            let pattern = |text| Pattern::capability(text).unwrap();
            let found = pattern(narrow).is_within(&pattern(wide));
            assert_eq!(found, expected, "{narrow} within {wide}");
        }
    }

    #[test]
    fn a_grant_covers_what_it_names_until_it_expires() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let grant = CapabilityGrant {
            id: CapabilityGrantId::from_uuid(uuid::Uuid::nil()),
            capability: Pattern::capability("files:*").unwrap(),
            resource: Some(Pattern::resource("/data/*").unwrap()),
            expires_at: DateTime::from_timestamp(1_001, 0),
        };
        assert!(grant.covers("files:read", Some("/data/x"), now));
        assert!(!grant.covers("files:read", Some("/etc/passwd"), now));
        assert!(!grant.covers("files:read", None, now));
        assert!(!grant.covers(
            "files:read",
            Some("/data/x"),
            now + chrono::Duration::seconds(1)
        ));
    }
}
