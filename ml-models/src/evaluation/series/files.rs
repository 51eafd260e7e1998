//! Series and labels as files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime};

use crate::evaluation::EvaluationError;
use crate::evaluation::load::at;

/// Most files of a folder, and most rows of a file: the scores of all are held in memory.
const FILES_MAX: usize = 10_000;
const ROWS_MAX: usize = 5_000_000;
/// Most bytes of the labels.
const LABELS_MAX_BYTES: u64 = 16 << 20;
/// Times without an offset are read as UTC.
const TIME_FORMATS: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];

/// Where a series lies below the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// The sub-folder.
    pub(super) category: String,
    /// The file in it.
    pub(super) file: String,
}

impl Name {
    pub(super) fn path(&self) -> PathBuf {
        Path::new(&self.category).join(&self.file)
    }

    /// As labels name it, on every system.
    fn key(&self) -> String {
        format!("{}/{}", self.category, self.file)
    }
}

/// The CSV files in the sub-folders of `folder`, by name.
pub(super) fn names(folder: &Path) -> Result<Vec<Name>, EvaluationError> {
    let mut names = Vec::new();
    for category in entries(folder)? {
        let path = folder.join(&category);
        if !path.is_dir() {
            continue;
        }
        for file in entries(&path)? {
            let is_csv = Path::new(&file)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
            if is_csv && path.join(&file).is_file() {
                let category = category.clone();
                names.push(Name { category, file });
            }
        }
    }
    match names.len() {
        0 => Err(EvaluationError::Empty {
            path: folder.to_owned(),
            what: "CSV file in a sub-folder",
        }),
        1..=FILES_MAX => Ok(names),
        count => {
            let reason = format!("{count} files, at most {FILES_MAX} are judged together");
            Err(unreadable(folder, std::io::Error::other(reason)))
        }
    }
}

fn entries(folder: &Path) -> Result<BTreeSet<String>, EvaluationError> {
    let failed = |source| unreadable(folder, source);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.into_string().map_err(|name| {
            let reason = format!("{} is no text, rename it", name.display());
            failed(std::io::Error::other(reason))
        })?;
        names.insert(name);
    }
    Ok(names)
}

/// Written over its input, a series would be lost.
pub(super) fn refuse_same(folder: &Path, out: &Path) -> Result<(), EvaluationError> {
    let same = match (fs::canonicalize(folder), fs::canonicalize(out)) {
        (Ok(folder), Ok(out)) => folder == out,
        _ => false,
    };
    if same {
        let reason = "the scores would overwrite the series, choose another folder for `--out`";
        return Err(EvaluationError::Unwritable {
            path: out.to_owned(),
            source: std::io::Error::other(reason),
        });
    }
    Ok(())
}

/// One row of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// In its file.
    pub(super) line: u64,
    /// Since the epoch.
    pub(super) seconds: i64,
    /// Finite.
    pub(super) value: f64,
    time: NaiveDateTime,
    /// As they were written.
    texts: [String; 2],
}

/// A file with the columns `timestamp` and `value`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    path: PathBuf,
    pub(super) points: Vec<Point>,
}

impl Series {
    pub(super) fn read(path: &Path) -> Result<Self, EvaluationError> {
        let file = fs::File::open(path).map_err(|source| unreadable(path, source))?;
        let mut rows = csv::Reader::from_reader(file);
        let headers = rows.headers().map_err(|error| at(path, 1, &error))?;
        if headers.is_empty() {
            return Err(EvaluationError::Empty {
                path: path.to_owned(),
                what: "line, it needs a header and rows",
            });
        }
        let column = |name: &str| {
            let found = headers.iter().position(|header| header.trim() == name);
            found.ok_or_else(|| {
                let reason = format!("column `{name}` is missing, name `timestamp` and `value`");
                at(path, 1, &reason)
            })
        };
        let columns = [column("timestamp")?, column("value")?];
        let mut points = Vec::new();
        for row in rows.records() {
            let row = row.map_err(|error| {
                at(
                    path,
                    error.position().map_or(1, csv::Position::line),
                    &error,
                )
            })?;
            let line = row.position().map_or(1, csv::Position::line);
            let texts = columns.map(|column| row.get(column).unwrap_or_default().to_owned());
            points.push(Point::parse(line, texts).map_err(|reason| at(path, line, &reason))?);
            if points.len() > ROWS_MAX {
                let reason = format!("more than the {ROWS_MAX} rows that a series may have");
                return Err(at(path, line, &reason));
            }
        }
        if points.is_empty() {
            return Err(EvaluationError::Empty {
                path: path.to_owned(),
                what: "row below its header",
            });
        }
        let path = path.to_owned();
        Ok(Self { path, points })
    }

    /// A row that cannot be judged.
    pub(super) fn refuse(&self, line: u64, reason: &dyn std::fmt::Display) -> EvaluationError {
        at(&self.path, line, reason)
    }

    /// Time and value as they were read, and the score.
    pub(super) fn write(&self, scores: &[f64], path: &Path) -> Result<(), EvaluationError> {
        let failed = |source| EvaluationError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let broken = |error: csv::Error| failed(std::io::Error::other(error));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut rows = csv::Writer::from_path(path).map_err(broken)?;
        rows.write_record(["timestamp", "value", "anomaly_score"])
            .map_err(broken)?;
        for (point, score) in self.points.iter().zip(scores) {
            let [time, value] = &point.texts;
            rows.write_record([time, value, &score.to_string()])
                .map_err(broken)?;
        }
        rows.flush().map_err(failed)
    }

    /// First and last row from `from` to `to`.
    fn rows(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<(usize, usize)> {
        let first = self.points.iter().position(|point| point.time >= from)?;
        let end = self.points.iter().skip(first);
        let inside = end.take_while(|point| point.time < to).count();
        // Of rows with the same time, the first is the end.
        let is_end = |point: &Point| point.time == to;
        let last = first + inside;
        if self.points.get(last).is_some_and(is_end) {
            Some((first, last))
        } else {
            (inside > 0).then(|| (first, last - 1))
        }
    }
}

impl Point {
    fn parse(line: u64, texts: [String; 2]) -> Result<Self, String> {
        let [time, value] = &texts;
        let time = parse_time(time).ok_or_else(|| {
            format!("`timestamp` is `{time}`, write it as `2015-01-31 23:59:00` or in RFC 3339")
        })?;
        let value = value
            .trim()
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| format!("`value` is `{value}`, write a finite number"))?;
        Ok(Self {
            line,
            seconds: time.and_utc().timestamp(),
            value,
            time,
            texts,
        })
    }
}

fn parse_time(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    TIME_FORMATS
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.naive_utc()))
}

/// Windows of each series, by name.
#[derive(Debug)]
pub(super) struct Labels {
    path: PathBuf,
    windows: BTreeMap<String, Vec<(NaiveDateTime, NaiveDateTime)>>,
}

impl Labels {
    /// None when there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, EvaluationError> {
        let length = match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|source| unreadable(path, source))?.len(),
        };
        if length > LABELS_MAX_BYTES {
            let reason = format!("{length} bytes, labels have at most {LABELS_MAX_BYTES}");
            return Err(at(path, 1, &reason));
        }
        let text = fs::read(path).map_err(|source| unreadable(path, source))?;
        let texts: BTreeMap<String, Vec<(String, String)>> =
            serde_json::from_slice(&text).map_err(|error| at(path, error.line() as u64, &error))?;
        let mut windows = BTreeMap::new();
        for (name, pairs) in texts {
            let mut own = Vec::new();
            for (from, to) in pairs {
                let pair = parse_time(&from).zip(parse_time(&to));
                own.push(pair.filter(|pair| pair.0 <= pair.1).ok_or_else(|| {
                    let reason = format!(
                        "`{name}` has the window `{from}` to `{to}`, write two times in order"
                    );
                    at(path, line_of(&text, &name), &reason)
                })?);
            }
            own.sort_unstable();
            windows.insert(name, own);
        }
        let path = path.to_owned();
        Ok(Some(Self { path, windows }))
    }

    /// Refuses a series without an entry: nothing would say whether its alarms are false.
    pub(super) fn cover(&self, names: &[Name]) -> Result<(), EvaluationError> {
        for name in names {
            let key = name.key();
            if !self.windows.contains_key(&key) {
                let reason =
                    format!("`{key}` is missing, add it with its windows, `[]` if it has none");
                return Err(at(&self.path, 1, &reason));
            }
        }
        Ok(())
    }

    /// Names with labels that are not among `names`.
    pub(super) fn absent(&self, names: &[Name]) -> Vec<String> {
        let there: BTreeSet<String> = names.iter().map(Name::key).collect();
        let labelled = self.windows.keys();
        labelled
            .filter(|name| !there.contains(*name))
            .cloned()
            .collect()
    }

    /// First and last row of each window of a series.
    pub(super) fn rows(
        &self,
        name: &Name,
        series: &Series,
    ) -> Result<Vec<(usize, usize)>, EvaluationError> {
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (from, to) in self.windows.get(&name.key()).into_iter().flatten() {
            let window = series
                .rows(*from, *to)
                .filter(|window| rows.last().is_none_or(|last| last.1 < window.0));
            rows.push(window.ok_or_else(|| {
                let reason = format!(
                    "`{}` has the window `{from}` to `{to}`, which holds no row of its own",
                    name.key()
                );
                at(&self.path, 1, &reason)
            })?);
        }
        Ok(rows)
    }
}

/// Line of the first mention of `name`, or the first.
fn line_of(text: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(text);
    let before = text.find(name).map_or(0, |at| {
        text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    });
    before as u64 + 1
}

fn unreadable(path: &Path, source: std::io::Error) -> EvaluationError {
    EvaluationError::File {
        path: path.to_owned(),
        source,
    }
}
