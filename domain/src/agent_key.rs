//! The life of agents' keys: how long they are good, how they are exchanged, when one is reminded.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Most days that an organization may let keys live.
pub const KEY_LIFE_DAYS_MAX: u16 = 730;
/// Most seconds that a key may live on beside the one that takes its place: a week is long enough
/// to roll a fleet, and a stolen old key is of no use after it.
pub const KEY_GRACE_SECONDS_MAX: u32 = 7 * 24 * 3_600;
/// Most reminders before a key expires.
pub const KEY_REMINDERS_MAX: usize = 10;
/// Most keys that an agent may be given in a day: each is kept, and events are signed with few.
pub const KEYS_A_DAY_MAX: u64 = 24;

/// What an organization wants of its agents' keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyPolicy {
    /// Days until a new key expires.
    pub life_days: u16,
    /// How long a key that was rotated away is still good, where the rotation does not say.
    pub grace_seconds: u32,
    /// How many days before the end to remind.
    pub reminder_days: Vec<u16>,
    /// Whether an agent whose last key has ended is suspended.
    pub suspends_expired: bool,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            life_days: 90,
            grace_seconds: 24 * 3_600,
            reminder_days: vec![14, 7, 1],
            suspends_expired: true,
        }
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyPolicyError {
    /// No life, or too long a one.
    #[error("is `{0}`; give 1 to {KEY_LIFE_DAYS_MAX} days")]
    Life(u16),
    /// Too long an overlap.
    #[error("is `{0}`; give 0 to {KEY_GRACE_SECONDS_MAX} seconds")]
    Grace(u32),
    /// Too many reminders.
    #[error("has {0} entries; give at most {KEY_REMINDERS_MAX}")]
    Reminders(usize),
    /// A reminder at or before the key's beginning.
    #[error(
        "has `{0}`; a reminder lies 1 day before the end or more, and less than the life of a key"
    )]
    Reminder(u16),
}

/// Checks the seconds of an overlap.
///
/// # Errors
/// [`KeyPolicyError::Grace`] when they are too many.
pub const fn check_grace(seconds: u32) -> Result<u32, KeyPolicyError> {
    if seconds > KEY_GRACE_SECONDS_MAX {
        return Err(KeyPolicyError::Grace(seconds));
    }
    Ok(seconds)
}

impl KeyPolicy {
    /// Every field that breaks a rule, with what is wrong with it.
    #[must_use]
    pub fn errors(&self) -> Vec<(&'static str, KeyPolicyError)> {
        let mut errors = Vec::new();
        if self.life_days == 0 || self.life_days > KEY_LIFE_DAYS_MAX {
            errors.push(("lifeDays", KeyPolicyError::Life(self.life_days)));
        }
        if let Err(error) = check_grace(self.grace_seconds) {
            errors.push(("graceSeconds", error));
        }
        if self.reminder_days.len() > KEY_REMINDERS_MAX {
            let error = KeyPolicyError::Reminders(self.reminder_days.len());
            errors.push(("reminderDays", error));
        }
        let wrong = |days: &&u16| **days == 0 || **days >= self.life_days;
        if let Some(days) = self.reminder_days.iter().find(wrong) {
            errors.push(("reminderDays", KeyPolicyError::Reminder(*days)));
        }
        errors
    }

    /// When a key made at `now` expires.
    #[must_use]
    pub fn end_of_life(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + Duration::days(i64::from(self.life_days))
    }

    /// The reminder that is due at `now` for a key that ends at `end`: the one nearest to the end
    /// among those whose time has come; `None` before the first and after the end.
    #[must_use]
    pub fn reminder(&self, end: DateTime<Utc>, now: DateTime<Utc>) -> Option<u16> {
        let is_due = |days: &u16| end - now <= Duration::days(i64::from(*days));
        let due = self.reminder_days.iter().copied().filter(is_due);
        due.min().filter(|_| now < end)
    }
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyStatus {
    /// Good.
    Active,
    /// Another took its place; it is good until the overlap ends.
    Retiring,
    /// Past its end.
    Expired,
    /// Taken back before its end.
    Revoked,
}

impl KeyStatus {
    /// The status at `now` of a key.
    #[must_use]
    pub fn of(
        is_replaced: bool,
        expires_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if expires_at.is_some_and(|end| end <= now) {
            Self::Expired
        } else if is_replaced {
            Self::Retiring
        } else {
            Self::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_reminder_is_the_nearest_one_whose_time_has_come() {
        const DAY: i64 = 24 * 3_600;
        let policy = KeyPolicy::default();
        let end = at(100 * DAY);
        for (now, due) in [
            (86 * DAY - 1, None),
            (86 * DAY, Some(14)),
            (93 * DAY - 1, Some(14)),
            (93 * DAY, Some(7)),
            (99 * DAY, Some(1)),
            (100 * DAY - 1, Some(1)),
            (100 * DAY, None),
        ] {
            assert_eq!(policy.reminder(end, at(now)), due, "{now}");
        }
    }

    #[test]
    fn a_policy_is_checked_field_by_field() {
        assert_eq!(KeyPolicy::default().errors(), []);
        let policy = KeyPolicy {
            life_days: 0,
            grace_seconds: KEY_GRACE_SECONDS_MAX + 1,
            reminder_days: vec![1; KEY_REMINDERS_MAX + 1],
            suspends_expired: true,
        };
        let fields: Vec<_> = policy
            .errors()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        let wanted = ["lifeDays", "graceSeconds", "reminderDays", "reminderDays"];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn a_key_ends_exactly_at_its_end() {
        let end = Some(at(10));
        for (is_replaced, revoked, now, status) in [
            (false, None, 9, KeyStatus::Active),
            (true, None, 9, KeyStatus::Retiring),
            (true, None, 10, KeyStatus::Expired),
            (false, Some(at(5)), 9, KeyStatus::Revoked),
            (false, Some(at(5)), 11, KeyStatus::Revoked),
        ] {
            assert_eq!(KeyStatus::of(is_replaced, end, revoked, at(now)), status);
        }
    }
}
