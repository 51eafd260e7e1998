//! What an agent's verifications come to: counts, rates and times.

use chrono::{DateTime, Utc};

use crate::action::Outcome;
use crate::risk::RiskLevel;
use crate::verification::Decision;

/// Most verifications that are looked at: the newest ones.
pub const STATS_MAX: usize = 10_000;

/// One verification, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// The answer.
    pub decision: Decision,
    /// The risk that counted.
    pub risk: RiskLevel,
    /// How the action ended, where that was reported.
    pub outcome: Option<Outcome>,
    /// How long it took, in milliseconds, where that was reported.
    pub duration_ms: Option<i64>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a person answered, where one had to.
    pub answered_at: Option<DateTime<Utc>>,
}

/// How long something took: of a hundred, so many took at most so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// How many were measured.
    pub count: usize,
    /// 50 of 100.
    pub p50: i64,
    /// 95 of 100.
    pub p95: i64,
    /// 99 of 100.
    pub p99: i64,
}

impl Percentiles {
    /// Of these values; `None` of none. Each is a value that was measured (nearest rank).
    #[must_use]
    pub fn of(mut values: Vec<i64>) -> Option<Self> {
        values.sort_unstable();
        let count = values.len();
        let at = |percent: usize| {
            values
                .get((percent * count).div_ceil(100).max(1) - 1)
                .copied()
        };
        Some(Self {
            count,
            p50: at(50)?,
            p95: at(95)?,
            p99: at(99)?,
        })
    }
}

/// What they come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VerificationStats {
    /// How many were looked at.
    pub count: usize,
    /// Allowed, denied and pending ones.
    pub by_decision: [usize; 3],
    /// Of low, medium, high and critical risk.
    pub by_risk: [usize; 4],
    /// Actions that were reported as done, and as failed.
    pub reported: [usize; 2],
    /// Verifications an hour between the first and the last; `None` of fewer than two.
    pub per_hour: Option<f64>,
    /// How long the actions took, in milliseconds.
    pub duration_ms: Option<Percentiles>,
    /// How long persons took to answer, in milliseconds.
    pub answer_ms: Option<Percentiles>,
    /// The first that was looked at.
    pub first_at: Option<DateTime<Utc>>,
    /// The last.
    pub last_at: Option<DateTime<Utc>>,
}

/// Counts them.
#[must_use]
pub fn stats(all: &[Counted]) -> VerificationStats {
    let mut stats = VerificationStats {
        count: all.len(),
        first_at: all.iter().map(|it| it.created_at).min(),
        last_at: all.iter().map(|it| it.created_at).max(),
        ..VerificationStats::default()
    };
    for it in all {
        stats.by_decision[it.decision as usize] += 1;
        stats.by_risk[it.risk as usize] += 1;
        match it.outcome {
            Some(Outcome::Ok) => stats.reported[0] += 1,
            Some(Outcome::Error) => stats.reported[1] += 1,
            _ => {}
        }
    }
    stats.per_hour = stats.first_at.zip(stats.last_at).and_then(|(first, last)| {
        let millis = (last - first).num_milliseconds();
        // Between so many there is one gap less.
        (millis > 0).then(|| (all.len() - 1) as f64 * 3_600_000.0 / millis as f64)
    });
    stats.duration_ms = Percentiles::of(all.iter().filter_map(|it| it.duration_ms).collect());
    let answers = all.iter().filter_map(|it| {
        let answered = it.answered_at?;
        Some((answered - it.created_at).num_milliseconds())
    });
    stats.answer_ms = Percentiles::of(answers.collect());
    stats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(Percentiles::of(Vec::new()), None);
        let one = Percentiles::of(vec![7]).unwrap();
        assert_eq!((one.p50, one.p95, one.p99), (7, 7, 7));
        let many = Percentiles::of((1..=200).rev().collect()).unwrap();
        assert_eq!((many.p50, many.p95, many.p99), (100, 190, 198));
    }

    #[test]
    fn counts_rates_and_times() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let counted = |seconds, decision, outcome| Counted {
            decision,
            risk: RiskLevel::High,
            outcome,
            duration_ms: outcome.map(|_| 20),
            created_at: at(seconds),
            answered_at: (decision == Decision::Denied).then(|| at(seconds + 2)),
        };
        let found = stats(&[
            counted(3_600, Decision::Allowed, Some(Outcome::Ok)),
            counted(1_800, Decision::Allowed, Some(Outcome::Error)),
            counted(0, Decision::Denied, None),
        ]);
        assert_eq!(found.by_decision, [2, 1, 0]);
        assert_eq!(found.by_risk, [0, 0, 3, 0]);
        assert_eq!(found.reported, [1, 1]);
        assert!((found.per_hour.unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(found.duration_ms.map(|it| it.count), Some(2));
        assert_eq!(found.answer_ms.map(|it| it.p50), Some(2_000));
    }
}
