//! Real MCP servers: a public one under Node.js, and ones on the official SDK for Python.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::cache::tail;
use crate::guarded::{Guarded, Start};
use crate::poll::block_until;
use crate::port::free_port;
use crate::{node, python};

/// A loaded machine takes ten times the usual few seconds.
const READY: Duration = Duration::from_secs(120);

/// A server at a URL of 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct McpServer {
    port: u16,
    _process: Guarded,
    _home: TempDir,
}

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

/// The command of the public server `@modelcontextprotocol/server-everything`; its argument is how it is
/// spoken to.
///
/// # Errors
/// When Node.js or npm is missing.
pub fn everything(transport: &str) -> anyhow::Result<Vec<String>> {
    let script = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let script = node::packages(&servers(), "servers")?.join(script);
    Ok(["node", &script.to_string_lossy(), transport]
        .map(str::to_owned)
        .to_vec())
}

/// The command of the public server `mcp-server-time`.
///
/// # Errors
/// When Python with venv is missing.
pub fn time() -> anyhow::Result<Vec<String>> {
    let python = python::server_packages()?.join("bin/python");
    let words = [
        &python.to_string_lossy(),
        "-m",
        "mcp_server_time",
        "--local-timezone",
        "UTC",
    ];
    Ok(words.map(str::to_owned).to_vec())
}

/// The command of `tests/servers/forecast.py` with these arguments.
///
/// # Errors
/// When Python with venv is missing.
pub fn forecast(arguments: &[&str]) -> anyhow::Result<Vec<String>> {
    let python = python::server_packages()?.join("bin/python");
    let script = servers().join("forecast.py");
    let first = [python, script].map(|it| it.to_string_lossy().into_owned());
    let rest = arguments.iter().map(|it| (*it).to_owned());
    Ok(first.into_iter().chain(rest).collect())
}

impl McpServer {
    /// Starts the public server `server-everything` at a URL.
    ///
    /// # Errors
    /// When Node.js or npm is missing, or it does not get ready.
    pub fn everything() -> anyhow::Result<Self> {
        let port = free_port()?;
        Self::start(port, &everything("streamableHttp")?)
    }

    /// Starts `tests/servers/forecast.py` at a URL, with the key of this seed.
    ///
    /// # Errors
    /// When Python is missing, or it does not get ready.
    pub fn forecast(seed: [u8; 32]) -> anyhow::Result<Self> {
        let port = free_port()?;
        let seed: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::start(port, &forecast(&[&port.to_string(), &seed])?)
    }

    fn start(port: u16, words: &[String]) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("aim-mcp-").tempdir()?;
        let start = Start {
            words: words.iter().map(OsStr::new).collect(),
            last: "KILL",
            clean: Some(home.path()),
        };
        let log = home.path().join("log");
        let output = File::create(&log)?;
        let mut command = start.command();
        command.env("PORT", port.to_string());
        command.stderr(output.try_clone()?).stdout(output);
        let mut process = Guarded::spawn(&start, command)?;
        let ready = block_until("the MCP server", READY, || {
            if let Some(code) = process.exited()? {
                anyhow::bail!("it ended with code {code}");
            }
            let reached = std::net::TcpStream::connect(("127.0.0.1", port));
            Ok(reached.is_ok().then_some(()))
        });
        ready.with_context(|| format!("log of the MCP server:\n{}", tail(&log)))?;
        Ok(Self {
            port,
            _process: process,
            _home: home,
        })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Changes what `forecast.py` says of its tool.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn say(&self, description: &str) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://127.0.0.1:{}/say", self.port);
        let answer = http.post(url).body(description.to_owned()).send().await?;
        anyhow::ensure!(answer.status() == 200, "{}", answer.status());
        Ok(())
    }
}
