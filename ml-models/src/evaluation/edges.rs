//! Labelled edges: how well bursts are told from the rest, and how fast.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use csv::ByteRecord;
use serde::Serialize;

use super::load::{EvaluationError, at, open};
use super::metrics::auc;
use crate::EdgeSketch;
use crate::mark::mark;

/// Edges that are read before they are scored: reading and scoring are timed apart.
const CHUNK: usize = 65_536;
/// Most edges of a file: a score of each is kept until the end.
const EDGES_MAX: u64 = 100_000_000;
/// Seed of the sketches, so that every evaluation of a file gives the same.
const SEED: u64 = 0x5eed;
const COLUMNS: [&str; 4] = ["time", "source", "target", "label"];

/// What the edges of a file were judged to be.
#[derive(Debug, Clone, Serialize)]
pub struct EdgeReport {
    /// How many there are.
    pub edges: u64,
    /// How many are labelled as anomalous.
    pub anomalous: u64,
    /// Area under the receiver operating characteristic, 0 to 1.
    pub auc: f64,
    /// Edges that one core scores in a second.
    pub scored_per_second: f64,
    /// Edges that one core reads in a second.
    pub read_per_second: f64,
}

/// Scores the edges of a CSV file, plain or gzip, in their order: `time` (a number of ticks, or a
/// date and time, of which minutes are counted), `source`, `target` and `label` (0 or 1). Columns
/// are found by these names in a first row of names, else taken in this order. `stopwatch` tells
/// the time since some fixed moment.
///
/// # Errors
/// [`EvaluationError`] naming the line that is no edge, or when a label is missing altogether.
pub fn evaluate_edges(
    path: &Path,
    stopwatch: impl Fn() -> Duration,
) -> Result<EdgeReport, EvaluationError> {
    let mut edges = Edges::open(path)?;
    let mut sketch = EdgeSketch::new(SEED);
    let (mut ordinary, mut anomalous) = (Vec::new(), Vec::new());
    let (mut reading, mut scoring) = (Duration::ZERO, Duration::ZERO);
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut scores = Vec::with_capacity(CHUNK);
    loop {
        let begin = stopwatch();
        edges.read(&mut chunk)?;
        let read = stopwatch();
        scores.clear();
        scores.extend(
            chunk
                .iter()
                .map(|edge| sketch.score(edge.tick, edge.source, edge.target)),
        );
        reading += read.saturating_sub(begin);
        scoring += stopwatch().saturating_sub(read);
        if chunk.is_empty() {
            break;
        }
        for (edge, score) in chunk.iter().zip(&scores) {
            if edge.is_anomalous {
                anomalous.push(f64::from(*score));
            } else {
                ordinary.push(f64::from(*score));
            }
        }
    }
    let empty = |what| EvaluationError::Empty {
        path: path.to_owned(),
        what,
    };
    if anomalous.is_empty() {
        return Err(empty("edges with label 1"));
    }
    let auc = auc(&anomalous, &ordinary).ok_or_else(|| empty("edges with label 0"))?;
    let edges = (ordinary.len() + anomalous.len()) as u64;
    Ok(EdgeReport {
        edges,
        anomalous: anomalous.len() as u64,
        auc,
        scored_per_second: per_second(edges, scoring),
        read_per_second: per_second(edges, reading),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

struct Edge {
    tick: u64,
    source: u64,
    target: u64,
    is_anomalous: bool,
}

struct Edges<'a> {
    path: &'a Path,
    rows: csv::Reader<Box<dyn std::io::BufRead>>,
    columns: [usize; 4],
    record: ByteRecord,
    /// The first row, where it is an edge rather than names.
    has_record: bool,
    read: u64,
}

impl<'a> Edges<'a> {
    fn open(path: &'a Path) -> Result<Self, EvaluationError> {
        let rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(open(path)?);
        let mut edges = Self {
            path,
            rows,
            columns: [0, 1, 2, 3],
            record: ByteRecord::new(),
            has_record: false,
            read: 0,
        };
        if edges.next_record()? {
            let names: Vec<&[u8]> = edges.record.iter().map(<[u8]>::trim_ascii).collect();
            if names.contains(&COLUMNS[0].as_bytes()) {
                for (column, name) in edges.columns.iter_mut().zip(COLUMNS) {
                    let found = names.iter().position(|other| *other == name.as_bytes());
                    *column =
                        found.ok_or_else(|| at(path, 1, &format!("column `{name}` is missing")))?;
                }
            } else {
                edges.has_record = true;
            }
        }
        Ok(edges)
    }

    fn next_record(&mut self) -> Result<bool, EvaluationError> {
        let line = self.rows.position().line();
        self.rows
            .read_byte_record(&mut self.record)
            .map_err(|error| at(self.path, line, &error))
    }

    /// Reads the next chunk; an empty one is the end.
    fn read(&mut self, chunk: &mut Vec<Edge>) -> Result<(), EvaluationError> {
        chunk.clear();
        while chunk.len() < CHUNK {
            if !std::mem::take(&mut self.has_record) && !self.next_record()? {
                break;
            }
            let line = self.record.position().map_or(0, csv::Position::line);
            if self.read == EDGES_MAX {
                return Err(at(self.path, line, &"more edges than a file may have"));
            }
            self.read += 1;
            let edge = self.edge().map_err(|reason| at(self.path, line, &reason))?;
            chunk.push(edge);
        }
        Ok(())
    }

    fn edge(&self) -> Result<Edge, String> {
        let [time, source, target, label] = self.columns.map(|column| {
            self.record
                .get(column)
                .map(<[u8]>::trim_ascii)
                .filter(|field| !field.is_empty())
        });
        let missing = |name: &str| format!("`{name}` is missing");
        let time = time.ok_or_else(|| missing("time"))?;
        let label = label.ok_or_else(|| missing("label"))?;
        Ok(Edge {
            tick: tick(time).ok_or_else(|| {
                let time = String::from_utf8_lossy(time);
                format!("`time` is `{time}`, use a number of at least 0 or a date and time")
            })?,
            source: name(source.ok_or_else(|| missing("source"))?),
            target: name(target.ok_or_else(|| missing("target"))?),
            is_anomalous: match label {
                b"0" | b"0.0" | b"false" => false,
                b"1" | b"1.0" | b"true" => true,
                _ => {
                    let label = String::from_utf8_lossy(label);
                    return Err(format!("`label` is `{label}`, use 0 or 1"));
                }
            },
        })
    }
}

/// A number as it is, a date and time in minutes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only what is finite and not negative is taken, and a cast saturates"
)]
fn tick(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let Ok(number) = text.parse::<f64>() {
        return (number.is_finite() && number >= 0.0).then_some(number as u64);
    }
    let seconds = DateTime::parse_from_rfc3339(text).map_or_else(
        |_| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
                .ok()
                .map(|time| time.and_utc().timestamp())
        },
        |time| Some(time.timestamp()),
    )?;
    u64::try_from(seconds).ok().map(|seconds| seconds / 60)
}

/// A number as it is, the mark of another name.
fn name(field: &[u8]) -> u64 {
    let is_number = field.first().is_some_and(|first| *first != b'0')
        && field.len() < 19
        && field.iter().all(u8::is_ascii_digit);
    if is_number {
        return field
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    }
    mark(&[field])
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn evaluate(text: &str) -> Result<EdgeReport, EvaluationError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        evaluate_edges(file.path(), || Duration::ZERO)
    }

    /// A quiet network in which one pair floods now and then.
    fn network(header: &str, time: impl Fn(u32) -> String) -> String {
        let mut text = header.to_owned();
        for tick in 0..200_u32 {
            for source in 0..30 {
                let target = (source * 7 + tick % 3) % 11;
                writeln!(text, "{},10.0.0.{source},h{target},0", time(tick)).unwrap();
            }
            if tick > 50 && tick % 40 < 2 {
                for _ in 0..400 {
                    writeln!(text, "{},10.0.0.3,h5,1", time(tick)).unwrap();
                }
            }
        }
        text
    }

    #[test]
    fn a_flood_is_told_from_what_is_usual() {
        let report = evaluate(&network("", |tick| tick.to_string())).unwrap();
        assert_eq!((report.edges, report.anomalous), (8_400, 2_400));
        assert!(report.auc > 0.97, "{}", report.auc);
    }

    #[test]
    fn names_of_columns_and_kinds_of_time_make_no_difference() {
        let plain = evaluate(&network("", |tick| tick.to_string())).unwrap();
        let named = network("time,source,target,label\n", |tick| {
            format!("2026-03-01T{:02}:{:02}:00Z", tick / 60, tick % 60)
        });
        assert_eq!(evaluate(&named).unwrap().auc, plain.auc);
        let spaced = network("", |tick| {
            format!("2026-03-01 {:02}:{:02}:59.5", tick / 60, tick % 60)
        });
        assert_eq!(evaluate(&spaced).unwrap().auc, plain.auc);
    }

    #[test]
    fn names_are_kept_apart() {
        let names = [
            "1",
            "01",
            "0",
            "00",
            "1.0",
            "a",
            "A",
            "-1",
            "999999999999999999",
        ];
        let mut numbers: Vec<u64> = names.iter().map(|text| name(text.as_bytes())).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), names.len());
    }

    #[test]
    fn what_is_no_edge_is_named() {
        for (text, expected) in [
            ("1,a,b,0\n-3,a,b,0\n", "line 2: `time` is `-3`"),
            ("1,a,b,0\nNaN,a,b,1\n", "line 2: `time` is `NaN`"),
            ("1,a,b,maybe\n", "line 1: `label` is `maybe`"),
            ("1,a,,1\n", "line 1: `target` is missing"),
            ("1,a,b,0\n1,a,b\n", "line 2"),
            ("time,source,label\n1,a,0\n", "column `target` is missing"),
            ("1,a,b,0\n", "no edges with label 1"),
            ("1,a,b,1\n", "no edges with label 0"),
            ("", "no edges"),
        ] {
            let error = evaluate(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
