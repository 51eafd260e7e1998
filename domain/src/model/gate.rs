//! When a challenger may become champion.

use super::Shadow;

/// Actions that a challenger has to have scored beside the champion.
pub const SHADOW_LEAST: u64 = 1_000;
/// How many times what the champion flags a challenger may flag.
pub const FLAG_RATIO_MOST: f64 = 2.0;
/// How much less counts as the same: the last bits of an area over millions of pairs.
const SAME: f64 = 1e-9;
/// A champion that flags less than this share of actions is taken to flag so many: both were
/// calibrated to it, and twice nothing would be nothing.
const FLAGS_LEAST: f64 = super::CALIBRATED_SHARE;

/// What was measured of a version when it was trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured<'a> {
    /// Hash of the data that it was made of.
    pub data_sha256: &'a str,
    /// Area under the curve on held-out agents; `None` where there were no labels.
    pub auc: Option<f64>,
}

/// Why a challenger may not become champion yet, with figures and remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateRefusal {
    /// It was not tried.
    #[error(
        "version {0} is not the challenger, so that nothing is known of it: promote it to CHALLENGER first, or force it with a reason"
    )]
    NotTried(i32),
    /// It was tried too little.
    #[error(
        "the challenger has scored {0} actions beside the champion, at least {SHADOW_LEAST} are needed: wait, or force it with a reason"
    )]
    TooFew(u64),
    /// It erred.
    #[error("the challenger could not score {0} actions: train another one")]
    Errors(u64),
    /// It flags too much.
    #[error(
        "the challenger flags {challenger} actions, the champion {champion}, more than {FLAG_RATIO_MOST} times as many: train another one, or force it with a reason"
    )]
    Flags {
        /// By the challenger.
        challenger: u64,
        /// By the champion.
        champion: u64,
    },
    /// It is worse on the same data.
    #[error(
        "the challenger has AUC {challenger:.4}, the champion {champion:.4} on the same data: train a better one, or force it with a reason"
    )]
    Worse {
        /// Of the challenger.
        challenger: f64,
        /// Of the champion.
        champion: f64,
    },
}

/// Refuses a challenger that was tried too little, erred, flags much more than the champion, or is
/// worse on the same held-out data. Measures on different data are not compared.
///
/// # Errors
/// [`GateRefusal`], the first of them.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn gate(
    shadow: &Shadow,
    champion: Measured<'_>,
    challenger: Measured<'_>,
) -> Result<(), GateRefusal> {
    let seen = &shadow.challenger;
    if seen.errors > 0 {
        return Err(GateRefusal::Errors(seen.errors));
    }
    if seen.scored < SHADOW_LEAST {
        return Err(GateRefusal::TooFew(seen.scored));
    }
    let usual = (shadow.champion.flagged as f64).max(FLAGS_LEAST * seen.scored as f64);
    if seen.flagged as f64 > FLAG_RATIO_MOST * usual {
        return Err(GateRefusal::Flags {
            challenger: seen.flagged,
            champion: shadow.champion.flagged,
        });
    }
    match (champion.auc, challenger.auc) {
        (Some(before), Some(after))
            if champion.data_sha256 == challenger.data_sha256
                && (after.is_nan() || after < before - SAME) =>
        {
            Err(GateRefusal::Worse {
                challenger: after,
                champion: before,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelScores;

    fn shadow(scored: u64, champion: u64, challenger: u64, errors: u64) -> Shadow {
        let of = |flagged, errors| ModelScores {
            scored,
            flagged,
            errors,
            ..ModelScores::default()
        };
        Shadow {
            champion: of(champion, 0),
            challenger: of(challenger, errors),
            ..Shadow::default()
        }
    }

    #[test]
    fn each_condition_holds_by_itself() {
        let measured = |auc| Measured {
            data_sha256: "a",
            auc,
        };
        let (worse, better) = (measured(Some(0.7)), measured(Some(0.8)));
        let elsewhere = Measured {
            data_sha256: "b",
            auc: Some(0.9),
        };
        let calm = shadow(1_000, 10, 20, 0);
        assert_eq!(gate(&calm, worse, better), Ok(()));
        assert_eq!(gate(&calm, better, better), Ok(()));
        assert_eq!(gate(&calm, elsewhere, worse), Ok(()));
        assert_eq!(gate(&calm, better, measured(None)), Ok(()));
        assert_eq!(gate(&shadow(1_000, 0, 20, 0), worse, better), Ok(()));
        for (shadow, champion, challenger, refusal) in [
            (
                shadow(999, 10, 0, 0),
                worse,
                better,
                GateRefusal::TooFew(999),
            ),
            (
                shadow(1_000, 10, 0, 1),
                worse,
                better,
                GateRefusal::Errors(1),
            ),
            (
                shadow(1_000, 10, 21, 0),
                worse,
                better,
                GateRefusal::Flags {
                    challenger: 21,
                    champion: 10,
                },
            ),
            (
                calm,
                better,
                worse,
                GateRefusal::Worse {
                    challenger: 0.7,
                    champion: 0.8,
                },
            ),
        ] {
            assert_eq!(gate(&shadow, champion, challenger), Err(refusal));
        }
    }
}
