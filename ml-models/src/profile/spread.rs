//! How many different things an agent does in an hour.
//!
//! HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal
//! cardinality estimation algorithm", AofA 2007) of actions with their targets, with its linear counting
//! of few; an hour is held against the tail of the hours before it. Empty hours are passed over.

use serde::{Deserialize, Serialize};

use super::windowed::Windowed;
use crate::mark::mix;

/// Registers: the standard error is 1.04/√32, 18 %.
const REGISTERS: usize = 32;
/// α of so many registers.
const ALPHA: f64 = 0.697;
const WINDOW_SECONDS: i64 = 3_600;
/// A fifth more is no news.
const LEAST: f64 = 0.25;

/// Different deeds of an hour, in some 170 bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    hours: Windowed,
    registers: [u8; REGISTERS],
}

/// The open hour, with a thing that was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Different things in it, about.
    pub(super) estimate: f64,
    /// As many come once in 10 to this many hours.
    pub(super) decades: f64,
}

/// 2 to the power of −`rank`, which is at most 60: the exponent alone.
fn half_to(rank: u8) -> f64 {
    f64::from_bits((1_023 - u64::from(rank)) << 52)
}

impl Spread {
    /// Different things in the open hour, about.
    pub(super) fn estimate(&self) -> f64 {
        let sum: f64 = self.registers.iter().map(|&rank| half_to(rank)).sum();
        let size = REGISTERS as f64;
        let raw = ALPHA * size * size / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        if raw <= 2.5 * size && empty > 0 {
            size * (size / empty as f64).ln()
        } else {
            raw
        }
    }

    /// Counts a thing.
    pub(super) fn count(&mut self, seconds: i64, mark: u64) -> Counted {
        if self.hours.is_over(seconds, WINDOW_SECONDS) {
            let level = (1.0 + self.estimate()).log2();
            self.hours.open(seconds, WINDOW_SECONDS, level, LEAST);
            self.registers = [0; REGISTERS];
        }
        let mark = mix(mark);
        // At most 60 leading zeros, and one: fits.
        let rank = ((mark | 0x1f).leading_zeros() + 1) as u8;
        if let Some(register) = self.registers.get_mut((mark % REGISTERS as u64) as usize) {
            *register = (*register).max(rank);
        }
        let estimate = self.estimate();
        Counted {
            estimate,
            decades: self.hours.decades((1.0 + estimate).log2(), LEAST),
        }
    }

    /// Whether the open hour has become worse news than was told of it.
    pub(super) const fn is_news(&mut self, decades: f64) -> bool {
        self.hours.is_news(decades)
    }
}
