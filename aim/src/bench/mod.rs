//! Measurements against a running server.

pub(crate) mod bombs;
pub(crate) mod stream;
pub(crate) mod verify;

use hdrhistogram::Histogram;

/// Microseconds from 1 to a minute, three digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// A quantile in milliseconds.
fn ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}
