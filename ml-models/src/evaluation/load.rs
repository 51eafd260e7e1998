//! Reads recordings: runs from CSV, events from JSON lines, each plain or gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use super::recording::{Label, Run, SessionEvent};
use crate::FitError;

/// Most bytes of a line: more than any event may have on a topic.
const LINE_MAX_BYTES: u64 = 1 << 20;
/// Most rows of a file: what is read is held in memory.
const ROWS_MAX: usize = 5_000_000;
/// Type of the events that tell of an action.
const ACTION_PERFORMED: &str = "aim.action.performed.v1";

/// Why a recording cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A file cannot be opened or read.
    #[error("`{path}` cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("`{path}`, line {line}: {reason}")]
    Line {
        /// Of which file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A file holds nothing of its kind.
    #[error("`{path}` holds no {what}")]
    Empty {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Two runs have the same session.
    #[error("session `{0}` has more than one run, name each run's session once")]
    RepeatedSession(String),
    /// Learning from others takes others.
    #[error("the recording has {found} {what}, at least {needed} are needed to learn from others")]
    TooFew {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A model cannot be fitted to the recording.
    #[error("no model can be fitted to the recording: {0}")]
    Fit(#[from] FitError),
    /// One side to compare is missing.
    #[error("no run is labelled `{0}`, both `benign` and `hijacked` are needed")]
    NoRuns(&'static str),
}

/// The runs of a CSV file with the columns `session`, `agent`, `model`, `suite`, `task`, `attack`,
/// `injection` and `label`, in any order; further columns are passed over.
///
/// # Errors
/// [`EvaluationError`] naming the line that is not a run, or when there is none.
pub fn load_runs(path: &Path) -> Result<Vec<Run>, EvaluationError> {
    let mut rows = csv::Reader::from_reader(open(path)?);
    let mut runs = Vec::new();
    for row in rows.deserialize::<Run>() {
        let run = row.map_err(|error| match error.position().map(csv::Position::line) {
            Some(line) => at(path, line, &error),
            None => at(path, 1, &error),
        })?;
        runs.push(run);
        if runs.len() > ROWS_MAX {
            return Err(at(
                path,
                ROWS_MAX as u64,
                &"more rows than a recording may have",
            ));
        }
    }
    if runs.is_empty() {
        return Err(EvaluationError::Empty {
            path: path.to_owned(),
            what: "runs",
        });
    }
    Ok(runs)
}

/// The actions in a file of CloudEvents, one JSON object a line; events of other types and empty
/// lines are passed over.
///
/// # Errors
/// [`EvaluationError`] naming the line that is no event, or when there is no action.
pub fn load_events(path: &Path) -> Result<Vec<SessionEvent>, EvaluationError> {
    let mut reader = open(path)?;
    let mut events = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let length = reader
            .by_ref()
            .take(LINE_MAX_BYTES + 1)
            .read_until(b'\n', &mut text)
            .map_err(|error| at(path, line, &error))?;
        if length == 0 {
            break;
        }
        if length as u64 > LINE_MAX_BYTES || events.len() >= ROWS_MAX {
            return Err(at(path, line, &"longer than a recording may be"));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let event: Event = serde_json::from_slice(&text).map_err(|error| at(path, line, &error))?;
        if event.kind == ACTION_PERFORMED {
            let data = event
                .data
                .ok_or_else(|| at(path, line, &"`data` is missing"))?;
            let action = serde_json::from_str::<Action>(data.get());
            events.push(action.map_err(|error| at(path, line, &error))?.into());
        }
    }
    if events.is_empty() {
        return Err(EvaluationError::Empty {
            path: path.to_owned(),
            what: "actions",
        });
    }
    Ok(events)
}

/// The part of a CloudEvent that counts here.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: Option<Box<serde_json::value::RawValue>>,
}

#[derive(Deserialize)]
struct Action {
    session: String,
    #[serde(default)]
    task: Option<String>,
    action: String,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    arguments: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    outcome: Option<String>,
}

/// The values of arguments as text, a line each.
fn text(arguments: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut text = String::new();
    for value in arguments.values() {
        match value {
            serde_json::Value::String(value) => text.push_str(value),
            value => text.push_str(&value.to_string()),
        }
        text.push('\n');
    }
    text
}

impl From<Action> for SessionEvent {
    fn from(action: Action) -> Self {
        Self {
            session: action.session,
            task: action.task.unwrap_or_default(),
            action: action.action,
            resource: action.resource,
            arguments: text(&action.arguments),
            is_error: action.outcome.as_deref() == Some("error"),
        }
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "benign" => Ok(Self::Benign),
            "hijacked" => Ok(Self::Hijacked),
            "attacked_not_hijacked" => Ok(Self::AttackedNotHijacked),
            "exclude" => Ok(Self::Exclude),
            _ => Err(serde::de::Error::custom(format!(
                "`label` is `{text}`, use benign, hijacked, attacked_not_hijacked or exclude"
            ))),
        }
    }
}

pub(super) fn at(path: &Path, line: u64, reason: &dyn std::fmt::Display) -> EvaluationError {
    EvaluationError::Line {
        path: path.to_owned(),
        line,
        reason: reason.to_string(),
    }
}

/// Plain or gzip, told by the first two bytes rather than by the file's name.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>, EvaluationError> {
    let failed = |source| EvaluationError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    if file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::new(MultiGzDecoder::new(file))))
    } else {
        Ok(Box::new(file))
    }
}
