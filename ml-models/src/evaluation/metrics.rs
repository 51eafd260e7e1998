//! Areas, thresholds and rates.

/// Share of pairs in which the positive has the higher score, ties counting half: the area under
/// the receiver operating characteristic. `None` when a side is empty.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of runs stay far below 2^52"
)]
pub(crate) fn auc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut sorted = negatives.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let half_wins: usize = positives
        .iter()
        .map(|score| {
            sorted.partition_point(|other| other < score)
                + sorted.partition_point(|other| other <= score)
        })
        .sum();
    Some(half_wins as f64 / 2.0 / positives.len() as f64 / sorted.len() as f64)
}

/// The least score above which at most `share` of the calibration scores lie; infinite without
/// any, so that nothing is flagged that nothing was measured for.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count, between 0 and the count"
)]
pub(crate) fn threshold(mut calibration: Vec<f64>, share: f64) -> f64 {
    calibration.sort_unstable_by(f64::total_cmp);
    let above = (share.clamp(0.0, 1.0) * calibration.len() as f64).floor() as usize;
    let index = calibration.len().checked_sub(above + 1);
    index
        .and_then(|index| calibration.get(index))
        .copied()
        .unwrap_or(f64::INFINITY)
}

/// Share of `flags` that are set; 0 without any.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of runs stay far below 2^52"
)]
pub(crate) fn rate(flags: impl Iterator<Item = bool>) -> f64 {
    let (set, all) = flags.fold((0_u64, 0_u64), |(set, all), f| {
        (set + u64::from(f), all + 1)
    });
    if all == 0 {
        0.0
    } else {
        set as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_counts_ties_half() {
        assert_eq!(auc(&[1.0, 2.0], &[0.0, 1.0]), Some(0.875));
        assert_eq!(auc(&[3.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(auc(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(auc(&[], &[1.0]), None);
    }

    #[test]
    fn a_threshold_leaves_at_most_its_share_above() {
        let scores: Vec<f64> = (0..100_u32).map(f64::from).collect();
        for (share, expected) in [(0.0, 99.0), (0.01, 98.0), (0.05, 94.0)] {
            assert_eq!(threshold(scores.clone(), share), expected, "{share}");
        }
        assert_eq!(threshold(vec![0.0; 50], 0.05), 0.0);
        assert_eq!(threshold(Vec::new(), 0.05), f64::INFINITY);
    }

    #[test]
    fn a_rate_of_nothing_is_zero() {
        assert_eq!(rate([true, false, false, true].into_iter()), 0.5);
        assert_eq!(rate(std::iter::empty()), 0.0);
    }
}
