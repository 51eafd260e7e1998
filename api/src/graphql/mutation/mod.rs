//! Everything that can be changed: verb first, one input, one payload.

mod action_classes;
mod agents;
mod alerts;
mod capabilities;
mod credentials;
mod identities;
mod invitations;
mod kill_switch;
mod models;
mod password_resets;
mod people;
mod registrations;
mod second_factors;
mod sessions;
mod sign_in_steps;
mod suppressions;
mod trust;
mod verifications;

pub(super) use action_classes::ActionClassMutations;
pub(super) use agents::AgentMutations;
pub(super) use alerts::AlertMutations;
pub(super) use capabilities::CapabilityMutations;
pub(super) use credentials::CredentialMutations;
pub(super) use identities::IdentityMutations;
pub(super) use invitations::InvitationMutations;
pub(super) use kill_switch::KillSwitchMutations;
pub(super) use models::ModelMutations;
pub(super) use password_resets::PasswordResetMutations;
pub(super) use people::PeopleMutations;
pub(super) use registrations::RegistrationMutations;
pub(super) use second_factors::SecondFactorMutations;
pub(super) use sessions::SessionMutations;
pub(super) use sign_in_steps::SignInStepMutations;
pub(super) use suppressions::SuppressionMutations;
pub(super) use trust::TrustMutations;
pub(super) use verifications::VerificationMutations;
