//! The policies of an organization, sliced so that a decision asks only those that can match.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use super::{
    Effect, HITS_OF_A_KIND, PolicyContext, PolicyHit, PolicyMode, PolicyText, PolicyVerdict,
};
use crate::anomaly::Severity;
use crate::capability::Pattern;
use crate::id::{AgentId, PolicyId};

/// Most live policies of an organization.
pub const POLICIES_MAX: usize = 10_000;
/// Most policies that one decision may have to ask: what keeps it quick.
pub const SLICE_MAX: usize = 500;

/// A policy as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPolicy {
    /// Its identity.
    pub id: PolicyId,
    /// The version that counts.
    pub version: i32,
    /// Whether it counts.
    pub mode: PolicyMode,
    /// What it says; an error when this version of the program cannot read it.
    pub text: Result<PolicyText, String>,
}

/// The policies of an organization. Those that name agents are found by agent, those that name actions
/// by action, those whose actions begin alike (`files:*`) by that beginning; all others are asked always.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies {
    all: Vec<StoredPolicy>,
    by_agent: HashMap<AgentId, Vec<u32>>,
    by_action: HashMap<Box<str>, Vec<u32>>,
    by_beginning: HashMap<Box<str>, Vec<u32>>,
    broad: Vec<u32>,
}

impl FromIterator<StoredPolicy> for Policies {
    fn from_iter<I: IntoIterator<Item = StoredPolicy>>(all: I) -> Self {
        let mut policies = Self::default();
        for policy in all {
            if policy.mode != PolicyMode::Disabled {
                policies.add(policy);
            }
        }
        policies
    }
}

impl Policies {
    fn add(&mut self, policy: StoredPolicy) {
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let scope = policy.text.as_ref().ok().map(|text| &text.scope);
        let actions = scope.map_or(&[][..], |it| &it.actions);
        match scope {
            Some(scope) if !scope.agents.is_empty() => {
                put(&mut self.by_agent, scope.agents.iter().copied(), index);
            }
            Some(_) if !actions.is_empty() && actions.iter().all(is_literal) => {
                let names = actions.iter().map(|it| it.as_str().into());
                put(&mut self.by_action, names, index);
            }
            Some(_) if !actions.is_empty() => {
                let beginnings: Option<Vec<&str>> = actions.iter().map(beginning).collect();
                match beginnings {
                    Some(all) => {
                        let all = all.into_iter().map(Box::from);
                        put(&mut self.by_beginning, all, index);
                    }
                    None => self.broad.push(index),
                }
            }
            _ => self.broad.push(index),
        }
        self.all.push(policy);
    }

    /// How many are asked at all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The most that one decision may have to ask.
    #[must_use]
    pub fn widest_slice(&self) -> usize {
        fn longest<K>(map: &HashMap<K, Vec<u32>>) -> usize {
            map.values().map(Vec::len).max().unwrap_or(0)
        }
        self.broad.len()
            + longest(&self.by_agent)
            + longest(&self.by_action)
            + longest(&self.by_beginning)
    }

    /// Those that can match, each once.
    fn slice<'a>(
        &'a self,
        context: &PolicyContext<'_>,
    ) -> impl Iterator<Item = &'a StoredPolicy> + use<'a> {
        let lists = [
            self.by_agent.get(&context.agent),
            self.by_action.get(context.action),
            begins_with(context.action).and_then(|it| self.by_beginning.get(it)),
            Some(&self.broad),
        ];
        let all = lists.into_iter().flatten().flatten();
        all.filter_map(|index| self.all.get(*index as usize))
    }

    /// What they say of an action.
    #[must_use]
    pub fn evaluate(&self, context: &PolicyContext<'_>) -> PolicyVerdict {
        let mut found: Vec<&StoredPolicy> = self
            .slice(context)
            .filter(|policy| match &policy.text {
                Ok(text) => text.scope.covers(context) && text.rule.matches(context),
                Err(_) => true,
            })
            .collect();
        found.sort_unstable_by_key(|policy| rank(policy));
        let count = found.len();
        let mut hits: Vec<PolicyHit> = Vec::with_capacity(count.min(2 * HITS_OF_A_KIND));
        let mut kind = None;
        let mut kept = 0;
        for policy in found {
            let of = (policy.mode == PolicyMode::Enforced, effect_of(policy));
            if kind != Some(of) {
                (kind, kept) = (Some(of), 0);
            }
            if kept < HITS_OF_A_KIND {
                kept += 1;
                hits.push(hit(policy, context));
            }
        }
        PolicyVerdict { hits, count }
    }
}

fn put<K: Hash + Eq>(map: &mut HashMap<K, Vec<u32>>, keys: impl Iterator<Item = K>, index: u32) {
    for key in keys {
        let list = map.entry(key).or_default();
        if list.last() != Some(&index) {
            list.push(index);
        }
    }
}

fn is_literal(pattern: &Pattern) -> bool {
    !pattern.as_str().contains('*')
}

/// `files:` of `files:read` and of `files:r*`; none of `*:read` and of `read`.
fn beginning(pattern: &Pattern) -> Option<&str> {
    let begins = begins_with(pattern.as_str())?;
    (!begins.contains('*')).then_some(begins)
}

fn begins_with(action: &str) -> Option<&str> {
    action.find(':').map(|at| &action[..=at])
}

/// Its effect; `None`, which comes first, where it cannot be read.
fn effect_of(policy: &StoredPolicy) -> Option<Reverse<Effect>> {
    policy.text.as_ref().ok().map(|text| Reverse(text.effect))
}

fn rank(policy: &StoredPolicy) -> (bool, Option<Reverse<Effect>>, Reverse<u16>, PolicyId) {
    let priority = policy.text.as_ref().map_or(0, |text| text.priority);
    let is_shadow = policy.mode != PolicyMode::Enforced;
    (is_shadow, effect_of(policy), Reverse(priority), policy.id)
}

fn hit(policy: &StoredPolicy, context: &PolicyContext<'_>) -> PolicyHit {
    let (id, version, mode) = (policy.id, policy.version, policy.mode);
    match &policy.text {
        Ok(text) => PolicyHit {
            policy: id,
            version,
            name: text.name.clone(),
            effect: text.effect,
            severity: text.severity,
            mode,
            is_error: false,
            why: text.rule.explain(context),
        },
        Err(why) => PolicyHit {
            policy: id,
            version,
            name: id.to_string(),
            effect: Effect::Forbid,
            severity: Severity::High,
            mode,
            is_error: true,
            why: why.clone(),
        },
    }
}
