//! `aim migrate` up, down and up again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{Postgres, aim_command};
use tempfile::TempDir;

/// Runs one direction; the lines that it printed, as (state, name).
fn migrate(home: &TempDir, database: &str, direction: &str) -> Vec<(String, String)> {
    let mut command = aim_command().unwrap();
    command.args(["migrate", direction]);
    command.env("AIM_DATA_DIR", home.path());
    command.current_dir(home.path());
    let output = command.env("DATABASE_URL", database).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{direction}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    lines
        .map(|(state, name)| (state.to_owned(), name.to_owned()))
        .collect()
}

fn applied(lines: &[(String, String)]) -> usize {
    lines.iter().filter(|(state, _)| state == "applied").count()
}

/// Every step back can be gone forward again, and nothing is left of the schema at its beginning.
fn there_and_back(database: &str) {
    let home = tempfile::tempdir().unwrap();
    let run = |direction| migrate(&home, database, direction);
    let up = run("up");
    let all = up.len();
    assert!(all >= 2, "{up:?}");
    assert_eq!(applied(&up), all, "{up:?}");
    assert_eq!(run("up"), up);
    for left in (0..all).rev() {
        let down = run("down");
        assert_eq!((applied(&down), down.len()), (left, all), "{down:?}");
        assert_eq!(applied(&run("status")), left);
    }
    assert_eq!(applied(&run("down")), 0);
    assert_eq!(run("up"), up);
    assert_eq!(run("status"), up);
}

#[test]
fn migrations_go_there_and_back_on_sqlite() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("aim.db");
    there_and_back(&format!("sqlite://{}?mode=rwc", file.display()));
}

#[test]
fn migrations_go_there_and_back_on_postgresql() {
    there_and_back(&Postgres::shared().unwrap().fresh_database().unwrap());
}
