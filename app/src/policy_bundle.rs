//! All policies of an organization as one document, to be kept with code and applied as a whole.

use std::collections::{BTreeMap, BTreeSet};

use aim_domain::id::{AgentId, NotificationTargetId, PolicyId};
use aim_domain::policy::{POLICIES_MAX, PolicyMode, PolicyText, StoredPolicy};
use aim_store::Tx;
use aim_store::policies::Policy;
use serde::{Deserialize, Serialize};

use crate::error::FieldErrors;
use crate::policies::refuse_too_many;
use crate::{App, AppError, ErrorCode, Permit};

/// The version of the document that this program writes and reads.
const VERSION: u32 = 1;

/// Targets that are looked for in one statement.
const TARGETS_AT_ONCE: usize = 500;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyBundle {
    /// Of the format.
    version: u32,
    /// By name.
    policies: Vec<BundledPolicy>,
}

/// A policy of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledPolicy {
    /// How it counts.
    mode: PolicyMode,
    /// What it says.
    text: PolicyText,
}

/// What shall be applied.
#[derive(Debug, Clone)]
pub struct ApplyPolicies {
    /// The document, in JSON.
    pub bundle: String,
    /// Whether policies are put away that it does not name.
    pub archives_others: bool,
    /// Whether only to say what would change.
    pub is_dry_run: bool,
    /// Why.
    pub reason: String,
}

/// What becomes of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyStep {
    /// It is new.
    Create,
    /// It says something else, and counts perhaps in another way.
    Update,
    /// It counts in another way.
    ChangeMode,
    /// It is put away.
    Archive,
    /// It stays.
    Keep,
}

/// One of the changes.
#[derive(Debug, Clone)]
pub struct PolicyChange {
    /// The policy's name.
    pub name: String,
    /// What becomes of it.
    pub step: PolicyStep,
    /// Which it is; `None` while it is not there.
    pub policy: Option<PolicyId>,
}

impl App {
    /// All policies that were not put away, by name, as JSON.
    ///
    /// # Errors
    /// `Conflict` when one cannot be read, `Unavailable` when the database does not answer.
    pub async fn export_policies(&self, permit: &Permit) -> Result<String, AppError> {
        let stored = self
            .store
            .load_policies(permit.scope().organization)
            .await?;
        let bundled = stored.into_iter().map(|policy| {
            let (id, mode) = (policy.id, policy.mode);
            let text = policy.text.map_err(|why| unreadable(id, &why))?;
            Ok(BundledPolicy { mode, text })
        });
        let mut policies: Vec<BundledPolicy> = bundled.collect::<Result<_, AppError>>()?;
        policies.sort_by(|a, b| a.text.name.cmp(&b.text.name));
        let version = VERSION;
        let bundle = PolicyBundle { version, policies };
        serde_json::to_string_pretty(&bundle).map_err(|error| {
            tracing::error!(%error, "a bundle of policies");
            AppError::new(ErrorCode::Internal, "the policies have no JSON")
        })
    }

    /// Makes the policies what a document says: all of it or nothing. Applied again, it changes nothing.
    ///
    /// # Errors
    /// `InvalidInput` naming everything that is wrong with the document, `Conflict` when there would be
    /// too many policies or somebody published meanwhile.
    pub async fn apply_policies(
        &self,
        permit: &Permit,
        input: ApplyPolicies,
    ) -> Result<Vec<PolicyChange>, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        let wanted = read(&input.bundle, &mut errors);
        self.check_bundled_agents(permit, &wanted, &mut errors)
            .await?;
        self.check_bundled_targets(permit, &wanted, &mut errors)
            .await?;
        errors.finish()?;
        let mut tx = self.store.begin().await?;
        let organization = permit.scope().organization;
        tx.move_policies(organization).await?;
        let stored = tx.load_policies(organization).await?;
        let plan = plan(&stored, &wanted, input.archives_others);
        if input.is_dry_run {
            // Left without a commit: nothing happened.
            return Ok(plan.into_iter().map(|(change, _)| change).collect());
        }
        let mut changes = Vec::with_capacity(plan.len());
        for (change, to) in plan {
            let policy = self
                .take_step(&mut tx, permit, &change, to, &input.reason)
                .await?;
            changes.push(PolicyChange { policy, ..change });
        }
        refuse_too_many(stored, tx.load_policies(organization).await?)?;
        tx.commit().await.map_err(crate::policies::taken)?;
        self.cache.forget_organization(organization);
        Ok(changes)
    }

    async fn take_step(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        change: &PolicyChange,
        to: Option<&BundledPolicy>,
        reason: &str,
    ) -> Result<Option<PolicyId>, AppError> {
        if change.step == PolicyStep::Keep {
            return Ok(change.policy);
        }
        let before: Option<Policy> = match change.policy {
            Some(id) => Some(self.live_policy(permit, id).await?),
            None => None,
        };
        let reason = reason.to_owned();
        match (change.step, before, to) {
            (PolicyStep::Archive, Some(before), _) => {
                self.put_policy_away(tx, permit, &before, reason).await?;
                Ok(Some(before.id))
            }
            (PolicyStep::ChangeMode, Some(before), Some(to)) => {
                let after = self
                    .set_policy_mode(tx, permit, &before, to.mode, reason)
                    .await?;
                Ok(Some(after.id))
            }
            (_, before, Some(to)) => {
                let next = (before.as_ref(), to.mode);
                let new = self.next_policy(permit, next, to.text.clone(), reason);
                self.write_policy(tx, &new, permit, before.as_ref()).await?;
                Ok(Some(new.id))
            }
            (.., None) => Ok(None),
        }
    }

    async fn check_bundled_agents(
        &self,
        permit: &Permit,
        wanted: &[BundledPolicy],
        errors: &mut FieldErrors,
    ) -> Result<(), AppError> {
        let named = wanted.iter().flat_map(|it| it.text.scope.agents.iter());
        let all: BTreeSet<AgentId> = named.copied().collect();
        if all.is_empty() {
            return Ok(());
        }
        let ids: Vec<AgentId> = all.into_iter().collect();
        let own = self.own_agents(permit, &ids).await?;
        for (at, policy) in wanted.iter().enumerate() {
            let strange = policy.text.scope.agents.iter().find(|id| !own.contains(id));
            if let Some(id) = strange {
                let field = format!("bundle.policies.{at}.text.scope.agents");
                errors.add(&field, format!("`{id}` is no agent of yours"));
            }
        }
        Ok(())
    }

    async fn check_bundled_targets(
        &self,
        permit: &Permit,
        wanted: &[BundledPolicy],
        errors: &mut FieldErrors,
    ) -> Result<(), AppError> {
        let named = wanted.iter().flat_map(|it| &it.text.notify);
        let all: BTreeSet<NotificationTargetId> = named.copied().collect();
        let mut own = BTreeSet::new();
        // An organization has few; a hostile document may name many.
        let ids: Vec<_> = all.into_iter().collect();
        for some in ids.chunks(TARGETS_AT_ONCE) {
            own.extend(self.store.find_own_targets(permit.scope(), some).await?);
        }
        for (at, policy) in wanted.iter().enumerate() {
            if let Some(id) = policy.text.notify.iter().find(|id| !own.contains(id)) {
                let field = format!("bundle.policies.{at}.text.notify");
                errors.add(&field, format!("`{id}` is no notification target of yours"));
            }
        }
        Ok(())
    }
}

fn unreadable(id: PolicyId, why: &str) -> AppError {
    let message = format!("policy {id} cannot be read: {why}; archive it, or publish it again");
    AppError::new(ErrorCode::Conflict, message)
}

/// Reads the document; of one that cannot be read nothing is left.
fn read(bundle: &str, errors: &mut FieldErrors) -> Vec<BundledPolicy> {
    let read: Result<PolicyBundle, _> = serde_json::from_str(bundle);
    let Some(bundle) = errors.keep("bundle", read) else {
        return Vec::new();
    };
    if bundle.version != VERSION {
        let message = format!("is {}; this program reads {VERSION}", bundle.version);
        errors.add("bundle.version", message);
    }
    let count = bundle.policies.len();
    if count > POLICIES_MAX {
        let message = format!("has {count} policies; use at most {POLICIES_MAX}");
        errors.add("bundle.policies", message);
        return Vec::new();
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, policy) in bundle.policies.iter().enumerate() {
        for (field, message) in policy.text.faults() {
            errors.add(&format!("bundle.policies.{at}.text.{field}"), message);
        }
        if let Some(first) = names.insert(&policy.text.name, at) {
            let message = format!("is the name of policy {first}, too; names are unique");
            errors.add(&format!("bundle.policies.{at}.text.name"), message);
        }
    }
    bundle.policies
}

type Step<'a> = (PolicyChange, Option<&'a BundledPolicy>);

/// What has to be done. What is put away comes first, so that its place is free.
fn plan<'a>(
    stored: &[StoredPolicy],
    wanted: &'a [BundledPolicy],
    archives_others: bool,
) -> Vec<Step<'a>> {
    let name_of = |it: &StoredPolicy| it.text.as_ref().ok().map(|text| text.name.clone());
    let by_name: BTreeMap<String, &StoredPolicy> = stored
        .iter()
        .filter_map(|it| Some((name_of(it)?, it)))
        .collect();
    let mut plan = Vec::new();
    if archives_others {
        let names: BTreeSet<&str> = wanted.iter().map(|it| it.text.name.as_str()).collect();
        // One that cannot be read is none of those that are named.
        let others = stored
            .iter()
            .map(|it| (name_of(it).unwrap_or_else(|| it.id.to_string()), it.id))
            .filter(|(name, _)| !names.contains(name.as_str()));
        plan.extend(others.map(|(name, id)| {
            let (step, policy) = (PolicyStep::Archive, Some(id));
            (PolicyChange { name, step, policy }, None)
        }));
    }
    for to in wanted {
        let name = to.text.name.clone();
        let before = by_name.get(&name);
        let step = match before {
            None => PolicyStep::Create,
            Some(it) if it.text.as_ref() != Ok(&to.text) => PolicyStep::Update,
            Some(it) if it.mode != to.mode => PolicyStep::ChangeMode,
            Some(_) => PolicyStep::Keep,
        };
        let policy = before.map(|it| it.id);
        plan.push((PolicyChange { name, step, policy }, Some(to)));
    }
    plan
}
