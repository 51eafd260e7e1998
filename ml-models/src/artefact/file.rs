//! Files that are either old or new, never half of each.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::ArtefactError;

/// Writes a file so that a crash leaves either what was there before or all of `bytes`, durably.
///
/// # Errors
/// [`ArtefactError::File`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ArtefactError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        sync_folder(path.parent())
    };
    write().map_err(|source| failed(path, source))
}

/// The bytes of a file of at most `limit`.
///
/// # Errors
/// [`ArtefactError::File`], or [`ArtefactError::Oversized`] when there are more.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, ArtefactError> {
    let file = File::open(path).map_err(|source| failed(path, source))?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| failed(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(ArtefactError::Oversized(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Makes a rename durable: it is a change of the folder.
pub(crate) fn sync_folder(folder: Option<&Path>) -> std::io::Result<()> {
    match folder {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn failed(path: &Path, source: std::io::Error) -> ArtefactError {
    ArtefactError::File {
        path: path.to_owned(),
        source,
    }
}
