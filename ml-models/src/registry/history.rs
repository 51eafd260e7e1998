//! Who moved which name, when and why.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::failed;
use super::{Alias, RegistryError, alias};
use crate::artefact::read_file;

/// Most bytes of one move: its texts, escaped, with room.
pub(super) const CHANGE_MAX_BYTES: u64 = 16_384;
/// Most bytes of the history: tens of thousands of moves.
const HISTORY_MAX_BYTES: u64 = 64 << 20;
/// Most bytes of who and why.
const TEXT_MAX_BYTES: usize = 1_000;

/// Who moves a name, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Who; 1 to 1,000 bytes.
    pub by: String,
    /// Why; 1 to 1,000 bytes.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// One move of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which name.
    pub alias: Alias,
    /// Where it pointed.
    pub from: Option<u32>,
    /// Where it points.
    pub to: Option<u32>,
    /// Whether it was moved back.
    pub is_rollback: bool,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Counts the moves of this name from 1.
    pub number: u64,
}

impl Move {
    pub(super) fn check(&self) -> Result<(), RegistryError> {
        for (name, text) in [("by", &self.by), ("reason", &self.reason)] {
            let given = text.trim().len();
            if given == 0 || text.len() > TEXT_MAX_BYTES {
                return Err(RegistryError::Text {
                    name,
                    given: if given == 0 { 0 } else { text.len() },
                    most: TEXT_MAX_BYTES,
                });
            }
        }
        Ok(())
    }

    pub(super) fn change(
        &self,
        alias: Alias,
        from: Option<u32>,
        to: Option<u32>,
        is_rollback: bool,
    ) -> Change {
        Change {
            alias,
            from,
            to,
            is_rollback,
            at: self.at,
            by: self.by.clone(),
            reason: self.reason.clone(),
            number: 0,
        }
    }
}

/// All moves that were written down. A last line without an end is one that a crash cut off: its
/// move is in its name's own file.
pub(super) fn read(folder: &Path) -> Result<Vec<Change>, RegistryError> {
    let path = folder.join("history.jsonl");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read_file(&path, HISTORY_MAX_BYTES)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line).map_err(|error| RegistryError::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            })
        })
        .collect()
}

/// The move that a name has made and the history lacks, after a crash between the two.
pub(super) fn missing(
    folder: &Path,
    changes: &[Change],
    alias: Alias,
) -> Result<Option<Change>, RegistryError> {
    let last = changes.iter().rev().find(|change| change.alias == alias);
    let known = last.map_or(0, |change| change.number);
    let made = alias::read(folder, alias)?;
    Ok(made.filter(|change| change.number > known))
}

/// Moves a name, then writes the move down. The lock is held.
pub(super) fn record(folder: &Path, mut change: Change) -> Result<Change, RegistryError> {
    let mut lines = String::new();
    let changes = read(folder)?;
    for alias in Alias::ALL {
        if let Some(change) = missing(folder, &changes, alias)? {
            lines += &line(folder, &change)?;
        }
    }
    let before = alias::read(folder, change.alias)?;
    change.number = before.map_or(0, |before| before.number) + 1;
    let text = line(folder, &change)?;
    alias::write(folder, &change, &text)?;
    lines += &text;
    append(folder, &lines)?;
    Ok(change)
}

fn line(folder: &Path, change: &Change) -> Result<String, RegistryError> {
    let text = serde_json::to_string(change).map_err(|error| RegistryError::Damaged {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(text + "\n")
}

fn append(folder: &Path, lines: &str) -> Result<(), RegistryError> {
    let path = folder.join("history.jsonl");
    let write = || {
        let mut file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)?;
        // A line that a crash cut off would swallow the next one.
        let length = file.metadata()?.len();
        let bytes = std::fs::read(&path)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1) as u64;
        if whole < length {
            file.set_len(whole)?;
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| failed(&path, source))
}

/// Where a name pointed before the last promotion that was not taken back.
pub(super) fn before(changes: &[Change], alias: Alias) -> Option<u32> {
    let mut versions = Vec::new();
    for change in changes.iter().filter(|change| change.alias == alias) {
        if change.is_rollback {
            versions.pop();
        } else {
            versions.extend(change.to);
        }
    }
    versions.pop();
    versions.pop()
}
