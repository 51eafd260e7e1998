//! Logs: to standard error, so that standard output stays for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging with a filter such as `info` or `aim_stream=debug,info`.
pub(crate) fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        logs.try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}
