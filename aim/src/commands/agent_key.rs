//! Private keys of agents that are made here.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use aim_domain::clock::Clock;
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::name::AgentName;
use aim_domain::signature::{SecretKey, sign_possession, sign_rotation};
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::profile;
use crate::clock::SystemClock;

/// A private key and its file.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    key: SecretKey,
}

/// Where keys are that nobody names a file for.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    Ok(profile::folder()?.join("keys"))
}

impl KeyFile {
    /// The key in this file, or in the one that goes by the name; a new one when there is none. It is on
    /// the disk before anybody hears of it, so that no identity is ever without its key.
    pub(super) fn find_or_make(file: Option<PathBuf>, name: &str) -> anyhow::Result<Self> {
        // A name as the server takes it is no path, either.
        AgentName::parse(name).with_context(|| format!("`{name}`"))?;
        let path = match file {
            Some(file) => file,
            None => {
                profile::make_private(&folder()?)?;
                folder()?.join(format!("{name}.pem"))
            }
        };
        let place = || format!("`{}`", path.display());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let key = match options.open(&path) {
            Ok(mut file) => {
                let key = SecretKey::from_seed(&rand::random());
                file.write_all(key.to_pem()?.as_bytes())?;
                file.sync_all().with_context(place)?;
                key
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let text = std::fs::read_to_string(&path).map(zeroize::Zeroizing::new);
                SecretKey::from_pem(&text.with_context(place)?).with_context(place)?
            }
            Err(error) => return Err(error).with_context(place),
        };
        Ok(Self { path, key })
    }

    /// Public key and proof of having the private one, as `registerAgent` takes them.
    pub(super) fn registration(&self, to: OrganizationId, name: &str) -> anyhow::Result<Value> {
        let created = SystemClock.now().timestamp();
        let name = AgentName::parse(name)?;
        let proof = sign_possession(to, &name, &self.key, created);
        let mut input = self.proven(created, &STANDARD.encode(proof.signature));
        input["name"] = json!(name.as_str());
        Ok(input)
    }

    /// The same as `rotateAgentKey` takes it.
    pub(super) fn rotation(&self, of: OrganizationId, agent: AgentId) -> Value {
        let created = SystemClock.now().timestamp();
        let proof = sign_rotation(of, agent, &self.key, created);
        self.proven(created, &STANDARD.encode(proof.signature))
    }

    fn proven(&self, created: i64, signature: &str) -> Value {
        json!({
            "publicKey": self.key.public_key().to_base64url(),
            "proofOfPossession": { "created": created, "signature": signature },
        })
    }
}
