//! E-mail addresses of people, checked once at the door.

use std::fmt;

/// Most bytes of an address (RFC 5321: a path has at most 256 with its brackets).
pub const EMAIL_MAX_BYTES: usize = 254;

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// More than any mail server takes.
    #[error("is longer than {EMAIL_MAX_BYTES} bytes")]
    TooLong,
    /// Not `name@domain`.
    #[error("is no address such as `name@example.org`")]
    Shape,
    /// A space, a control character, or one that would need quotes or an encoding.
    #[error("has a character that is not allowed; use ASCII letters, digits and the usual marks")]
    Character,
}

/// An address in lower case: `name@domain`, ASCII, without quotes, comments, spaces and control
/// characters, so that it can stand in a header of a letter as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// What may stand in the name beside letters and digits (RFC 5322, `atext`).
const NAME_MARKS: &str = "!#$%&'*+-/=?^_`{|}~";

fn dotted(text: &str, is_allowed: impl Fn(char) -> bool) -> Result<(), EmailError> {
    for part in text.split('.') {
        if part.is_empty() {
            return Err(EmailError::Shape);
        }
        if !part.chars().all(&is_allowed) {
            return Err(EmailError::Character);
        }
    }
    Ok(())
}

impl EmailAddress {
    /// Checks an address and puts it in lower case. Spaces around it are taken off.
    ///
    /// # Errors
    /// [`EmailError`] when it is none, or of a kind that is not taken.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.len() > EMAIL_MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let (name, domain) = text.split_once('@').ok_or(EmailError::Shape)?;
        if name.len() > 64 {
            return Err(EmailError::TooLong);
        }
        dotted(name, |c| {
            c.is_ascii_alphanumeric() || NAME_MARKS.contains(c)
        })?;
        dotted(domain, |c| c.is_ascii_alphanumeric() || c == '-')?;
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_header_is_refused() {
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a@b..c",
            ".a@b",
            "a b@c",
            "a@b\r\nBcc: x@y",
            "a\n@b",
            "a\0@b",
            "\"a\"@b",
            "<a@b>",
            "a,b@c",
            "a@b,c@d",
            "ä@b",
            "a@[127.0.0.1]",
            "a(x)@b",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        let long = format!("a@{}.example", "b".repeat(250));
        assert_eq!(EmailAddress::parse(&long), Err(EmailError::TooLong));
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let address = EmailAddress::parse(" Anna.B+x@Example.ORG ").unwrap();
        assert_eq!(address.as_str(), "anna.b+x@example.org");
        assert_eq!(address.domain(), "example.org");
    }
}
