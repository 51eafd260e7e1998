//! What public tools say of the schema, and of a server that is asked whatever the schema allows.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and prints what a tool sums up"
)]

use std::path::Path;

use aim_tests::{AimConfig, python_module, run_script};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fleet::{Owner, PASSWORD, add_person, seed_of};

/// Requests of each kind for each root field.
const EXAMPLES: &str = "8";
const SEED: &str = "20261127";

/// What only an agent's signature opens: asked as an agent.
const FOR_AGENTS: [&str; 8] = [
    "Mutation.verifyAction",
    "Mutation.verifyActions",
    "Mutation.requestCapability",
    "Mutation.presentApproval",
    "Mutation.reportActionResult",
    "Mutation.delegateCapabilities",
    "Mutation.issueAgentCertificate",
    "Mutation.attestMcpServer",
];
/// What ends the session that asks: asked with a new one each time.
const ENDS: [&str; 2] = ["Mutation.signOut", "Mutation.signOutEverywhere"];
/// What asks for a secret. The tool cannot know one, and takes the refusal (UNAUTHENTICATED, or
/// RATE_LIMITED after a few) of one that was made up for a fault of the server; so another check says
/// what a fault is.
const SECRET: [&str; 9] = [
    "Mutation.signIn",
    "Mutation.refreshSession",
    "Mutation.linkIdentity",
    "Mutation.changePassword",
    "Mutation.enrollSecondFactor",
    "Mutation.disableSecondFactor",
    "Mutation.renewRecoveryCodes",
    "Mutation.beginPasskeyRegistration",
    "Mutation.removePasskey",
];

/// Who asks, what, and which check judges the answers.
struct Round<'a> {
    name: &'a str,
    check: &'a str,
    /// Root fields to leave out, or, without others, to ask alone.
    fields: (&'a str, Vec<&'a str>),
    /// What `schemathesis_hooks.py` is told.
    env: Vec<(&'a str, String)>,
    /// The header field of who asks.
    header: Option<String>,
}

impl Round<'_> {
    /// Runs the tool against a server; what it sums up.
    async fn run(&self, url: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/schemathesis_hooks.py");
        std::fs::copy(hooks, place.path().join("hooks.py")).unwrap();
        let mut command = python_module("schemathesis.cli").unwrap();
        command
            .args(["run", &format!("{url}/graphql")])
            .args(["--max-examples", EXAMPLES, "--seed", SEED])
            .args(["--generation-deterministic", "--checks", self.check])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--continue-on-failure",
            ])
            .args(["--request-timeout", "30", "--workers", "1", "--no-color"])
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("PYTHONPATH", place.path())
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
            .current_dir(place.path());
        for name in &self.fields.1 {
            command.args([self.fields.0, name]);
        }
        if let Some(header) = &self.header {
            command.args(["-H", header]);
        }
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}{failed}", self.name);
        let sum = said.find("SUMMARY").map_or("", |at| &said[at..]);
        println!("{}: {sum}", self.name);
        said
    }
}

#[test]
fn graphql_schema_linter_reports_nothing() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema.graphql");
    let said = run_script("schema_linter.mjs", &[schema.to_str().unwrap()]).unwrap();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("0 errors detected"), "{}", said.stdout);
}

#[tokio::test]
async fn schemathesis_finds_no_server_error() {
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_ANONYMOUS", "0")
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    add_person(&aim, "leaver@test.local", "OWNER")
        .await
        .unwrap();
    let bearer = Some(format!("Authorization: Bearer {}", owner.token));
    let elsewhere = [&FOR_AGENTS[..], &ENDS, &SECRET].concat();
    let key_id = agent.key.public_key().thumbprint();
    let rounds = [
        Round {
            name: "a person",
            check: "not_a_server_error",
            fields: ("--exclude-name", elsewhere),
            env: Vec::new(),
            header: bearer.clone(),
        },
        Round {
            name: "an agent",
            check: "not_a_server_error",
            fields: ("--include-name", FOR_AGENTS.to_vec()),
            env: vec![
                ("AIM_AS", "agent".to_owned()),
                ("AIM_AGENT_SEED", STANDARD.encode(seed_of("reader"))),
                ("AIM_AGENT_KEY_ID", key_id),
            ],
            header: None,
        },
        Round {
            name: "whoever leaves",
            check: "not_a_server_error",
            fields: ("--include-name", ENDS.to_vec()),
            env: vec![
                ("AIM_AS", "session".to_owned()),
                ("AIM_EMAIL", "leaver@test.local".to_owned()),
                ("AIM_PASSWORD", PASSWORD.to_owned()),
            ],
            header: None,
        },
        Round {
            name: "whoever guesses",
            check: "no_fault",
            fields: ("--include-name", SECRET.to_vec()),
            env: Vec::new(),
            header: bearer,
        },
    ];
    for round in rounds {
        round.run(&owner.url).await;
    }
    let log = aim.log();
    let faults: Vec<_> = log
        .lines()
        .filter(|it| it.contains("\"level\":\"ERROR\""))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
