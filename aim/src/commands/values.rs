//! Words of the schema that flags take.

use clap::ValueEnum;
use serde::Serialize;

/// An enum of the schema whose values are flags' values, each with its help.
macro_rules! values {
    ($($(#[$about:meta])* $name:ident { $($(#[$help:meta])* $value:ident),+ $(,)? })+) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub(crate) enum $name { $($(#[$help])* $value),+ }
    )+};
}

values! {
    AgentStatus {
        /// Its key is not proven yet.
        Pending,
        /// In good standing.
        Verified,
        /// Stopped by a person, for a while.
        Suspended,
        /// Stopped because of what it did.
        Quarantined,
        /// Ended for good.
        Revoked,
    }
    AgentType {
        /// Decides by a language model.
        LlmAgent,
        /// Helps a person.
        Assistant,
        /// Runs fixed steps.
        Workflow,
        /// Uses MCP servers for a person.
        McpClient,
        /// Anything else.
        Custom,
    }
    Severity {
        /// For the record.
        Low,
        /// To be looked at.
        Medium,
        /// To be looked at now.
        High,
        /// Harm is likely.
        Critical,
    }
    RiskLevel {
        /// Reads what is public.
        Low,
        /// Reads what is not.
        Medium,
        /// Changes something.
        High,
        /// A person has to agree.
        Critical,
    }
    AlertStatus {
        /// Nobody has looked at it.
        Open,
        /// Somebody is at it.
        Acknowledged,
        /// Judged.
        Resolved,
    }
    SightingStatus {
        /// A person has to look.
        Open,
        /// A person looked and left it alone.
        Dismissed,
    }
    AlertVerdict {
        /// Something was wrong.
        TruePositive,
        /// Nothing was wrong.
        FalsePositive,
    }
    ApprovalStatus {
        /// Waits for a person.
        Pending,
        /// Agreed to, not used yet.
        Approved,
        /// A person said no.
        Denied,
        /// Nobody answered in time, or it was not used in time.
        Expired,
        /// Something else spoke against it when it was presented.
        Refused,
        /// The agent acted by it.
        Used,
    }
    Decision {
        /// The agent may act.
        Allowed,
        /// It may not.
        Denied,
        /// A person has to agree.
        PendingApproval,
    }
    RequestStatus {
        /// Waits for a person.
        Pending,
        /// Granted.
        Approved,
        /// Not granted.
        Rejected,
        /// Nobody answered in time.
        Expired,
    }
    Role {
        /// Everything.
        Owner,
        /// People, credentials and the audit log beside what managers may.
        Admin,
        /// Agents, policies, approvals and alerts.
        Manager,
        /// Registers agents.
        Member,
        /// Reads.
        Viewer,
    }
    ProgramPermission {
        /// Read the audit log.
        Audit,
        /// Ask for decisions by AuthZEN.
        EvaluateAccess,
        /// Send events of agents.
        IngestEvents,
        /// Stop and release agents.
        KillSwitch,
        /// Change agents.
        ManageAgents,
        /// Acknowledge and resolve alerts.
        ManageAlerts,
        /// Grant and revoke capabilities.
        ManageCapabilities,
        /// Approve and change MCP servers.
        ManageMcpServers,
        /// Publish and promote models.
        ManageModels,
        /// Publish policies.
        ManagePolicies,
        /// Read everything but policies and the audit log.
        Read,
        /// Read policies.
        ReadPolicies,
        /// Register agents.
        RegisterAgent,
        /// Register MCP servers.
        RegisterMcpServers,
    }
    McpStatus {
        /// Nobody has approved what it offers.
        Pending,
        /// What it offers is approved.
        Verified,
        /// Not to be used for a while.
        Suspended,
        /// Not to be used any more.
        Revoked,
    }
    McpTransport {
        /// A process on an agent's machine.
        Stdio,
        /// An HTTP endpoint.
        StreamableHttp,
    }
    TargetKind {
        /// Letters.
        Email,
        /// Messages in a channel.
        Slack,
        /// Signed requests.
        Webhook,
    }
}
