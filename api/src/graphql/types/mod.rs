//! Output types.

mod access_review;
mod action_class;
mod agent;
mod agent_key;
mod agent_sighting;
mod alert;
mod analytics;
mod approval;
mod audit;
mod audit_log;
mod capability_request;
mod certificate;
mod compliance;
mod credentials;
mod delegation;
mod join;
mod kill_switch;
mod mcp_attestation;
mod mcp_server;
mod mcp_sighting;
mod mcp_usage;
mod model;
mod notification;
mod operations;
mod passkey;
mod policy;
mod policy_rule;
mod rating;
mod report;
mod saved_filter;
mod session;
mod sign_in;
mod simulation;
mod suppression;
mod trust;
mod user;
mod verification;

pub(crate) use access_review::{
    AccessReview, AccessReviewConnection, AccessReviewItem, AccessReviewItemConnection,
    AccessReviewStatus, AccessSubject, AccessWord,
};
pub(crate) use action_class::{ActionClass, ActionClassOverride, ActionClassOverrideConnection};
pub(crate) use agent::{
    Agent, AgentConnection, Capability, CapabilityGrant, CapabilityGrantConnection, GrantRow,
};
pub(crate) use agent_key::{AgentChallenge, AgentKey, AgentKeyConnection, KeyPolicy};
pub(crate) use agent_sighting::{AgentReport, AgentSighting, AgentSightingConnection};
pub(crate) use alert::{Alert, AlertConnection, AnomalyConnection};
pub(crate) use analytics::{
    ActionActivity, AgentActivity, Analytics, AnalyticsStep, LatencyBucket, RankingOrder,
    RankingPeriod,
};
pub(crate) use approval::{Approval, ApprovalGrant, ApprovalGrantConnection, ApprovalSettings};
pub(crate) use audit::{AuditEntry, AuditEntryConnection, DeadLetterConnection};
pub(crate) use audit_log::{
    AuditCheckpoint, AuditCheckpointConnection, AuditConsistencyProof, AuditErasure,
    AuditErasureConnection, AuditLog, AuditRetention, AuditWitness,
};
pub(crate) use capability_request::{
    CapabilityRequest, CapabilityRequestConnection, CapabilityViolationConnection,
};
pub(crate) use certificate::AgentCertificate;
pub(crate) use compliance::{ComplianceFramework, ComplianceReport};
pub(crate) use credentials::{
    ApiKey, ApiKeyConnection, OrganizationSettings, ProgramPermission, SdkToken,
    SdkTokenConnection, UserAccount, UserAccountConnection,
};
pub(crate) use delegation::{Delegation, DelegationConnection};
pub(crate) use join::{
    Invitation, InvitationConnection, JoinSettings, Registration, RegistrationConnection,
    RegistrationStatus,
};
pub(crate) use kill_switch::KillSwitch;
pub(crate) use mcp_attestation::{McpAttestation, McpAttestationConnection, McpConfidence};
pub(crate) use mcp_server::{McpServer, McpServerConnection};
pub(crate) use mcp_sighting::{McpServerReport, McpSighting, McpSightingConnection};
pub(crate) use mcp_usage::{McpAgentUsageConnection, McpServerUsage};
pub(crate) use model::{
    ModelMove, ModelMoveConnection, ModelSigner, ModelVersion, ModelVersionConnection,
    OrganizationModels, ShadowReport,
};
pub(crate) use notification::{
    NotificationDelivery, NotificationTarget, NotificationTargetConnection, WebhookWithSecret,
};
pub(crate) use operations::StreamTotals;
pub(crate) use passkey::Passkey;
pub(crate) use policy::{Policy, PolicyChange, PolicyConnection, PolicyMatch};
pub(crate) use policy_rule::PolicyRule;
pub(crate) use rating::AgentRatingConnection;
pub(crate) use report::{
    KeptReport, KeptReportConnection, ReportPeriod, ReportSchedule, ReportScheduleConnection,
};
pub(crate) use saved_filter::{SavedFilter, SavedFilterConnection};
pub(crate) use session::SignedInSessionConnection;
pub(crate) use sign_in::{Identity, NewSecondFactor, SecondFactor, SignInChallenge};
pub(crate) use simulation::{ActionSimulation, VerificationExplanation};
pub(crate) use suppression::{AlertSuppression, AlertSuppressionConnection};
pub(crate) use trust::{
    AgentTrust, TrustSnapshot, TrustSnapshotConnection, TrustSummary, TrustWeights,
};
pub(crate) use user::{Organization, User};
pub(crate) use verification::{Reason, Verification, VerificationConnection};
