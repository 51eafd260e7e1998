//! Kill switches engaged since this process began to follow the event log.
//!
//! Who is stopped is asked of the facts. This is for what was let in before: an agent's websocket and
//! its subscriptions live on for as long as its credential, and are held against this at each step.

use std::collections::HashSet;

use aim_domain::event::{AgentChange, Fact, OrganizationChange};
use aim_domain::id::{AgentId, OrganizationId};
use parking_lot::RwLock;

/// The engaged ones. People engage few, and each goes when it is released.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    agents: RwLock<HashSet<AgentId>>,
    organizations: RwLock<HashSet<OrganizationId>>,
}

impl Kills {
    /// Whether a switch that was heard of stops this agent.
    pub(crate) fn stops(&self, agent: AgentId, organization: OrganizationId) -> bool {
        self.agents.read().contains(&agent) || self.organizations.read().contains(&organization)
    }

    /// Hears a fact, in the order of the event log.
    pub(crate) fn heed(&self, fact: &Fact) {
        match fact {
            Fact::AgentChanged(changed) => {
                if let AgentChange::KillSwitch { to } = &changed.change {
                    put(&self.agents, changed.agent, to.is_some());
                }
            }
            Fact::OrganizationChanged(changed) => {
                if let OrganizationChange::KillSwitch { to } = &changed.change {
                    put(&self.organizations, changed.organization, to.is_some());
                }
            }
            _ => {}
        }
    }
}

fn put<T: Eq + std::hash::Hash>(set: &RwLock<HashSet<T>>, id: T, is_engaged: bool) {
    let mut set = set.write();
    if is_engaged {
        set.insert(id);
    } else {
        set.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::event::{AgentChanged, OrganizationChanged};
    use aim_domain::kill_switch::KillSwitch;
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn each_switch_stops_until_it_is_released_itself() {
        let agent = |number| AgentId::from_uuid(Uuid::from_u128(number));
        let organization = OrganizationId::from_uuid(Uuid::from_u128(9));
        let engaged = KillSwitch {
            reason: "why".to_owned(),
            engaged_by: "user:1".to_owned(),
            engaged_at: DateTime::UNIX_EPOCH,
        };
        let one = |is_engaged: bool| -> Fact {
            let to = is_engaged.then(|| engaged.clone());
            let change = AgentChange::KillSwitch { to };
            AgentChanged {
                agent: agent(1),
                change,
            }
            .into()
        };
        let all = |is_engaged: bool| -> Fact {
            let to = is_engaged.then(|| engaged.clone());
            let change = OrganizationChange::KillSwitch { to };
            OrganizationChanged {
                organization,
                change,
            }
            .into()
        };
        let kills = Kills::default();
        for (fact, stopped) in [
            (one(true), [true, false]),
            (all(true), [true, true]),
            (one(false), [true, true]),
            (one(true), [true, true]),
            (all(false), [true, false]),
            (one(false), [false, false]),
        ] {
            kills.heed(&fact);
            let found = [1, 2].map(|number| kills.stops(agent(number), organization));
            assert_eq!(found, stopped, "{fact:?}");
        }
    }
}
