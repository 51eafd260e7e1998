//! A child process that cannot outlive the process that started it.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::poll::block_until;

/// Stands between us and the service. Each line on its standard input is the name of a signal to
/// pass on. End of input means that our process is gone, however that happened: it then ends the
/// service and removes its folder. Positional: last signal, folder to remove or empty, command.
const GUARD: &str = r#"
end=$1 clean=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(
    while read -r signal <&3; do
        kill -s "$signal" "$child" 2>/dev/null
    done
    trap '' TERM
    kill -s "$end" "$child" 2>/dev/null
    tries=0
    while kill -0 "$child" 2>/dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -s KILL "$child" 2>/dev/null
    [ -z "$clean" ] || rm -rf -- "$clean"
) &
guard=$!
wait "$child"
status=$?
kill -s TERM "$guard" 2>/dev/null
exit "$status"
"#;

/// How long a service may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running child. Dropping it ends the child.
#[derive(Debug)]
pub(crate) struct Guarded {
    guard: Child,
    signals: ChildStdin,
    last: &'static str,
}

/// What to run, and how it ends.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// Program and arguments.
    pub(crate) words: Vec<&'a OsStr>,
    /// Name of the signal that ends it when it is dropped or we are gone, such as `TERM`.
    pub(crate) last: &'static str,
    /// Folder that goes when we are gone.
    pub(crate) clean: Option<&'a Path>,
}

impl Start<'_> {
    /// The command, for environment and output to be added before [`Guarded::spawn`].
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard", self.last]);
        command
            .arg(self.clean.map_or(OsStr::new(""), Path::as_os_str))
            .args(&self.words);
        command
    }
}

impl Guarded {
    /// Starts `command`, made by [`Start::command`] of `start`.
    pub(crate) fn spawn(start: &Start<'_>, mut command: Command) -> anyhow::Result<Self> {
        // A group of its own: Ctrl-C in a terminal must not reach it before we have ended it.
        command.stdin(Stdio::piped()).process_group(0);
        let mut guard = command
            .spawn()
            .with_context(|| format!("cannot start {:?}", start.words.first()))?;
        let signals = guard
            .stdin
            .take()
            .context("a child without standard input")?;
        Ok(Self {
            guard,
            signals,
            last: start.last,
        })
    }

    /// Sends a signal by its name, such as `KILL`.
    pub(crate) fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        writeln!(self.signals, "{name}").context("the child is gone")
    }

    /// The exit code, once it has ended; 128 and the number of the signal if one ended it.
    pub(crate) fn exited(&mut self) -> anyhow::Result<Option<i32>> {
        Ok(self
            .guard
            .try_wait()?
            .map(|status| status.code().unwrap_or(-1)))
    }

    /// Sends `signal` and waits for the end; kills it after 30 s and says so as an error.
    pub(crate) fn end(&mut self, signal: &str) -> anyhow::Result<i32> {
        if let Some(code) = self.exited()? {
            return Ok(code);
        }
        // It may end by itself between the look above and this; then there is nobody to tell.
        let _ = self.signal(signal);
        match block_until("the end of the child", PATIENCE, || self.exited()) {
            Ok(code) => Ok(code),
            Err(error) => {
                let _ = self.signal("KILL");
                self.guard.wait()?;
                Err(error.context(format!("killed; it did not end by SIG{signal}")))
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let last = self.last;
        // Nobody to report to; the guard kills it at the latest when the pipe closes.
        let _ = self.end(last);
    }
}
