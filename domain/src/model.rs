//! Models that serve an organization: names, what they were seen to do, and when one may take
//! another's place or loses its own.
//!
//! The rules know counts and measures, not models: what scores and how is for `ml-models/` to know.

mod gate;
mod guard;
mod scores;

pub use gate::{FLAG_RATIO_MOST, GateRefusal, Measured, SHADOW_LEAST, gate};
pub use guard::{CALIBRATED_SHARE, GUARD_LEAST, GUARD_WINDOW, Window, guard};
pub use scores::{ModelScores, SCORE_BINS, Shadow};

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::ModelMoveId;

/// What a model version is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ModelAlias {
    /// It serves: what it flags becomes a finding.
    Champion,
    /// It scores beside the champion without effect.
    Challenger,
}

impl fmt::Display for ModelAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        })
    }
}

/// One move of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMove {
    /// Its identity.
    pub id: ModelMoveId,
    /// Counts all moves of the organization's names from 1.
    pub number: i64,
    /// Which name.
    pub alias: ModelAlias,
    /// The number of the version that it pointed at; `None` is none.
    pub from: Option<i32>,
    /// The number of the version that it points at from then on; `None` is none.
    pub to: Option<i32>,
    /// Whether it was moved back.
    pub is_rollback: bool,
    /// Whether a person did so against the gate.
    pub is_forced: bool,
    /// By whom: `user:<id>`, or `system:stream` for the guard.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Where a name goes when it is moved back: to what it was before the last promotion that was not
/// taken back, which may be nothing; the outer `None` says that there is no promotion to take back.
///
/// `moves` are those of one name, oldest first.
#[must_use]
pub fn before(moves: &[ModelMove]) -> Option<Option<i32>> {
    let mut states = vec![None];
    for change in moves {
        if change.is_rollback {
            states.pop();
        } else {
            states.push(change.to);
        }
    }
    states.pop();
    states.pop()
}

/// What serves an organization now, and since which moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Serving {
    /// The champion.
    pub champion: Option<Served>,
    /// The challenger.
    pub challenger: Option<Served>,
}

/// A version that a name points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Served {
    /// The number of the version.
    pub version: i32,
    /// The number of the move that put it there.
    pub since_move: i64,
}

impl Serving {
    /// The move that made the champion, 0 without one.
    #[must_use]
    pub fn champion_move(&self) -> i64 {
        self.champion.map_or(0, |it| it.since_move)
    }

    /// The move that made the challenger, 0 without one.
    #[must_use]
    pub fn challenger_move(&self) -> i64 {
        self.challenger.map_or(0, |it| it.since_move)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_name_goes_back_promotion_by_promotion_down_to_nothing() {
        let step = |(to, is_rollback): (Option<i32>, bool)| ModelMove {
            id: ModelMoveId::from_uuid(Uuid::nil()),
            number: 0,
            alias: ModelAlias::Champion,
            from: None,
            to,
            is_rollback,
            is_forced: false,
            by: String::new(),
            reason: String::new(),
            at: DateTime::UNIX_EPOCH,
        };
        let (up, down) = (|to| (Some(to), false), |to| (to, true));
        for (moves, expected) in [
            (vec![], None),
            (vec![up(1)], Some(None)),
            (vec![up(1), up(2)], Some(Some(1))),
            (vec![up(1), up(2), down(Some(1))], Some(None)),
            (vec![up(1), up(2), down(Some(1)), up(3)], Some(Some(1))),
            (vec![up(1), (None, false)], Some(Some(1))),
            (vec![up(1), down(None)], None),
        ] {
            let told: Vec<_> = moves.iter().copied().map(step).collect();
            assert_eq!(before(&told), expected, "{moves:?}");
        }
    }
}
