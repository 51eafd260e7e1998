//! Profiles in memory, in front of those in the database.

use std::collections::{HashMap, HashSet};

use aim_app::{App, AppError, ErrorCode};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::trust::TrustWeights;
use aim_ml_models::BehaviourProfile;

/// Most profiles in memory, about 4 KiB each.
const KEPT_MAX: usize = 50_000;

/// A profile, how often it has been written, and how much the trust factors count for its agent's
/// organization now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) profile: BehaviourProfile,
    pub(crate) revision: i64,
    pub(crate) weights: TrustWeights,
}

/// The cache. It is only right while this process alone reads the agents' partitions, so it is
/// emptied whenever that may have changed.
#[derive(Debug, Default)]
pub(crate) struct Profiles(HashMap<AgentId, Live>);

impl Profiles {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the profiles of these agents, new ones for those who have none, with the weights of now.
    pub(crate) async fn take(
        &mut self,
        app: &App,
        agents: &HashSet<(AgentId, OrganizationId)>,
    ) -> Result<HashMap<AgentId, Live>, AppError> {
        let cold: Vec<AgentId> = agents
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| !self.0.contains_key(id))
            .collect();
        if !cold.is_empty() {
            for stored in app.load_profiles(&cold).await? {
                let profile = BehaviourProfile::decode(&stored.profile).map_err(|error| {
                    tracing::error!(agent = %stored.agent, %error, "behaviour profile");
                    AppError::new(ErrorCode::Internal, "a behaviour profile cannot be read")
                })?;
                self.0.insert(
                    stored.agent,
                    Live {
                        profile,
                        revision: stored.revision,
                        weights: TrustWeights::default(),
                    },
                );
            }
        }
        let organizations: HashSet<_> = agents.iter().map(|(_, whose)| *whose).collect();
        let organizations: Vec<_> = organizations.into_iter().collect();
        let weights = app.load_trust_weights(&organizations).await?;
        let live = agents.iter().map(|(id, whose)| {
            let mut live = self.0.get(id).cloned().unwrap_or_default();
            // Whatever they were when it was put back: people change them meanwhile.
            live.weights = weights.get(whose).copied().unwrap_or_default();
            (*id, live)
        });
        Ok(live.collect())
    }

    /// Puts them back once they are durable.
    pub(crate) fn put(&mut self, profiles: HashMap<AgentId, Live>) {
        if self.0.len() + profiles.len() > KEPT_MAX {
            self.0.clear();
        }
        self.0.extend(profiles);
    }
}
