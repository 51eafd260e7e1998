//! The eight factors from what was tallied of an agent.

use serde::{Deserialize, Serialize};

use super::{Feedback, TrustFactor, TrustFactorKind, TrustWeights};

/// What the stream tallies of an agent. Every sum decays with event time (half-life in
/// `ml-models`), so that old sins and old merits both fade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tallies {
    /// Observed actions, ever.
    pub samples: u64,
    /// Actions that ended well, decayed.
    pub successes: f64,
    /// Actions that failed, decayed.
    pub failures: f64,
    /// Σ risk weight (0 to 1 each), decayed.
    pub risk_sum: f64,
    /// Actions in `risk_sum`, decayed.
    pub risk_weight: f64,
    /// Severity-weighted first-seen writes after the learning phase, decayed.
    pub novelty: f64,
    /// Attempts without a grant, decayed.
    pub violations: f64,
    /// Severity-weighted rate spikes, decayed.
    pub rate_surprise: f64,
    /// Closed rate windows that the baseline has learned from.
    pub rate_windows: f64,
    /// Severity-weighted off-hours findings, decayed.
    pub hour_surprise: f64,
    /// Actions that the hour-of-week profile has learned from.
    pub hours_known: f64,
    /// Severity-weighted findings about where it acts from, decayed.
    pub place_surprise: f64,
    /// Actions whose location is known, decayed.
    pub located: f64,
    /// Σ of how sure others made that servers which it called are what was approved, decayed.
    pub mcp_attested: f32,
    /// Σ of how sure others made that they are not, decayed.
    pub mcp_contradicted: f32,
    /// What people and peers say now.
    pub feedback: Feedback,
}

/// Half of full confidence is reached with this many observations.
const HALF_CONFIDENCE_ACTIONS: f64 = 20.0;
/// Half of full confidence in the rate baseline is reached with this many closed windows.
const HALF_CONFIDENCE_WINDOWS: f64 = 6.0;

/// Half of full confidence in feedback is reached with this many people.
const HALF_CONFIDENCE_SPONSORS: f64 = 3.0;

/// Share of an amount of data: n / (n + half).
fn confidence(observed: f64, half: f64) -> f64 {
    if observed > 0.0 {
        observed / (observed + half)
    } else {
        0.0
    }
}

/// 1 without penalty, 1/2 at one, 1/3 at two and so on.
fn softened(penalty: f64) -> f64 {
    1.0 / (1.0 + penalty.max(0.0))
}

/// A factor in numbers.
pub(super) struct Measure {
    kind: TrustFactorKind,
    pub(super) weight: f64,
    pub(super) confidence: f64,
    raw: f64,
}

impl Measure {
    /// The value; `None` without data.
    pub(super) fn value(&self) -> Option<f64> {
        (self.confidence > 0.0).then_some(self.raw)
    }
}

/// The eight factors of `t` in numbers, in the order of [`TrustFactorKind`].
pub(super) fn measures(t: &Tallies, weights: &TrustWeights) -> [Measure; 8] {
    use TrustFactorKind as K;
    let of = |kind, confidence: f64, raw| Measure {
        kind,
        weight: weights.of(kind),
        confidence,
        raw,
    };
    let seen = confidence(to_float(t.samples), HALF_CONFIDENCE_ACTIONS);
    let ended = t.successes + t.failures;
    let attested = f64::from(t.mcp_attested);
    let vouched = attested + f64::from(t.mcp_contradicted);
    let windows = confidence(t.rate_windows, HALF_CONFIDENCE_WINDOWS);
    let hours = confidence(t.hours_known, 5.0 * HALF_CONFIDENCE_ACTIONS);
    [
        // Rule of succession: one good and one bad end are assumed beforehand.
        of(
            K::AgentHistory,
            confidence(ended, HALF_CONFIDENCE_ACTIONS),
            (t.successes + 1.0) / (ended + 2.0),
        ),
        // By the same rule: calls of servers that others vouch for, and of those they saw otherwise.
        of(
            K::McpAttestation,
            confidence(vouched, HALF_CONFIDENCE_ACTIONS),
            (attested + 1.0) / (vouched + 2.0),
        ),
        of(
            K::ActionRisk,
            seen,
            (1.0 - mean_risk(t) / 2.0).max(0.0) * softened(t.novelty),
        ),
        of(K::CapabilityViolations, seen, softened(t.violations)),
        of(
            K::Frequency,
            windows.max(seen * surprised(t.rate_surprise)),
            softened(t.rate_surprise),
        ),
        of(
            K::TemporalPattern,
            hours.max(seen * surprised(t.hour_surprise)),
            softened(t.hour_surprise),
        ),
        of(
            K::GeographicSignals,
            confidence(t.located, HALF_CONFIDENCE_ACTIONS),
            softened(t.place_surprise),
        ),
        // As for the history, half a good and half a bad word are assumed beforehand.
        of(
            K::CommunityFeedback,
            confidence(t.feedback.weight, HALF_CONFIDENCE_SPONSORS),
            (t.feedback.sum + 0.5) / (t.feedback.weight + 1.0),
        ),
    ]
}

fn mean_risk(t: &Tallies) -> f64 {
    t.risk_sum / t.risk_weight.max(1.0)
}

/// The eight factors of `t` with their evidence, in the order of [`TrustFactorKind`].
#[must_use]
pub fn factors(t: &Tallies, weights: &TrustWeights) -> [TrustFactor; 8] {
    measures(t, weights).map(|measure| TrustFactor {
        kind: measure.kind,
        value: measure.value(),
        weight: measure.weight,
        confidence: measure.confidence,
        evidence: evidence(&measure, t),
    })
}

fn evidence(measure: &Measure, t: &Tallies) -> String {
    use TrustFactorKind as K;
    match measure.kind {
        K::McpAttestation if measure.value().is_none() => {
            "no call of an MCP server that others attested is recorded".to_owned()
        }
        K::McpAttestation => format!(
            "calls of MCP servers: {:.2} attested by others, {:.2} seen otherwise (decayed)",
            t.mcp_attested, t.mcp_contradicted
        ),
        K::GeographicSignals if measure.value().is_none() => "no location is recorded".to_owned(),
        K::CommunityFeedback if measure.value().is_none() => {
            "no feedback that has weight is recorded".to_owned()
        }
        K::CommunityFeedback => format!(
            "{} ratings with {} people behind them weigh {:.2}, mean {:.2} of 1",
            t.feedback.ratings,
            t.feedback.sponsors,
            t.feedback.weight,
            t.feedback.sum / t.feedback.weight
        ),
        _ if measure.value().is_none() => "nothing observed yet".to_owned(),
        K::AgentHistory => {
            format!(
                "{:.1} ended well, {:.1} failed (decayed)",
                t.successes, t.failures
            )
        }
        K::ActionRisk => format!(
            "mean risk {:.2} of 1, first-seen writes {:.2} (decayed)",
            mean_risk(t),
            t.novelty
        ),
        K::CapabilityViolations => {
            format!("{:.2} attempts without a grant (decayed)", t.violations)
        }
        K::Frequency => {
            format!(
                "{:.2} spikes (decayed) against {:.0} windows",
                t.rate_surprise, t.rate_windows
            )
        }
        K::TemporalPattern => format!("{:.2} off-hours findings (decayed)", t.hour_surprise),
        K::GeographicSignals => format!(
            "{:.2} findings about places against {:.0} located actions (decayed)",
            t.place_surprise, t.located
        ),
    }
}

/// A finding is data by itself, even when the baseline is young.
fn surprised(surprise: f64) -> f64 {
    surprise.min(1.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of actions stay far below 2^52"
)]
fn to_float(count: u64) -> f64 {
    count as f64
}
