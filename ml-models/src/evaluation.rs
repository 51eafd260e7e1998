//! How well what is wrong is told from what is ordinary, measured on recordings with labels.
//!
//! Pure but for the files it is given to read and, for series, to write. Nothing here is keyed to a
//! name in a recording: actions count as reads or writes by [`aim_domain::action::classify`],
//! everything else is counted.

mod edges;
mod known_job;
mod load;
pub(crate) mod metrics;
mod nab;
mod recording;
mod report;
mod series;
mod unseen_job;

pub use edges::{EdgeReport, evaluate_edges};
pub use known_job::evaluate_known_job;
pub use load::{EvaluationError, load_events, load_runs};
pub use nab::{COST_PROFILES, CostProfile, Figures, ProfileFigures, ScoredSeries, judge};
pub use recording::{Label, Run, SessionEvent};
pub use report::{Report, ReportRow};
pub use series::{LABELS_FILE, SeriesReport, evaluate_series};
pub use unseen_job::evaluate_unseen_job;
