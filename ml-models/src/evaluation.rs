//! How well hijacked runs are told from ordinary ones, measured on recordings with labels.
//!
//! Pure but for [`load_runs`] and [`load_events`], which read the files they are given. Nothing
//! here is keyed to a name in a recording: actions count as reads or writes by
//! [`aim_domain::action::classify`], everything else is counted.

mod load;
pub(crate) mod metrics;
mod sessions;

pub use load::{EvaluationError, load_events, load_runs};
pub(crate) use load::{at, each_line};
pub use sessions::{Label, Report, ReportRow, Run, SessionEvent, evaluate_known_job};
