//! Logins that outlive a command: one file a profile, readable by its owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::session::Tokens;
use crate::failure::{Failure, Kind};

/// Longest name of a profile.
const NAME_MAX: usize = 64;

/// A login as kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The server that it is for; it is shown to no other.
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) credential: Credential,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Credential {
    /// A person's session, or a program's.
    Session(Tokens),
    #[serde(rename_all = "camelCase")]
    ApiKey { api_key: String },
}

/// Where a login is kept.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: String,
    folder: PathBuf,
}

impl Profile {
    /// The profile of this name, whether there is a login in it or not.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let fits = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
        let is_name = !name.is_empty() && name.len() <= NAME_MAX && !name.starts_with('.');
        anyhow::ensure!(
            is_name && name.chars().all(fits),
            Failure::here(
                Kind::Refused,
                format!("`{name}` is no name of a profile: letters, digits, `-`, `_` and `.`")
            )
        );
        Ok(Self {
            name: name.to_owned(),
            folder: folder()?.join("profiles"),
        })
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.name))
    }

    /// The login, if there is one. A file that others may read is not believed to be a secret.
    pub(crate) fn find(&self) -> anyhow::Result<Option<Login>> {
        let path = self.file();
        let place = || format!("`{}`", path.display());
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(place)?,
        };
        let mode = fs::metadata(&path)
            .with_context(place)?
            .permissions()
            .mode();
        anyhow::ensure!(
            mode & 0o077 == 0,
            "{} can be read by others: run `aim logout` and `aim login`, or `chmod 600` it",
            place()
        );
        let read = serde_json::from_str(&text);
        read.map(Some)
            .with_context(|| format!("{} is no login: run `aim login` again", place()))
    }

    /// The login, or what to do.
    pub(crate) fn get(&self) -> anyhow::Result<Login> {
        let none = || {
            let message = format!(
                "nobody is signed in (profile `{}`): run `aim login`, or set AIM_API_KEY",
                self.name
            );
            Failure::here(Kind::Denied, message)
        };
        Ok(self.find()?.ok_or_else(none)?)
    }

    /// Puts a login in the place of the one before: all of it or nothing, whenever this process ends.
    pub(crate) fn put(&self, login: &Login) -> anyhow::Result<()> {
        make_private(&self.folder)?;
        let path = self.file();
        let place = || format!("`{}`", path.display());
        let fresh = self
            .folder
            .join(format!(".{}.{}", self.name, std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh).with_context(place)?;
        file.write_all(&serde_json::to_vec_pretty(login)?)?;
        file.sync_all().with_context(place)?;
        fs::rename(&fresh, &path).with_context(place)?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .with_context(place)
    }

    /// Forgets the login; tells whether there was one.
    pub(crate) fn remove(&self) -> anyhow::Result<bool> {
        match fs::remove_file(self.file()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("`{}`", self.file().display())),
        }
    }

    /// Waits until no other command changes the login; it is held until the file is dropped, however
    /// the process ends. A refresh token is good once, so commands that share one take turns.
    pub(crate) async fn lock(&self) -> anyhow::Result<File> {
        make_private(&self.folder)?;
        let path = self.folder.join(format!(".{}.lock", self.name));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let held = tokio::task::spawn_blocking(move || {
            let file = options.open(&path)?;
            file.lock()?;
            std::io::Result::Ok(file)
        });
        held.await?.context("the profile's lock")
    }
}

/// The folder of this person's settings.
#[expect(
    clippy::disallowed_methods,
    reason = "where a person's files are, only the environment says"
)]
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    let base = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(set("HOME")?).join(".config")));
    Ok(base
        .context("neither HOME nor XDG_CONFIG_HOME is set")?
        .join("aim"))
}

/// Makes a folder that nobody else can look into.
pub(crate) fn make_private(folder: &std::path::Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made = builder.create(folder);
    made.with_context(|| format!("folder `{}`", folder.display()))
}
