//! The command line as a person has it: a home of its own, and nothing set.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use aim_tests::aim_command;
use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;

/// A person's home.
pub(crate) struct Cli {
    home: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cli {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("aim-home-").tempdir()?;
        Ok(Self { home })
    }

    /// Somebody who has signed in as the administrator.
    pub(crate) async fn signed_in(url: &str, password: &str) -> anyhow::Result<Self> {
        let cli = Self::new()?;
        let mut login = cli.command(&["login", "--url", url]);
        login.env("AIM_PASSWORD", password);
        let said = said(login).await?;
        anyhow::ensure!(said.code == 0, "{said:?}");
        Ok(cli)
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The file of a login.
    pub(crate) fn login(&self, profile: &str) -> std::path::PathBuf {
        let folder = self.home().join(".config/aim/profiles");
        folder.join(format!("{profile}.json"))
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        #[expect(clippy::expect_used, reason = "a test fails by panicking")]
        let mut command = aim_command().expect("the executable");
        command
            .args(words)
            .env("HOME", self.home())
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) async fn run(&self, words: &[&str]) -> anyhow::Result<Said> {
        said(self.command(words)).await
    }

    /// What a command prints as JSON.
    pub(crate) async fn json(&self, words: &[&str]) -> anyhow::Result<Value> {
        let said = self.run(&[words, &["--output", "json"]].concat()).await?;
        anyhow::ensure!(said.code == 0, "{words:?}: {said:?}");
        serde_json::from_str(&said.out).with_context(|| said.out)
    }

    /// Starts a command that goes on. It ends with the handle.
    pub(crate) fn start(&self, words: &[&str]) -> anyhow::Result<Running> {
        let out = self.home().join(format!("out-{}", uuid::Uuid::now_v7()));
        let err = out.with_extension("err");
        let mut command = self.command(words);
        command.stdout(std::fs::File::create(&out)?);
        command.stderr(std::fs::File::create(&err)?);
        let child = command.spawn()?;
        Ok(Running { child, out, err })
    }
}

/// A command that goes on.
pub(crate) struct Running {
    child: Child,
    out: std::path::PathBuf,
    err: std::path::PathBuf,
}

impl Running {
    /// The lines that it has printed.
    pub(crate) fn lines(&self) -> anyhow::Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.out)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(whole.lines().map(str::to_owned).collect())
    }

    pub(crate) fn complaints(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.err)?)
    }

    pub(crate) fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub(crate) async fn said(command: Command) -> anyhow::Result<Said> {
    fed(command, "").await
}

/// The same, with something on its standard input.
pub(crate) async fn fed(mut command: Command, input: &str) -> anyhow::Result<Said> {
    command.stdin(Stdio::piped());
    let input = input.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn()?;
        let mut hears = child.stdin.take().context("standard input")?;
        // It may have ended without reading.
        let _ = hears.write_all(input.as_bytes());
        drop(hears);
        anyhow::Ok(child.wait_with_output()?)
    });
    let Output {
        status,
        stdout,
        stderr,
    } = ended.await??;
    Ok(Said {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout)?,
        err: String::from_utf8(stderr)?,
    })
}
