//! The schema: designed, not derived from tables.

mod connection;
mod context;
mod enums;
mod id;
mod loaders;
#[expect(
    dead_code,
    reason = "the derive makes methods of all fields of payloads, for its own use"
)]
mod mutation;
mod policy_input;
mod query;
mod sighting_enums;
mod subscription;
#[expect(
    dead_code,
    reason = "the derive makes methods of all fields of connections, for its own use"
)]
mod types;
mod user_error;

use async_graphql::{MergedObject, SDLExportOptions, Schema, ValidationMode};

pub(crate) use context::RequestContext;
pub(crate) use id::{global_id, parse_id, split as split_id};

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    query::AgentQueries,
    query::DecisionQueries,
    query::ApprovalQueries,
    query::CapabilityQueries,
    query::VerificationStatsQueries,
    query::FindingQueries,
    query::OperationQueries,
    query::ModelQueries,
    query::ActionClassQueries,
    query::PolicyQueries,
    query::NotificationQueries,
    query::AnalyticsQueries,
    query::McpServerQueries,
    query::AgentDiscoveryQueries,
    query::McpDiscoveryQueries,
    query::SimulationQueries,
    query::BacktestQueries,
    query::ComplianceQueries,
    query::AccessReviewQueries,
    query::ReportQueries,
    query::SavedFilterQueries,
    query::AuditQueries,
    query::JoinQueries,
    query::SignInQueries,
    query::SessionQueries,
    query::CredentialQueries,
    query::DelegationQueries,
);

/// Everything that can be changed.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    mutation::SessionMutations,
    mutation::AgentMutations,
    mutation::AgentKeyMutations,
    mutation::DelegationMutations,
    mutation::CertificateMutations,
    mutation::CapabilityMutations,
    mutation::VerificationMutations,
    mutation::ApprovalMutations,
    mutation::AlertMutations,
    mutation::ManyMutations,
    mutation::SuppressionMutations,
    mutation::McpServerMutations,
    mutation::McpAttestationMutations,
    mutation::AgentSightingMutations,
    mutation::McpSightingMutations,
    mutation::TrustMutations,
    mutation::KillSwitchMutations,
    mutation::ModelMutations,
    mutation::ActionClassMutations,
    mutation::PolicyMutations,
    mutation::NotificationMutations,
    mutation::AccessReviewMutations,
    mutation::ReportMutations,
    mutation::SavedFilterMutations,
    mutation::AuditMutations,
    mutation::PasswordResetMutations,
    mutation::InvitationMutations,
    mutation::RegistrationMutations,
    mutation::SecondFactorMutations,
    mutation::SignInStepMutations,
    mutation::IdentityMutations,
    mutation::PasskeyMutations,
    mutation::CredentialMutations,
    mutation::PeopleMutations,
);

/// The schema as text, the same for the same schema: fields, arguments and values by name.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new();
    let options = options
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items();
    schema().sdl_with_options(options)
}

/// The schema.
pub type AimSchema = Schema<Query, Mutation, subscription::Subscription>;

/// Builds the schema. Documents are validated before they reach it, so it validates only what
/// execution needs.
#[must_use]
pub fn schema() -> AimSchema {
    Schema::build(
        Query::default(),
        Mutation::default(),
        subscription::Subscription,
    )
    .validation_mode(ValidationMode::Fast)
    .disable_suggestions()
    .finish()
}
