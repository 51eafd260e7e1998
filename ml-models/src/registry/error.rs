//! Why a registry refuses.

use std::path::{Path, PathBuf};

use aim_domain::signature::KeyError;

use super::Alias;
use crate::artefact::ArtefactError;

/// What is wrong, with its value and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No registry there.
    #[error("`{0}` is no model registry: `aim models train --registry` makes one")]
    None(PathBuf),
    /// A key file that is none.
    #[error("`{path}` holds no usable key")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// No such version.
    #[error("there is no version v{0}: `aim models list` names them")]
    NoVersion(u32),
    /// No number is left.
    #[error("no number is left for another version")]
    Full,
    /// Not a name.
    #[error("alias `{0}` is unknown, use champion or challenger")]
    NoAlias(String),
    /// It points there already.
    #[error("{alias} is v{version} already")]
    AlreadyThere {
        /// Which name.
        alias: Alias,
        /// Where it points.
        version: u32,
    },
    /// Nothing to go back to.
    #[error("{0} was never anything else: promote another version instead")]
    NothingBefore(Alias),
    /// Who or why is missing or too long.
    #[error("`{name}` has {given} bytes, use 1 to {most}")]
    Text {
        /// Which.
        name: &'static str,
        /// How many.
        given: usize,
        /// How many are accepted.
        most: usize,
    },
    /// The challenger is worse.
    #[error(
        "challenger has AUC {challenger:.4}, champion {champion:.4} on the same rows: train a better one, or use --force with a reason"
    )]
    Worse {
        /// Of the version to promote.
        challenger: f64,
        /// Of the one that serves.
        champion: f64,
    },
    /// A line of the history or an alias is not one.
    #[error("`{path}` cannot be read: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A version's file.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> RegistryError {
    RegistryError::Artefact(ArtefactError::File {
        path: path.to_owned(),
        source,
    })
}
