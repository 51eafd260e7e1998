//! Everything that can be read.

mod action_classes;
mod agents;
mod decisions;
mod delegations;
mod findings;
mod models;
mod node;
mod operations;

pub(super) use action_classes::ActionClassQueries;
pub(super) use agents::AgentQueries;
pub(super) use decisions::DecisionQueries;
pub(super) use delegations::DelegationQueries;
pub(super) use findings::FindingQueries;
pub(super) use models::ModelQueries;
pub(super) use operations::OperationQueries;
