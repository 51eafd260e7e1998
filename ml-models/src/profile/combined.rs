//! Several rarities as one.
//!
//! The Cauchy combination (Liu and Xie, "Cauchy combination test: a powerful test with analytic p-value
//! calculation under arbitrary dependency structures", Journal of the American Statistical Association
//! 115, 2020): its tail is right whatever the signals have to do with each other.

use std::f64::consts::PI;

use crate::tail::DECADES_MAX;

/// From this on, small signs together are worth telling,
pub(super) const RARE_DECADES: f64 = 3.5;
/// unless one of them is that by itself.
pub(super) const TOLD_DECADES: f64 = 4.0;

/// What comes once in 10 to these many times each comes together once in 10 to the returned many; a
/// signal of 0 says nothing.
pub(super) fn combine(decades: &[f64]) -> f64 {
    let count = decades.len().max(1) as f64;
    let cauchy = |decades: &f64| {
        let p = 10_f64.powf(-decades);
        if p >= 0.5 { 0.0 } else { 1.0 / (PI * p).tan() }
    };
    let mean = decades.iter().map(cauchy).sum::<f64>() / count;
    if mean <= 0.0 {
        return 0.0;
    }
    let p = 0.5 - mean.atan() / PI;
    // Far out the difference of two like numbers is lost; there the tail is 1 / (π·mean).
    let p = if mean > 1e6 { 1.0 / (PI * mean) } else { p };
    (-p.log10()).clamp(0.0, DECADES_MAX)
}
