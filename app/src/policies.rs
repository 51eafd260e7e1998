//! Publishing policies, saying which count, and putting them away.
//!
//! Texts never change: publishing again makes the next version. Decisions of this node count with a
//! change at once, those of others as soon as they have read the event log.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use aim_domain::event::OrganizationChange;
use aim_domain::id::{AgentId, OrganizationId, PolicyId, PolicyVersionId};
use aim_domain::policy::{
    CEDAR_COST, CEDAR_STATEMENT_COST, POLICIES_MAX, Policies, PolicyMode, PolicyText, SLICE_MAX,
    StoredPolicy, defaults,
};
use aim_store::policies::{Policy, PolicyVersion, Published};
use aim_store::{Page, PageRequest, StoreError, Tx};
use parking_lot::Mutex;
use serde_json::json;

use crate::error::FieldErrors;
use crate::policy_draft::PolicyDraft;
use crate::{App, AppError, ErrorCode, Permit};

/// Agents that are looked for in one statement.
const AGENTS_AT_ONCE: usize = 500;

/// One compiled copy of each organization's policies, however many of its agents are in memory.
#[derive(Debug, Default)]
pub(crate) struct SharedPolicies(Mutex<HashMap<OrganizationId, (i64, Weak<Policies>)>>);

impl SharedPolicies {
    fn get(&self, organization: OrganizationId, revision: i64) -> Option<Arc<Policies>> {
        let all = self.0.lock();
        let (of, policies) = all.get(&organization)?;
        policies.upgrade().filter(|_| *of == revision)
    }

    fn put(&self, organization: OrganizationId, revision: i64, new: &Arc<Policies>) {
        let mut all = self.0.lock();
        all.retain(|_, (_, weak)| weak.strong_count() > 0);
        all.insert(organization, (revision, Arc::downgrade(new)));
    }
}

/// What shall be published.
#[derive(Debug, Clone)]
pub struct PublishPolicy {
    /// Which policy says so from now on; `None` is a new one.
    pub policy: Option<PolicyId>,
    /// What it says.
    pub draft: PolicyDraft,
    /// How it counts; `None` is as before, and only watching for a new one.
    pub mode: Option<PolicyMode>,
    /// Why.
    pub reason: String,
}

impl App {
    /// The policies of an organization, compiled; `None` when there are none.
    pub(crate) async fn policies_of(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<Arc<Policies>>, AppError> {
        // First the number, then the policies: what is read is never older than its number says.
        let revision = self.store.find_policy_revision(organization).await?;
        if let Some(same) = self.policies.get(organization, revision) {
            return Ok(Some(same));
        }
        let loaded = self.store.load_policies(organization).await?;
        let compiled: Policies = loaded.into_iter().collect();
        if compiled.is_empty() {
            return Ok(None);
        }
        let compiled = Arc::new(compiled);
        self.policies.put(organization, revision, &compiled);
        Ok(Some(compiled))
    }

    /// Publishes a policy, or the next version of one. What says the same already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound` for the policy, `Conflict` when the name is
    /// taken, the policy was put away, or there are too many.
    pub async fn publish_policy(
        &self,
        permit: &Permit,
        input: PublishPolicy,
    ) -> Result<Policy, AppError> {
        let scope = permit.scope();
        let mut errors = FieldErrors::default();
        errors.reason(&input.reason);
        self.check_agents(permit, &input.draft, &mut errors).await?;
        self.check_targets(permit, &input.draft, &mut errors)
            .await?;
        let text = input.draft.check(errors)?;
        let before = match input.policy {
            Some(id) => Some(self.live_policy(permit, id).await?),
            None => None,
        };
        let mode = input.mode.or(before.as_ref().map(|it| it.mode));
        let mode = mode.unwrap_or(PolicyMode::Shadow);
        if let Some(same) = &before
            && same.mode == mode
            && same.published.text == text
        {
            return Ok(same.clone());
        }
        let mut tx = self.store.begin().await?;
        tx.move_policies(scope.organization).await?;
        let new = self.next_policy(permit, (before.as_ref(), mode), text, input.reason);
        let all = tx.load_policies(scope.organization).await?;
        refuse_too_many(all.clone(), with(all, &new))?;
        self.write_policy(&mut tx, &new, permit, before.as_ref())
            .await?;
        tx.commit().await.map_err(taken)?;
        self.cache.forget_organization(scope.organization);
        Ok(new)
    }

    /// Says how a policy counts from now on. What is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when the policy was put away or too many
    /// would have to be asked.
    pub async fn change_policy_mode(
        &self,
        permit: &Permit,
        id: PolicyId,
        mode: PolicyMode,
        reason: String,
    ) -> Result<Policy, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.live_policy(permit, id).await?;
        if before.mode == mode {
            return Ok(before);
        }
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        tx.move_policies(scope.organization).await?;
        let all = tx.load_policies(scope.organization).await?;
        let after = self
            .set_policy_mode(&mut tx, permit, &before, mode, reason)
            .await?;
        refuse_too_many(all.clone(), with(all, &after))?;
        tx.commit().await?;
        self.cache.forget_organization(scope.organization);
        Ok(after)
    }

    /// Puts a policy away for ever; its versions can still be read.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was put away before.
    pub async fn archive_policy(
        &self,
        permit: &Permit,
        id: PolicyId,
        reason: String,
    ) -> Result<Policy, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let before = self.live_policy(permit, id).await?;
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        tx.move_policies(scope.organization).await?;
        let after = self
            .put_policy_away(&mut tx, permit, &before, reason)
            .await?;
        tx.commit().await?;
        self.cache.forget_organization(scope.organization);
        Ok(after)
    }

    /// A policy of the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_policy(
        &self,
        permit: &Permit,
        id: PolicyId,
    ) -> Result<Option<Policy>, AppError> {
        Ok(self.store.find_policy(permit.scope(), id).await?)
    }

    /// A page of the policies that were not put away.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_policies(
        &self,
        permit: &Permit,
        mode: Option<PolicyMode>,
        page: PageRequest,
    ) -> Result<Page<Policy>, AppError> {
        let found = self.store.list_policies(permit.scope(), mode, page);
        Ok(found.await?)
    }

    /// A page of the versions of a policy.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_policy_versions(
        &self,
        permit: &Permit,
        policy: PolicyId,
        page: PageRequest,
    ) -> Result<Page<PolicyVersion>, AppError> {
        let found = self
            .store
            .list_policy_versions(permit.scope(), policy, page);
        Ok(found.await?)
    }

    /// What a new organization begins with; all of it only watches.
    pub(crate) async fn insert_default_policies(
        &self,
        tx: &mut Tx,
        organization: OrganizationId,
    ) -> Result<(), StoreError> {
        for text in defaults() {
            let new = Policy {
                id: PolicyId::from_uuid(self.ids.next()),
                organization,
                mode: PolicyMode::Shadow,
                created_at: tx.now(),
                archived_at: None,
                published: Published {
                    version: 1,
                    text,
                    reason: "what every organization begins with".to_owned(),
                    by: "system:bootstrap".to_owned(),
                    at: tx.now(),
                },
            };
            let version = PolicyVersionId::from_uuid(self.ids.next());
            tx.put_policy(&new, version).await?;
        }
        Ok(())
    }

    /// The same, within a change of several; who commits tells the cache.
    pub(crate) async fn set_policy_mode(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        before: &Policy,
        mode: PolicyMode,
        reason: String,
    ) -> Result<Policy, AppError> {
        if !tx
            .update_policy_mode(permit.scope(), before.id, mode)
            .await?
        {
            return Err(put_away());
        }
        let after = Policy {
            mode,
            ..before.clone()
        };
        self.tell_of_policy(tx, &after);
        tx.audit(permit.audit(
            &self.ids,
            "policy.mode",
            ("policy", before.id.to_string()),
            Some(reason),
            (
                Some(json!({ "mode": before.mode })),
                Some(json!({ "mode": mode, "version": before.published.version })),
            ),
        ));
        Ok(after)
    }

    /// The same, within a change of several; who commits tells the cache.
    pub(crate) async fn put_policy_away(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        before: &Policy,
        reason: String,
    ) -> Result<Policy, AppError> {
        if !tx.archive_policy(permit.scope(), before.id).await? {
            return Err(put_away());
        }
        let after = Policy {
            mode: PolicyMode::Disabled,
            archived_at: Some(tx.now()),
            ..before.clone()
        };
        self.tell_of_policy(tx, &after);
        tx.audit(permit.audit(
            &self.ids,
            "policy.archive",
            ("policy", before.id.to_string()),
            Some(reason),
            (Some(json!({ "mode": before.mode })), None),
        ));
        Ok(after)
    }

    pub(crate) async fn live_policy(
        &self,
        permit: &Permit,
        id: PolicyId,
    ) -> Result<Policy, AppError> {
        let found = self.find_policy(permit, id).await?;
        let found = found.ok_or_else(|| AppError::not_found("policy"))?;
        if found.archived_at.is_some() {
            return Err(put_away());
        }
        Ok(found)
    }

    async fn check_agents(
        &self,
        permit: &Permit,
        draft: &PolicyDraft,
        errors: &mut FieldErrors,
    ) -> Result<(), AppError> {
        let wanted = &draft.scope.agents;
        if wanted.is_empty() || wanted.len() > aim_domain::policy::SCOPE_MAX {
            return Ok(());
        }
        let own = self.own_agents(permit, wanted).await?;
        for (at, id) in wanted.iter().enumerate() {
            if !own.contains(id) {
                errors.add(&format!("text.scope.agentIds.{at}"), "is no agent of yours");
            }
        }
        Ok(())
    }

    async fn check_targets(
        &self,
        permit: &Permit,
        draft: &PolicyDraft,
        errors: &mut FieldErrors,
    ) -> Result<(), AppError> {
        let wanted = &draft.notify;
        if wanted.is_empty() || wanted.len() > aim_domain::policy::NOTIFY_MAX {
            return Ok(());
        }
        let own = self.store.find_own_targets(permit.scope(), wanted).await?;
        for (at, id) in wanted.iter().enumerate() {
            if !own.contains(id) {
                let field = format!("text.notificationTargetIds.{at}");
                errors.add(&field, "is no notification target of yours");
            }
        }
        Ok(())
    }

    /// Those of the agents that are the permit's organization's.
    pub(crate) async fn own_agents(
        &self,
        permit: &Permit,
        wanted: &[AgentId],
    ) -> Result<BTreeSet<AgentId>, AppError> {
        let mut own = BTreeSet::new();
        for some in wanted.chunks(AGENTS_AT_ONCE) {
            let found = self.store.load_agents(permit.scope(), some).await?;
            own.extend(found.into_iter().map(|agent| agent.id));
        }
        Ok(own)
    }

    pub(crate) fn next_policy(
        &self,
        permit: &Permit,
        (before, mode): (Option<&Policy>, PolicyMode),
        text: PolicyText,
        reason: String,
    ) -> Policy {
        let now = self.clock.now();
        Policy {
            id: before.map_or_else(|| PolicyId::from_uuid(self.ids.next()), |it| it.id),
            organization: permit.scope().organization,
            mode,
            created_at: before.map_or(now, |it| it.created_at),
            archived_at: None,
            published: Published {
                version: before.map_or(1, |it| it.published.version + 1),
                text,
                reason,
                by: permit.actor(),
                at: now,
            },
        }
    }

    pub(crate) async fn write_policy(
        &self,
        tx: &mut Tx,
        new: &Policy,
        permit: &Permit,
        before: Option<&Policy>,
    ) -> Result<(), AppError> {
        let version = PolicyVersionId::from_uuid(self.ids.next());
        tx.put_policy(new, version).await.map_err(taken)?;
        if !tx.put_policy_targets(new).await? {
            let message = "a notification target was deleted meanwhile; look at the list again";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        self.tell_of_policy(tx, new);
        let said = |policy: &Policy| {
            json!({
                "version": policy.published.version,
                "mode": policy.mode,
                "policy": policy.published.text,
            })
        };
        tx.audit(permit.audit(
            &self.ids,
            "policy.publish",
            ("policy", new.id.to_string()),
            Some(new.published.reason.clone()),
            (before.map(said), Some(said(new))),
        ));
        Ok(())
    }

    fn tell_of_policy(&self, tx: &mut Tx, policy: &Policy) {
        let change = OrganizationChange::Policy {
            policy: policy.id,
            version: policy.published.version,
            mode: policy.mode,
        };
        tx.emit(&self.organization_event(policy.organization, change));
    }
}

/// All of them with this one in its place.
fn with(mut all: Vec<StoredPolicy>, new: &Policy) -> Vec<StoredPolicy> {
    all.retain(|it| it.id != new.id);
    all.push(StoredPolicy {
        id: new.id,
        version: new.published.version,
        mode: new.mode,
        text: Ok(new.published.text.clone()),
    });
    all
}

/// Refuses what would make decisions slow, or what is too many; what was so before may be made less.
pub(crate) fn refuse_too_many(
    before: Vec<StoredPolicy>,
    after: Vec<StoredPolicy>,
) -> Result<(), AppError> {
    let (count, more) = (after.len(), after.len() > before.len());
    if count > POLICIES_MAX && more {
        let message = format!(
            "there would be {count} policies, more than {POLICIES_MAX}; archive some first"
        );
        return Err(AppError::new(ErrorCode::Conflict, message));
    }
    let before = before.into_iter().collect::<Policies>().widest_slice();
    let after = after.into_iter().collect::<Policies>().widest_slice();
    if after > SLICE_MAX && after > before {
        let message = format!(
            "{after} policies would have to be asked for one action, more than {SLICE_MAX}, where one in \
             Cedar counts as {CEDAR_COST} and {CEDAR_STATEMENT_COST} a statement; name agents or actions in `scope`, or archive some first"
        );
        return Err(AppError::new(ErrorCode::Conflict, message));
    }
    Ok(())
}

fn put_away() -> AppError {
    let message = "the policy was archived; publish a new one";
    AppError::new(ErrorCode::Conflict, message)
}

pub(crate) fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Duplicate(_) => AppError::new(
            ErrorCode::Conflict,
            "another policy has this name, or somebody published meanwhile; read them again",
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn organizations_have_one_copy_until_their_policies_change() {
        let shared = SharedPolicies::default();
        let organization = OrganizationId::from_uuid(Uuid::nil());
        let first = Arc::new(Policies::default());
        shared.put(organization, 1, &first);
        assert!(Arc::ptr_eq(&shared.get(organization, 1).unwrap(), &first));
        assert_eq!(shared.get(organization, 2), None);
        drop(first);
        assert_eq!(shared.get(organization, 1), None);
    }
}
