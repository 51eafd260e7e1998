//! What this program was built from, and what of it is in use.

use aim_api::Build;
use aim_store::Backend;

use crate::config::Config;

/// The commit, where whoever built it said so: `AIM_COMMIT=$(git rev-parse HEAD) cargo build`.
const COMMIT: Option<&str> = option_env!("AIM_COMMIT");
/// As long as a commit's name by SHA-256.
const COMMIT_MAX: usize = 64;

/// What is told of the program, and sets it as a metric: one series, of values that are few.
pub(super) fn build(config: &Config, backend: Backend) -> Build {
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: commit(COMMIT),
        features: features(config, backend),
    };
    metrics::gauge!(
        "aim_build_info",
        "version" => build.version,
        "commit" => build.commit,
        "features" => build.features.clone(),
    )
    .set(1.0);
    build
}

/// What was said, if it can be one.
fn commit(said: Option<&'static str>) -> &'static str {
    let is_one = |it: &&str| {
        (7..=COMMIT_MAX).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    said.filter(is_one).unwrap_or("unknown")
}

fn features(config: &Config, backend: Backend) -> String {
    let all = [
        ("kafka", config.kafka().is_some()),
        ("mail", !config.smtp_url.is_empty()),
        ("mcp-attestation", config.enable_mcp_attestation),
        ("otlp", !config.otlp_endpoint.is_empty()),
        ("postgresql", backend == Backend::Postgres),
        ("schema-registry", !config.schema_registry.is_empty()),
        ("sqlite", backend == Backend::Sqlite),
    ];
    let used = all.into_iter().filter(|(_, is_used)| *is_used);
    used.map(|(name, _)| name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_hexadecimal_or_unknown() {
        let whole = "cbc38c0fd3c7a1d1b2f3a4b5c6d7e8f901234567";
        assert_eq!(commit(Some(whole)), whole);
        for wrong in [
            None,
            Some(""),
            Some("main"),
            Some("cbc38c"),
            Some("x\"y\nz 12345"),
        ] {
            assert_eq!(commit(wrong), "unknown", "{wrong:?}");
        }
    }

    #[test]
    fn what_is_in_use_is_named_in_order() {
        let config = Config::default();
        assert_eq!(features(&config, Backend::Sqlite), "mcp-attestation,sqlite");
    }
}
