//! The real `aim serve`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cache::tail;
use crate::guarded::{Guarded, Start};
use crate::poll::block_until;

/// Migrations of a debug build on a loaded machine, and recovery of a big database.
const READY: Duration = Duration::from_secs(120);

/// Settings that have no `AIM_` before their names.
const PLAIN: [&str; 4] = ["DATABASE_URL", "PORT", "JWT_SECRET", "CORS_ORIGINS"];

/// What to start. Nothing is taken from this process's own settings.
#[derive(Debug, Clone, Default)]
pub struct AimConfig {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    data: Option<PathBuf>,
}

impl AimConfig {
    /// The embedded default in a temporary folder, on a free port.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an environment variable; a later one of the same name wins.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument after `aim serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// `all`, `api` or `stream`.
    #[must_use]
    pub fn role(self, role: &str) -> Self {
        self.env("AIM_ROLE", role)
    }

    /// `sqlite://…` or `postgres://…`.
    #[must_use]
    pub fn database(self, url: impl Into<String>) -> Self {
        self.env("DATABASE_URL", url)
    }

    /// Kafka's `host:port`, and what is put before names of topics and groups so that tests can
    /// share a broker.
    #[must_use]
    pub fn kafka(self, brokers: &str, prefix: &str) -> Self {
        self.env("AIM_KAFKA_BROKERS", brokers)
            .env("AIM_KAFKA_PREFIX", prefix)
    }

    /// A data folder that outlives the process; a temporary one when not called.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Errors
    /// When the executable is missing, ends, or is not ready within 120 s (with its log).
    pub fn start(self) -> anyhow::Result<AimProcess> {
        AimProcess::start(self)
    }
}

/// The administrator's one-time password, as printed at the first start on an empty database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// E-mail address.
    pub email: String,
    /// Good for one sign-in, which must change it.
    pub password: String,
}

/// A running or stopped `aim serve`. Dropping it kills it.
#[derive(Debug)]
pub struct AimProcess {
    config: AimConfig,
    home: TempDir,
    process: Option<Guarded>,
    starts: u32,
    base_url: String,
    role: String,
    bootstrap: Option<Bootstrap>,
    http: reqwest::Client,
}

impl AimProcess {
    fn start(config: AimConfig) -> anyhow::Result<Self> {
        let mut made = Self {
            config,
            home: tempfile::Builder::new().prefix("aim-serve-").tempdir()?,
            process: None,
            starts: 0,
            base_url: String::new(),
            role: String::new(),
            bootstrap: None,
            http: reqwest::Client::builder()
                .tcp_nodelay(true)
                .no_proxy()
                .build()?,
        };
        made.launch()?;
        Ok(made)
    }

    /// `http://127.0.0.1:PORT`; the same after [`AimProcess::restart`].
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The role that it says it has.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// What it printed at its first start, if that was the database's first.
    #[must_use]
    pub const fn bootstrap(&self) -> Option<&Bootstrap> {
        self.bootstrap.as_ref()
    }

    /// Where its database and secrets are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.config
            .data
            .clone()
            .unwrap_or_else(|| self.home.path().join("data"))
    }

    /// Everything that it has logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        let text = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|it| matches!(it.exited(), Ok(None)))
    }

    /// Kills it, as a crash does.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.end("KILL").map(drop)
    }

    /// Asks it to stop and waits; returns its exit code.
    ///
    /// # Errors
    /// When it had to be killed after 30 s.
    pub fn stop(&mut self) -> anyhow::Result<i32> {
        self.end("TERM")
    }

    /// Starts it again with the same settings, data and port; kills it first if it still runs.
    ///
    /// # Errors
    /// As [`AimConfig::start`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9()?;
        self.launch()
    }

    /// Sends one GraphQL request as a person with the token `bearer`, or as nobody, and returns
    /// the whole answer (`data`, `errors`).
    ///
    /// # Errors
    /// When there is no answer or it is no JSON.
    pub async fn graphql(
        &self,
        query: &str,
        variables: Value,
        bearer: Option<&str>,
    ) -> anyhow::Result<Value> {
        let mut request = self.http.post(format!("{}/graphql", self.base_url));
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let body = json!({ "query": query, "variables": variables });
        let response = request.json(&body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        serde_json::from_str(&text).with_context(|| format!("answer {status}: {text}"))
    }

    fn end(&mut self, signal: &str) -> anyhow::Result<i32> {
        self.process
            .take()
            .map_or(Ok(0), |mut process| process.end(signal))
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join(format!("log-{}", self.starts))
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let data = self.data();
        fs::create_dir_all(&data)?;
        let binary = binary()?;
        let mut words = vec![binary.as_os_str(), OsStr::new("serve")];
        words.extend(self.config.arguments.iter().map(OsStr::new));
        let start = Start {
            words,
            last: "KILL",
            clean: Some(self.home.path()),
        };
        let (events, log) = (self.home.path().join("stdout"), self.log_file());
        let mut command = start.command();
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        let port = self
            .base_url
            .rsplit(':')
            .next()
            .filter(|port| !port.is_empty());
        command
            .env("AIM_DATA_DIR", &data)
            .env("PORT", port.unwrap_or("0"))
            .envs(self.config.environment.iter().cloned())
            .current_dir(self.home.path())
            .stdout(File::create(&events)?)
            .stderr(File::create(&log)?);
        let mut process = Guarded::spawn(&start, command)?;
        let ready = block_until("`aim serve`", READY, || {
            if let Some(ready) = event(&events, "ready")? {
                return Ok(Some(ready));
            }
            match process.exited()? {
                Some(code) => anyhow::bail!("`aim serve` ended with code {code}"),
                None => Ok(None),
            }
        })
        .with_context(|| format!("log of `aim serve`:\n{}", tail(&log)))?;
        self.base_url = text(&ready, "url")?;
        self.role = text(&ready, "role")?;
        if let Some(first) = event(&events, "bootstrap")? {
            let (email, password) = (text(&first, "email")?, text(&first, "password")?);
            self.bootstrap = Some(Bootstrap { email, password });
        }
        self.process = Some(process);
        Ok(())
    }
}

fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("AIM_") || PLAIN.contains(&&*name)
}

/// A command of `aim` that takes nothing from this process's own settings.
///
/// # Errors
/// When there is no executable.
pub fn aim_command() -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    Ok(command)
}

/// The executable: `AIM_BIN`, else the one built beside this test.
fn binary() -> anyhow::Result<PathBuf> {
    let set = std::env::var_os("AIM_BIN").map(PathBuf::from);
    let own = std::env::current_exe()?;
    let beside = |folder: &Path| Some(folder.join("aim")).filter(|file| file.is_file());
    set.or_else(|| own.ancestors().skip(1).take(3).find_map(beside))
        .context("no executable `aim`: run `cargo build -p aim` first, or set AIM_BIN")
}

/// The line of standard output that reports `name`.
fn event(output: &Path, name: &str) -> anyhow::Result<Option<Value>> {
    let text = fs::read_to_string(output)?;
    // A line that is still being written is no JSON yet.
    let mut events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(events.find(|event| event["event"] == name))
}

fn text(event: &Value, field: &str) -> anyhow::Result<String> {
    let value = event[field].as_str();
    Ok(value
        .with_context(|| format!("no field `{field}` in {event}"))?
        .to_owned())
}
