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
pub mod api_keys;
pub mod audit;
pub mod audit_export;
pub mod audit_keys;
pub mod audit_log;
pub mod audit_retention;
pub mod audit_sequencer;
pub mod audit_stops;
pub mod audit_witnesses;
pub mod capabilities;
pub mod certificates;
mod code;
mod compliance;
mod connect;
pub mod dead_letters;
pub mod decisions;
pub mod delegations;
mod error;
pub mod grants;
pub mod identities;
mod invitations;
mod join_settings;
pub mod journal;
pub mod key_ends;
mod key_policies;
pub mod keys;
mod kill_switches;
mod leases;
mod limits;
pub mod mails;
pub mod mcp_manifests;
pub mod mcp_servers;
pub mod members;
mod model_moves;
pub mod models;
pub mod offsets;
pub mod organizations;
mod page;
pub mod passkeys;
pub mod password_resets;
pub mod policies;
mod postgres;
pub mod profiles;
pub mod ratings;
pub mod recorded;
pub mod registrations;
pub mod second_factors;
pub mod server_keys;
pub mod sessions;
mod sqlite;
pub mod suppressions;
mod throttles;
pub mod trust;
mod tx;
mod unnest;
pub mod users;
pub mod verifications;

pub use connect::{Backend, Store, StoreConfig};
pub use error::StoreError;
pub use page::{Page, PageError, PageRequest};
pub use tx::Tx;
