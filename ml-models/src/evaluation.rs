//! How well what is wrong is told from what is ordinary, measured on recordings with labels.
//!
//! Pure but for the files it is given to read. Nothing
//! here is keyed to a name in a recording: actions count as reads or writes by
//! [`aim_domain::action::classify`], everything else is counted.

mod edges;
mod load;
mod metrics;
mod sessions;

pub use edges::{EdgeReport, evaluate_edges};
pub use load::{EvaluationError, load_events, load_runs};
pub use sessions::{Label, Report, ReportRow, Run, SessionEvent, evaluate_known_job};
