//! All SQL of the product, for SQLite and PostgreSQL.
//!
//! Readers take a [`Scope`](aim_domain::scope::Scope): another organization's rows do not exist.
//! Writers take a [`Tx`], the only way to write: state, audit entries and events of one `Tx`
//! commit together or not at all.

mod action_classes;
pub mod activities;
mod agent_life;
mod agent_list;
pub mod agents;
pub mod alerts;
pub mod anomalies;
pub mod audit;
pub mod capabilities;
pub mod certificates;
mod code;
mod connect;
pub mod dead_letters;
pub mod decisions;
pub mod delegations;
mod error;
pub mod grants;
pub mod journal;
pub mod key_ends;
mod key_policies;
pub mod keys;
mod kill_switches;
mod leases;
pub mod model_moves;
pub mod models;
pub mod offsets;
pub mod organizations;
mod page;
mod postgres;
pub mod profiles;
pub mod ratings;
pub mod server_keys;
mod sqlite;
pub mod suppressions;
pub mod trust;
mod tx;
mod unnest;
pub mod users;
pub mod verifications;

pub use connect::{Backend, Store, StoreConfig};
pub use error::StoreError;
pub use page::{Page, PageError, PageRequest};
pub use tx::Tx;
