//! PostgreSQL: databases of their own, crashes, durability.

use std::process::Command;

use aim_tests::Postgres;

/// Runs one statement and returns what it answers.
fn ask(url: &str, statement: &str) -> anyhow::Result<String> {
    let output = Command::new("psql")
        .args([url, "-qAtXc", statement])
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[test]
fn fresh_databases_of_the_shared_server_are_apart() {
    let server = Postgres::shared().unwrap();
    let (one, two) = (
        server.fresh_database().unwrap(),
        server.fresh_database().unwrap(),
    );
    assert_ne!(one, two);
    ask(&one, "CREATE TABLE only_here (id int)").unwrap();
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(ask(&one, tables).unwrap(), "1");
    assert_eq!(ask(&two, tables).unwrap(), "0");
}

#[test]
fn commits_are_durable_and_text_is_unicode() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("server_encoding", "UTF8"),
    ] {
        assert_eq!(
            ask(&url, &format!("SHOW {setting}")).unwrap(),
            value,
            "{setting}"
        );
    }
}

#[test]
fn an_outage_refuses_clients_and_keeps_commits() {
    let mut server = Postgres::start().unwrap();
    let url = server.url();
    ask(&url, "CREATE TABLE kept AS SELECT 7 AS number").unwrap();
    for crash in [false, true] {
        if crash {
            server.kill9().unwrap();
        } else {
            server.stop().unwrap();
        }
        let refused = ask(&url, "SELECT 1").unwrap_err().to_string();
        assert!(refused.contains("refused"), "{refused}");
        server.start_again().unwrap();
        assert_eq!(server.url(), url);
        assert_eq!(
            ask(&url, "UPDATE kept SET number = number RETURNING number").unwrap(),
            "7"
        );
    }
}
