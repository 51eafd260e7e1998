//! What the stream process says of itself at `/metrics`.

use anyhow::Context;

/// Of one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    /// CPU time used so far, user and system.
    pub(crate) cpu_seconds: f64,
    /// Memory in use.
    pub(crate) resident_bytes: f64,
}

impl Process {
    /// Asks the process behind `url`, which ends in its port or a path in front of `/metrics`.
    pub(crate) async fn ask(url: &str) -> anyhow::Result<Self> {
        let url = format!("{}/metrics", url.trim_end_matches('/'));
        let text = reqwest::get(&url).await?.error_for_status()?.text().await?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok())
                .with_context(|| format!("`{url}` has no `{name}`"))
        };
        Ok(Self {
            cpu_seconds: value("process_cpu_seconds_total ")?,
            resident_bytes: value("process_resident_memory_bytes ")?,
        })
    }
}
