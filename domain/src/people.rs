//! What one person may do to another.

use crate::id::UserId;
use crate::role::Role;

/// A change of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonChange {
    /// Another role.
    Role(Role),
    /// Shut out, until activated.
    Deactivate,
    /// Let in again.
    Activate,
    /// Gone for ever.
    Remove,
}

/// Who does it, or to whom it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Which.
    pub id: UserId,
    /// As what.
    pub role: Role,
}

/// Why a change of a person was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// Nobody does that to themselves: it is done by mistake, and cannot be taken back alone.
    #[error("is yourself; another person has to do it")]
    Oneself,
    /// A person of a higher role.
    #[error("has role `{0:?}`, which is above yours")]
    Outranks(Role),
    /// A role above one's own.
    #[error("`{0:?}` is above your own role")]
    RaisesAbove(Role),
    /// An organization that nobody owns.
    #[error("is the last active owner; make somebody else an owner first")]
    LastOwner,
}

impl PersonChange {
    /// Checks the change, where `owners` is how many active owners there are with `target`.
    ///
    /// # Errors
    /// [`PersonError`] when `actor` may not.
    pub fn check(self, actor: Person, target: Person, owners: u64) -> Result<(), PersonError> {
        if actor.id == target.id {
            return Err(PersonError::Oneself);
        }
        if target.role > actor.role {
            return Err(PersonError::Outranks(target.role));
        }
        if let Self::Role(to) = self
            && to > actor.role
        {
            return Err(PersonError::RaisesAbove(to));
        }
        let ends_ownership = match self {
            Self::Role(to) => to < Role::Owner,
            Self::Deactivate | Self::Remove => true,
            Self::Activate => false,
        };
        if target.role == Role::Owner && ends_ownership && owners < 2 {
            return Err(PersonError::LastOwner);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ROLES: [Role; 5] = [
        Role::Viewer,
        Role::Member,
        Role::Manager,
        Role::Admin,
        Role::Owner,
    ];

    fn person(number: u128, role: Role) -> Person {
        Person {
            id: UserId::from_uuid(Uuid::from_u128(number)),
            role,
        }
    }

    /// Every actor, target and change there is, against the rules in other words.
    #[test]
    fn nobody_raises_anybody_above_himself_and_an_owner_is_left() {
        let changes = ROLES.map(PersonChange::Role).into_iter().chain([
            PersonChange::Deactivate,
            PersonChange::Activate,
            PersonChange::Remove,
        ]);
        for change in changes {
            for (actor, target) in ROLES
                .iter()
                .flat_map(|a| ROLES.iter().map(move |t| (*a, *t)))
            {
                for owners in 1..3 {
                    let result = change.check(person(1, actor), person(2, target), owners);
                    let to = match change {
                        PersonChange::Role(to) => to,
                        _ => target,
                    };
                    let stays_owner = match change {
                        PersonChange::Role(to) => to == Role::Owner,
                        _ => change == PersonChange::Activate,
                    };
                    let left = owners - u64::from(target == Role::Owner && !stays_owner);
                    let may = target.max(to) <= actor && left >= 1;
                    assert_eq!(
                        result.is_ok(),
                        may,
                        "{actor:?} {change:?} {target:?} {owners}"
                    );
                }
            }
        }
    }

    #[test]
    fn nobody_does_it_to_himself() {
        let owner = person(1, Role::Owner);
        for change in [PersonChange::Role(Role::Viewer), PersonChange::Remove] {
            assert_eq!(change.check(owner, owner, 9), Err(PersonError::Oneself));
        }
    }
}
