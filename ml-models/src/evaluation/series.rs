//! How well anomalies in series of numbers are found, measured on files with labels.
//!
//! Every file is scored by the same [`crate::SeriesDetector`], row by row, without sight of later
//! rows, of its name or of the labels.

mod files;

use std::path::Path;

use serde::Serialize;

use super::EvaluationError;
use super::nab::{COST_PROFILES, ProfileFigures, ScoredSeries, judge};
use crate::SeriesDetector;
use files::{Labels, Series};

/// File of the labels, beside the folders with series.
pub const LABELS_FILE: &str = "combined_windows.json";

/// What was found in a folder of series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesReport {
    /// Files read and written.
    pub files: usize,
    /// Rows of all files.
    pub rows: usize,
    /// Files that have labels but are not there; they count for nothing.
    pub absent: Vec<String>,
    /// The figures of each cost profile; none when there are no labels.
    pub profiles: Option<Vec<ProfileFigures>>,
}

/// Scores every CSV file in the sub-folders of `folder` and writes it, with a column
/// `anomaly_score` between 0 and 1, to the same relative path below `out`. Judges the scores by
/// `combined_windows.json` in `folder`, where there is one.
///
/// # Errors
/// [`EvaluationError`] naming file, line and field of what is no series, what has no labels, and
/// when a file cannot be written. Files before it are written then.
pub fn evaluate_series(folder: &Path, out: &Path) -> Result<SeriesReport, EvaluationError> {
    files::refuse_same(folder, out)?;
    let labels = Labels::read(&folder.join(LABELS_FILE))?;
    let names = files::names(folder)?;
    if let Some(labels) = &labels {
        labels.cover(&names)?;
    }
    let mut scored = Vec::new();
    for name in &names {
        let series = Series::read(&folder.join(name.path()))?;
        let scores = detect(&series)?;
        series.write(&scores, &out.join(name.path()))?;
        let windows = match &labels {
            Some(labels) => labels.rows(name, &series)?,
            None => Vec::new(),
        };
        scored.push(ScoredSeries {
            category: name.category.clone(),
            scores,
            windows,
        });
    }
    Ok(SeriesReport {
        files: scored.len(),
        rows: scored.iter().map(|series| series.scores.len()).sum(),
        absent: labels
            .as_ref()
            .map_or_else(Vec::new, |labels| labels.absent(&names)),
        profiles: labels.is_some().then(|| {
            COST_PROFILES
                .map(|profile| judge(&scored, profile))
                .to_vec()
        }),
    })
}

fn detect(series: &Series) -> Result<Vec<f64>, EvaluationError> {
    let mut detector = SeriesDetector::default();
    series
        .points
        .iter()
        .map(|point| {
            detector
                .observe(point.seconds, point.value)
                .map_err(|error| series.refuse(point.line, &error))
        })
        .collect()
}
