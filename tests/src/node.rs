//! The public JavaScript clients and audits, run against a server.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::cache;
use crate::poll::block_until;

/// No script takes as long on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a script ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptOutput {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `tests/clients/<script>` under Node.js with `arguments` and waits for its end. The very
/// first call on a machine downloads the packages of `tests/clients/package-lock.json`.
///
/// # Errors
/// When Node.js or npm is missing, or the script runs longer than 300 s. A script's own failure
/// is no error, see [`ScriptOutput::code`].
pub fn run_script(script: &str, arguments: &[&str]) -> anyhow::Result<ScriptOutput> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let packages = packages(&clients, "clients")?;
    // Packages are looked up from the script's own folder upwards.
    let place = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(packages)?;
    fs::copy(clients.join(script), place.path().join(script))
        .with_context(|| format!("no script `{script}` in tests/clients"))?;
    let (out, err) = (place.path().join("stdout"), place.path().join("stderr"));
    let mut child = Command::new("node")
        .arg(place.path().join(script))
        .args(arguments)
        .current_dir(place.path())
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()
        .context("Node.js is not installed; on Debian: apt-get install nodejs npm")?;
    let ended = block_until(script, PATIENCE, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let status = ended.with_context(|| format!("it said: {}", cache::tail(&err)))?;
    Ok(ScriptOutput {
        code: status.code().unwrap_or(-1),
        stdout: fs::read_to_string(out)?,
        stderr: fs::read_to_string(err)?,
    })
}

/// The folder with the packages of a lock file, one for each of its versions.
pub(crate) fn packages(clients: &Path, name: &str) -> anyhow::Result<PathBuf> {
    const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
    let mut hash = DefaultHasher::new();
    for file in FILES {
        fs::read(clients.join(file))?.hash(&mut hash);
    }
    cache::folder(&format!("{name}-{:016x}", hash.finish()), |folder| {
        for file in FILES {
            fs::copy(clients.join(file), folder.join(file))?;
        }
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-progress"])
            .current_dir(folder)
            .output()
            .context("npm is not installed; on Debian: apt-get install nodejs npm")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(
            output.status.success(),
            "npm cannot fetch the {name}: {said}"
        );
        Ok(())
    })
}
