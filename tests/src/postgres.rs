//! The system's PostgreSQL, as a server of the test's own.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::cache::tail;
use crate::guarded::{Guarded, Start};
use crate::poll::block_until;
use crate::port::free_port;

/// PostgreSQL refuses to run as root; Debian's packages make this user.
const UNPRIVILEGED: &str = "postgres";

/// The owner of the server and its databases; there are no passwords.
const OWNER: &str = "aim";

const READY: Duration = Duration::from_secs(60);

/// Somebody else may take a free port before the server does.
const TRIES: usize = 3;

/// A PostgreSQL server on 127.0.0.1 with durable commits (`fsync` on). Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    home: TempDir,
    port: u16,
    server: Option<Guarded>,
    databases: AtomicU32,
}

impl Postgres {
    /// A new server with one empty database.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not get ready within 60 s (with its log).
    pub fn start() -> anyhow::Result<Self> {
        let binaries = binaries()?;
        let home = tempfile::Builder::new()
            .prefix("aim-pg-")
            .tempdir_in(reachable_folder())?;
        if is_root()? {
            let name = format!("{UNPRIVILEGED}:");
            run(Command::new("chown").arg(name).arg(home.path())).context(
                "PostgreSQL needs an unprivileged user `postgres`; its package makes it",
            )?;
        }
        let mut made = Self {
            binaries,
            home,
            port: 0,
            server: None,
            databases: AtomicU32::new(0),
        };
        made.initialize()?;
        for attempt in 1.. {
            made.port = free_port()?;
            match made.start_again() {
                Ok(()) => break,
                Err(error) if attempt == TRIES => return Err(error),
                Err(_) => {}
            }
        }
        made.create_database(OWNER)?;
        Ok(made)
    }

    /// The server shared by all tests of this process, started by the first and ended with the
    /// process. Take a [`Postgres::fresh_database`] of it.
    ///
    /// # Errors
    /// As [`Postgres::start`]; all callers get the error of the first.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// `postgres://…` of the first database.
    #[must_use]
    pub fn url(&self) -> String {
        self.database_url(OWNER)
    }

    /// Makes the database `name` (letters, digits, underscores) and returns its URL.
    ///
    /// # Errors
    /// When there is one of that name, or the server is stopped.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        run(self.client("createdb").arg(name))?;
        Ok(self.database_url(name))
    }

    /// An empty database that nobody else has; returns its URL.
    ///
    /// # Errors
    /// When the server is stopped.
    pub fn fresh_database(&self) -> anyhow::Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        self.create_database(&format!("test_{number}"))
    }

    /// Everything that the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read(self.home.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Stops the server in order; connections break, also in the middle of a transaction.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.end("INT")
    }

    /// Ends the server at once, as a crash does: the next start recovers from the write-ahead
    /// log, which takes seconds.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        // By its own word for it: SIGKILL would leave its shared memory behind.
        self.end("QUIT")
    }

    /// Starts a stopped server: same port, same data. Nothing happens to a running one.
    ///
    /// # Errors
    /// When it does not get ready within 60 s (with its log).
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        let home = self.home.path();
        let program = self.binaries.join("postgres");
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", home.display()),
            // Several processes with their pools, and many tests at once.
            "max_connections=300".to_owned(),
            "fsync=on".to_owned(),
        ];
        let data = home.join("data");
        let mut words = as_unprivileged()?;
        words.extend([program.as_os_str(), OsStr::new("-D"), data.as_os_str()]);
        for setting in &settings {
            words.extend([OsStr::new("-c"), OsStr::new(setting.as_str())]);
        }
        let start = Start {
            words,
            last: "QUIT",
            clean: Some(home),
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(home.join("log"))?;
        let mut command = start.command();
        command
            .current_dir(home)
            .stderr(log.try_clone()?)
            .stdout(log);
        let mut server = Guarded::spawn(&start, command)?;
        block_until("PostgreSQL", READY, || {
            if let Some(code) = server.exited()? {
                anyhow::bail!("PostgreSQL ended with code {code}");
            }
            Ok(self
                .client("pg_isready")
                .output()?
                .status
                .success()
                .then_some(()))
        })
        .with_context(|| format!("log of PostgreSQL:\n{}", tail(&home.join("log"))))?;
        self.server = Some(server);
        Ok(())
    }

    fn end(&mut self, signal: &str) -> anyhow::Result<()> {
        if let Some(mut server) = self.server.take() {
            server.end(signal)?;
        }
        Ok(())
    }

    fn database_url(&self, name: &str) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/{name}", self.port)
    }

    /// A command of PostgreSQL's that speaks to this server.
    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.args(["-h", "127.0.0.1", "-U", OWNER, "-p", &self.port.to_string()]);
        command
    }

    fn initialize(&self) -> anyhow::Result<()> {
        let program = self.binaries.join("initdb");
        let data = self.home.path().join("data");
        let mut words = as_unprivileged()?;
        words.extend([program.as_os_str(), OsStr::new("-D"), data.as_os_str()]);
        // Only the empty data folder is written without fsync; the server's commits are not.
        let options = [
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ];
        words.extend(options.map(OsStr::new));
        let mut command = Command::new(words[0]);
        run(command.args(&words[1..]).current_dir(self.home.path()))
    }
}

/// Where `initdb` and `postgres` are: in PATH, else the newest of Debian's versions.
fn binaries() -> anyhow::Result<PathBuf> {
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "createdb", "pg_isready"]
            .iter()
            .all(|it| folder.join(it).is_file())
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).find(complete) {
        return Ok(found);
    }
    let version =
        |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    installed
        .map(|entry| entry.path().join("bin"))
        .filter(complete)
        .max_by_key(version)
        .context("PostgreSQL is not installed; on Debian: apt-get install postgresql")
}

fn is_root() -> anyhow::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// What to put before a command so that it does not run as root.
fn as_unprivileged() -> anyhow::Result<Vec<&'static OsStr>> {
    if !is_root()? {
        return Ok(Vec::new());
    }
    let group = "--regid=postgres";
    Ok(
        ["setpriv", "--reuid=postgres", group, "--init-groups", "--"]
            .map(OsStr::new)
            .to_vec(),
    )
}

/// The folder for temporary files, unless others cannot enter it: then the system's.
fn reachable_folder() -> PathBuf {
    /// Others may enter.
    const ENTER: u32 = 0o001;
    let own = std::env::temp_dir();
    let open = |folder: &Path| {
        folder
            .metadata()
            .is_ok_and(|folder| folder.permissions().mode() & ENTER != 0)
    };
    if own.ancestors().all(open) {
        own
    } else {
        PathBuf::from("/tmp")
    }
}

/// Runs a command to its end; what it printed is in the error.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", name.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{}: {}",
        name.display(),
        said.trim()
    );
    Ok(())
}
