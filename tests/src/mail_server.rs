//! A real mail server: Nodemailer's `smtp-server` under Node.js.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;

use crate::cache::tail;
use crate::guarded::{Guarded, Start};
use crate::node;
use crate::poll::{block_until, wait_for};
use crate::port::free_port;

/// A loaded machine takes ten times the usual second.
const READY: Duration = Duration::from_secs(60);

/// How letters come to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// In clear.
    None,
    /// In clear until `STARTTLS`.
    StartTls,
    /// Over TLS from the start.
    Tls,
}

/// A mail server on 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct MailServer {
    home: TempDir,
    port: u16,
    security: MailSecurity,
    process: Option<Guarded>,
}

impl MailServer {
    /// To whom it refuses letters for good.
    pub const REFUSED: &'static str = "nobody@refused.example";

    /// Starts one. The very first call on a machine downloads its packages.
    ///
    /// # Errors
    /// When Node.js, npm or openssl is missing, or it does not get ready within 60 s.
    pub fn start(security: MailSecurity) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("aim-mail-").tempdir()?;
        if security != MailSecurity::None {
            certificate(home.path())?;
        }
        let port = free_port()?;
        let mut server = Self {
            home,
            port,
            security,
            process: None,
        };
        server.resume()?;
        Ok(server)
    }

    /// What `smtp_url` has to be.
    #[must_use]
    pub fn url(&self) -> String {
        let port = self.port;
        match self.security {
            MailSecurity::None => format!("smtp://127.0.0.1:{port}?tls=none"),
            MailSecurity::StartTls => format!("smtp://aim:p%40ss+word@localhost:{port}"),
            MailSecurity::Tls => format!("smtps://aim:p%40ss+word@localhost:{port}"),
        }
    }

    /// What `smtp_ca_file` has to be; nothing without TLS.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        match self.security {
            MailSecurity::None => PathBuf::new(),
            _ => self.home.path().join("cert.pem"),
        }
    }

    /// Ends it, as a crash does.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port, with the letters that it has.
    ///
    /// # Errors
    /// As [`MailServer::start`].
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
        let packages = node::packages(&servers, "servers")?;
        // Packages are looked up from the script's own folder upwards.
        let script = packages.join(format!("smtp-{}.mjs", self.port));
        fs::copy(servers.join("smtp.mjs"), &script)?;
        let port = self.port.to_string();
        let security = match self.security {
            MailSecurity::None => "none",
            MailSecurity::StartTls => "starttls",
            MailSecurity::Tls => "tls",
        };
        let mut words = vec![OsStr::new("node"), script.as_os_str(), OsStr::new(&port)];
        words.push(self.home.path().as_os_str());
        words.extend([security, Self::REFUSED].map(OsStr::new));
        let start = Start {
            words,
            last: "KILL",
            clean: Some(self.home.path()),
        };
        let log = self.home.path().join("log");
        let output = File::create(&log)?;
        let mut command = start.command();
        command.stderr(output.try_clone()?).stdout(output);
        let mut process = Guarded::spawn(&start, command)?;
        block_until("the mail server", READY, || {
            if let Some(code) = process.exited()? {
                anyhow::bail!("it ended with code {code}");
            }
            Ok(fs::read_to_string(&log)?
                .contains("Listening")
                .then_some(()))
        })
        .with_context(|| format!("log of the mail server:\n{}", tail(&log)))?;
        fs::remove_file(script)?;
        self.process = Some(process);
        Ok(())
    }

    /// All letters that it was given, oldest first: `to`, `subject`, `text`, `headers`, and so on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn mails(&self) -> anyhow::Result<Vec<Value>> {
        let file = self.home.path().join("mails.jsonl");
        if !file.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(file)?;
        // A line that is still being written is no JSON yet.
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Waits for the letter number `index` (from 0 on) to an address.
    ///
    /// # Errors
    /// When it does not come within `timeout`.
    pub async fn mail_to(
        &self,
        address: &str,
        index: usize,
        timeout: Duration,
    ) -> anyhow::Result<Value> {
        let what = format!("letter {index} to {address}");
        wait_for(&what, timeout, || async {
            let mails = self.mails()?.into_iter();
            let mut own = mails.filter(|mail| mail["to"][0] == address);
            Ok(own.nth(index))
        })
        .await
    }
}

/// The code in a letter: what stands alone in the line behind the mutation's name.
#[must_use]
pub fn code_of(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    let mut codes = lines.filter(|line| !line.contains("://"));
    codes.next().unwrap_or_default().trim().to_owned()
}

/// A certificate for this machine that nobody else vouches for.
fn certificate(folder: &Path) -> anyhow::Result<()> {
    let output = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args("-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(' '))
        .args("-addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem".split(' '))
        .current_dir(folder)
        .output()
        .context("openssl is not installed; on Debian: apt-get install openssl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "openssl: {said}");
    Ok(())
}
