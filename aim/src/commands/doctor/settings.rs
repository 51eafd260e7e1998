//! Settings that are wrong in themselves, or do not go together.

use std::path::Path;
use std::time::Duration;

use aim_api::TrustedProxies;
use aim_api::transport::parse_origins;
use aim_app::{McpNetworks, OwnNetworks};
use aim_domain::clock::Clock;

use super::Finding;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::oidc::OidcSetting;

/// Fewest bytes of the secret, and fewest different ones: random bytes of any encoding have more.
const SECRET_MIN: usize = 32;
const SECRET_VARIETY: usize = 12;
/// What stands in secrets that people make up.
const MADE_UP: [&str; 6] = ["secret", "password", "change", "example", "12345", "qwerty"];
/// Databases of addresses that are older say little of where addresses are now.
const GEO_OLD: Duration = Duration::from_secs(180 * 24 * 60 * 60);

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(secret(config));
    found.extend(public_url(config));
    found.extend(networks(config));
    found.extend(geography(config));
    if let Err(problem) = parse_origins(&config.cors_origins) {
        found.push(Finding::error(
            "cors-origins",
            format!("`cors_origins`: {problem}"),
            "the server does not start",
            "name origins such as `https://app.example`, without a path, with commas",
        ));
    }
    for provider in config.oidc.iter().map(OidcSetting::provider) {
        found.extend(provider.err().map(|problem| {
            Finding::error(
                "oidc-settings",
                format!("{problem:#}"),
                "the server does not start",
                "docs/accounts.md says what an issuer needs",
            )
        }));
    }
    if !config.oidc.is_empty() && config.public_url.is_empty() {
        found.push(Finding::error(
            "oidc-settings",
            "`oidc` is set, and `public_url` is not",
            "issuers send browsers back to it; the server does not start",
            "set `public_url`",
        ));
    }
    found
}

fn secret(config: &Config) -> Option<Finding> {
    let secret = &config.jwt_secret;
    let make = "make one with `openssl rand -base64 48`, the same for all API processes";
    if secret.is_empty() {
        // In one process with SQLite one is made in the data directory.
        return config.database_url.starts_with("postgres").then(|| {
            Finding::warning(
                "jwt-secret-missing",
                "`JWT_SECRET` is not set, and the database is PostgreSQL",
                "each process makes one of its own, and believes no token of the others",
                make,
            )
        });
    }
    let mut bytes: Vec<u8> = secret.bytes().collect();
    bytes.sort_unstable();
    bytes.dedup();
    let lower = secret.to_lowercase();
    let is_made_up = MADE_UP.iter().any(|word| lower.contains(word));
    let is_weak = secret.len() < SECRET_MIN || bytes.len() < SECRET_VARIETY || is_made_up;
    is_weak.then(|| {
        Finding::error(
            "jwt-secret-weak",
            format!("`JWT_SECRET` has {} bytes, or can be guessed", secret.len()),
            "whoever guesses it makes tokens of anybody",
            make,
        )
    })
}

fn public_url(config: &Config) -> Option<Finding> {
    let url = &config.public_url;
    let wrong =
        |name, what: String, why, remedy: &str| Some(Finding::error(name, what, why, remedy));
    if url.is_empty() {
        return None;
    }
    let parsed = url.parse::<http::Uri>().ok();
    let parsed = parsed.filter(|it| {
        let is_http = matches!(it.scheme_str(), Some("http" | "https"));
        is_http && it.path().trim_matches('/').is_empty() && it.query().is_none()
    });
    let Some(uri) = parsed else {
        return wrong(
            "public-url-invalid",
            format!("`public_url` `{url}` is no URL of a server"),
            "clients sign it: no signed request would be believed",
            "set scheme and host, such as `https://aim.example`",
        );
    };
    let host = uri.host().unwrap_or_default();
    let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    if uri.scheme_str() == Some("http") && !is_here {
        return wrong(
            "public-url-not-tls",
            format!("`public_url` `{url}` is not https"),
            "passwords and tokens can be read on the way",
            "put a proxy with TLS in front, and set `public_url` to its https URL",
        );
    }
    if uri.scheme_str() == Some("https") && uri.port_u16() == Some(config.port) {
        return wrong(
            "public-url-own-port",
            format!("`public_url` `{url}` is https on our own port"),
            "this server speaks plain HTTP there: clients would get no connection",
            "name the proxy that does TLS, or use http on this machine",
        );
    }
    None
}

fn networks(config: &Config) -> Vec<Finding> {
    let problems = [
        (
            "trusted_proxies",
            TrustedProxies::parse(&config.trusted_proxies).err(),
        ),
        (
            "mcp_networks",
            McpNetworks::parse(&config.mcp_networks)
                .err()
                .map(|it| it.to_string()),
        ),
        (
            "outbound_networks",
            OwnNetworks::parse(&config.outbound_networks).err(),
        ),
    ];
    let finding = |(name, problem): (&str, Option<String>)| {
        Some(Finding::error(
            "networks-invalid",
            format!("`{name}`: {}", problem?),
            "the server does not start",
            "name networks such as `10.0.0.0/8`, with commas",
        ))
    };
    problems.into_iter().filter_map(finding).collect()
}

fn geography(config: &Config) -> Vec<Finding> {
    let get = "get a current file in MaxMind's format (.mmdb), or leave the setting empty";
    let given = [&config.geo_database, &config.geo_asn_database];
    let missing = |file: &&std::path::PathBuf| **file != *Path::new("") && !file.exists();
    let missing: Vec<Finding> = given
        .into_iter()
        .filter(missing)
        .map(|file| {
            Finding::error(
                "geo-database-missing",
                format!("`{}` is not there", file.display()),
                "the server does not start",
                get,
            )
        })
        .collect();
    if !missing.is_empty() {
        return missing;
    }
    let made_at = match config.geo() {
        Ok(database) => database.made_at(),
        Err(problem) => {
            let what = format!("{problem:#}");
            let why = "the server does not start";
            return vec![Finding::error("geo-database-unreadable", what, why, get)];
        }
    };
    let now = u64::try_from(SystemClock.now().timestamp()).unwrap_or_default();
    let age = made_at.map(|made_at| Duration::from_secs(now.saturating_sub(made_at)));
    let Some(age) = age.filter(|age| *age > GEO_OLD) else {
        return Vec::new();
    };
    vec![Finding::warning(
        "geo-database-old",
        format!(
            "the geography database is {} days old",
            age.as_secs() / 86_400
        ),
        "addresses move: first-seen countries and impossible travel would be wrong",
        get,
    )]
}
