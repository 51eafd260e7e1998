//! What stopped agents and keys since this process began to follow the event log.
//!
//! Who is stopped is asked of the facts. This is for what was let in before: an agent's websocket and
//! its subscriptions live on for as long as its credential, and are held against this at each step.

use std::collections::{HashMap, HashSet};

use aim_domain::event::{AgentChange, Fact, OrganizationChange};
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use chrono::{DateTime, Duration, Utc};
use parking_lot::RwLock;

use crate::AgentActor;

/// Ends of keys are kept for as long as a connection can have been opened before them.
const KEPT: Duration = Duration::hours(2);
/// So many are not worth a look for old ones.
const FEW: usize = 4_096;

/// What stops. People stop few, and each goes when it is released.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    killed: RwLock<HashSet<AgentId>>,
    organizations: RwLock<HashSet<OrganizationId>>,
    /// Agents whose status says that they may not act.
    stopped: RwLock<HashSet<AgentId>>,
    keys: RwLock<HashMap<AgentKeyId, DateTime<Utc>>>,
}

impl Kills {
    /// Whether something that was heard of stops this agent, or ended its key.
    pub(crate) fn stops(&self, actor: &AgentActor, now: DateTime<Utc>) -> bool {
        let ended = |end: &DateTime<Utc>| *end <= now;
        self.killed.read().contains(&actor.agent)
            || self.organizations.read().contains(&actor.organization)
            || self.stopped.read().contains(&actor.agent)
            || self.keys.read().get(&actor.key).is_some_and(ended)
    }

    /// Hears a fact of `time`, in the order of the event log.
    pub(crate) fn heed(&self, fact: &Fact, time: DateTime<Utc>) {
        match fact {
            Fact::AgentChanged(changed) => {
                let agent = changed.agent;
                match &changed.change {
                    AgentChange::KillSwitch { to } => put(&self.killed, agent, to.is_some()),
                    AgentChange::Status { to, .. } => put(&self.stopped, agent, !to.may_act()),
                    AgentChange::KeyRevoked { key } => self.end([*key], time, time),
                    AgentChange::KeyRotated {
                        replaced, ends_at, ..
                    } => self.end(replaced.iter().copied(), *ends_at, time),
                    _ => {}
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

    fn end(
        &self,
        ended: impl IntoIterator<Item = AgentKeyId>,
        end: DateTime<Utc>,
        time: DateTime<Utc>,
    ) {
        let mut keys = self.keys.write();
        if keys.len() > FEW {
            keys.retain(|_, end| *end + KEPT > time);
        }
        for key in ended {
            let first = keys.entry(key).or_insert(end);
            *first = end.min(*first);
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
    use aim_domain::agent::AgentStatus;
    use aim_domain::event::{AgentChanged, OrganizationChanged};
    use aim_domain::kill_switch::KillSwitch;
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn actor(number: u128) -> AgentActor {
        AgentActor {
            agent: AgentId::from_uuid(Uuid::from_u128(number)),
            organization: OrganizationId::from_uuid(Uuid::from_u128(9)),
            key: AgentKeyId::from_uuid(Uuid::from_u128(number)),
            nonce: String::new(),
            stale_at: NOW,
            stopped: None,
            key_ends_at: None,
            token: None,
            client: None,
        }
    }

    fn changed(change: AgentChange) -> Fact {
        let agent = actor(1).agent;
        AgentChanged { agent, change }.into()
    }

    fn engaged(is_engaged: bool) -> Option<KillSwitch> {
        is_engaged.then(|| KillSwitch {
            reason: "why".to_owned(),
            engaged_by: "user:1".to_owned(),
            engaged_at: NOW,
        })
    }

    #[test]
    fn each_switch_stops_until_it_is_released_itself() {
        let one = |is_engaged| {
            let to = engaged(is_engaged);
            changed(AgentChange::KillSwitch { to })
        };
        let all = |is_engaged| -> Fact {
            let to = engaged(is_engaged);
            OrganizationChanged {
                organization: actor(1).organization,
                change: OrganizationChange::KillSwitch { to },
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
            kills.heed(&fact, NOW);
            let found = [1, 2].map(|number| kills.stops(&actor(number), NOW));
            assert_eq!(found, stopped, "{fact:?}");
        }
    }

    #[test]
    fn a_status_stops_until_the_agent_may_act_again() {
        let kills = Kills::default();
        for (from, to, stopped) in [
            (AgentStatus::Verified, AgentStatus::Quarantined, true),
            (AgentStatus::Quarantined, AgentStatus::Verified, false),
            (AgentStatus::Verified, AgentStatus::Revoked, true),
        ] {
            let reason = None;
            kills.heed(&changed(AgentChange::Status { from, to, reason }), NOW);
            assert_eq!(kills.stops(&actor(1), NOW), stopped, "{to:?}");
        }
    }

    #[test]
    fn a_rotated_key_ends_at_the_end_of_the_overlap_and_a_revoked_one_at_once() {
        let kills = Kills::default();
        let key = actor(1).key;
        let second = Duration::seconds(1);
        kills.heed(
            &changed(AgentChange::KeyRotated {
                key: actor(2).key,
                replaced: vec![key],
                ends_at: NOW + second,
            }),
            NOW,
        );
        assert!(!kills.stops(&actor(1), NOW));
        assert!(kills.stops(&actor(1), NOW + second));
        kills.heed(&changed(AgentChange::KeyRevoked { key }), NOW);
        assert!(kills.stops(&actor(1), NOW));
        assert!(!kills.stops(&actor(2), NOW + second));
    }
}
