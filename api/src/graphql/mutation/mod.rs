//! Everything that can be changed: verb first, one input, one payload.

mod action_classes;
mod agents;
mod alerts;
mod audit;
mod capabilities;
mod credentials;
mod kill_switch;
mod models;
mod people;
mod sessions;
mod suppressions;
mod trust;
mod verifications;

pub(super) use action_classes::ActionClassMutations;
pub(super) use agents::AgentMutations;
pub(super) use alerts::AlertMutations;
pub(super) use audit::AuditMutations;
pub(super) use capabilities::CapabilityMutations;
pub(super) use credentials::CredentialMutations;
pub(super) use kill_switch::KillSwitchMutations;
pub(super) use models::ModelMutations;
pub(super) use people::PeopleMutations;
pub(super) use sessions::SessionMutations;
pub(super) use suppressions::SuppressionMutations;
pub(super) use trust::TrustMutations;
pub(super) use verifications::VerificationMutations;
