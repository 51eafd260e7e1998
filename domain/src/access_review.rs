//! Reviews of access: a person gives a word for everybody and everything that may get in.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AccessReviewId, UserId};

/// Most things of one review; whoever has more reviews them kind by kind.
pub const ACCESS_REVIEW_ITEMS_MAX: usize = 20_000;
/// Most reviews that are open at one time.
pub const ACCESS_REVIEWS_OPEN_MAX: u64 = 10;
/// Longest time until a review is due.
pub const ACCESS_REVIEW_DUE_MAX: TimeDelta = TimeDelta::days(366);

/// What may get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessSubject {
    /// A person who may sign in.
    User,
    /// An agent that was not revoked.
    Agent,
    /// An API key that is good.
    ApiKey,
    /// An SDK token that is good.
    SdkToken,
}

impl AccessSubject {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Agent, Self::ApiKey, Self::SdkToken];
}

/// What a person says of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessWord {
    /// It stays.
    Keep,
    /// It goes.
    Revoke,
}

/// How far a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessReviewStatus {
    /// Words are taken.
    Open,
    /// It is a record, and stays as it is.
    Closed,
}

/// A review has begun, come further, or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessReviewChanged {
    /// Which.
    pub review: AccessReviewId,
    /// What it is called.
    pub name: String,
    /// How far it is.
    pub status: AccessReviewStatus,
    /// Until when it is to be done.
    pub due_at: DateTime<Utc>,
    /// How many things it is about.
    pub items: u64,
    /// How many of them nobody has given a word for.
    pub unanswered: u64,
    /// Who did that, as `user:<id>`.
    pub by: String,
}

/// Why a word is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessWordError {
    /// Nobody reviews themselves.
    #[error("is your own access; another person has to give the word")]
    Own,
    /// What was taken away stays so.
    #[error("was revoked in this review before, and that stays")]
    Revoked,
}

/// Whether a person may give this word on what is `owner`'s, and of which `before` was said.
///
/// # Errors
/// [`AccessWordError`] when they may not.
pub fn check_access_word(
    person: UserId,
    owner: Option<UserId>,
    before: Option<AccessWord>,
    word: AccessWord,
) -> Result<(), AccessWordError> {
    if owner == Some(person) {
        return Err(AccessWordError::Own);
    }
    if before == Some(AccessWord::Revoke) && word == AccessWord::Keep {
        return Err(AccessWordError::Revoked);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn nobody_reviews_themselves_and_what_is_gone_stays_so() {
        use AccessWord::{Keep, Revoke};
        let [me, you] = [1, 2].map(|it| UserId::from_uuid(Uuid::from_u128(it)));
        for (owner, before, word, wanted) in [
            (None, None, Keep, Ok(())),
            (Some(you), None, Revoke, Ok(())),
            (Some(you), Some(Keep), Revoke, Ok(())),
            (Some(you), Some(Revoke), Revoke, Ok(())),
            (Some(you), Some(Revoke), Keep, Err(AccessWordError::Revoked)),
            (Some(me), None, Keep, Err(AccessWordError::Own)),
            (Some(me), None, Revoke, Err(AccessWordError::Own)),
        ] {
            let found = check_access_word(me, owner, before, word);
            assert_eq!(found, wanted, "{owner:?} {before:?} {word:?}");
        }
    }
}
