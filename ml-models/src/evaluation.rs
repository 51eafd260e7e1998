//! How well hijacked runs are told from ordinary ones and anomalies are found in series, measured on
//! recordings with labels.
//!
//! Pure but for [`load_runs`], [`load_events`] and [`evaluate_series`], which read (and the last one
//! writes) the files they are given. Nothing here is keyed to a name in a recording: actions count
//! as reads or writes by [`aim_domain::action::classify`], everything else is counted.

mod load;
mod metrics;
mod nab;
mod series;
mod sessions;

pub use load::{EvaluationError, load_events, load_runs};
pub use nab::{COST_PROFILES, CostProfile, Figures, ProfileFigures, ScoredSeries, judge};
pub use series::{LABELS_FILE, SeriesReport, evaluate_series};
pub use sessions::{Label, Report, ReportRow, Run, SessionEvent, evaluate_known_job};
