//! Saying what an action is where its name misleads, and taking that back.
//!
//! It counts for decisions and for what the stream learns from then on; what was learned before stays.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use aim_domain::action::{
    ACTION_CLASS_OVERRIDES_MAX, ActionClass, ActionClassOverride, ActionClasses,
};
use aim_domain::event::OrganizationChange;
use aim_domain::id::{ActionClassOverrideId, OrganizationId};
use aim_domain::name::ActionName;
use aim_store::{Page, PageRequest};
use parking_lot::Mutex;
use serde_json::json;

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// One copy of what each organization says, however many of its agents are in memory.
#[derive(Debug, Default)]
pub(crate) struct SharedClasses(Mutex<HashMap<OrganizationId, Weak<ActionClasses>>>);

impl SharedClasses {
    /// What was just loaded, or the same from before.
    pub(crate) fn share(
        &self,
        organization: OrganizationId,
        loaded: ActionClasses,
    ) -> Option<Arc<ActionClasses>> {
        if loaded.is_empty() {
            return None;
        }
        let mut all = self.0.lock();
        let before = all.get(&organization).and_then(Weak::upgrade);
        if let Some(same) = before.filter(|before| **before == loaded) {
            return Some(same);
        }
        let new = Arc::new(loaded);
        all.retain(|_, weak| weak.strong_count() > 0);
        all.insert(organization, Arc::downgrade(&new));
        Some(new)
    }
}

/// What shall count for an action.
#[derive(Debug, Clone)]
pub struct OverrideActionClass {
    /// Exactly this action.
    pub action: String,
    /// What it is.
    pub class: ActionClass,
    /// Why.
    pub reason: String,
}

impl App {
    /// Says what an action is for the permit's organization, in place of what was said before. What
    /// is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the action or the reason, `Conflict` when there are too many.
    pub async fn override_action_class(
        &self,
        permit: &Permit,
        input: OverrideActionClass,
    ) -> Result<ActionClassOverride, AppError> {
        let (action, reason) = checked(input.action, input.reason)?;
        let scope = permit.scope();
        let before = self.store.find_action_class_override(scope, &action);
        let before = before.await?;
        if let Some(same) = before.as_ref().filter(|it| it.class == input.class) {
            return Ok(same.clone());
        }
        let new = ActionClassOverride {
            id: ActionClassOverrideId::from_uuid(self.ids.next()),
            organization: scope.organization,
            action,
            class: input.class,
            reason,
            set_by: permit.actor(),
            set_at: self.clock.now(),
        };
        let mut tx = self.store.begin().await?;
        let count = tx.count_action_class_overrides(new.organization).await?;
        if before.is_none() && count >= ACTION_CLASS_OVERRIDES_MAX as u64 {
            let message = format!("{count} actions have a class of your own; withdraw some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        tx.put_action_class_override(&new).await?;
        tx.emit(&self.organization_event(
            new.organization,
            OrganizationChange::ActionClass {
                action: new.action.clone(),
                to: Some(new.class),
            },
        ));
        tx.audit(permit.audit(
            &self.ids,
            "action-class.override",
            ("action", new.action.to_string()),
            Some(new.reason.clone()),
            (
                before.map(|it| json!({ "class": it.class })),
                Some(json!({ "class": new.class })),
            ),
        ));
        tx.commit().await?;
        self.cache.forget_organization(new.organization);
        Ok(new)
    }

    /// Takes back what was said of an action: its name and its tool's annotations count again.
    ///
    /// # Errors
    /// `InvalidInput` for the action or the reason, `NotFound` when nothing was said of it.
    pub async fn withdraw_action_class(
        &self,
        permit: &Permit,
        action: String,
        reason: String,
    ) -> Result<ActionClassOverride, AppError> {
        let (action, reason) = checked(action, reason)?;
        let scope = permit.scope();
        let before = self.store.find_action_class_override(scope, &action);
        let before = before.await?;
        let before = before.ok_or_else(|| AppError::not_found("action class override"))?;
        let mut tx = self.store.begin().await?;
        if tx.delete_action_class_override(scope, &action).await? {
            let change = OrganizationChange::ActionClass { action, to: None };
            tx.emit(&self.organization_event(before.organization, change));
            tx.audit(permit.audit(
                &self.ids,
                "action-class.withdraw",
                ("action", before.action.to_string()),
                Some(reason),
                (Some(json!({ "class": before.class })), None),
            ));
            tx.commit().await?;
            self.cache.forget_organization(before.organization);
        }
        Ok(before)
    }

    /// What the permit's organization says of an action.
    ///
    /// # Errors
    /// `InvalidInput` for the action.
    pub async fn find_action_class_override(
        &self,
        permit: &Permit,
        action: &str,
    ) -> Result<Option<ActionClassOverride>, AppError> {
        let mut errors = FieldErrors::default();
        let action = errors.keep("action", ActionName::parse(action));
        errors.finish()?;
        let Some(action) = action else {
            return Ok(None);
        };
        let found = self
            .store
            .find_action_class_override(permit.scope(), &action);
        Ok(found.await?)
    }

    /// A page of them.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_action_class_overrides(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<ActionClassOverride>, AppError> {
        let found = self.store.list_action_class_overrides(permit.scope(), page);
        Ok(found.await?)
    }
}

fn checked(action: String, reason: String) -> Result<(ActionName, String), AppError> {
    let mut errors = FieldErrors::default();
    let action = errors.keep("action", ActionName::parse(action));
    errors.reason(&reason);
    errors.finish()?;
    let action = action.ok_or_else(|| AppError::new(ErrorCode::Internal, "internal error"))?;
    Ok((action, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::risk::RiskLevel;
    use uuid::Uuid;

    fn classes(risk: RiskLevel) -> ActionClasses {
        let class = ActionClass {
            is_write: true,
            risk,
        };
        let action = ActionName::parse("files:read").unwrap();
        [(action, class)].into_iter().collect()
    }

    #[test]
    fn organizations_have_one_copy_until_it_changes() {
        let shared = SharedClasses::default();
        let organization = OrganizationId::from_uuid(Uuid::nil());
        let share = |loaded| shared.share(organization, loaded);
        assert_eq!(share(ActionClasses::default()), None);
        let first = share(classes(RiskLevel::High)).unwrap();
        let again = share(classes(RiskLevel::High)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let changed = share(classes(RiskLevel::Low)).unwrap();
        assert_eq!(*changed, classes(RiskLevel::Low));
        assert_eq!(*first, classes(RiskLevel::High));
    }
}
