//! Who may do what: the one table.
//!
//! Least roles stand with the permissions themselves (`domain/role.rs`), because roles are ordered there;
//! what agents and programs may is said here, and what is not said they may not. The descriptions in the
//! schema are held against this table by a test.

use aim_domain::role::{Permission, Role};

/// Who may do one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// People of this role or a higher one.
    pub least_role: Role,
    /// Whether an agent may, by its signature.
    pub agents: bool,
    /// Whether a program may that acts for a person, by an API key or SDK token: within the role of its
    /// person and what the person let it have. What is a person's own judgement, and what makes people or
    /// credentials, is left to people.
    pub programs: bool,
}

/// What agents may: read, rate each other, send in what they did and which servers and agents they saw, exchange their
/// own keys and take back what they delegated.
const AGENTS: &[Permission] = &[
    Permission::Read,
    Permission::RateAgents,
    Permission::IngestEvents,
    Permission::RotateKeys,
    Permission::RevokeDelegations,
    Permission::ReportMcpServers,
    Permission::ReportAgents,
];

/// What programs may be given.
pub const PROGRAMS: &[Permission] = &[
    Permission::Read,
    Permission::RegisterAgent,
    Permission::ManageAgents,
    Permission::ManageCapabilities,
    Permission::ManageAlerts,
    Permission::Audit,
    Permission::KillSwitch,
    Permission::IngestEvents,
    Permission::ManageModels,
    Permission::ReadPolicies,
    Permission::ManagePolicies,
    Permission::EvaluateAccess,
    Permission::RegisterMcpServers,
    Permission::ReportMcpServers,
    Permission::ReportAgents,
    Permission::ManageMcpServers,
];

/// The row of the table.
#[must_use]
pub fn access(permission: Permission) -> Access {
    Access {
        least_role: permission.least_role(),
        agents: AGENTS.contains(&permission),
        programs: PROGRAMS.contains(&permission),
    }
}

/// What a program may now: what it was given, as long as its person may, too.
#[must_use]
pub fn effective(given: &[Permission], role: Role) -> Vec<Permission> {
    let kept = given.iter().copied();
    kept.filter(|it| access(*it).programs && role.may(*it))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_never_has_more_than_its_person() {
        let all = effective(PROGRAMS, Role::Owner);
        assert_eq!(all, PROGRAMS);
        let viewer = [Permission::Read, Permission::ReadPolicies];
        assert_eq!(effective(PROGRAMS, Role::Viewer), viewer);
        let manager = effective(PROGRAMS, Role::Manager);
        assert!(manager.contains(&Permission::ManageAgents));
        assert!(!manager.contains(&Permission::Audit));
    }

    #[test]
    fn what_is_a_persons_own_no_program_gets_whatever_it_was_given() {
        for own in [
            Permission::Approve,
            Permission::ApproveMcpServers,
            Permission::ReviewAccess,
            Permission::ShareFilters,
            Permission::RateAgents,
            Permission::ManageSettings,
            Permission::ReplaceModelSigner,
            Permission::ManagePeople,
            Permission::ManageCredentials,
            Permission::ManageOrganization,
        ] {
            assert_eq!(effective(&[own], Role::Owner), [], "{own:?}");
        }
    }
}
