//! People and organizations.

use aim_domain::role::Permission;
use aim_store::organizations::Organization as OrganizationRow;
use aim_store::users::User as Row;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::enums::Role;
use super::super::id::global_id;
use super::{KeyPolicy, KillSwitch, OrganizationModels, OrganizationSettings, TrustWeights};

/// A person.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct User {
    /// Global id.
    id: ID,
    /// E-mail address.
    email: String,
    /// Name.
    name: String,
    /// What they may do.
    role: Role,
    /// Whether a new password has to be chosen before anything else.
    must_change_password: bool,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("User", row.id),
            email: row.email,
            name: row.name,
            role: row.role.into(),
            must_change_password: row.must_change_password,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Organization {
    /// Global id.
    id: ID,
    /// The plain UUID, as in the text of a proof of possession.
    uuid: ID,
    /// Name.
    name: String,
    /// How much each trust factor counts.
    trust_weights: TrustWeights,
    /// The kill switch of all its agents; null while released.
    kill_switch: Option<KillSwitch>,
    /// Since when it exists.
    created_at: DateTime<Utc>,
}

impl From<OrganizationRow> for Organization {
    fn from(row: OrganizationRow) -> Self {
        Self {
            id: global_id("Organization", row.id),
            uuid: ID(row.id.to_string()),
            name: row.name,
            trust_weights: row.trust_weights.into(),
            kill_switch: row.kill_switch.map(KillSwitch::from),
            created_at: row.created_at,
        }
    }
}

#[ComplexObject]
impl Organization {
    /// What it wants of its agents' keys.
    async fn key_policy(&self, context: &Context<'_>) -> Result<KeyPolicy> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let policy = request.app.get_key_policy(&permit).await;
        Ok(policy.map_err(fault)?.into())
    }

    /// The models that serve it, and whose models it takes.
    async fn models(&self, context: &Context<'_>) -> Result<OrganizationModels> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let now = request.app.models_now(&permit).await;
        Ok(now.map_err(fault)?.into())
    }

    /// What it allows itself.
    async fn settings(&self, context: &Context<'_>) -> Result<OrganizationSettings> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Read)?;
        let limits = request.app.find_limits(&permit).await;
        Ok(limits.map_err(fault)?.into())
    }
}
