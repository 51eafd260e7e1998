//! A real issuer of OpenID Connect: the certified `oidc-provider` under Node.js.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;

use crate::cache::tail;
use crate::guarded::{Guarded, Start};
use crate::node;
use crate::poll::block_until;
use crate::port::free_port;

/// A loaded machine takes ten times the usual second.
const READY: Duration = Duration::from_secs(60);

/// An issuer on 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    _process: Guarded,
    _home: TempDir,
}

impl Issuer {
    /// Who the product is there.
    pub const CLIENT_ID: &'static str = "aim";
    /// What proves it.
    pub const CLIENT_SECRET: &'static str = "a secret of tests only, and long";

    /// Starts one that sends people back to `redirect`. The very first call on a machine downloads
    /// its packages.
    ///
    /// # Errors
    /// When Node.js or npm is missing, or it does not get ready within 60 s.
    pub fn start(redirect: &str) -> anyhow::Result<Self> {
        let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
        let packages = node::packages(&servers, "servers")?;
        let home = tempfile::Builder::new().prefix("aim-issuer-").tempdir()?;
        let port = free_port()?.to_string();
        // Packages are looked up from the script's own folder upwards.
        let script = packages.join(format!("oidc-{port}.mjs"));
        fs::copy(servers.join("oidc.mjs"), &script)?;
        let mut words = vec![OsStr::new("node"), script.as_os_str()];
        words.extend([port.as_str(), redirect].map(OsStr::new));
        let start = Start {
            words,
            last: "KILL",
            clean: Some(home.path()),
        };
        let log = home.path().join("log");
        let output = File::create(&log)?;
        let mut command = start.command();
        command.stderr(output.try_clone()?).stdout(output);
        let mut process = Guarded::spawn(&start, command)?;
        let ready = block_until("the issuer", READY, || {
            if let Some(code) = process.exited()? {
                anyhow::bail!("it ended with code {code}");
            }
            Ok(fs::read_to_string(&log)?
                .contains("Listening")
                .then_some(()))
        });
        fs::remove_file(script)?;
        ready.with_context(|| format!("log of the issuer:\n{}", tail(&log)))?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
            _home: home,
        })
    }

    /// Its URL, as in its tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells it whom to sign in (`account`), what to do wrong (`mode`), or to take new keys
    /// (`rotate`); answers what it was asked so far.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn tell(&self, wanted: &Value) -> anyhow::Result<Value> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let sent = http.post(format!("{}/test", self.url)).json(wanted).send();
        Ok(sent.await?.json().await?)
    }
}
