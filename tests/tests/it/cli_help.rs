//! Help, completions, manual pages and the first configuration file.

use std::os::unix::fs::PermissionsExt;

use crate::cli::Cli;

/// The commands that a page of help lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    let begins = |line: &&str| line.starts_with(|sign: char| sign.is_ascii_lowercase());
    let words = lines.filter(begins).filter_map(|line| {
        let (word, about) = line.split_once("  ")?;
        (!about.trim().is_empty()).then(|| word.to_owned())
    });
    words.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_helps_down_to_the_last() {
    let cli = Cli::new().unwrap();
    let help = cli.run(&["--help"]).await.unwrap();
    assert_eq!(help.code, 0);
    for title in ["A server:", "Who asks:", "Agents:", "What they do:"] {
        assert!(help.out.contains(title), "{}", help.out);
    }
    let commands = listed(&help.out);
    assert!(commands.len() > 25, "{commands:?}");
    let mut below = 0;
    for command in commands.iter().filter(|it| *it != "help") {
        let help = cli.run(&[command, "--help"]).await.unwrap();
        assert!(help.code == 0 && help.out.contains("Usage:"), "{help:?}");
        if !help.out.contains("Commands:") {
            continue;
        }
        for verb in listed(&help.out).iter().filter(|it| *it != "help") {
            let help = cli.run(&[command, verb, "--help"]).await.unwrap();
            assert!(help.code == 0 && help.out.contains("Usage:"), "{help:?}");
            below += 1;
        }
    }
    assert!(below > 60, "only {below} verbs");
    assert_eq!(cli.run(&["agents", "fly"]).await.unwrap().code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_and_manuals_know_the_commands() {
    let cli = Cli::new().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = cli.run(&["completions", shell]).await.unwrap();
        assert_eq!(script.code, 0, "{shell}");
        for word in ["approvals", "reactivate", "quarantine"] {
            assert!(script.out.contains(word), "`{word}` for {shell}");
        }
    }
    let script = cli.run(&["completions", "bash"]).await.unwrap().out;
    let file = cli.home().join("aim.bash");
    std::fs::write(&file, script).unwrap();
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(&file)
        .status();
    assert!(checked.unwrap().success());

    assert_eq!(cli.run(&["man", "pages"]).await.unwrap().code, 0);
    let page = |name: &str| std::fs::read_to_string(cli.home().join("pages").join(name)).unwrap();
    assert!(page("aim-approvals-approve.1").contains("Agrees to an action"));
    assert!(page("aim.1").contains("doctor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_configuration_is_private_and_never_written_over() {
    let cli = Cli::new().unwrap();
    let words = ["init", "--port", "0", "--kafka-brokers", "127.0.0.1:1"];
    let said = cli.run(&words).await.unwrap();
    assert_eq!(said.code, 0, "{said:?}");
    let file = cli.home().join("aim.toml");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&cli.home().join(".aim")), 0o700);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\nport = 0\n") && text.contains("\nkafka_brokers = \"127.0.0.1:1\"\n"));
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("jwt_secret = "))
        .unwrap();
    assert!(secret.len() > 60 && !said.err.contains(secret.trim_matches('"')));

    let again = cli.run(&["init"]).await.unwrap();
    assert_eq!(again.code, 65, "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    // Another one has another secret, and a doctor finds nothing wrong with it.
    let other = Cli::new().unwrap();
    assert_eq!(other.run(&["init", "--port", "0"]).await.unwrap().code, 0);
    let other_text = std::fs::read_to_string(other.home().join("aim.toml")).unwrap();
    assert!(!other_text.contains(secret));
    let said = other.run(&["doctor"]).await.unwrap();
    assert_eq!(
        (said.code, said.out.trim()),
        (0, "nothing was found"),
        "{said:?}"
    );
}
