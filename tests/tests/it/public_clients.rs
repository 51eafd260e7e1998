//! What the public GraphQL audits and clients say about the real server.

use aim_tests::{AimConfig, run_script};

/// Runs a script against a fresh server; its last line tells what failed.
fn check(script: &str) -> anyhow::Result<()> {
    let aim = AimConfig::new().start()?;
    let output = run_script(script, &[&format!("{}/graphql", aim.base_url())])?;
    anyhow::ensure!(output.code == 0, "{}{}", output.stdout, output.stderr);
    Ok(())
}

#[test]
fn all_audits_of_graphql_over_http_pass() {
    check("graphql_http_audit.mjs").unwrap();
}

/// There, a GET is only for who shows that no other site's page sent it. The audits of variables ask
/// for a type, so introspection is on.
#[test]
fn all_audits_pass_in_production_mode() {
    let aim = AimConfig::new()
        .env("AIM_PRODUCTION", "true")
        .env("AIM_INTROSPECTION", "true")
        .start()
        .unwrap();
    let url = format!("{}/graphql", aim.base_url());
    let headers = r#"{"graphql-require-preflight":"1"}"#;
    let output = run_script("graphql_http_audit.mjs", &[&url, headers]).unwrap();
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
}

#[test]
fn the_websocket_protocol_is_kept() {
    check("graphql_ws_conformance.mjs").unwrap();
}

#[test]
fn event_streams_keep_the_protocol() {
    check("graphql_sse_conformance.mjs").unwrap();
}
