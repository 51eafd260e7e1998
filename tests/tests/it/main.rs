//! The harness against the real services.

mod kafka;
mod node;
mod orphans;
mod postgres;
