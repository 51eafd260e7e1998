//! The schema's history: one migrator for SQLite and PostgreSQL.
//!
//! Migrations never import the entities: they say what the schema was, the entities what it is.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m0001_first_schema;
mod m0002_indexes;
mod m0003_trust_overrides;
mod m0004_agent_ratings;
mod m0005_incidents;
mod m0006_kill_switches;
mod m0007_alert_work;
mod m0008_trust_weights;
mod m0009_profile_journal;
mod m0010_models;
mod m0011_action_classes;
mod m0012_audit_log;
mod m0013_people;
mod m0014_agent_keys;
mod m0015_accounts;
mod m0016_passkeys;
mod m0017_key_ends;
mod m0018_audit_progress;
mod m0019_policies;
mod m0020_approvals;
mod m0021_mcp_servers;
mod m0022_analytics;
mod m0022_notifications;
mod m0023_mcp_attestations;
mod m0024_agent_orders;
mod m0025_agent_texts;
mod m0026_mcp_usage;
mod m0027_access_reviews;
mod m0028_reports;
mod m0029_policy_targets;
mod m0030_saved_filters;
mod m0031_login_requests;
mod m0032_agent_trigrams;
mod m0033_anomaly_traces;
mod m0034_agent_sightings;

/// Applies the migrations in order.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first_schema::Migration),
            Box::new(m0002_indexes::Migration),
            Box::new(m0003_trust_overrides::Migration),
            Box::new(m0004_agent_ratings::Migration),
            Box::new(m0005_incidents::Migration),
            Box::new(m0006_kill_switches::Migration),
            Box::new(m0007_alert_work::Migration),
            Box::new(m0008_trust_weights::Migration),
            Box::new(m0009_profile_journal::Migration),
            Box::new(m0010_models::Migration),
            Box::new(m0011_action_classes::Migration),
            Box::new(m0012_audit_log::Migration),
            Box::new(m0013_people::Migration),
            Box::new(m0014_agent_keys::Migration),
            Box::new(m0015_accounts::Migration),
            Box::new(m0016_passkeys::Migration),
            Box::new(m0017_key_ends::Migration),
            Box::new(m0018_audit_progress::Migration),
            Box::new(m0019_policies::Migration),
            Box::new(m0020_approvals::Migration),
            Box::new(m0021_mcp_servers::Migration),
            Box::new(m0022_analytics::Migration),
            Box::new(m0022_notifications::Migration),
            Box::new(m0023_mcp_attestations::Migration),
            Box::new(m0024_agent_orders::Migration),
            Box::new(m0025_agent_texts::Migration),
            Box::new(m0026_mcp_usage::Migration),
            Box::new(m0027_access_reviews::Migration),
            Box::new(m0028_reports::Migration),
            Box::new(m0029_policy_targets::Migration),
            Box::new(m0030_saved_filters::Migration),
            Box::new(m0031_login_requests::Migration),
            Box::new(m0032_agent_trigrams::Migration),
            Box::new(m0033_anomaly_traces::Migration),
            Box::new(m0034_agent_sightings::Migration),
        ]
    }
}
