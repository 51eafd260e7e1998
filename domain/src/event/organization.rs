//! What happened to an organization as a whole.

use serde::{Deserialize, Serialize};

use crate::action::ActionClass;
use crate::agent_key::KeyPolicy;
use crate::approval::ApprovalSettings;
use crate::id::{
    AgentId, AgentSightingId, AlertSuppressionId, McpServerId, McpSightingId, NotificationTargetId,
    OrganizationId, PolicyId,
};
use crate::kill_switch::KillSwitch;
use crate::limits::OrganizationLimits;
use crate::mcp::McpSightingMethod;
use crate::model::ModelAlias;
use crate::name::ActionName;
use crate::notification::TargetState;
use crate::policy::PolicyMode;
use crate::sighting::AgentSightingMethod;
use crate::suppression::AlertSuppression;
use crate::trust::TrustWeights;

/// Something that holds for all agents of an organization changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationChanged {
    /// Which.
    pub organization: OrganizationId,
    /// What changed.
    pub change: OrganizationChange,
}

/// What changed of an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrganizationChange {
    /// Its kill switch was engaged or released.
    KillSwitch {
        /// The engaged switch; `None` when it was released.
        to: Option<KillSwitch>,
    },
    /// The trust factors weigh otherwise.
    TrustWeights {
        /// What they weigh from now on.
        to: TrustWeights,
    },
    /// It allows itself more or less of something, or has another name.
    Limits {
        /// What holds from now on.
        to: OrganizationLimits,
    },
    /// A person said what an action is, or took that back.
    ActionClass {
        /// Which action.
        action: ActionName,
        /// What it is; `None` is what its name says.
        to: Option<ActionClass>,
    },
    /// A policy was published, counts otherwise from now on, or was put away.
    Policy {
        /// Which.
        policy: PolicyId,
        /// Its version.
        version: i32,
        /// How it counts.
        mode: PolicyMode,
    },
    /// Some findings raise no alert from now on.
    AlertsSuppressed {
        /// Which, and until when.
        suppression: AlertSuppression,
    },
    /// A suppression was taken back.
    SuppressionWithdrawn {
        /// Which.
        suppression: AlertSuppressionId,
    },
    /// Where somebody outside is told of events was made, changed, shut off or removed.
    NotificationTarget {
        /// Which.
        target: NotificationTargetId,
        /// What it is now.
        state: TargetState,
    },
    /// Approvals are wanted otherwise.
    Approvals {
        /// How, from now on.
        to: ApprovalSettings,
    },
    /// Keys of agents live otherwise.
    KeyPolicy {
        /// How, from now on.
        to: KeyPolicy,
    },
    /// A model was published.
    ModelPublished {
        /// Its number.
        version: i32,
    },
    /// Another version serves, or is tried: whoever keeps models in memory looks again.
    ModelMoved {
        /// Which name.
        alias: ModelAlias,
        /// The version it pointed at.
        from: Option<i32>,
        /// The version it points at.
        to: Option<i32>,
        /// The number of the move.
        number: i64,
        /// Whether it was moved back.
        is_rollback: bool,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// What is kept of its audit log is not what was signed: the log stands still.
    AuditStopped {
        /// What is wrong.
        reason: String,
    },
    /// It is what was signed again, and goes on.
    AuditResumed,
    /// Somebody saw an MCP server that nobody registered.
    McpServerSighted {
        /// What was written down of it.
        sighting: McpSightingId,
        /// What it is called.
        name: String,
        /// How it was seen.
        method: McpSightingMethod,
    },
    /// A person registered that, or left it alone.
    McpSightingSettled {
        /// Which.
        sighting: McpSightingId,
        /// The server that it is now; `None` is left alone.
        server: Option<McpServerId>,
    },
    /// Somebody saw an agent that nobody registered.
    AgentSighted {
        /// What was written down of it.
        sighting: AgentSightingId,
        /// What it is called.
        name: String,
        /// How it was seen.
        method: AgentSightingMethod,
    },
    /// A person registered that, or left it alone.
    AgentSightingSettled {
        /// Which.
        sighting: AgentSightingId,
        /// The agent that it is now; `None` is left alone.
        agent: Option<AgentId>,
    },
    /// Models signed by another key are taken from now on.
    ModelSignerReplaced {
        /// Thumbprint of the key.
        key_id: String,
    },
}
