//! Downloads that are kept between runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder `name` of the cache; `fill` makes its contents the first time.
///
/// Concurrent callers, also of other processes, wait for the first. A failed or interrupted
/// attempt leaves nothing that could be taken for a complete folder.
pub(crate) fn folder(
    name: &str,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let root = root()?;
    let done = root.join(name);
    if done.is_dir() {
        return Ok(done);
    }
    fs::create_dir_all(&root).with_context(|| format!("cache folder `{}`", root.display()))?;
    let lock = File::create(root.join(format!("{name}.lock")))?;
    lock.lock().context("cannot lock the cache")?;
    if done.is_dir() {
        return Ok(done);
    }
    let unfinished = root.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    fill(&unfinished)?;
    fs::rename(&unfinished, &done)?;
    Ok(done)
}

fn root() -> anyhow::Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(base
        .context("neither XDG_CACHE_HOME nor HOME is set: nowhere to keep downloads")?
        .join("aim"))
}

/// The end of a log, for the message of a failure.
pub(crate) fn tail(log: &Path) -> String {
    /// As many lines as a reader of a failed test bears.
    const LINES: usize = 15;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
