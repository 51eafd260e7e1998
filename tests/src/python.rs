//! Public tools in Python, run against a server.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cache;

const MISSING: &str =
    "Python with venv is not installed; on Debian: apt-get install python3 python3-venv";

/// A command that runs a module of the packages of `tests/clients/requirements.txt`. The very first
/// call on a machine downloads them.
///
/// # Errors
/// When Python is missing, or the packages cannot be had.
pub fn python_module(module: &str) -> anyhow::Result<Command> {
    let python = packages("clients")?.join("bin/python");
    let mut command = Command::new(python);
    command.args(["-m", module]).stdin(Stdio::null());
    Ok(command)
}

/// A command that runs a script of `tests/clients` with those packages.
///
/// # Errors
/// As [`python_module`].
pub fn python_script(name: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(packages("clients")?.join("bin/python"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name);
    command.arg(script);
    Ok(command)
}

/// The virtual environment of the packages of `tests/servers/requirements.txt`.
pub(crate) fn server_packages() -> anyhow::Result<PathBuf> {
    packages("servers")
}

/// The virtual environment of one folder's list, one for each version of it.
fn packages(folder: &str) -> anyhow::Result<PathBuf> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let list = list.join("requirements.txt");
    let mut hash = DefaultHasher::new();
    fs::read(&list)?.hash(&mut hash);
    cache::folder(&format!("python-{:016x}", hash.finish()), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder)).context(MISSING)?;
        let mut install = Command::new(folder.join("bin/python"));
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ]);
        run(install.arg(&list))
    })
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}
