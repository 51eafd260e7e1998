//! Roles of people, and who may sign in.
//!
//! Guarantee: an organization keeps an active owner, whatever people do at one time; nobody raises
//! anybody above themselves. Sessions, SDK tokens and API keys of a person follow at once.

use aim_domain::access::AccessChange;
use aim_domain::id::UserId;
use aim_domain::people::{Person, PersonChange, PersonError};
use aim_domain::scope::Scope;
use aim_store::members::Member;
use aim_store::{Page, PageRequest, Tx};
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit, UserActor};

impl App {
    /// Changes a person of the actor's organization. What is so already stays as it is.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound` for the person, `Conflict` when the rules of
    /// [`PersonChange::check`] refuse it or the organization is full.
    pub async fn change_person(
        &self,
        permit: &Permit,
        actor: &UserActor,
        id: UserId,
        change: PersonChange,
        reason: String,
    ) -> Result<Member, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let mut tx = self.store.begin().await?;
        let found = tx.lock_member(permit.scope(), id).await?;
        let (before, owners) = found.ok_or_else(|| AppError::not_found("person"))?;
        let target = Person {
            id,
            role: before.user.role,
        };
        let person = Person {
            id: actor.id,
            role: actor.role,
        };
        // An owner who may not sign in is none that is left.
        let owners = owners + u64::from(before.deactivated_at.is_some());
        change.check(person, target, owners).map_err(refused)?;
        if is_so(&before, change) {
            return Ok(before);
        }
        if change == PersonChange::Activate {
            self.check_room_for_user(&mut tx, permit.scope()).await?;
        }
        tx.change_member(id, change).await?;
        if matches!(change, PersonChange::Deactivate | PersonChange::Remove) {
            tx.revoke_sessions_of(id, None, "the person may not sign in any more")
                .await?;
        }
        if change == PersonChange::Remove {
            tx.delete_api_keys_of(id).await?;
            tx.delete_second_factor(id).await?;
            tx.delete_identities_of(id).await?;
            tx.delete_filters_of(id).await?;
        }
        let event = self.access_event(before.user.organization, id, fact(&before, change));
        tx.emit(&event);
        let (action, after) = words(change);
        let was = json!({ "role": before.user.role, "isActive": before.deactivated_at.is_none() });
        let object = ("user", id.to_string());
        tx.audit(permit.audit(&self.ids, action, object, Some(reason), (Some(was), after)));
        tx.commit().await?;
        self.credentials.heed(&event.fact);
        let now = self.store.find_member(permit.scope(), id).await?;
        Ok(now.unwrap_or(before))
    }

    /// A page of the people of the permit's organization.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_members(
        &self,
        permit: &Permit,
        page: PageRequest,
    ) -> Result<Page<Member>, AppError> {
        Ok(self.store.list_members(permit.scope(), page).await?)
    }

    /// Refuses one more person than the organization allows; whoever lets a person in asks this in the
    /// same transaction.
    pub(crate) async fn check_room_for_user(
        &self,
        tx: &mut Tx,
        scope: Scope,
    ) -> Result<(), AppError> {
        let most = tx.lock_limits(scope.organization).await?.max_users;
        let count = tx.count_active_users(scope).await?;
        if count < u64::from(most) {
            return Ok(());
        }
        let message = format!(
            "the organization has {count} people of at most {most}; remove some, or raise `maxUsers`"
        );
        Err(AppError::new(ErrorCode::Conflict, message))
    }
}

fn refused(error: PersonError) -> AppError {
    let message = format!("the person {error}");
    let message = match error {
        PersonError::RaisesAbove(_) => error.to_string(),
        _ => message,
    };
    AppError::new(ErrorCode::Conflict, message)
}

fn is_so(member: &Member, change: PersonChange) -> bool {
    match change {
        PersonChange::Role(to) => member.user.role == to,
        PersonChange::Deactivate => member.deactivated_at.is_some(),
        PersonChange::Activate => member.deactivated_at.is_none(),
        PersonChange::Remove => false,
    }
}

fn fact(before: &Member, change: PersonChange) -> AccessChange {
    match change {
        PersonChange::Role(to) => AccessChange::Role {
            from: before.user.role,
            to,
        },
        PersonChange::Deactivate => AccessChange::Activation { is_active: false },
        PersonChange::Activate => AccessChange::Activation { is_active: true },
        PersonChange::Remove => AccessChange::Removed,
    }
}

fn words(change: PersonChange) -> (&'static str, Option<Value>) {
    match change {
        PersonChange::Role(to) => ("user.change-role", Some(json!({ "role": to }))),
        PersonChange::Deactivate => ("user.deactivate", Some(json!({ "isActive": false }))),
        PersonChange::Activate => ("user.activate", Some(json!({ "isActive": true }))),
        PersonChange::Remove => ("user.remove", None),
    }
}
