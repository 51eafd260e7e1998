//! The real processor over a log that fails on demand: what is sent counts once, or is a dead
//! letter once, and nothing else ever happens.

mod classes;
mod clock;
mod faults;
mod lives;
mod models;
mod outcome;
mod refusals;
mod same_outcome;
mod sent;
mod site;
mod stalls;
