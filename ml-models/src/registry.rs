//! Models in a folder: versions that never change, and names that point at them.
//!
//! ```text
//! registry.key                  private key that signs versions; registry.pub its public half
//! versions/v1/model.aim         the artefact, with card.json and card.md
//! aliases/champion.json         what serves; aliases/challenger.json what is tried beside it
//! history.jsonl                 who moved which name, when and why; only ever added to
//! lock                          held by whoever changes something
//! ```
//!
//! Changes are made by one process at a time (a file lock, which the system lets go of when its
//! process dies). A version appears by renaming its finished folder; a name moves by renaming its
//! finished file. A crash leaves the old state, and the next change repairs a history that lacks the
//! last move. Readers take no lock.

mod alias;
mod card;
mod error;
mod gate;
mod history;

pub use alias::Alias;
pub use error::RegistryError;
pub use gate::gate;
pub use history::{Change, Move};

use std::fs::File;
use std::path::{Path, PathBuf};

use aim_domain::signature::{PublicKey, SecretKey};

use crate::artefact::{ARTEFACT_MAX_BYTES, Artefact, read_file, sync_folder, write_file};
use error::failed;

/// Most bytes of a key file.
const KEY_MAX_BYTES: u64 = 4_096;

/// A folder of models.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    key: PublicKey,
}

impl Registry {
    /// Makes the folder if there is none; `seed` becomes its private key. An existing registry
    /// keeps its key.
    ///
    /// # Errors
    /// [`RegistryError`] when the folder or its key cannot be made or read.
    pub fn create(folder: &Path, seed: &[u8; 32]) -> Result<Self, RegistryError> {
        for name in ["versions", "aliases"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|source| failed(&path, source))?;
        }
        let lock = lock(folder)?;
        if !folder.join("registry.pub").exists() {
            let secret = match read_secret(folder) {
                Ok(secret) => secret,
                Err(_) if !folder.join("registry.key").exists() => {
                    let secret = SecretKey::from_seed(seed);
                    write_secret(&folder.join("registry.key"), &secret)?;
                    secret
                }
                Err(error) => return Err(error),
            };
            let public = secret.public_key().to_base64url();
            write_file(&folder.join("registry.pub"), public.as_bytes())?;
        }
        drop(lock);
        Self::open(folder)
    }

    /// Opens a registry, for reading and with its private key also for changing.
    ///
    /// # Errors
    /// [`RegistryError`] when there is none, or its public key cannot be read.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        let path = folder.join("registry.pub");
        if !path.exists() {
            return Err(RegistryError::None(folder.to_owned()));
        }
        let text = String::from_utf8(read_file(&path, KEY_MAX_BYTES)?).unwrap_or_default();
        let key =
            PublicKey::parse(text.trim()).map_err(|source| RegistryError::Key { path, source })?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// Its versions, oldest first.
    ///
    /// # Errors
    /// [`RegistryError`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<u32>, RegistryError> {
        let path = self.folder.join("versions");
        let entries = std::fs::read_dir(&path).map_err(|source| failed(&path, source))?;
        let mut versions = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| failed(&path, source))?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix('v'));
            versions.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// A version's model.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no such version, or it is not as it was written.
    pub fn get(&self, version: u32) -> Result<Artefact, RegistryError> {
        Ok(Artefact::decode(&self.artefact(version)?, &self.key)?)
    }

    /// A version's bytes, as signed.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no such version, or it cannot be read.
    pub fn artefact(&self, version: u32) -> Result<Vec<u8>, RegistryError> {
        let folder = self.version_folder(version);
        if !folder.exists() {
            return Err(RegistryError::NoVersion(version));
        }
        Ok(read_file(
            &folder.join("model.aim"),
            ARTEFACT_MAX_BYTES as u64,
        )?)
    }

    /// The key that signs its versions.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Adds a model as the next version, with its card beside it.
    ///
    /// # Errors
    /// [`RegistryError`] when the private key is not here or a file cannot be written.
    pub fn add(&self, artefact: &Artefact) -> Result<u32, RegistryError> {
        let _lock = lock(&self.folder)?;
        let bytes = artefact.encode(&read_secret(&self.folder)?)?;
        let version = self.list()?.last().copied().unwrap_or(0);
        let version = version.checked_add(1).ok_or(RegistryError::Full)?;
        // What a crash left is overwritten: nobody has seen it.
        let unfinished = self.folder.join("versions").join("unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(|source| failed(&unfinished, source))?;
        }
        std::fs::create_dir(&unfinished).map_err(|source| failed(&unfinished, source))?;
        write_file(&unfinished.join("model.aim"), &bytes)?;
        let card = card::json(version, &artefact.header);
        write_file(&unfinished.join("card.json"), card.as_bytes())?;
        let card = card::markdown(version, artefact);
        write_file(&unfinished.join("card.md"), card.as_bytes())?;
        let finished = self.version_folder(version);
        std::fs::rename(&unfinished, &finished).map_err(|source| failed(&finished, source))?;
        sync_folder(finished.parent()).map_err(|source| failed(&finished, source))?;
        Ok(version)
    }

    /// The card of a version, in Markdown.
    ///
    /// # Errors
    /// [`RegistryError`] when there is none.
    pub fn card(&self, version: u32) -> Result<String, RegistryError> {
        let path = self.version_folder(version).join("card.md");
        let bytes = read_file(&path, card::CARD_MAX_BYTES)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The version that a name points at; `None` where it points nowhere yet.
    ///
    /// # Errors
    /// [`RegistryError`] when the name's file cannot be read.
    pub fn find_alias(&self, alias: Alias) -> Result<Option<u32>, RegistryError> {
        let last = alias::read(&self.folder, alias)?;
        Ok(last.and_then(|change| change.to))
    }

    /// Every move of a name, oldest first.
    ///
    /// # Errors
    /// [`RegistryError`] when the history cannot be read.
    pub fn history(&self) -> Result<Vec<Change>, RegistryError> {
        let mut changes = history::read(&self.folder)?;
        for alias in Alias::ALL {
            changes.extend(history::missing(&self.folder, &changes, alias)?);
        }
        Ok(changes)
    }

    /// Points a name at a version. Whether it should is for [`gate`] to say.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no such version, it is not as it was written, it is there
    /// already, or a file cannot be written.
    pub fn promote(&self, alias: Alias, version: u32, why: &Move) -> Result<Change, RegistryError> {
        why.check()?;
        let _lock = lock(&self.folder)?;
        // What cannot be loaded must not serve.
        self.get(version)?;
        let from = self.find_alias(alias)?;
        if from == Some(version) {
            return Err(RegistryError::AlreadyThere { alias, version });
        }
        history::record(&self.folder, why.change(alias, from, Some(version), false))
    }

    /// Points a name back at what it pointed at before the last promotion that still counts.
    ///
    /// # Errors
    /// [`RegistryError`] when there is nothing to go back to, what was there cannot be loaded, or
    /// a file cannot be written.
    pub fn rollback(&self, alias: Alias, why: &Move) -> Result<Change, RegistryError> {
        why.check()?;
        let _lock = lock(&self.folder)?;
        let from = self.find_alias(alias)?;
        let before = history::before(&self.history()?, alias);
        let to = before.ok_or(RegistryError::NothingBefore(alias))?;
        self.get(to)?;
        history::record(&self.folder, why.change(alias, from, Some(to), true))
    }

    fn version_folder(&self, version: u32) -> PathBuf {
        self.folder.join("versions").join(format!("v{version}"))
    }
}

/// Waits for whoever changes something. Let go of when dropped.
fn lock(folder: &Path) -> Result<File, RegistryError> {
    let path = folder.join("lock");
    let take = || {
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    take().map_err(|source| failed(&path, source))
}

fn read_secret(folder: &Path) -> Result<SecretKey, RegistryError> {
    let path = folder.join("registry.key");
    let text = String::from_utf8(read_file(&path, KEY_MAX_BYTES)?).unwrap_or_default();
    SecretKey::from_pem(&text).map_err(|source| RegistryError::Key { path, source })
}

/// Readable by its owner only, from the first byte on.
fn write_secret(path: &Path, key: &SecretKey) -> Result<(), RegistryError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let pem = key.to_pem().map_err(|source| RegistryError::Key {
        path: path.to_owned(),
        source,
    })?;
    let beside = path.with_file_name("registry.key.new");
    let write = || {
        let _ = std::fs::remove_file(&beside);
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        sync_folder(path.parent())
    };
    write().map_err(|source| failed(path, source))
}
