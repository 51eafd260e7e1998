//! Signing in by the command line with a second factor.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output, Stdio};

use aim_tests::{AimConfig, aim_command};

use crate::fleet::{Owner, PASSWORD};
use crate::second_factors::Authenticator;

async fn run(mut command: Command) -> (bool, String) {
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = ended.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.success(), said.into_owned())
}

fn demo(url: &str) -> Command {
    let mut command = aim_command().unwrap();
    command.args(["demo", "--url", url]);
    command.env("AIM_PASSWORD", PASSWORD).stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_signs_in_somebody_with_a_second_factor() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let (went, said) = run(demo(aim.base_url())).await;
    assert!(went, "without a second factor: {said}");
    let authenticator = Authenticator::of(&owner).await;

    // Nobody sits there who could be asked.
    let (went, said) = run(demo(aim.base_url())).await;
    assert!(!went && said.contains("`--code`"), "{said}");
    let mut wrong = demo(aim.base_url());
    wrong.args(["--code", "000000"]);
    let (went, said) = run(wrong).await;
    assert!(!went && said.contains("the second factor"), "{said}");

    // By flag, by environment, and by a recovery code.
    let mut flag = demo(aim.base_url());
    flag.args(["--code", &authenticator.code(1)]);
    let mut environment = demo(aim.base_url());
    environment.env("AIM_CODE", &authenticator.codes[0]);
    for command in [flag, environment] {
        let (went, said) = run(command).await;
        assert!(went && said.contains("Registered agent"), "{said}");
        assert!(!said.contains(&authenticator.codes[0]), "{said}");
    }

    // At a terminal, which `script` is.
    let line = demo(aim.base_url());
    let words: Vec<_> = std::iter::once(line.get_program())
        .chain(line.get_args())
        .map(|word| format!("'{}'", word.display()))
        .collect();
    let mut command = Command::new("sh");
    let piped = format!(
        "echo '{}' | script -qec \"{}\" /dev/null",
        authenticator.codes[1],
        words.join(" ")
    );
    command.args(["-c", &piped]).env("AIM_PASSWORD", PASSWORD);
    let (went, said) = run(command).await;
    assert!(went && said.contains("Registered agent"), "{said}");
    assert!(said.contains("Code of the second factor"), "{said}");
}
