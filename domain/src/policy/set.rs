//! The policies of an organization, sliced so that a decision asks only those that can match.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use super::cedar::{CedarScene, Limits};
use super::{
    Effect, HITS_OF_A_KIND, PolicyContext, PolicyHit, PolicyMode, PolicyText, PolicyVerdict, Rule,
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
    pub(super) all: Vec<StoredPolicy>,
    by_agent: HashMap<AgentId, Vec<u32>>,
    by_action: HashMap<Box<str>, Vec<u32>>,
    by_beginning: HashMap<Box<str>, Vec<u32>>,
    broad: Vec<u32>,
    /// About events; no decision asks them.
    pub(super) of_events: Vec<u32>,
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
        let text = policy.text.as_ref().ok();
        let scope = text.map(|text| &text.scope);
        let actions = scope.map_or(&[][..], |it| &it.actions);
        match scope {
            _ if text.is_some_and(|text| text.rule.is_about_events()) => self.of_events.push(index),
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
            _ => match text.map(|text| &text.rule) {
                Some(Rule::Cedar { text }) => self.add_by_limits(text.limits(), index),
                _ => self.broad.push(index),
            },
        }
        self.all.push(policy);
    }

    /// By what a text in Cedar limits itself to, where the scope says nothing.
    fn add_by_limits(&mut self, limits: Limits, index: u32) {
        match limits {
            Limits::None => self.broad.push(index),
            Limits::Agents(agents) => put(&mut self.by_agent, agents.into_iter(), index),
            Limits::Actions { names, groups } if groups.is_empty() => {
                put(
                    &mut self.by_action,
                    names.iter().map(|it| it.as_str().into()),
                    index,
                );
            }
            // An action is found by its name or by its beginning, never by both: each policy once.
            Limits::Actions { names, groups } => {
                let all = || names.iter().chain(&groups).map(String::as_str);
                let whole = all().filter(|it| !it.contains(':')).map(Box::from);
                put(&mut self.by_action, whole, index);
                let groups = groups.iter().filter(|it| !it.contains(':'));
                let mut beginnings: Vec<Box<str>> =
                    groups.map(|it| format!("{it}:").into()).collect();
                beginnings.extend(all().filter_map(begins_with).map(Box::from));
                put(&mut self.by_beginning, beginnings.into_iter(), index);
            }
        }
    }

    /// How many are asked at all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// What those say that are enforced, and can be read.
    pub fn enforced(&self) -> impl Iterator<Item = &PolicyText> {
        let all = self.all.iter();
        let enforced = all.filter(|it| it.mode == PolicyMode::Enforced);
        enforced.filter_map(|it| it.text.as_ref().ok())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The most that one decision may have to ask; one in Cedar counts as many.
    #[must_use]
    pub fn widest_slice(&self) -> usize {
        self.cost(&self.broad)
            + self.costliest(&self.by_agent)
            + self.costliest(&self.by_action)
            + self.costliest(&self.by_beginning)
    }

    fn costliest<K>(&self, map: &HashMap<K, Vec<u32>>) -> usize {
        let costs = map.values().map(|list| self.cost(list));
        costs.max().unwrap_or(0)
    }

    fn cost(&self, list: &[u32]) -> usize {
        let policies = list.iter().filter_map(|at| self.all.get(*at as usize));
        policies
            .map(|it| it.text.as_ref().map_or(1, |text| text.rule.cost()))
            .sum()
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
        let scene = CedarScene::default();
        let mut found: Vec<Found<'_>> = self
            .slice(context)
            .filter_map(|policy| match &policy.text {
                Ok(text) if !text.scope.covers(context) => None,
                Ok(text) => match text.rule.ask(context, &scene) {
                    Ok(true) => Some((policy, None)),
                    Ok(false) => None,
                    Err(why) => Some((policy, Some(why))),
                },
                Err(why) => Some((policy, Some(why.clone()))),
            })
            .collect();
        found.sort_unstable_by_key(rank);
        let count = found.len();
        let mut hits: Vec<PolicyHit> = Vec::with_capacity(count.min(2 * HITS_OF_A_KIND));
        let mut kind = None;
        let mut kept = 0;
        for found in found {
            let of = (found.0.mode == PolicyMode::Enforced, effect_of(&found));
            if kind != Some(of) {
                (kind, kept) = (Some(of), 0);
            }
            if kept < HITS_OF_A_KIND {
                kept += 1;
                hits.push(hit(found, context, &scene));
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

/// A policy that matches, with why it could not be evaluated where that is so.
type Found<'a> = (&'a StoredPolicy, Option<String>);

/// Its effect; `None`, which comes first, where it could not be evaluated.
fn effect_of((policy, error): &Found<'_>) -> Option<Reverse<Effect>> {
    let text = policy.text.as_ref().ok();
    let text = text.filter(|_| error.is_none());
    text.map(|text| Reverse(text.effect))
}

type Rank = (
    bool,
    Option<Reverse<Effect>>,
    Reverse<u8>,
    Reverse<u16>,
    PolicyId,
);

fn rank(found: &Found<'_>) -> Rank {
    let policy = found.0;
    let approvers = policy.text.as_ref().map_or(1, |text| text.approvers);
    let priority = policy.text.as_ref().map_or(0, |text| text.priority);
    let is_shadow = policy.mode != PolicyMode::Enforced;
    let effect = effect_of(found);
    (
        is_shadow,
        effect,
        Reverse(approvers),
        Reverse(priority),
        policy.id,
    )
}

fn hit((policy, error): Found<'_>, context: &PolicyContext<'_>, scene: &CedarScene) -> PolicyHit {
    match (&policy.text, error) {
        (Ok(text), None) => hit_of(policy, text, text.rule.explain_in(context, scene)),
        (text, error) => PolicyHit {
            policy: policy.id,
            version: policy.version,
            name: match text {
                Ok(text) => text.name.clone(),
                Err(_) => policy.id.to_string(),
            },
            effect: Effect::Forbid,
            severity: Severity::High,
            mode: policy.mode,
            is_error: true,
            approvers: 1,
            why: error.unwrap_or_default(),
        },
    }
}

/// A policy that could be evaluated, and why it matches.
pub(super) fn hit_of(policy: &StoredPolicy, text: &PolicyText, why: String) -> PolicyHit {
    PolicyHit {
        policy: policy.id,
        version: policy.version,
        name: text.name.clone(),
        effect: text.effect,
        severity: text.severity,
        mode: policy.mode,
        is_error: false,
        approvers: text.approvers,
        why,
    }
}
