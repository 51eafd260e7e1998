//! Use cases: load facts, ask the domain, write state, audit entry and event in one transaction.
//!
//! Both doors, `api/` and `stream/`, come through here; neither owns a rule or a query.

mod actor;
mod alerts;
mod answer_verification;
mod app;
mod apply_batch;
mod apply_findings;
mod bootstrap;
mod cache;
mod change_password;
mod change_status;
mod error;
mod feed;
mod follow;
mod geo;
mod grant_capability;
mod identify;
mod ids;
mod ingest_events;
mod kill_switch;
mod kills;
mod override_trust;
mod password;
mod rate_agent;
mod read;
mod register_agent;
mod report_result;
mod sign_in;
mod suppress_alerts;
mod sweep_nonces;
mod trust_weights;
mod verify_action;
mod writer;

pub use actor::{Actor, AgentActor, Permit, UserActor};
pub use app::{App, AppConfig};
pub use apply_batch::{AgentUpdate, AppliedBatch, Snapshot};
pub use bootstrap::Bootstrap;
pub use change_status::StatusChange;
pub use error::{AppError, ErrorCode, FieldError};
pub use feed::{Feed, FeedError, FeedItem};
pub use geo::{GeoDatabase, GeoError};
pub use grant_capability::GrantCapability;
pub use ids::Ids;
pub use ingest_events::{IngestSink, IngestedEvent};
pub use kill_switch::KillSwitchChange;
pub use override_trust::OverrideTrust;
pub use rate_agent::RateAgent;
pub use register_agent::RegisterAgent;
pub use report_result::ReportResult;
pub use suppress_alerts::SuppressAlerts;
pub use verify_action::VerifyAction;
