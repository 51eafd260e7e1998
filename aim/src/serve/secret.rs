//! The secret of people's tokens.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use rand::RngExt;

use crate::config::Config;

/// The configured secret, or the one kept in the data directory, made at the first start.
pub(super) fn jwt(config: &Config) -> anyhow::Result<Vec<u8>> {
    if !config.jwt_secret.is_empty() {
        return Ok(config.jwt_secret.clone().into_bytes());
    }
    let path = config.data_dir.join("jwt.key");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(&path) {
        Ok(mut file) => {
            let mut secret = [0_u8; 48];
            rand::rng().fill(&mut secret);
            file.write_all(&secret)?;
            file.sync_all()?;
            Ok(secret.to_vec())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::read(&path).with_context(|| format!("`{}`", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("`{}`", path.display())),
    }
}
