//! Every command, argument and value says what it is.

use clap::Command;

use super::{GROUPS, command};

/// Everything below a command, with its path.
fn walk(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        found.push((path.clone(), below.clone()));
        walk(&path, below, found);
    }
}

fn all() -> Vec<(String, Command)> {
    let mut command = command();
    command.build();
    let mut found = vec![("aim".to_owned(), command.clone())];
    walk("aim", &command, &mut found);
    // Help about help is clap's own.
    found.retain(|(path, _)| !path.contains(" help "));
    found
}

#[test]
fn clap_finds_no_fault() {
    command().debug_assert();
}

#[test]
fn everything_has_help() {
    let all = all();
    assert!(all.len() > 90, "only {} commands", all.len());
    for (path, command) in &all {
        assert!(
            command
                .get_about()
                .is_some_and(|it| !it.to_string().is_empty()),
            "`{path}` has no help"
        );
        for argument in command.get_arguments() {
            let name = argument.get_id();
            assert!(
                argument
                    .get_help()
                    .is_some_and(|it| !it.to_string().is_empty()),
                "`{name}` of `{path}` has no help"
            );
            for value in argument.get_possible_values() {
                let is_switch = ["true", "false"].contains(&value.get_name());
                assert!(
                    is_switch || value.get_help().is_some(),
                    "`{}` of `{name}` of `{path}` has no help",
                    value.get_name()
                );
            }
        }
    }
}

#[test]
fn secrets_are_not_shown_by_help() {
    for (path, command) in all() {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let is_secret = ["password", "new_password", "code", "api_key"].contains(&name);
            let is_hidden = argument.get_env().is_none() || argument.is_hide_env_values_set();
            assert!(!is_secret || is_hidden, "`{name}` of `{path}`");
        }
    }
}

#[test]
fn help_shows_each_command_once() {
    let mut grouped: Vec<&str> = GROUPS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let mut command = command();
    command.build();
    let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    grouped.sort_unstable();
    known.sort_unstable();
    assert_eq!(grouped, known);
    let help = command.render_help().to_string();
    for (title, names) in GROUPS {
        assert!(help.contains(&format!("\n{title}:\n")), "{help}");
        for name in names {
            let lines = help
                .lines()
                .filter(|line| line.starts_with(&format!("  {name} ")));
            assert_eq!(lines.count(), 1, "`{name}` in\n{help}");
        }
    }
    assert!(
        !help.contains('{'),
        "a part of the template is left:\n{help}"
    );
}
