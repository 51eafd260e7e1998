//! The harness: real services and the real `aim` executable, started and stopped by tests.
//!
//! Role: gives a test PostgreSQL, Apache Kafka, `aim serve` and the public JavaScript clients, each
//! as a process of its own on free ports with its data in a temporary folder.
//!
//! Guarantees:
//! - Whatever a test starts ends with the test, also when the test is killed (see `Guarded`).
//! - Nothing listens beyond 127.0.0.1, and no state is left behind except downloads, which are kept
//!   in `${XDG_CACHE_HOME:-~/.cache}/aim`.
//! - A service that cannot be started is an error that names what is missing; nothing is skipped.
//!
//! Starting and stopping block the calling thread. Where something else of the same runtime has
//! to go on meanwhile, use a runtime with several threads or `tokio::task::spawn_blocking`.
//!
//! It knows processes and the public API only, never `app` or `store`.

mod aim;
mod cache;
mod guarded;
mod issuer;
mod kafka;
mod mail_server;
pub mod mcp_server;
mod mmdb;
mod node;
mod onnx;
mod poll;
mod port;
mod postgres;
mod python;
mod receiver;
mod registry;
mod session;

pub use aim::{AimConfig, AimProcess, Bootstrap, aim_command};
pub use issuer::Issuer;
pub use kafka::Kafka;
pub use mail_server::{MailSecurity, MailServer, code_of};
pub use mcp_server::McpServer;
pub use mmdb::mmdb;
pub use node::{ScriptOutput, run_script};
pub use onnx::LogisticFile;
pub use poll::{wait_for, wait_until};
pub use port::free_port;
pub use postgres::Postgres;
pub use python::{python_module, python_script};
pub use receiver::{Received, Receiver, Reply};
pub use registry::Registry;
