//! Everything that can be read.

mod action_classes;
mod agents;
mod audit;
mod backtest;
mod compliance;
mod credentials;
mod decisions;
mod delegations;
mod findings;
mod join;
mod mcp_servers;
mod models;
mod node;
mod operations;
mod policies;
mod sessions;
mod sign_in;
mod simulation;

pub(super) use action_classes::ActionClassQueries;
pub(super) use agents::AgentQueries;
pub(super) use audit::AuditQueries;
pub(super) use backtest::BacktestQueries;
pub(super) use compliance::ComplianceQueries;
pub(super) use credentials::CredentialQueries;
pub(super) use decisions::DecisionQueries;
pub(super) use delegations::DelegationQueries;
pub(super) use findings::FindingQueries;
pub(super) use join::JoinQueries;
pub(super) use mcp_servers::McpServerQueries;
pub(super) use models::ModelQueries;
pub(super) use operations::OperationQueries;
pub(super) use policies::PolicyQueries;
pub(super) use sessions::SessionQueries;
pub(super) use sign_in::SignInQueries;
pub(super) use simulation::SimulationQueries;
