//! Consumes the event log: checks, learns, judges, and hands what it found to `app/`.
//!
//! One transaction per micro-batch holds everything a batch changed and the positions it was read
//! up to. A crash, a redelivery or a rebalance therefore changes nothing: exactly once in effect.

mod admit;
mod batch;
mod calls;
mod journal;
mod models;
mod positions;
mod processor;
mod profiles;
mod said;
mod spans;
mod strangers;
mod watch;
mod writing;

pub use processor::{Processor, StreamConfig};
