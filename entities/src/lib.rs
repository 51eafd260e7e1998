//! One SeaORM entity per table, nothing else.
//!
//! Enumerations are kept as text and JSON as JSON: their meaning is given by `store/`, which is the
//! only reader. Scores are ten-thousandths; times are UTC in whole microseconds.

pub mod action_class_override;
pub mod activity;
pub mod agent;
pub mod agent_certificate;
pub mod agent_key;
pub mod agent_rating;
pub mod alert;
pub mod alert_suppression;
pub mod anomaly;
pub mod audit_entry;
pub mod behaviour_profile;
pub mod capability;
pub mod capability_grant;
pub mod certificate_authority;
pub mod consumer_offset;
pub mod dead_letter;
pub mod delegation;
pub mod event_log;
pub mod job_lease;
pub mod model_alias;
pub mod model_artefact;
pub mod model_move;
pub mod model_signer;
pub mod model_version;
pub mod organization;
pub mod profile_journal;
pub mod server_key;
pub mod shadow_score;
pub mod trust_snapshot;
pub mod used_nonce;
pub mod user;
pub mod verification;
