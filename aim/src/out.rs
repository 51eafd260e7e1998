//! What the command line prints.

use std::io::Write;

/// A line on standard output. A reader that has gone away ends the program quietly later.
pub(crate) fn line(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line on standard error. What it repeats of others cannot steer a terminal.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(&text.to_string(), true));
}

/// A question on standard error; the answer stands on the same line.
pub(crate) fn ask(text: impl std::fmt::Display) {
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "{text}").and_then(|()| error.flush());
}

/// The whole chain of a failure.
pub(crate) fn failed(error: &anyhow::Error) {
    note(format!("aim: {error:#}"));
}

/// The text with everything escaped that a terminal would act on or not show: control characters, and
/// what turns or hides text. Ends of lines stay where there may be several.
pub(crate) fn harmless(text: &str, lines: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_control() && !(lines && matches!(sign, '\n' | '\t')) || is_unseen(sign) {
            clean.extend(sign.escape_default());
        } else {
            clean.push(sign);
        }
    }
    clean
}

/// Signs without a shape of their own: of direction, joining and width, and tags.
const fn is_unseen(sign: char) -> bool {
    matches!(sign,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
