//! Whether what an agent does has become something else.
//!
//! Every 64 actions are compared with those before them by the two-sample χ² test of their kinds, with
//! scarce kinds taken together (Cochran, "Some methods for strengthening the common χ² tests",
//! Biometrics 10, 1954). Actions of one run are alike, so that counts vary more than the test supposes:
//! the statistic is divided by how much it exceeded its degrees of freedom so far (quasi-likelihood:
//! McCullagh and Nelder, "Generalized Linear Models", 1989, §4.5). What is significant but not large
//! (Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, §7.2: w from 0.5 on) is no
//! drift.

use serde::{Deserialize, Serialize};

use super::chi::decades_of_chi_squared;
use crate::mark::mix;

/// Kinds of actions, by their marks.
const KINDS: usize = 24;
const WINDOW: u16 = 64;
/// The past is worth about this many windows: old habits fade.
const PAST_WINDOWS: f64 = 32.0;
/// Windows to learn from before anything is a drift.
const LEARNING_WINDOWS: u8 = 6;
/// Kinds that are expected less often in both together are one.
const SCARCE: f64 = 10.0;
/// Once in 10 to this many windows,
const RARE_DECADES: f64 = 6.0;
/// and this far apart, as Cohen's w.
const LEAST_EFFECT: f64 = 0.5;
/// Weight of the newest window in the dispersion.
const STEP: f64 = 0.1;
/// Most that one window says of the dispersion.
const OWN_MAX: f64 = 10.0;
/// A window that drifted counts this much for the past.
const DRIFTED_WEIGHT: f32 = 0.1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Drift {
    past: [f32; KINDS],
    window: [u8; KINDS],
    actions: u16,
    windows: u8,
    dispersion: f32,
    decades: f32,
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            past: [0.0; KINDS],
            window: [0; KINDS],
            actions: 0,
            windows: 0,
            dispersion: 1.0,
            decades: 0.0,
        }
    }
}

/// How far a window lies from the past.
struct Test {
    chi_squared: f64,
    freedom: f64,
    effect: f64,
}

impl Drift {
    /// Of the newest full window: it is as far from the past once in 10 to this many.
    pub(super) fn decades(&self) -> f64 {
        self.decades.into()
    }

    /// Counts an action; Cohen's w when it ends a window that drifted.
    pub(super) fn count(&mut self, action: u64) -> Option<f64> {
        let kind = (mix(action) % KINDS as u64) as usize;
        if let Some(count) = self.window.get_mut(kind) {
            *count = count.saturating_add(1);
        }
        self.actions = self.actions.saturating_add(1);
        if self.actions < WINDOW {
            return None;
        }
        let effect = self.judge();
        let weight = if effect.is_some() {
            DRIFTED_WEIGHT
        } else {
            1.0
        };
        let kept = (1.0 - 1.0 / PAST_WINDOWS) as f32;
        for (past, new) in self.past.iter_mut().zip(self.window) {
            *past = *past * kept + weight * f32::from(new);
        }
        self.window = [0; KINDS];
        self.actions = 0;
        self.windows = self.windows.saturating_add(1);
        effect
    }

    fn judge(&mut self) -> Option<f64> {
        self.decades = 0.0;
        let test = self.test()?;
        let own = test.chi_squared / test.freedom;
        let decades = decades_of_chi_squared(
            test.chi_squared / f64::from(self.dispersion.max(1.0)),
            test.freedom,
        );
        if self.windows < LEARNING_WINDOWS {
            self.disperse(own);
            return None;
        }
        self.decades = decades as f32;
        if decades >= RARE_DECADES && test.effect >= LEAST_EFFECT {
            return Some(test.effect);
        }
        self.disperse(own);
        None
    }

    fn disperse(&mut self, own: f64) {
        let before = f64::from(self.dispersion);
        self.dispersion = (before + STEP * (own.min(OWN_MAX) - before)) as f32;
    }

    /// `None` while there is nothing to compare.
    fn test(&self) -> Option<Test> {
        let past: f64 = self.past.iter().map(|&count| f64::from(count)).sum();
        let window = f64::from(self.actions);
        if past < f64::from(WINDOW) {
            return None;
        }
        let ratio = (window / past).sqrt();
        let term = |old: f64, new: f64| (ratio * old - new / ratio).powi(2) / (old + new);
        let (mut chi_squared, mut classes, mut scarce) = (0.0, 0.0, (0.0, 0.0));
        for (old, new) in self.past.iter().zip(self.window) {
            let (old, new) = (f64::from(*old), f64::from(new));
            if old + new < SCARCE {
                scarce = (scarce.0 + old, scarce.1 + new);
            } else {
                chi_squared += term(old, new);
                classes += 1.0;
            }
        }
        if scarce.0 + scarce.1 > 0.0 {
            chi_squared += term(scarce.0, scarce.1);
            classes += 1.0;
        }
        (classes > 1.0).then(|| Test {
            chi_squared,
            freedom: classes - 1.0,
            effect: (chi_squared / window).sqrt(),
        })
    }
}
