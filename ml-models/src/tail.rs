//! How rarely a signal is as high.
//!
//! Peaks over a threshold (Siffert, Fouque, Termier, Largouet, "Anomaly Detection in Streams with
//! Extreme Value Theory", KDD 2017): excesses over a high quantile follow a generalized Pareto
//! distribution, whatever the signal. Shape and scale by probability-weighted moments (Hosking and
//! Wallis, "Parameter and Quantile Estimation for the Generalized Pareto Distribution",
//! Technometrics 29, 1987): of the mean and of the mean of the lesser of two excesses, which takes
//! constant memory and no iteration.

use serde::{Deserialize, Serialize};

use crate::quantile::Quantile;

/// Excesses are what lies above this quantile.
const SHARE: f64 = 0.93;
/// Means are over about so many of the newest excesses: of about 4,600 rows.
const EXCESSES: f64 = 320.0;
/// Excesses that a new one is compared with, and how many come until one of them is replaced: those
/// kept lie apart, because excesses next to each other are alike.
const SAMPLE: usize = 8;
const EVERY: u32 = 40;
/// Rows to learn from before anything is rare, and before excesses count.
const LEARNING_ROWS: u32 = 100;
const FIRST_ROWS: u32 = 20;
/// Fewer excesses have a scale but no shape.
const SHAPED: u32 = 5;
/// Lighter tails than the exponential one are fitted by chance; heavier ones than this make
/// nothing rare.
const SHAPE_MAX: f64 = 0.3;
/// A row is learned as at most what is exceeded once in 10 to this many rows,
const LEARNED_DECADES: f64 = 4.0;
/// and within so many rows that limit grows at most so many times, whatever arrives.
const GROWTH_ROWS: u32 = 1_000;
const GROWTH: f64 = 8.0;
/// The greatest rarity that few rows can tell.
pub(crate) const DECADES_MAX: f64 = 12.0;

/// The upper tail of one signal, in some 110 bytes. Signals lie within ±1e30.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    rows: u32,
    quantile: Quantile,
    excesses: u32,
    /// Mean excess, and mean of the lesser of an excess and an older one.
    mean: f32,
    lesser: f32,
    sample: [f32; SAMPLE],
    shape: f32,
    scale: f32,
    /// The limit is at most this.
    cap: f32,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            rows: 0,
            quantile: Quantile::default(),
            excesses: 0,
            mean: 0.0,
            lesser: 0.0,
            sample: [0.0; SAMPLE],
            shape: 0.0,
            scale: 0.0,
            cap: f32::INFINITY,
        }
    }
}

impl Tail {
    /// The signal is as high once in 10 to this many rows; 0 when it is usual or nothing is known.
    /// Excesses of the size of `least` are no news.
    pub(crate) fn decades(&self, signal: f64, least: f64) -> f64 {
        let excess = signal - self.quantile.value();
        if self.rows < LEARNING_ROWS || excess <= 0.0 {
            return 0.0;
        }
        let ratio = excess / f64::from(self.scale).max(least).max(f64::MIN_POSITIVE);
        let shape = f64::from(self.shape);
        let beyond = if shape > 0.0 {
            (shape * ratio).ln_1p() / shape
        } else {
            ratio
        };
        let decades = beyond / std::f64::consts::LN_10 - (1.0 - SHARE).log10();
        decades.min(DECADES_MAX)
    }

    /// The signal as which a higher one is learned; infinite while nothing is known.
    pub(crate) fn limit(&self, least: f64) -> f64 {
        if self.rows < LEARNING_ROWS {
            return f64::INFINITY;
        }
        // What is exceeded once in 10 to `LEARNED_DECADES` rows.
        let reach = reach(self.shape.into());
        let rare = self.quantile.value() + reach * f64::from(self.scale).max(least);
        rare.min(self.cap.into())
    }

    /// Learns a signal as at most the limit, which is returned; all of it while `least` is zero,
    /// for then nothing has a scale yet.
    pub(crate) fn learn(&mut self, signal: f64, least: f64) -> f64 {
        self.rows = self.rows.saturating_add(1);
        let is_without_scale = least <= 0.0;
        let limit = if is_without_scale {
            f64::INFINITY
        } else {
            self.limit(least)
        };
        let threshold = self.quantile.value();
        // Far below the threshold there is nothing to tell apart either.
        let signal = signal.min(limit).max(threshold - (limit - threshold).abs());
        let excess = signal - threshold;
        if self.rows > FIRST_ROWS && excess > 0.0 {
            self.keep(excess);
        }
        self.quantile.learn(SHARE, signal);
        if self.rows.is_multiple_of(GROWTH_ROWS) {
            self.cap = if is_without_scale {
                f32::INFINITY
            } else {
                // What is always negative grows toward zero.
                let limit = self.limit(least);
                (limit + (GROWTH - 1.0) * limit.abs()) as f32
            };
        }
        limit
    }

    fn keep(&mut self, excess: f64) {
        let before = self.excesses;
        self.excesses = before.saturating_add(1);
        move_mean(&mut self.mean, excess, self.excesses);
        let held = SAMPLE.min(before as usize);
        if held > 0 {
            let older = self.sample.iter().take(held);
            let lesser: f64 = older.map(|older| f64::from(*older).min(excess)).sum();
            move_mean(&mut self.lesser, lesser / held as f64, before);
        }
        if held < SAMPLE {
            self.sample[held] = excess as f32;
        } else if self.excesses.is_multiple_of(EVERY) {
            self.sample[(self.excesses / EVERY) as usize % SAMPLE] = excess as f32;
        }
        let mean = f64::from(self.mean);
        let gap = mean - f64::from(self.lesser);
        let is_shaped = self.excesses >= SHAPED && gap > 0.0;
        let shape = if is_shaped { 2.0 - mean / gap } else { 0.0 }.clamp(0.0, SHAPE_MAX);
        self.shape = shape as f32;
        self.scale = (mean * (1.0 - shape)) as f32;
    }
}

/// The plain mean of the first values, the exponentially weighted one of more.
fn move_mean(mean: &mut f32, value: f64, values: u32) {
    let before = f64::from(*mean);
    let step = (1.0 / f64::from(values)).max(2.0 / EXCESSES);
    *mean = (before + step * (value - before)) as f32;
}

/// Excess in scales that is exceeded once in 10 to [`LEARNED_DECADES`] rows.
fn reach(shape: f64) -> f64 {
    let beyond = LEARNED_DECADES * std::f64::consts::LN_10 + (1.0 - SHARE).ln();
    if shape > 0.0 {
        (shape * beyond).exp_m1() / shape
    } else {
        beyond
    }
}
