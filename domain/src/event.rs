//! Facts: what the product itself says has happened, each with its name on the wire.
//!
//! A fact is appended to the event log inside the transaction that made it true. The envelope
//! around it (CloudEvents) belongs to `eventlog/`.

mod mcp;
mod organization;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::AccessChanged;
use crate::access_review::AccessReviewChanged;
use crate::action::{ActionClass, Outcome};
use crate::agent::AgentStatus;
use crate::alert::{AlertStatus, AlertVerdict};
use crate::anomaly::{AnomalyKind, Severity};
use crate::approval::ApprovalStatus;
use crate::audit::Hash;
use crate::capability_request::CapabilityRequestStatus;
use crate::compliance::ReportKept;
use crate::id::{
    AgentId, AgentKeyId, AlertId, AnomalyId, ApprovalGrantId, CapabilityGrantId,
    CapabilityRequestId, DelegationId, EventId, McpServerId, OrganizationId, TrustSnapshotId,
    UserId, VerificationId,
};
use crate::kill_switch::KillSwitch;
use crate::location::Location;
use crate::name::{ActionName, Resource};
use crate::policy::{PolicyHit, PolicyRef};
use crate::risk::RiskLevel;
use crate::trace::TraceContext;
use crate::trust::{Feedback, TrustOverride, TrustScore};
use crate::verification::{Decision, Reason};

pub use mcp::{McpServerChange, McpServerChanged};
pub use organization::{OrganizationChange, OrganizationChanged};

/// CloudEvents `type` of an action that a fleet reports.
pub const ACTION_PERFORMED: &str = "aim.action.performed.v1";

/// A verification was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationRecorded {
    /// Which.
    pub verification: VerificationId,
    /// Who asked.
    pub agent: AgentId,
    /// What.
    pub action: ActionName,
    /// On what.
    pub resource: Option<Resource>,
    /// The run.
    pub session: Option<String>,
    /// The job.
    pub task: Option<String>,
    /// The risk that counted.
    pub risk: RiskLevel,
    /// The answer.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Whether a grant covered it.
    pub granted: bool,
    /// The trust it was decided with.
    pub trust: Option<TrustScore>,
    /// Where the request came from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What the action was taken for; events of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ActionClass>,
    /// The policies that matched, also those that only watch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyHit>,
    /// Until when persons can answer, where one has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_expires_at: Option<DateTime<Utc>>,
    /// The registered MCP server that it calls a tool of; events of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_server: Option<McpServerId>,
}

/// An approval has come further: a person answered, its agent presented it, or its time ran out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalChanged {
    /// Of which verification.
    pub verification: VerificationId,
    /// Whose.
    pub agent: AgentId,
    /// How far it is. It stays `PENDING` while one person agreed and another has to.
    pub status: ApprovalStatus,
    /// What the verification says now.
    pub decision: Decision,
    /// Who did that, as `user:<id>`, `agent:<id>` or `system:approvals`.
    pub by: String,
    /// Until when it can come further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// An agent asked for a capability, or was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapabilityRequestChanged {
    /// Which request.
    pub request: CapabilityRequestId,
    /// Whose.
    pub agent: AgentId,
    /// For what.
    pub capability: String,
    /// What became of it.
    pub status: CapabilityRequestStatus,
}

/// An agent reported how an action went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionResultReported {
    /// The verification that allowed it.
    pub verification: VerificationId,
    /// Who.
    pub agent: AgentId,
    /// What.
    pub action: ActionName,
    /// How it ended.
    pub outcome: Outcome,
    /// The registered MCP server that it calls a tool of; events of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_server: Option<McpServerId>,
}

/// An agent, its keys or its grants changed: whoever keeps facts about it reads them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentChanged {
    /// Which.
    pub agent: AgentId,
    /// What changed.
    pub change: AgentChange,
}

/// What changed of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentChange {
    /// It was registered.
    Registered {
        /// Its name.
        name: String,
    },
    /// Its status.
    Status {
        /// Before.
        from: AgentStatus,
        /// After.
        to: AgentStatus,
        /// Why.
        reason: Option<String>,
    },
    /// A key was revoked.
    KeyRevoked {
        /// Which.
        key: AgentKeyId,
    },
    /// A new key took the place of others, which are good for a while beside it.
    KeyRotated {
        /// The new one.
        key: AgentKeyId,
        /// Those that go.
        replaced: Vec<AgentKeyId>,
        /// When they end at the latest.
        ends_at: DateTime<Utc>,
    },
    /// Its last key expires soon: a reminder.
    KeyExpiring {
        /// Which.
        key: AgentKeyId,
        /// When.
        expires_at: DateTime<Utc>,
        /// Whole days before that, of the organization's reminders.
        days: u16,
    },
    /// Another agent lets it act with a part of what that may do.
    Delegated {
        /// Which delegation.
        delegation: DelegationId,
    },
    /// That was taken back.
    DelegationRevoked {
        /// Which delegation.
        delegation: DelegationId,
    },
    /// What is said of it: names, texts, tags.
    Updated,
    /// It was deleted; what it did stays on record.
    Deleted,
    /// A grant was given.
    Granted {
        /// Which.
        grant: CapabilityGrantId,
    },
    /// A grant was taken.
    GrantRevoked {
        /// Which.
        grant: CapabilityGrantId,
    },
    /// A person agreed beforehand to what it may want to do.
    ApprovalGranted {
        /// Which grant.
        grant: ApprovalGrantId,
    },
    /// That was taken back, or is used up.
    ApprovalGrantEnded {
        /// Which grant.
        grant: ApprovalGrantId,
    },
    /// A person set its trust, or took that back.
    TrustOverridden {
        /// What it is until it expires; `None` when it was taken back.
        to: Option<TrustOverride>,
    },
    /// Its kill switch was engaged or released.
    KillSwitch {
        /// The engaged switch; `None` when it was released.
        to: Option<KillSwitch>,
    },
}

/// Somebody said what they think of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentRated {
    /// Of which.
    pub agent: AgentId,
    /// Who, as `user:<id>` or `agent:<id>`.
    pub rater: String,
    /// 1 to 5.
    pub rating: u8,
    /// What all say together from now on.
    pub feedback: Feedback,
}

/// A person asked for a score to be computed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustRecalculationRequested {
    /// Whose.
    pub agent: AgentId,
}

/// A trust score moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustScoreChanged {
    /// The snapshot that was kept.
    pub snapshot: TrustSnapshotId,
    /// Whose.
    pub agent: AgentId,
    /// Before.
    pub from: Option<TrustScore>,
    /// After.
    pub to: Option<TrustScore>,
}

/// A detector found something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnomalyDetected {
    /// Which.
    pub anomaly: AnomalyId,
    /// About whom.
    pub agent: AgentId,
    /// What kind.
    pub kind: AnomalyKind,
    /// How bad.
    pub severity: Severity,
    /// In which event.
    pub event: EventId,
    /// The alert that it belongs to; none where nobody has to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    /// What policies say, in words, where policies found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The policies that found it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyRef>,
}

/// An alert was raised, or got worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRaised {
    /// Which.
    pub alert: AlertId,
    /// About whom; the id of the MCP server where it is about one.
    pub agent: AgentId,
    /// How bad.
    pub severity: Severity,
    /// In words.
    pub summary: String,
    /// The MCP server that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_server: Option<McpServerId>,
}

/// A person worked on an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertAnswered {
    /// Which.
    pub alert: AlertId,
    /// Its status now.
    pub status: AlertStatus,
    /// What it was found to be.
    pub verdict: Option<AlertVerdict>,
}

/// An alert was given to somebody, or to nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertAssigned {
    /// Which.
    pub alert: AlertId,
    /// About whom.
    pub agent: AgentId,
    /// To whom.
    pub to: Option<UserId>,
}

/// An organization's audit log has grown, and was signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditCheckpointed {
    /// Whose.
    pub organization: OrganizationId,
    /// The checkpoint.
    pub checkpoint: Uuid,
    /// Its number, from 1 on.
    pub number: u64,
    /// How many entries it covers.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// One fact.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Fact {
            $($(#[$doc])* $variant($variant),)+
        }

        impl Fact {
            /// The CloudEvents `type` of every fact there is.
            pub const TYPES: &'static [&'static str] = &[$($name),+];

            /// The CloudEvents `type`.
            #[must_use]
            pub const fn event_type(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// Whether `event_type` is one of ours.
            #[must_use]
            pub fn is_known(event_type: &str) -> bool {
                Self::TYPES.contains(&event_type)
            }

            /// Reads the `data` of an event of `event_type`; `None` when it is not one of ours.
            ///
            /// # Errors
            /// When the data is not what that type holds.
            pub fn parse(event_type: &str, data: &[u8]) -> Option<Result<Self, serde_json::Error>> {
                match event_type {
                    $($name => Some(serde_json::from_slice(data).map(Self::$variant)),)+
                    _ => None,
                }
            }
        }

        $(impl $variant {
            /// The CloudEvents `type`.
            pub const TYPE: &'static str = $name;
        })+

        $(impl From<$variant> for Fact {
            fn from(fact: $variant) -> Self {
                Self::$variant(fact)
            }
        })+
    };
}

facts! {
    /// A verification was decided.
    VerificationRecorded = "aim.verification.recorded.v1",
    /// An approval has come further.
    ApprovalChanged = "aim.approval.changed.v1",
    /// A capability was asked for, or that was answered.
    CapabilityRequestChanged = "aim.capability-request.changed.v1",
    /// An action's result was reported.
    ActionResultReported = "aim.action.result-reported.v1",
    /// An agent changed.
    AgentChanged = "aim.agent.changed.v1",
    /// An organization changed.
    OrganizationChanged = "aim.organization.changed.v1",
    /// An agent was rated.
    AgentRated = "aim.agent.rated.v1",
    /// A trust score moved.
    TrustScoreChanged = "aim.trust.score-changed.v1",
    /// A score is to be computed anew.
    TrustRecalculationRequested = "aim.trust.recalculation-requested.v1",
    /// A detector found something.
    AnomalyDetected = "aim.anomaly.detected.v1",
    /// An alert was raised.
    AlertRaised = "aim.alert.raised.v1",
    /// An alert was answered.
    AlertAnswered = "aim.alert.answered.v1",
    /// An alert was assigned.
    AlertAssigned = "aim.alert.assigned.v1",
    /// What a person, or a program of theirs, may do changed.
    AccessChanged = "aim.access.changed.v1",
    /// An audit log was signed.
    AuditCheckpointed = "aim.audit.checkpointed.v1",
    /// An MCP server changed.
    McpServerChanged = "aim.mcp.server-changed.v1",
    /// A review of access has come further.
    AccessReviewChanged = "aim.access-review.changed.v1",
    /// A report was made and is kept.
    ReportKept = "aim.report.kept.v1",
}

/// A fact with what every fact has.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its identity.
    pub id: EventId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What keeps its order: events of one agent stay in order. Facts of a whole organization have
    /// the organization's id here.
    pub agent: AgentId,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The span that it happened in, where that is known.
    pub trace: Option<TraceContext>,
    /// What happened.
    pub fact: Fact,
}

impl Fact {
    /// The agent that the fact is about; `None` where it names none.
    #[must_use]
    pub const fn agent(&self) -> Option<AgentId> {
        match self {
            Self::VerificationRecorded(f) => Some(f.agent),
            Self::ApprovalChanged(f) => Some(f.agent),
            Self::CapabilityRequestChanged(f) => Some(f.agent),
            Self::ActionResultReported(f) => Some(f.agent),
            Self::AgentChanged(f) => Some(f.agent),
            Self::AgentRated(f) => Some(f.agent),
            Self::TrustScoreChanged(f) => Some(f.agent),
            Self::TrustRecalculationRequested(f) => Some(f.agent),
            Self::AnomalyDetected(f) => Some(f.agent),
            Self::AlertRaised(f) if f.mcp_server.is_none() => Some(f.agent),
            Self::AlertAssigned(f) => Some(f.agent),
            Self::OrganizationChanged(_)
            | Self::McpServerChanged(_)
            | Self::AlertRaised(_)
            | Self::AlertAnswered(_)
            | Self::AccessChanged(_)
            | Self::AccessReviewChanged(_)
            | Self::ReportKept(_)
            | Self::AuditCheckpointed(_) => None,
        }
    }
}
