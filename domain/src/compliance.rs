//! What a framework asks for, held against what is on record.
//!
//! A check counts: how many things there are that it is about, and how many of them lack what it asks
//! for. No outcome is a constant, and none says more than its numbers: whether an organization does what
//! a law wants is for people to judge.

mod check;
mod framework;
mod kept;

pub use check::{CheckKind, CheckOutcome, Measured, Measurement};
pub use framework::{Control, ControlCheck, Framework, FrameworkId, frameworks};
pub use kept::{
    REPORT_SCHEDULES_MAX, ReportBody, ReportKept, ReportLine, ReportPeriod, report_csv,
};
