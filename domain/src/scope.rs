//! The tenant boundary.

use crate::id::OrganizationId;

/// What a reader may see: one organization. Every finder takes one; another organization's
/// object does not exist for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The organization that owns everything in sight.
    pub organization: OrganizationId,
}

impl Scope {
    /// The scope of one organization.
    #[must_use]
    pub const fn of(organization: OrganizationId) -> Self {
        Self { organization }
    }
}
