//! How often somebody may try to sign in: free at first, then with pauses that double.
//!
//! Three counters stand against guessing, and none locks a person out for ever:
//! - an account from one network: the longest pause is a quarter of an hour;
//! - a network, whatever account: against one that tries a password on everybody;
//! - an account from networks where its person was never seen: against many networks that guess
//!   together. Its longest pause is short, because a storm can keep it full, and it does not hold where
//!   the person has signed in before.

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};

/// After so long without an attempt everything is forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::hours(1);
/// The doubling ends here anyway; keeps the arithmetic in range.
const DOUBLINGS_MAX: u32 = 20;

/// What attempts are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Throttle {
    /// An account from one network.
    Pair,
    /// A network, whatever account.
    Network,
    /// An account, from networks where its person was not seen before.
    Account,
    /// A person who types user codes of programs that want to sign in as them.
    UserCode,
}

impl Throttle {
    /// Attempts without a pause, and the longest pause.
    const fn rule(self) -> (u32, Duration) {
        match self {
            Self::Pair => (10, Duration::minutes(15)),
            Self::Network => (30, Duration::minutes(1)),
            Self::Account => (30, Duration::seconds(16)),
            Self::UserCode => (5, Duration::minutes(15)),
        }
    }

    /// Its name where it is counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Network => "network",
            Self::Account => "account",
            Self::UserCode => "user-code",
        }
    }

    /// The pause behind the attempt of this number.
    fn pause(self, count: u32) -> Option<Duration> {
        let (free, longest) = self.rule();
        let beyond = count.checked_sub(free)?;
        let seconds = 1_i64 << beyond.min(DOUBLINGS_MAX);
        Some(longest.min(Duration::seconds(seconds)))
    }
}

/// Attempts so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many, successes given back.
    pub count: u32,
    /// When the last one was.
    pub last: DateTime<Utc>,
    /// When the next one may be.
    pub blocked_until: Option<DateTime<Utc>>,
}

impl Attempts {
    /// Nothing yet.
    #[must_use]
    pub const fn none(now: DateTime<Utc>) -> Self {
        Self {
            count: 0,
            last: now,
            blocked_until: None,
        }
    }

    /// How long to wait, if it is not yet time.
    #[must_use]
    pub fn wait(&self, now: DateTime<Utc>) -> Option<Duration> {
        let until = self.blocked_until.filter(|until| *until > now)?;
        Some(until - now)
    }

    /// With one more, which counts before it is known how it ends: many at one time are many.
    #[must_use]
    pub fn with_one_more(self, throttle: Throttle, now: DateTime<Utc>) -> Self {
        let so_far = if now - self.last > FORGOTTEN_AFTER {
            0
        } else {
            self.count
        };
        let count = so_far.saturating_add(1);
        Self {
            count,
            last: now,
            blocked_until: throttle.pause(count).map(|pause| now + pause),
        }
    }

    /// With one given back, because it was right. Pauses that wrong ones have earned stay.
    #[must_use]
    pub fn with_one_back(self, throttle: Throttle) -> Self {
        let count = self.count.saturating_sub(1);
        let earned = throttle.pause(count).is_some();
        Self {
            count,
            blocked_until: self.blocked_until.filter(|_| earned),
            ..self
        }
    }
}

/// The network of an address: one customer's lines, as far as that can be told.
#[must_use]
pub fn network(address: Option<IpAddr>) -> String {
    match address.map(|it| it.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            // Providers hand out /56 or /64.
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    /// Pauses behind a number of attempts without rest.
    fn pauses(throttle: Throttle, attempts: usize) -> Vec<i64> {
        let mut so_far = Attempts::none(at(0));
        let mut pauses = Vec::new();
        for _ in 0..attempts {
            so_far = so_far.with_one_more(throttle, at(0));
            pauses.push(so_far.wait(at(0)).map_or(0, |it| it.num_seconds()));
        }
        pauses
    }

    #[test]
    fn pauses_double_and_end_at_the_longest() {
        let found = pauses(Throttle::Pair, 25);
        assert_eq!(found[..9], [0; 9]);
        assert_eq!(found[9..14], [1, 2, 4, 8, 16]);
        assert_eq!(found[24], 15 * 60);
        assert_eq!(pauses(Throttle::Account, 200)[199], 16);
        assert_eq!(pauses(Throttle::Network, 200)[199], 60);
    }

    #[test]
    fn rest_forgets_and_a_right_one_is_given_back() {
        let mut so_far = Attempts::none(at(0));
        for _ in 0..20 {
            so_far = so_far.with_one_more(Throttle::Pair, at(0));
        }
        let rested = so_far.with_one_more(Throttle::Pair, at(3_601));
        assert_eq!((rested.count, rested.blocked_until), (1, None));

        let back = so_far.with_one_back(Throttle::Pair);
        assert_eq!((back.count, back.blocked_until), (19, so_far.blocked_until));
        let mut few = Attempts::none(at(0));
        for _ in 0..10 {
            few = few.with_one_more(Throttle::Pair, at(0));
        }
        assert!(few.blocked_until.is_some());
        assert_eq!(few.with_one_back(Throttle::Pair).blocked_until, None);
    }

    #[test]
    fn an_address_is_counted_with_its_neighbours() {
        let of = |text: &str| network(text.parse().ok());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2ab::1"), of("2001:db8:1:2ff:9::2"));
        assert_ne!(of("2001:db8:1:2ab::1"), of("2001:db8:1:3ab::1"));
        assert_eq!(network(None), "unknown");
    }
}
