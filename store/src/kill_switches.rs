//! Kill switches of agents and organizations.

use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::kill_switch::KillSwitch;
use aim_entities::{agent, organization};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{StoreError, Tx};

/// The kill switch that a row's columns hold.
pub(crate) fn convert(
    reason: Option<String>,
    engaged_by: Option<String>,
    engaged_at: Option<DateTime<Utc>>,
) -> Option<KillSwitch> {
    engaged_at.map(|engaged_at| KillSwitch {
        reason: reason.unwrap_or_default(),
        engaged_by: engaged_by.unwrap_or_default(),
        engaged_at,
    })
}

/// Engages or releases the switch of the row with this id; rows that are so already stay untouched,
/// with the words of whoever was first.
macro_rules! put {
    ($on:expr, $table:ident, $id:expr, $to:expr) => {{
        use $table::Column as C;
        let query = $table::Entity::update_many()
            .col_expr(
                C::KillSwitchReason,
                Expr::value($to.map(|to| to.reason.clone())),
            )
            .col_expr(
                C::KillSwitchEngagedBy,
                Expr::value($to.map(|to| to.engaged_by.clone())),
            )
            .col_expr(
                C::KillSwitchEngagedAt,
                Expr::value($to.map(|to| to.engaged_at)),
            )
            .filter(C::Id.eq($id));
        let query = match $to {
            Some(_) => query.filter(C::KillSwitchEngagedAt.is_null()),
            None => query.filter(C::KillSwitchEngagedAt.is_not_null()),
        };
        Ok(query.exec($on).await?.rows_affected == 1)
    }};
}

impl Tx {
    /// Engages the kill switch of an agent, or releases it; false when it is so already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_agent_kill_switch(
        &mut self,
        id: AgentId,
        to: Option<&KillSwitch>,
    ) -> Result<bool, StoreError> {
        put!(self.on(), agent, id.as_uuid(), to)
    }

    /// Engages the kill switch of an organization, or releases it; false when it is so already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_organization_kill_switch(
        &mut self,
        id: OrganizationId,
        to: Option<&KillSwitch>,
    ) -> Result<bool, StoreError> {
        put!(self.on(), organization, id.as_uuid(), to)
    }
}
