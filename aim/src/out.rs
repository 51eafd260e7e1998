//! What the command line prints.

use std::io::Write;
use std::process::ExitCode;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;

/// A line on standard output. A reader that has gone away ends the program quietly later.
pub(crate) fn line(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line on standard error.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A question on standard error; the answer stands on the same line.
pub(crate) fn ask(text: impl std::fmt::Display) {
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "{text}").and_then(|()| error.flush());
}

/// The whole chain of a failure, and its exit code.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    note(format!("aim: {error:#}"));
    ExitCode::FAILURE
}

/// Rows with a header, or the same as JSON.
pub(crate) fn table(json: bool, header: &[&str], rows: &[Vec<String>], value: &Value) {
    if json {
        line(value);
        return;
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    line(table);
}
