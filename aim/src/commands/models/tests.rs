//! The walk of `docs/models.md`, command by command.

use std::fmt::Write;
use std::path::Path;

use clap::Parser;

use super::{Models, run};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Models,
}

/// Runs a command in `folder`; `@` stands for the folder.
fn aim(folder: &Path, line: &str) -> anyhow::Result<()> {
    let place = format!("{}/", folder.display());
    let words = line.split(' ').map(|word| word.replace('@', &place));
    let line = Line::try_parse_from(std::iter::once("models".to_owned()).chain(words))?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(run(&line.command))
}

fn refused(folder: &Path, line: &str, reason: &str) {
    let error = aim(folder, line).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains(reason), "`{line}` says {text}");
}

/// Twelve agents with runs of which each third is hijacked: those write, and fail, more often.
fn record(folder: &Path) {
    let (mut events, mut runs) = (String::new(), String::new());
    runs += "session,agent,model,suite,task,attack,injection,label\n";
    let mut state = 1_u64;
    for index in 0..2_400_u64 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let (agent, session) = (index % 12, index / 48 * 12 + index % 12);
        let hijacked = (session / 12 + agent) % 3 == 0;
        let chance = (state >> 33) % 10;
        let writes = chance < if hijacked { 8 } else { 2 };
        let (action, outcome) = if writes {
            ("delete_file", "error")
        } else {
            ("read_file", "ok")
        };
        let time = chrono::DateTime::from_timestamp(1_767_600_000 + index.cast_signed() * 7, 0);
        let time = time.unwrap().to_rfc3339();
        writeln!(
            events,
            r#"{{"specversion":"1.0","id":"{index}","source":"urn:aim:agent:a{agent}","type":"aim.action.performed.v1","time":"{time}","data":{{"session":"s{session}","task":"t","action":"{action}","resource":"f{chance}","arguments":{{}},"outcome":"{outcome}"}}}}"#
        )
        .unwrap();
        if index % 48 < 12 {
            let label = if hijacked { "hijacked" } else { "benign" };
            writeln!(runs, "s{session},a{agent},m,s,t,none,,{label}").unwrap();
        }
    }
    events += "{\"specversion\":\"1.0\"}\n";
    std::fs::write(folder.join("events.jsonl"), events).unwrap();
    std::fs::write(folder.join("runs.csv"), runs).unwrap();
}

#[test]
fn the_walk_of_the_docs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    record(at);
    let aim = |line: &str| aim(at, line).unwrap();
    aim("export-features --events @events.jsonl --runs @runs.csv --out @f.parquet");
    let train = "train --features @f.parquet --seed 1 --registry @m";
    aim(&format!("{train} --kind logistic"));
    aim(&format!("{train} --kind forest --trees 10"));
    aim(&format!("{train} --kind gmm --clusters 2 --json"));
    aim(&format!("{train} --kind pca --as-of 2026-01-05T10:00:00Z"));
    aim("evaluate --features @f.parquet --version v2 --registry @m");
    aim("evaluate --features @f.parquet --version 3 --all --json --registry @m");
    aim("list --registry @m");
    aim("show 2 --registry @m");
    refused(at, "show champion --registry @m", "no version is champion");
    refused(at, "show 9 --registry @m", "no version v9");
    refused(at, "show best --registry @m", "use a number, champion");

    aim("promote 2 --by ada --reason first --registry @m");
    aim("promote 4 --alias challenger --by ada --reason shadow --registry @m");
    let promote = "promote challenger --by ada --reason better --registry @m";
    refused(at, promote, "`--features` is missing");
    refused(
        at,
        &format!("{promote} --features @f.parquet"),
        "challenger has AUC",
    );
    aim(&format!("{promote} --force"));
    aim("show champion --json --registry @m");
    aim("rollback --by ada --reason worse --registry @m");
    let registry = aim_ml_models::registry::Registry::open(&at.join("m")).unwrap();
    let history: Vec<_> = registry
        .history()
        .unwrap()
        .into_iter()
        .map(|change| (change.to, change.reason))
        .collect();
    let expected = [
        (2, "first"),
        (4, "shadow"),
        (4, "forced: better"),
        (2, "worse"),
    ];
    assert_eq!(history.len(), expected.len());
    for (to, reason) in expected {
        assert!(
            history.contains(&(Some(to), reason.to_owned())),
            "{history:?}"
        );
    }
}
