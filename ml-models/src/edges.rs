//! Bursts in a stream of edges (who → what), in constant memory for any number of both.
//!
//! MIDAS-F: Bhatia, Liu, Hooi, Yoon, Shin, Faloutsos, "Real-time anomaly detection in edge streams"
//! (ACM TKDD 16, 2022). Three count-min sketches count the edges, sources and targets of the open
//! tick and of the ticks before it. What came in this tick is held against the mean per tick by the
//! χ² statistic; what is flagged is not merged into the past, so that a flood does not become the
//! normal that hides the next one.

use crate::mark::mix;

/// Independent counters of a thing; the least one counts.
const ROWS: usize = 2;
/// Counters of a row: with 1,024 an edge of a stream of millions shares its counters with few.
const COLUMNS: usize = 1_024;
const CELLS: usize = ROWS * COLUMNS;
/// χ² from which a tick's count is not learned from.
const LEARN_BELOW: f32 = 1_000.0;
/// What is left of a tick's count in the next one: a burst that crosses the border stays one.
const CARRIED: f32 = 0.5;

/// Sketches of a stream's edges: 72 KiB, whatever it has seen.
///
/// The same edges in the same order give the same scores on every machine. Collisions cannot be
/// chosen by who does not know the seed.
#[derive(Debug, Clone)]
pub struct EdgeSketch {
    seed: u64,
    first_tick: Option<u64>,
    /// Ticks since the first, from 1.
    age: f32,
    edges: Counts,
    sources: Counts,
    targets: Counts,
}

impl EdgeSketch {
    /// Sketches that have seen nothing.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            first_tick: None,
            age: 1.0,
            edges: Counts::new(),
            sources: Counts::new(),
            targets: Counts::new(),
        }
    }

    /// Counts an edge and says how far the open tick's count of it, of its source or of its target
    /// lies from their means: χ² with one degree of freedom, at least 0, 0 where nothing is known.
    ///
    /// `tick` is time in whole units, one minute for example. One that is older than the newest
    /// counts as of the newest.
    pub fn score(&mut self, tick: u64, source: u64, target: u64) -> f32 {
        self.advance(tick);
        let source = mix(source ^ self.seed);
        let target = mix(target ^ self.seed.rotate_left(32));
        let edge = mix(source.wrapping_add(target.rotate_left(23)));
        self.edges
            .count(edge, self.age)
            .max(self.sources.count(source, self.age))
            .max(self.targets.count(target, self.age))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an age of over 2^24 ticks is precise enough to a part in 2^24"
    )]
    fn advance(&mut self, tick: u64) {
        let first = *self.first_tick.get_or_insert(tick);
        let age = tick.saturating_sub(first).saturating_add(1) as f32;
        if age > self.age {
            for counts in [&mut self.edges, &mut self.sources, &mut self.targets] {
                counts.close_tick(1.0 / (age - 1.0));
            }
            self.age = age;
        }
    }
}

/// One count-min sketch, three numbers a cell.
#[derive(Debug, Clone)]
struct Counts {
    current: Box<[f32; CELLS]>,
    total: Box<[f32; CELLS]>,
    score: Box<[f32; CELLS]>,
}

impl Counts {
    fn new() -> Self {
        Self {
            current: Box::new([0.0; CELLS]),
            total: Box::new([0.0; CELLS]),
            score: Box::new([0.0; CELLS]),
        }
    }

    /// Counts one, and returns and remembers its χ².
    fn count(&mut self, hash: u64, age: f32) -> f32 {
        // Two rows by two unrelated parts of the hash; the masks keep every index in its row.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only the low bits are wanted"
        )]
        let (first, second) = (
            hash as usize & (COLUMNS - 1),
            (hash >> 32) as usize & (COLUMNS - 1) | COLUMNS,
        );
        self.current[first] += 1.0;
        self.current[second] += 1.0;
        let current = self.current[first].min(self.current[second]);
        let total = self.total[first].min(self.total[second]);
        let score = chi_squared(current, total, age);
        self.score[first] = score;
        self.score[second] = score;
        score
    }

    /// Merges the open tick into the past, but where it was flagged: there the past grows by its
    /// own mean, as if the tick had been an ordinary one.
    fn close_tick(&mut self, per_past_tick: f32) {
        let cells = self.current.iter_mut().zip(self.total.iter_mut());
        for ((current, total), score) in cells.zip(self.score.iter()) {
            let learned = if *score < LEARN_BELOW {
                *current
            } else {
                *total * per_past_tick
            };
            *total += learned;
            *current *= CARRIED;
        }
    }
}

/// χ² of `current` in the newest of `age` ticks against `total` in all before it.
fn chi_squared(current: f32, total: f32, age: f32) -> f32 {
    if total == 0.0 {
        return 0.0;
    }
    let difference = current + total - current * age;
    (difference * difference / (total * (age - 1.0))).min(f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(sketch: &mut EdgeSketch, ticks: std::ops::Range<u64>) -> f32 {
        let mut worst = 0.0_f32;
        for tick in ticks {
            for source in 0..20 {
                worst = worst.max(sketch.score(tick, source, source % 5));
            }
        }
        worst
    }

    #[test]
    fn what_is_steady_is_no_burst() {
        let mut sketch = EdgeSketch::new(1);
        steady(&mut sketch, 1_000..1_060);
        assert!(steady(&mut sketch, 1_060..1_100) < 50.0);
    }

    #[test]
    fn a_burst_stands_out_and_is_not_learned() {
        let mut sketch = EdgeSketch::new(1);
        steady(&mut sketch, 0..100);
        let mut first = 0.0;
        for _ in 0..500 {
            first = sketch.score(100, 3, 3);
        }
        assert!(first > 10_000.0, "{first}");
        steady(&mut sketch, 101..120);
        let mut again = 0.0;
        for _ in 0..500 {
            again = sketch.score(120, 3, 3);
        }
        assert!(again > first * 0.6, "{again} after {first}");
    }

    #[test]
    fn late_edges_count_as_of_the_newest_tick() {
        let mut late = EdgeSketch::new(1);
        let mut in_time = EdgeSketch::new(1);
        for sketch in [&mut late, &mut in_time] {
            steady(sketch, 10..50);
        }
        assert_eq!(late.score(0, 7, 7), in_time.score(49, 7, 7));
    }

    #[test]
    fn any_time_and_name_gives_a_finite_score() {
        let mut sketch = EdgeSketch::new(u64::MAX);
        for tick in [0, 1, u64::MAX - 1, u64::MAX, 0, u64::MAX] {
            for _ in 0..1_000 {
                let score = sketch.score(tick, u64::MAX, tick);
                assert!(score.is_finite() && score >= 0.0, "{score}");
            }
        }
    }

    #[test]
    fn the_formula_is_the_papers() {
        // 12 in this tick, 9 in the three before it: (12 − 3)² · … as in equation 8 of the paper.
        assert_eq!(chi_squared(12.0, 9.0, 4.0), 27.0_f32.powi(2) / 27.0);
        assert_eq!(chi_squared(5.0, 0.0, 1.0), 0.0);
        assert_eq!(chi_squared(3.0, 9.0, 4.0), 0.0);
    }
}
