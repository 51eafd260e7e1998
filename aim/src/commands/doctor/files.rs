//! Files that others can read, and a disk that does not keep what is written.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Finding;
use crate::client::profile::Profile;
use crate::commands::agent_key;
use crate::config::Config;

/// Less than this fills in an afternoon.
const FREE_MIN: u64 = 512 * 1024 * 1024;

/// What a server has.
pub(super) fn check_server(config: &Config, file: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    let file = file.unwrap_or(Path::new("aim.toml"));
    let has_secret = !config.jwt_secret.is_empty()
        || config.smtp_url.contains('@')
        || config.database_url.contains('@')
        || !config.oidc.is_empty();
    if has_secret {
        found.extend(open_file(
            file,
            "configuration-open",
            "it holds secrets of the server",
        ));
    }
    let audit_key = match config.audit_key_file.as_os_str().is_empty() {
        true => config.data_dir.join("audit.pem"),
        false => config.audit_key_file.clone(),
    };
    for secret in [config.data_dir.join("jwt.key"), audit_key] {
        let why = "whoever reads it makes tokens, or signs the audit log";
        found.extend(open_file(&secret, "secret-open", why));
    }
    found.extend(data_dir(&config.data_dir));
    found
}

/// What a person has: logins and agents' keys.
pub(super) fn check_own(profile: &str, keys: &[PathBuf]) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(profile) = Profile::named(profile) {
        let why = "whoever reads it is you, for the server";
        found.extend(open_file(&profile.file(), "login-open", why));
    }
    let made = agent_key::folder().and_then(|folder| Ok(fs::read_dir(folder)?));
    let made = made.into_iter().flatten().flatten().map(|it| it.path());
    for key in made.chain(keys.iter().cloned()) {
        let why = "whoever reads it is that agent, for the server";
        found.extend(open_file(&key, "agent-key-open", why));
    }
    found
}

/// A file that somebody else can read or change.
fn open_file(file: &Path, name: &'static str, why: &'static str) -> Option<Finding> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        Finding::error(
            name,
            format!("`{}` has mode {:03o}", file.display(), mode & 0o777),
            why,
            format!(
                "chmod 600 {}, and replace it if others may have read it",
                file.display()
            ),
        )
    })
}

fn data_dir(folder: &Path) -> Option<Finding> {
    // The first start makes it.
    let data = fs::metadata(folder).ok()?;
    let place = folder.display();
    let mode = data.permissions().mode();
    if mode & 0o007 != 0 {
        return Some(Finding::error(
            "data-dir-open",
            format!("`{place}` has mode {:03o}", mode & 0o777),
            "everybody on this machine can read the database",
            format!("chmod 700 {place}"),
        ));
    }
    if let Err(error) = kept(folder) {
        return Some(Finding::error(
            "data-dir-not-writable",
            format!("nothing can be written and synchronized in `{place}`: {error}"),
            "no decision is answered that is not on the disk",
            format!("let the server's user own {place}, on a disk that is sound and not full"),
        ));
    }
    let free = rustix::fs::statvfs(folder).ok()?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    (free < FREE_MIN).then(|| {
        Finding::warning(
            "disk-space",
            format!("{} MiB are free where `{place}` is", free / (1024 * 1024)),
            "once the disk is full no decision is answered any more",
            "make room, or move `data_dir`",
        )
    })
}

/// Writes a file, has the disk keep it, and takes it away again.
fn kept(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".doctor-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut open = options.open(&file)?;
    let written = open.write_all(b"kept").and_then(|()| open.sync_all());
    fs::remove_file(&file)?;
    written
}
