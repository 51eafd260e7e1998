//! The harness against the real services.

mod aim;
mod kafka;
mod node;
mod orphans;
mod postgres;
mod public_clients;
