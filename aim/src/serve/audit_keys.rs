//! The key that checkpoints of the audit log are signed with, in a file that only its owner reads.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aim_app::AuditKeys;
use aim_domain::signature::SecretKey;
use anyhow::Context;
use rand::RngExt;
use zeroize::Zeroizing;

use crate::config::Config;

/// The file, and the one that a rotation writes beside it before it is in force.
#[derive(Debug, Clone)]
pub(crate) struct KeyFiles {
    path: PathBuf,
}

impl KeyFiles {
    /// The files that a configuration names.
    pub(crate) fn of(config: &Config) -> Self {
        let path = if config.audit_key_file == PathBuf::new() {
            config.data_dir.join("audit.pem")
        } else {
            config.audit_key_file.clone()
        };
        Self { path }
    }

    /// Makes a key where there is none yet.
    pub(crate) fn ensure(&self) -> anyhow::Result<()> {
        if self.path.exists() {
            read(&self.path)?;
            return Ok(());
        }
        let beside = self.beside(&format!("new-{}", std::process::id()));
        write(&beside, &generate())?;
        // Of two processes that start at once one makes the file.
        match std::fs::hard_link(&beside, &self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("`{}`", self.path.display()));
            }
            _ => {}
        }
        let _ = std::fs::remove_file(beside);
        read(&self.path).map(|_| ())
    }

    /// The key in force, if the files have it.
    pub(crate) fn find(&self, is_current: impl Fn(&SecretKey) -> bool) -> Option<SecretKey> {
        self.load().into_iter().find(is_current)
    }

    /// Keeps a key beside the one in force.
    pub(crate) fn prepare(&self, key: &SecretKey) -> anyhow::Result<()> {
        write(&self.beside("next"), key)
    }

    /// Puts the key that was prepared in place.
    pub(crate) fn replace(&self) -> anyhow::Result<()> {
        std::fs::rename(self.beside("next"), &self.path)
            .with_context(|| format!("`{}`", self.path.display()))
    }

    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{what}"));
        self.path.with_file_name(name)
    }
}

impl AuditKeys for KeyFiles {
    fn load(&self) -> Vec<SecretKey> {
        // A rotation that died between its commit and its rename has left the key in the other file.
        let files = [self.path.clone(), self.beside("next")];
        let found = files.iter().filter(|it| it.exists()).map(|it| read(it));
        let usable = found.filter_map(|it| {
            it.inspect_err(|error| tracing::error!(%error, "the audit log's key cannot be read"))
                .ok()
        });
        usable.collect()
    }
}

/// A new key.
pub(crate) fn generate() -> SecretKey {
    let mut seed = Zeroizing::new([0_u8; 32]);
    rand::rng().fill(&mut *seed);
    SecretKey::from_seed(&seed)
}

fn read(path: &Path) -> anyhow::Result<SecretKey> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let text = Zeroizing::new(text);
    SecretKey::from_pem(&text).with_context(|| format!("`{}`", path.display()))
}

fn write(path: &Path, key: &SecretKey) -> anyhow::Result<()> {
    let pem = key.to_pem()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("`{}`", path.display()))?;
    file.write_all(pem.as_bytes())?;
    Ok(file.sync_all()?)
}
