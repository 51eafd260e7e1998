//! What people and peers say of an agent.
//!
//! Many voices of one person are one voice: ratings of a person and of all agents that this person
//! registered weigh at most 1 together, so that registering agents buys nothing (the Sybil attack:
//! Douceur, "The Sybil Attack", 2002).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TrustScore;

/// Best rating; the worst is 1.
pub const RATING_MAX: u8 = 5;
/// What a peer's word weighs at full trust, where a person's weighs 1.
const PEER_WEIGHT: f64 = 0.5;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rater {
    /// A person.
    Person,
    /// Another agent, with the trust that it has itself.
    Peer(Option<TrustScore>),
}

impl Rater {
    /// What the word weighs, 0 to 1. A peer without a score has no say.
    #[must_use]
    pub fn weight(self) -> f64 {
        match self {
            Self::Person => 1.0,
            Self::Peer(trust) => trust.map_or(0.0, |trust| PEER_WEIGHT * trust.as_fraction()),
        }
    }
}

/// One rater's present word.
#[derive(Debug, Clone, PartialEq)]
pub struct Rating {
    /// The person behind the rater.
    pub sponsor: String,
    /// 1 to [`RATING_MAX`].
    pub rating: u8,
    /// As of when it was given, 0 to 1.
    pub weight: f64,
}

/// What they say together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// Raters.
    pub ratings: u32,
    /// People behind them.
    pub sponsors: u32,
    /// Σ of weights, at most 1 a sponsor.
    pub weight: f64,
    /// Σ of weighted values, each 0 to 1.
    pub sum: f64,
}

impl Feedback {
    /// Puts the present ratings of an agent together; their order does not matter.
    #[must_use]
    pub fn of(ratings: &[Rating]) -> Self {
        let mut sponsors: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for rating in ratings {
            let value =
                f64::from(rating.rating.clamp(1, RATING_MAX) - 1) / f64::from(RATING_MAX - 1);
            let (weight, sum) = sponsors.entry(&rating.sponsor).or_default();
            *weight += rating.weight;
            *sum += rating.weight * value;
        }
        let mut all = Self {
            ratings: u32::try_from(ratings.len()).unwrap_or(u32::MAX),
            sponsors: u32::try_from(sponsors.len()).unwrap_or(u32::MAX),
            ..Self::default()
        };
        for (weight, sum) in sponsors.into_values() {
            let scale = weight.max(1.0);
            all.weight += weight / scale;
            all.sum += sum / scale;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(sponsor: &str, rating: u8, weight: f64) -> Rating {
        Rating {
            sponsor: sponsor.to_owned(),
            rating,
            weight,
        }
    }

    #[test]
    fn an_army_of_one_person_weighs_as_much_as_one_person() {
        let honest = [rating("a", 2, 1.0), rating("b", 1, 1.0)];
        let mut attacked = honest.to_vec();
        attacked.extend((0..10_000).map(|_| rating("mallory", 5, 0.5)));
        let (before, after) = (Feedback::of(&honest), Feedback::of(&attacked));
        assert_eq!((before.weight, before.sum), (2.0, 0.25));
        assert_eq!((after.weight, after.sum), (3.0, 1.25));
        assert_eq!((after.sponsors, after.ratings), (3, 10_002));
    }

    #[test]
    fn a_peer_speaks_as_loudly_as_it_is_trusted() {
        let trust = |value| Rater::Peer(Some(TrustScore::from_fraction(value)));
        for (rater, expected) in [
            (Rater::Person, 1.0),
            (trust(1.0), 0.5),
            (trust(0.2), 0.1),
            (Rater::Peer(None), 0.0),
        ] {
            assert!((rater.weight() - expected).abs() < 1e-9, "{rater:?}");
        }
    }
}
