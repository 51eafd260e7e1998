//! Everything that can be changed: verb first, one input, one payload.

mod action_classes;
mod agent_keys;
mod agents;
mod alerts;
mod capabilities;
mod certificates;
mod delegations;
mod kill_switch;
mod models;
mod proof;
mod sessions;
mod suppressions;
mod trust;
mod verifications;

pub(super) use action_classes::ActionClassMutations;
pub(super) use agent_keys::AgentKeyMutations;
pub(super) use agents::AgentMutations;
pub(super) use alerts::AlertMutations;
pub(super) use capabilities::CapabilityMutations;
pub(super) use certificates::CertificateMutations;
pub(super) use delegations::DelegationMutations;
pub(super) use kill_switch::KillSwitchMutations;
pub(super) use models::ModelMutations;
pub(super) use sessions::SessionMutations;
pub(super) use suppressions::SuppressionMutations;
pub(super) use trust::TrustMutations;
pub(super) use verifications::VerificationMutations;
