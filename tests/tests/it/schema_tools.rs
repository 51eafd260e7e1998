//! What public tools say of the schema, and of a server that is asked whatever the schema allows.

use std::path::Path;

use aim_tests::{AimConfig, python_module, run_script};

use crate::fleet::Owner;

/// Requests of each kind for each root field.
const EXAMPLES: &str = "8";
const SEED: &str = "20261127";

/// What answers UNAUTHENTICATED, FORBIDDEN or RATE_LIMITED to any person, which the tool takes for a fault:
/// only an agent's signature opens the first four, and made-up secrets are wrong. The last two would end
/// the session that the tool itself uses.
const NOT_FOR_PEOPLE: [&str; 9] = [
    "Mutation.verifyAction",
    "Mutation.reportActionResult",
    "Mutation.delegateCapabilities",
    "Mutation.issueAgentCertificate",
    "Mutation.signIn",
    "Mutation.refreshSession",
    "Mutation.linkIdentity",
    "Mutation.signOut",
    "Mutation.signOutEverywhere",
];

#[test]
fn graphql_schema_linter_reports_nothing() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema.graphql");
    let said = run_script("schema_linter.mjs", &[schema.to_str().unwrap()]).unwrap();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("0 errors detected"), "{}", said.stdout);
}

#[tokio::test]
async fn schemathesis_finds_no_server_error() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    owner.register("reader", &["files:read"]).await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut command = python_module("schemathesis.cli").unwrap();
    command
        .args(["run", &format!("{}/graphql", owner.url)])
        .args(["--max-examples", EXAMPLES, "--seed", SEED])
        .args([
            "--generation-deterministic",
            "--checks",
            "not_a_server_error",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--continue-on-failure",
        ])
        .args(["--request-timeout", "30", "--workers", "1", "--no-color"])
        .args(["-H", &format!("Authorization: Bearer {}", owner.token)])
        .current_dir(place.path());
    for name in NOT_FOR_PEOPLE {
        command.args(["--exclude-name", name]);
    }
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    let sum = said.find("SUMMARY").map_or("", |at| &said[at..]);
    println!("{sum}");
    let log = aim.log();
    let faults: Vec<_> = log
        .lines()
        .filter(|it| it.contains("\"level\":\"ERROR\""))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
