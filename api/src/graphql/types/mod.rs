//! Output types.

mod action_class;
mod agent;
mod agent_key;
mod alert;
mod audit;
mod certificate;
mod delegation;
mod kill_switch;
mod model;
mod operations;
mod rating;
mod suppression;
mod trust;
mod user;
mod verification;

pub(crate) use action_class::{ActionClass, ActionClassOverride, ActionClassOverrideConnection};
pub(crate) use agent::{Agent, AgentConnection, Capability, CapabilityGrant};
pub(crate) use agent_key::{AgentChallenge, AgentKey, AgentKeyConnection, KeyPolicy};
pub(crate) use alert::{Alert, AlertConnection, AnomalyConnection};
pub(crate) use audit::{AuditEntryConnection, DeadLetterConnection};
pub(crate) use certificate::AgentCertificate;
pub(crate) use delegation::{Delegation, DelegationConnection};
pub(crate) use kill_switch::KillSwitch;
pub(crate) use model::{
    ModelMove, ModelMoveConnection, ModelSigner, ModelVersion, ModelVersionConnection,
    OrganizationModels, ShadowReport,
};
pub(crate) use operations::StreamTotals;
pub(crate) use rating::AgentRatingConnection;
pub(crate) use suppression::{AlertSuppression, AlertSuppressionConnection};
pub(crate) use trust::{
    AgentTrust, TrustSnapshot, TrustSnapshotConnection, TrustSummary, TrustWeights,
};
pub(crate) use user::{Organization, User};
pub(crate) use verification::{Verification, VerificationConnection};
