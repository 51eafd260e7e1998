//! API keys, SDK tokens and people: nothing here opens anything.

use aim_domain::limits::OrganizationLimits;
use aim_domain::role::Permission;
use aim_store::api_keys::ApiKey as KeyRow;
use aim_store::members::Member;
use aim_store::sessions::Session;
use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::enums::Role;
use super::super::id::global_id;

/// What a person can let a program do, within their own role. What is not here is for people alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ProgramPermission {
    /// See agents, verifications, scores, alerts. Needs a person of role `VIEWER`.
    Read,
    /// Register agents. Needs a person of role `MEMBER`.
    RegisterAgent,
    /// Change the state of agents. Needs a person of role `MANAGER`.
    ManageAgents,
    /// Grant and revoke capabilities. Needs a person of role `MANAGER`.
    ManageCapabilities,
    /// Acknowledge and resolve alerts. Needs a person of role `MANAGER`.
    ManageAlerts,
    /// See dead letters and the audit trail. Needs a person of role `ADMIN`.
    Audit,
    /// Stop agents at once, and let them go on. Needs a person of role `ADMIN`.
    KillSwitch,
    /// Send in events that agents signed. Needs a person of role `MEMBER`.
    IngestEvents,
    /// Publish models, and say which serve. Needs a person of role `ADMIN`.
    ManageModels,
    /// See policies, and what they said and would say. Needs a person of role `VIEWER`.
    ReadPolicies,
    /// Publish policies, and say which count. Needs a person of role `ADMIN`.
    ManagePolicies,
    /// Ask in the place of agents whether they may, by the AuthZEN API. Needs a person of role `MANAGER`.
    EvaluateAccess,
    /// Register MCP servers, and say what they say of themselves. Needs a person of role `MEMBER`.
    RegisterMcpServers,
    /// Report MCP servers that were seen. Needs a person of role `MEMBER`.
    ReportMcpServers,
    /// Report agents that were seen. Needs a person of role `MEMBER`.
    ReportAgents,
    /// Change MCP servers and their state. Needs a person of role `MANAGER`.
    ManageMcpServers,
}

impl ProgramPermission {
    /// All of them, beside what they are in the table.
    pub(crate) const ALL: [(Self, Permission); 16] = [
        (Self::Read, Permission::Read),
        (Self::RegisterAgent, Permission::RegisterAgent),
        (Self::ManageAgents, Permission::ManageAgents),
        (Self::ManageCapabilities, Permission::ManageCapabilities),
        (Self::ManageAlerts, Permission::ManageAlerts),
        (Self::Audit, Permission::Audit),
        (Self::KillSwitch, Permission::KillSwitch),
        (Self::IngestEvents, Permission::IngestEvents),
        (Self::ManageModels, Permission::ManageModels),
        (Self::ReadPolicies, Permission::ReadPolicies),
        (Self::ManagePolicies, Permission::ManagePolicies),
        (Self::EvaluateAccess, Permission::EvaluateAccess),
        (Self::RegisterMcpServers, Permission::RegisterMcpServers),
        (Self::ReportMcpServers, Permission::ReportMcpServers),
        (Self::ReportAgents, Permission::ReportAgents),
        (Self::ManageMcpServers, Permission::ManageMcpServers),
    ];

    fn of(permissions: &[Permission]) -> Vec<Self> {
        let all = Self::ALL.iter().filter(|(_, it)| permissions.contains(it));
        all.map(|(own, _)| *own).collect()
    }
}

impl From<ProgramPermission> for Permission {
    fn from(permission: ProgramPermission) -> Self {
        let found = ProgramPermission::ALL
            .iter()
            .find(|(own, _)| *own == permission);
        found.map_or(Self::Read, |(_, it)| *it)
    }
}

/// A key of a program. Its secret was shown when it was made, and to nobody since.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ApiKey {
    /// Global id.
    id: ID,
    /// What it is for.
    name: String,
    /// How the key begins, behind `aim_key_`: enough to recognize it.
    prefix: String,
    /// What its holder may do at most.
    permissions: Vec<ProgramPermission>,
    /// Global id of the person for whom its holder acts.
    user_id: ID,
    /// Whether it is good, as long as it has not expired and its person may sign in.
    is_enabled: bool,
    /// Since when it exists.
    created_at: DateTime<Utc>,
    /// When it ends.
    expires_at: Option<DateTime<Utc>>,
    /// When its secret was last replaced.
    rotated_at: Option<DateTime<Utc>>,
    /// Until when the secret before is good, too.
    previous_until: Option<DateTime<Utc>>,
    /// When it was last used, to within a minute.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: global_id("ApiKey", row.id),
            name: row.name,
            prefix: row.prefix,
            permissions: ProgramPermission::of(&row.permissions),
            user_id: global_id("User", row.user),
            is_enabled: row.disabled_at.is_none(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            rotated_at: row.rotated_at,
            previous_until: row.previous_until,
            last_used_at: row.last_used_at,
        }
    }
}

connection!(ApiKeyConnection, ApiKeyEdge, ApiKey, KeyRow, "ApiKey");

/// A session that a person opened for a program.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct SdkToken {
    /// Global id.
    id: ID,
    /// What it is for.
    name: String,
    /// What its holder may do at most.
    permissions: Vec<ProgramPermission>,
    /// Where it was last refreshed from; null before the first time.
    client_address: Option<String>,
    /// What the program said it is.
    user_agent: Option<String>,
    /// Since when it exists.
    created_at: DateTime<Utc>,
    /// When it was last refreshed.
    last_used_at: DateTime<Utc>,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

impl From<Session> for SdkToken {
    fn from(row: Session) -> Self {
        Self {
            id: global_id("SdkToken", row.id),
            name: row.name.unwrap_or_default(),
            permissions: ProgramPermission::of(&row.permissions),
            client_address: row.client.address.map(|it| it.to_string()),
            user_agent: row.client.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        }
    }
}

connection!(
    SdkTokenConnection,
    SdkTokenEdge,
    SdkToken,
    Session,
    "SdkToken"
);

/// A person as who manages people sees them.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct UserAccount {
    /// Global id, as of the `User`.
    id: ID,
    /// E-mail address.
    email: String,
    /// Name.
    name: String,
    /// What they may do.
    role: Role,
    /// Whether they may sign in.
    is_active: bool,
    /// Whether a new password has to be chosen before anything else.
    must_change_password: bool,
    /// Since when they exist.
    created_at: DateTime<Utc>,
    /// When they last signed in.
    last_sign_in_at: Option<DateTime<Utc>>,
}

impl From<Member> for UserAccount {
    fn from(row: Member) -> Self {
        Self {
            id: global_id("User", row.id),
            email: row.user.email,
            name: row.user.name,
            role: row.user.role.into(),
            is_active: row.deactivated_at.is_none(),
            must_change_password: row.user.must_change_password,
            created_at: row.user.created_at,
            last_sign_in_at: row.last_sign_in_at,
        }
    }
}

connection!(
    UserAccountConnection,
    UserAccountEdge,
    UserAccount,
    Member,
    "User"
);

/// What an organization allows itself. What would go beyond is refused with a message that names the
/// limit.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct OrganizationSettings {
    /// Most agents that are not revoked.
    max_agents: u32,
    /// Most people who may sign in.
    max_users: u32,
    /// Most API keys and SDK tokens together.
    max_program_credentials: u32,
    /// How long a session lasts at most.
    session_life_seconds: u32,
    /// How long a session lasts without use.
    session_idle_seconds: u32,
    /// Longest life of an API key or SDK token, in days.
    credential_life_days: u32,
    /// Least characters of a new password.
    password_min_chars: u32,
}

impl From<OrganizationLimits> for OrganizationSettings {
    fn from(limits: OrganizationLimits) -> Self {
        Self {
            max_agents: limits.max_agents,
            max_users: limits.max_users,
            max_program_credentials: limits.max_program_credentials,
            session_life_seconds: limits.session_life_seconds,
            session_idle_seconds: limits.session_idle_seconds,
            credential_life_days: limits.credential_life_days,
            password_min_chars: limits.password_min_chars,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_app::authorization::PROGRAMS;

    #[test]
    fn what_can_be_given_is_what_the_table_lets_programs_have() {
        let given = ProgramPermission::ALL.map(|(own, _)| Permission::from(own));
        assert_eq!(given, PROGRAMS);
        assert_eq!(ProgramPermission::of(&given).len(), PROGRAMS.len());
    }
}
