//! Telling systems and people outside: where to, how a request is signed, when it is tried again.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

mod secret;

pub use secret::{WEBHOOK_SECRET_BYTES, WebhookSecret};

/// Most targets of an organization.
pub const TARGETS_MAX: u64 = 50;
/// Attempts until a delivery is given up: with the pauses of [`retry_pause`], some three days.
pub const ATTEMPTS_MAX: u32 = 12;
/// Attempts of a delivery that are remembered, newest kept: replays add to them.
pub const ATTEMPTS_KEPT: usize = 20;
/// A target that failed for so long is disabled.
pub const FAILING_MAX: TimeDelta = TimeDelta::days(5);

/// The first pause, and how much longer each next one is.
const PAUSE_SECONDS: i64 = 5;
const PAUSE_FACTOR: i64 = 4;
/// The longest pause.
const PAUSE_MAX_SECONDS: i64 = 12 * 3600;

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetKind {
    /// A program that takes events by Standard Webhooks.
    Webhook,
    /// A channel that takes messages as Slack's incoming webhooks do.
    Slack,
    /// A mailbox.
    Email,
}

/// What became of a target, for the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetState {
    /// It is told of events.
    Active,
    /// It is not, until it is enabled.
    Disabled,
    /// It is gone.
    Deleted,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStatus {
    /// It is tried, or will be.
    Pending,
    /// Somebody took it.
    Delivered,
    /// It was given up; it can be replayed.
    Dead,
}

/// One try to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1, also over replays.
    pub number: u32,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub latency_ms: u32,
    /// The status that was answered, if anything was.
    pub status: Option<u16>,
    /// Why it failed; none when it did not.
    pub error: Option<String>,
    /// The first bytes of the answer, as text.
    pub excerpt: Option<String>,
}

/// The pause behind attempt number `attempt` (from 1 on) since the last replay; `None` when that was
/// the last. `jitter` is a random number from 0 to 1: it moves the pause by up to a fifth either way,
/// so that what failed together does not come back together.
#[must_use]
pub fn retry_pause(attempt: u32, jitter: f64) -> Option<TimeDelta> {
    if attempt >= ATTEMPTS_MAX {
        return None;
    }
    let growth = PAUSE_FACTOR.saturating_pow(attempt.saturating_sub(1));
    let seconds = PAUSE_SECONDS.saturating_mul(growth).min(PAUSE_MAX_SECONDS);
    let moved = seconds as f64 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Some(TimeDelta::milliseconds((moved * 1_000.0) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_day_and_end_after_three_days() {
        let pauses: Vec<i64> = (1..ATTEMPTS_MAX)
            .filter_map(|attempt| retry_pause(attempt, 0.5))
            .map(|pause| pause.num_seconds())
            .collect();
        let half_a_day = 12 * 3600;
        assert_eq!(pauses[..7], [5, 20, 80, 320, 1280, 5120, 20480]);
        assert_eq!(pauses[7..], [half_a_day; 4]);
        let all: i64 = pauses.iter().sum();
        assert!((2 * 86_400..4 * 86_400).contains(&all), "{all}");
        assert_eq!(retry_pause(ATTEMPTS_MAX, 0.5), None);
        assert_eq!(retry_pause(u32::MAX, 0.5), None);
    }

    #[test]
    fn jitter_moves_a_pause_by_a_fifth_at_most() {
        for (jitter, milliseconds) in [(0.0, 4_000), (1.0, 6_000), (-9.0, 4_000), (9.0, 6_000)] {
            let pause = retry_pause(1, jitter).unwrap();
            assert_eq!(pause.num_milliseconds(), milliseconds, "{jitter}");
        }
    }
}
