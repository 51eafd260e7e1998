//! How much each trust factor counts for an organization, and computing a score anew.

use std::collections::HashMap;

use aim_domain::event::{OrganizationChange, TrustRecalculationRequested};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::trust::{TrustFactorKind, TrustWeights, WeightsError};
use aim_store::agents::Agent;
use aim_store::organizations::Organization;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

impl App {
    /// Sets the weights of the permit's organization, in the order of [`TrustFactorKind`]. The score
    /// of an agent follows with its next event, or when it is recalculated. Weights that are so
    /// already stay as they are.
    ///
    /// # Errors
    /// `InvalidInput` for each weight out of its bounds, the sum, or the reason.
    pub async fn set_trust_weights(
        &self,
        permit: &Permit,
        fractions: [f64; 8],
        reason: String,
    ) -> Result<Organization, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        let to = TrustWeights::from_fractions(fractions).map_err(|wrong| {
            for error in wrong {
                errors.add(field(&error), error.to_string());
            }
        });
        errors.finish()?;
        let to = to.map_err(|()| AppError::new(ErrorCode::Internal, "internal error"))?;
        let before = self.get_organization(permit).await?;
        if before.trust_weights == to {
            return Ok(before);
        }
        let mut tx = self.store.begin().await?;
        tx.update_trust_weights(before.id, to).await?;
        let change = OrganizationChange::TrustWeights { to };
        tx.emit(&self.organization_event(before.id, change));
        tx.audit(permit.audit(
            &self.ids,
            "organization.set-trust-weights",
            ("organization", before.id.to_string()),
            Some(reason),
            (
                Some(json!({ "trustWeights": before.trust_weights })),
                Some(json!({ "trustWeights": to })),
            ),
        ));
        tx.commit().await?;
        self.get_organization(permit).await
    }

    /// Has the score of an agent computed anew, from its recorded profile and tallies and the weights
    /// of now. The stream does it, as the one writer of scores, in the order of the agent's events.
    /// An agent that was never seen to act has no score to compute.
    ///
    /// # Errors
    /// `NotFound` for the agent.
    pub async fn recalculate_trust(&self, permit: &Permit, id: AgentId) -> Result<Agent, AppError> {
        let agent = self.get_agent(permit, id).await?;
        if agent.trust_sample_count == 0 {
            return Ok(agent);
        }
        let mut tx = self.store.begin().await?;
        let fact = TrustRecalculationRequested { agent: id };
        tx.emit(&self.event(agent.organization, id, fact));
        tx.audit(permit.audit(
            &self.ids,
            "agent.recalculate-trust",
            ("agent", id.to_string()),
            None,
            (Some(json!({ "score": agent.trust })), None),
        ));
        tx.commit().await?;
        Ok(agent)
    }

    /// The weights of these organizations; unknown ones are left out.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn load_trust_weights(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, TrustWeights>, AppError> {
        let found = self.store.load_trust_weights(organizations).await?;
        Ok(found.into_iter().collect())
    }
}

/// Where the API has what is wrong.
const fn field(error: &WeightsError) -> &'static str {
    match error {
        WeightsError::Sum(_) => "weights",
        WeightsError::OutOfBounds { kind, .. } => match kind {
            TrustFactorKind::AgentHistory => "weights.agentHistory",
            TrustFactorKind::McpAttestation => "weights.mcpAttestation",
            TrustFactorKind::ActionRisk => "weights.actionRisk",
            TrustFactorKind::CapabilityViolations => "weights.capabilityViolations",
            TrustFactorKind::Frequency => "weights.frequency",
            TrustFactorKind::TemporalPattern => "weights.temporalPattern",
            TrustFactorKind::GeographicSignals => "weights.geographicSignals",
            TrustFactorKind::CommunityFeedback => "weights.communityFeedback",
        },
    }
}
