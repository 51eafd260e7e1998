//! Role: how much each caller may ask for: points a minute, by the generic cell rate algorithm.
//!
//! Guarantees: a charge is one look into a map in memory and one atomic exchange, never SQL; memory
//! is bounded for any number of callers. Each process counts for itself.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use async_graphql::{ServerError, parser::types::OperationType};
use governor::{
    InsufficientCapacity, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::{StateInformationMiddleware, StateSnapshot},
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use quick_cache::sync::Cache;

use super::{
    document::PreparedRequest,
    error::ErrorCode,
    limits::{
        AGENT_POINTS, ANONYMOUS_MUTATION_POINTS, ANONYMOUS_POINTS, MAX_BUDGETS, MUTATION_POINTS,
        PERSON_POINTS,
    },
};

/// Draft-ietf-httpapi-ratelimit-headers.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What budgets are counted for.
const WINDOW: Duration = Duration::from_secs(60);

/// Whose budget a request is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Which budget.
    pub kind: CallerKind,
    /// Whose of that kind.
    pub key: u128,
}

/// Kinds of callers, each with a budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Nobody we know, by address.
    Anonymous,
    /// A signed-in person.
    Person,
    /// A program with credentials of its own.
    Agent,
}

impl Caller {
    /// Nobody we know, at an address; all of whom no address is known share one budget. An IPv6
    /// host has a whole /64, so that is what counts.
    #[must_use]
    pub fn at(address: Option<IpAddr>) -> Self {
        let key = match address.map(|it| it.to_canonical()) {
            None => 0,
            Some(IpAddr::V4(it)) => 1 << 64 | u128::from(it.to_bits()),
            Some(IpAddr::V6(it)) => it.to_bits() >> 64,
        };
        Self {
            kind: CallerKind::Anonymous,
            key,
        }
    }
}

/// Points of a request beyond the first, which is taken before its document is looked at.
pub(super) fn further_points(caller: &Caller, request: &PreparedRequest) -> u32 {
    let each = match (request.kind, caller.kind) {
        (OperationType::Mutation, CallerKind::Anonymous) => ANONYMOUS_MUTATION_POINTS,
        (OperationType::Mutation, _) => MUTATION_POINTS,
        (OperationType::Query | OperationType::Subscription, _) => 1,
    };
    let points = request.root_fields.saturating_mul(each);
    points.saturating_add(request.row_points).saturating_sub(1)
}

/// Points a minute; 0 is no limit.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// For nobody we know, by address.
    pub anonymous: u32,
    /// For a person.
    pub person: u32,
    /// For an agent.
    pub agent: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            anonymous: ANONYMOUS_POINTS,
            person: PERSON_POINTS,
            agent: AGENT_POINTS,
        }
    }
}

/// What is left of a budget.
#[derive(Debug, Clone)]
pub struct Allowance {
    policy: HeaderValue,
    name: &'static str,
    limit: u32,
    left: u32,
    /// For a refusal: when it would be granted.
    retry_after: Option<Duration>,
}

impl Allowance {
    /// Writes the header fields that tell it.
    pub fn write(&self, headers: &mut HeaderMap) {
        let spent = f64::from(self.limit.saturating_sub(self.left)) / f64::from(self.limit);
        let full_in = (spent * WINDOW.as_secs_f64()).ceil();
        let state = format!("\"{}\";r={};t={full_in}", self.name, self.left);
        if let Ok(state) = HeaderValue::try_from(state) {
            headers.insert(RATE_LIMIT, state);
        }
        headers.insert(RATE_LIMIT_POLICY, self.policy.clone());
        if let Some(seconds) = self.retry_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    fn retry_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    /// The error of a refusal.
    #[must_use]
    pub fn refusal(&self) -> ServerError {
        let Self { name, limit, .. } = self;
        let wait = self.retry_seconds().unwrap_or(1);
        ErrorCode::RateLimited.error(format!(
            "the budget of {limit} points a minute ({name}) is used up: wait {wait} s, ask for \
             smaller pages, or ask less often"
        ))
    }
}

/// All budgets.
#[derive(Debug)]
pub struct Budgets<C: Clock = DefaultClock> {
    anonymous: Option<Budget<C>>,
    person: Option<Budget<C>>,
    agent: Option<Budget<C>>,
}

impl Budgets {
    /// Full ones.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self::on(limits, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Budgets<C> {
    fn on(limits: RateLimits, clock: &C) -> Self {
        let budget = |name, points| {
            NonZeroU32::new(points).and_then(|points| Budget::new(name, points, clock.clone()))
        };
        Self {
            anonymous: budget("anonymous", limits.anonymous),
            person: budget("person", limits.person),
            agent: budget("agent", limits.agent),
        }
    }

    /// Takes points; `None` where there is no limit, or nothing to take.
    ///
    /// # Errors
    /// What is left, when it is not enough. Nothing is taken then.
    pub fn charge(&self, caller: &Caller, points: u32) -> Result<Option<Allowance>, Allowance> {
        let budget = match caller.kind {
            CallerKind::Anonymous => &self.anonymous,
            CallerKind::Person => &self.person,
            CallerKind::Agent => &self.agent,
        };
        match (budget, NonZeroU32::new(points)) {
            (Some(budget), Some(points)) => budget.charge(caller.key, points).map(Some),
            _ => Ok(None),
        }
    }
}

/// The budgets of one kind.
struct Budget<C: Clock> {
    name: &'static str,
    points: NonZeroU32,
    policy: HeaderValue,
    limiter: RateLimiter<u128, Cells, C, StateInformationMiddleware>,
}

impl<C: Clock> std::fmt::Debug for Budget<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("name", &self.name)
            .field("points", &self.points)
            .finish_non_exhaustive()
    }
}

impl<C: Clock> Budget<C> {
    fn new(name: &'static str, points: NonZeroU32, clock: C) -> Option<Self> {
        let quota = Quota::with_period(WINDOW / points.get())?.allow_burst(points);
        let policy = format!("\"{name}\";q={points};w={}", WINDOW.as_secs());
        Some(Self {
            name,
            points,
            policy: HeaderValue::try_from(policy).ok()?,
            limiter: RateLimiter::new(quota, Cells::new(), clock),
        })
    }

    fn charge(&self, key: u128, points: NonZeroU32) -> Result<Allowance, Allowance> {
        match self.limiter.check_key_n(&key, points) {
            Ok(Ok(state)) => Ok(self.allowance(&state)),
            Ok(Err(until)) => Err(self.refused(&until)),
            // More than the whole budget: it would never be granted.
            Err(InsufficientCapacity(_)) => Err(Allowance {
                left: 0,
                retry_after: Some(WINDOW),
                ..self.full()
            }),
        }
    }

    fn full(&self) -> Allowance {
        Allowance {
            policy: self.policy.clone(),
            name: self.name,
            limit: self.points.get(),
            left: self.points.get(),
            retry_after: None,
        }
    }

    fn allowance(&self, state: &StateSnapshot) -> Allowance {
        Allowance {
            left: state.remaining_burst_capacity(),
            ..self.full()
        }
    }

    fn refused<P: Reference>(&self, until: &NotUntil<P>) -> Allowance
    where
        C: Clock<Instant = P>,
    {
        let wait = until.wait_time_from(self.limiter.clock().now());
        Allowance {
            left: 0,
            retry_after: Some(wait.max(Duration::from_millis(1))),
            ..self.full()
        }
    }
}

/// The state of each key, in a cache of bounded size.
struct Cells(Cache<u128, Arc<InMemoryState>>);

impl Cells {
    fn new() -> Self {
        Self(Cache::new(MAX_BUDGETS))
    }
}

impl StateStore for Cells {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, key: &u128, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::default());
        let Ok(cell) = self.0.get_or_insert_with(key, fresh);
        cell.measure_and_replace(&NotKeyed::NonKey, f)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn caller(kind: CallerKind, key: u128) -> Caller {
        Caller { kind, key }
    }

    fn budgets(clock: &FakeRelativeClock) -> Budgets<FakeRelativeClock> {
        let limits = RateLimits {
            anonymous: 60,
            person: 120,
            agent: 0,
        };
        Budgets::on(limits, clock)
    }

    #[test]
    fn a_budget_is_spent_told_and_restored() {
        let clock = FakeRelativeClock::default();
        let budgets = budgets(&clock);
        let one = caller(CallerKind::Anonymous, 1);
        let left = budgets.charge(&one, 20).unwrap().unwrap();
        let mut headers = HeaderMap::new();
        left.write(&mut headers);
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"anonymous\";q=60;w=60");
        assert_eq!(headers[RATE_LIMIT], "\"anonymous\";r=40;t=20");
        assert!(!headers.contains_key(header::RETRY_AFTER));
        let refused = budgets.charge(&one, 41).unwrap_err();
        refused.write(&mut headers);
        assert_eq!(headers[header::RETRY_AFTER], "1");
        assert!(refused.refusal().message.contains("wait 1 s"));
        // A refusal takes nothing.
        assert!(budgets.charge(&one, 40).is_ok());
        assert!(budgets.charge(&one, 1).is_err());
        clock.advance(Duration::from_secs(30));
        assert!(budgets.charge(&one, 30).is_ok());
        assert!(budgets.charge(&one, 1).is_err());
    }

    #[test]
    fn everybody_has_their_own_and_kinds_differ() {
        let budgets = budgets(&FakeRelativeClock::default());
        assert!(
            budgets
                .charge(&caller(CallerKind::Anonymous, 1), 60)
                .is_ok()
        );
        assert!(
            budgets
                .charge(&caller(CallerKind::Anonymous, 2), 60)
                .is_ok()
        );
        assert!(budgets.charge(&caller(CallerKind::Person, 1), 120).is_ok());
        assert!(
            budgets
                .charge(&caller(CallerKind::Anonymous, 1), 1)
                .is_err()
        );
        let unlimited = budgets.charge(&caller(CallerKind::Agent, 1), u32::MAX);
        assert!(unlimited.unwrap().is_none());
    }

    #[test]
    fn more_than_the_whole_budget_is_refused_at_once() {
        let budgets = budgets(&FakeRelativeClock::default());
        assert!(budgets.charge(&caller(CallerKind::Person, 1), 121).is_err());
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_callers() {
        let cells = Cells::new();
        for key in 0..3 * MAX_BUDGETS as u128 {
            let taken = cells.measure_and_replace(&key, |_| Ok::<_, ()>(((), Nanos::new(1))));
            assert_eq!(taken, Ok(()));
        }
        assert!(cells.0.len() <= MAX_BUDGETS, "{}", cells.0.len());
    }

    #[test]
    fn an_address_counts_as_its_network_does() {
        let at = |text: &str| Caller::at(Some(text.parse().unwrap()));
        assert_eq!(at("192.0.2.1"), at("::ffff:192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("::1"), at("0.0.0.1"));
    }
}
