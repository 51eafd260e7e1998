//! Servers that somebody saw and nobody registered: what is known of them, without their secrets.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::server::{McpTransport, ServerUrlError, check_url};
use crate::digest::{canonical_sha256, hex};

/// How a server was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpSightingMethod {
    /// In the configuration file of a client.
    ClientConfig,
    /// In a program's code or packages.
    Code,
    /// A connection to it was opened.
    Session,
    /// A tool of it was called.
    Call,
}

/// Why what was seen cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SightedPlaceError {
    /// No place.
    #[error("is missing; say where the server is")]
    Missing,
    /// A place that this transport has not.
    #[error("is of no use for this transport; leave it out")]
    Unwanted,
    /// No URL of a server.
    #[error(transparent)]
    Url(#[from] ServerUrlError),
    /// More than a place.
    #[error("holds a query, which may be secret; leave it out")]
    Query,
    /// No digest.
    #[error("is no SHA-256 in 64 hexadecimal digits, lower case")]
    Digest,
}

/// Whether this is a SHA-256 as we write it.
#[must_use]
pub fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks where a server was seen: at a URL without secrets.
///
/// # Errors
/// [`SightedPlaceError`] naming what is wrong.
pub fn check_sighted_url(
    transport: McpTransport,
    url: Option<&str>,
) -> Result<(), SightedPlaceError> {
    match (transport, url) {
        (McpTransport::StreamableHttp, None) => Err(SightedPlaceError::Missing),
        (McpTransport::Stdio, Some(_)) => Err(SightedPlaceError::Unwanted),
        (McpTransport::StreamableHttp, Some(url)) if url.contains('?') => {
            Err(SightedPlaceError::Query)
        }
        (McpTransport::StreamableHttp, Some(url)) => Ok(check_url(url)?),
        (McpTransport::Stdio, None) => Ok(()),
    }
}

/// Checks the digest of the command that starts a server.
///
/// # Errors
/// [`SightedPlaceError`] naming what is wrong.
pub fn check_command_digest(
    transport: McpTransport,
    digest: Option<&str>,
) -> Result<(), SightedPlaceError> {
    match (transport, digest) {
        (_, None) => Ok(()),
        (McpTransport::StreamableHttp, Some(_)) => Err(SightedPlaceError::Unwanted),
        (McpTransport::Stdio, Some(digest)) if is_sha256_hex(digest) => Ok(()),
        (McpTransport::Stdio, Some(_)) => Err(SightedPlaceError::Digest),
    }
}

/// What two reports of one server have in common.
#[must_use]
pub fn sighting_fingerprint(
    name: &str,
    transport: Option<McpTransport>,
    place: Option<&str>,
) -> String {
    let said = json!({ "name": name, "place": place, "transport": transport });
    canonical_sha256(&said).map_or_else(|_| String::new(), |it| hex(&it))
}

/// Words in the name of an argument whose value is secret.
const SECRET_WORDS: [&str; 5] = ["key", "token", "secret", "password", "auth"];

/// The digest of a command without what may be secret in it: the last part of its path, and its arguments
/// without their values. Whoever has the same command finds the same digest.
#[must_use]
pub fn command_digest(command: &str, arguments: &[String]) -> String {
    let command = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let mut kept: Vec<&str> = Vec::new();
    let mut is_secret = false;
    for argument in arguments {
        if std::mem::take(&mut is_secret) {
            continue;
        }
        if !argument.starts_with('-') {
            kept.push(argument);
        } else if let Some(at) = argument.find('=') {
            kept.push(&argument[..=at]);
        } else {
            kept.push(argument);
            let name = argument.to_lowercase();
            is_secret = SECRET_WORDS.iter().any(|word| name.contains(word));
        }
    }
    let said = json!({ "args": kept, "command": command });
    canonical_sha256(&said).map_or_else(|_| String::new(), |it| hex(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(command: &str, arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        command_digest(command, &arguments)
    }

    #[test]
    fn commands_have_one_digest_whatever_their_secrets() {
        let plain = digest("uvx", &["mcp-server-git", "--api-key"]);
        assert!(is_sha256_hex(&plain));
        for (command, arguments) in [
            (
                "/usr/bin/uvx",
                vec!["mcp-server-git", "--api-key", "s3cret"],
            ),
            ("C:\\bin\\uvx", vec!["mcp-server-git", "--api-key", "other"]),
        ] {
            assert_eq!(digest(command, &arguments), plain, "{command}");
        }
        let with = digest("npx", &["-y", "pkg", "--url=https://a:b@c"]);
        assert_eq!(with, digest("npx", &["-y", "pkg", "--url=other"]));
        assert_ne!(with, digest("npx", &["-y", "else", "--url=other"]));
        // What others have to compute, too.
        let known = json!({ "args": ["-y", "pkg"], "command": "npx" });
        let known = hex(&canonical_sha256(&known).unwrap());
        assert_eq!(digest("npx", &["-y", "pkg"]), known);
    }

    #[test]
    fn places_hold_no_secrets() {
        let http = McpTransport::StreamableHttp;
        for (url, is_good) in [
            (Some("https://tools.example.org/mcp"), true),
            (Some("https://user:pw@tools.example.org/mcp"), false),
            (Some("https://tools.example.org/mcp?key=1"), false),
            (Some("nowhere"), false),
            (None, false),
        ] {
            assert_eq!(check_sighted_url(http, url).is_ok(), is_good, "{url:?}");
        }
        let stdio = McpTransport::Stdio;
        assert!(check_sighted_url(stdio, None).is_ok());
        assert!(check_sighted_url(stdio, Some("https://a.example")).is_err());
        assert!(check_command_digest(stdio, Some(&"a".repeat(64))).is_ok());
        assert!(check_command_digest(stdio, Some(&"A".repeat(64))).is_err());
        assert!(check_command_digest(http, Some(&"a".repeat(64))).is_err());
    }
}
