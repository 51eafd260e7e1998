//! What a person may do.

use serde::{Deserialize, Serialize};

/// A person's role in an organization, least first; each may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Registers agents.
    Member,
    /// Runs agents: suspends, reinstates, grants, approves.
    Manager,
    /// Also manages people and settings.
    Admin,
    /// Also owns the organization itself.
    Owner,
}

/// A thing that needs a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// See agents, verifications, scores, alerts.
    Read,
    /// Register agents.
    RegisterAgent,
    /// Change the state of agents.
    ManageAgents,
    /// Grant and revoke capabilities.
    ManageCapabilities,
    /// Answer pending verifications and requests for capabilities.
    Approve,
    /// Acknowledge and resolve alerts.
    ManageAlerts,
    /// See dead letters and the audit trail.
    Audit,
    /// Change what holds for the whole organization.
    ManageSettings,
    /// Stop all agents at once, and let them go on.
    KillSwitch,
    /// Say what one thinks of an agent.
    RateAgents,
    /// Ingest events on behalf of agents that signed them.
    IngestEvents,
    /// Publish models, and say which serve.
    ManageModels,
    /// Say whose models are taken.
    ReplaceModelSigner,
    /// Say what the audit trail keeps, for how long, and who witnesses it.
    ManageAudit,
    /// Make API keys and SDK tokens for one's own programs.
    ManageCredentials,
    /// See people, invite them and let them in, change their roles, shut them out, help those who
    /// lost a second factor.
    ManagePeople,
    /// Change the organization's name and limits.
    ManageOrganization,
    /// Exchange keys of agents. Agents may exchange their own.
    RotateKeys,
    /// Take delegations back. Agents may take back what they handed on.
    RevokeDelegations,
    /// See policies, and what they said and would say.
    ReadPolicies,
    /// Publish policies, and say which count.
    ManagePolicies,
    /// Ask in the place of agents whether they may: for programs that stand before what agents want.
    EvaluateAccess,
    /// Register MCP servers, and say what they say of themselves.
    RegisterMcpServers,
    /// Report MCP servers that were seen.
    ReportMcpServers,
    /// Report agents that were seen.
    ReportAgents,
    /// Change MCP servers and their state.
    ManageMcpServers,
    /// Approve what MCP servers say of themselves.
    ApproveMcpServers,
    /// Review who and what may get in.
    ReviewAccess,
    /// Keep filters of lists for everybody.
    ShareFilters,
}

impl Permission {
    /// The least role that has it.
    #[must_use]
    pub const fn least_role(self) -> Role {
        match self {
            Self::Read | Self::ReadPolicies => Role::Viewer,
            Self::RegisterAgent
            | Self::RegisterMcpServers
            | Self::ReportMcpServers
            | Self::ReportAgents
            | Self::RateAgents
            | Self::IngestEvents
            | Self::ManageCredentials => Role::Member,
            Self::ManageAgents
            | Self::ManageMcpServers
            | Self::ApproveMcpServers
            | Self::ManageCapabilities
            | Self::Approve
            | Self::ManageAlerts
            | Self::RotateKeys
            | Self::RevokeDelegations
            | Self::ShareFilters
            | Self::EvaluateAccess => Role::Manager,
            Self::Audit
            | Self::ManageSettings
            | Self::KillSwitch
            | Self::ManageModels
            | Self::ManagePeople
            | Self::ReviewAccess
            | Self::ManagePolicies => Role::Admin,
            Self::ReplaceModelSigner | Self::ManageAudit | Self::ManageOrganization => Role::Owner,
        }
    }
}

impl Role {
    /// Whether this role has `permission`.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered() {
        assert!(Role::Owner.may(Permission::Audit));
        assert!(Role::Viewer.may(Permission::Read));
        assert!(!Role::Viewer.may(Permission::RegisterAgent));
        assert!(!Role::Member.may(Permission::ManageAgents));
        assert!(!Role::Manager.may(Permission::Audit));
        assert!(!Role::Manager.may(Permission::KillSwitch));
        assert!(Role::Admin.may(Permission::KillSwitch));
    }
}
