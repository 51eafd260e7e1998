//! Names that point at versions.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RegistryError;
use super::history::{CHANGE_MAX_BYTES, Change};
use crate::artefact::{read_file, write_file};

/// What a version is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alias {
    /// It serves.
    Champion,
    /// It scores beside the champion without effect.
    Challenger,
}

impl Alias {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Champion, Self::Challenger];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        }
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Alias {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|alias| alias.as_str() == text);
        found.ok_or_else(|| RegistryError::NoAlias(text.to_owned()))
    }
}

fn path(folder: &Path, alias: Alias) -> PathBuf {
    folder.join("aliases").join(format!("{alias}.json"))
}

/// The last move of a name; `None` before the first.
pub(super) fn read(folder: &Path, alias: Alias) -> Result<Option<Change>, RegistryError> {
    let path = path(folder, alias);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_file(&path, CHANGE_MAX_BYTES)?;
    let change = serde_json::from_slice(&bytes).map_err(|error| RegistryError::Damaged {
        path,
        reason: error.to_string(),
    })?;
    Ok(Some(change))
}

pub(super) fn write(folder: &Path, change: &Change, line: &str) -> Result<(), RegistryError> {
    Ok(write_file(&path(folder, change.alias), line.as_bytes())?)
}
