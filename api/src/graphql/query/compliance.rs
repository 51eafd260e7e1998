//! What frameworks ask for.

use aim_domain::role::Permission;
use async_graphql::{Context, Object, Result};

use super::super::context::{RequestContext, fault};
use super::super::types::{ComplianceFramework, ComplianceReport};

/// Queries about frameworks.
#[derive(Debug, Default)]
pub(crate) struct ComplianceQueries;

#[Object]
impl ComplianceQueries {
    /// What a framework asks for, held against what is on record now. Needs `ADMIN`.
    async fn compliance_report(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which framework.")] framework: ComplianceFramework,
    ) -> Result<ComplianceReport> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::Audit)?;
        let report = request.app.compliance_report(&permit, framework.into());
        Ok(report.await.map_err(fault)?.into())
    }
}
