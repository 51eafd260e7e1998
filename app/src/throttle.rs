//! How often something may be asked for, by this process.
//!
//! It bounds what a flood costs. What must hold on all nodes together is counted in the database.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::{AppError, ErrorCode};

/// Most keys that are remembered. A flood of more empties the memory.
const KEYS_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct Window {
    began_at: DateTime<Utc>,
    count: u32,
}

/// Counts by key, in windows of a fixed length.
#[derive(Debug)]
pub(crate) struct Throttle {
    most: u32,
    window: Duration,
    seen: Mutex<HashMap<[u8; 32], Window>>,
}

impl Throttle {
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        let seen = Mutex::default();
        Self { most, window, seen }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// `RateLimited` when there were too many with this key; the words do not depend on what it is.
    pub(crate) fn take(&self, kind: &str, key: &str, now: DateTime<Utc>) -> Result<(), AppError> {
        let mut hasher = Sha256::new();
        hasher.update(kind.as_bytes());
        hasher.update([0]);
        hasher.update(key.as_bytes());
        let key = hasher.finalize().into();
        let mut seen = self.seen.lock();
        if seen.len() >= KEYS_MAX {
            seen.retain(|_, window| now - window.began_at < self.window);
            if seen.len() >= KEYS_MAX {
                seen.clear();
            }
        }
        let fresh = Window {
            began_at: now,
            count: 0,
        };
        let window = seen.entry(key).or_insert(fresh);
        if now - window.began_at >= self.window {
            *window = fresh;
        }
        if window.count >= self.most {
            let minutes = (self.window - (now - window.began_at)).num_minutes() + 1;
            let message = format!("asked for too often; try again in {minutes} min");
            return Err(AppError::new(ErrorCode::RateLimited, message));
        }
        window.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_window_of_its_own() {
        let throttle = Throttle::new(2, Duration::minutes(10));
        let at = |minutes| DateTime::UNIX_EPOCH + Duration::minutes(minutes);
        for (key, minute, passes) in [
            ("a", 0, true),
            ("a", 1, true),
            ("a", 2, false),
            ("b", 2, true),
            ("a", 9, false),
            ("a", 10, true),
        ] {
            let taken = throttle.take("kind", key, at(minute));
            assert_eq!(taken.is_ok(), passes, "{key} at {minute}");
        }
        assert!(throttle.take("another", "a", at(10)).is_ok());
    }
}
