//! How rare a χ² statistic is.

use crate::tail::DECADES_MAX;

/// A bound of the tail: χ² with `freedom` degrees of freedom is as great once in 10 to this many times
/// at most, by P(X ≥ x) ≤ (x/k · e^(1 − x/k))^(k/2) (Dasgupta and Gupta, "An elementary proof of a
/// theorem of Johnson and Lindenstrauss", Random Structures and Algorithms 22, 2003, lemma 2.2).
pub(super) fn decades_of_chi_squared(chi_squared: f64, freedom: f64) -> f64 {
    let ratio = chi_squared / freedom;
    if ratio.is_nan() || ratio <= 1.0 {
        return 0.0;
    }
    let log = freedom / 2.0 * (ratio.ln() + 1.0 - ratio);
    (-log / std::f64::consts::LN_10).clamp(0.0, DECADES_MAX)
}
