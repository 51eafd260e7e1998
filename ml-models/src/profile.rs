//! The learned normal of one agent, in bounded memory.

mod bursts;
mod chi;
mod combined;
mod drift;
mod failures;
mod geo;
mod hours;
mod novelty;
mod rate;
mod rhythm;
mod seen;
mod sequence;
mod signals;
mod spread;
mod violations;
mod volume;
mod windowed;

use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::anomaly::{AnomalyKind, Evidence, Finding, Severity};
use aim_domain::name::Resource;
use aim_domain::trust::{Feedback, Tallies, TrustScore};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{FEATURE_NAMES, FeatureVector, ahead};
use failures::Failures;
use geo::Geo;
use hours::Hours;
use rate::Rate;
use seen::Seen;
use signals::{Marks, Signals, When};
use violations::Violations;

/// Most bytes of an encoded profile, for every input.
pub const PROFILE_MAX_BYTES: usize = 4_096;
/// Version of the encoding; another one is not read.
const VERSION: u8 = 7;
/// Half of a tally has faded after a week of event time.
const HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;
/// How far behind an agent's newest action another may arrive and still count.
const ALLOWED_LATENESS_SECONDS: i64 = 3_600;
/// Why bytes are no profile, or a profile cannot become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Of another version of the product.
    #[error("the profile has version {0}, this program reads {VERSION}")]
    Version(u8),
    /// Not readable.
    #[error("the profile cannot be read: {0}")]
    Damaged(String),
    /// Not to be written: the state in memory is wrong.
    #[error("the profile cannot be written: {0}")]
    Unwritable(String),
}

/// What one action is, against everything before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// In numbers.
    pub features: FeatureVector,
    /// What is unusual about it.
    pub findings: Vec<Finding>,
}

/// The learned normal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviourProfile {
    tallies: Tallies,
    /// Newest event time, in microseconds; `i64::MIN` before the first action.
    watermark: i64,
    rates: [Rate; 3],
    hours: Hours,
    write_actions: Seen,
    write_targets: Seen,
    hosts: Seen,
    new_hosts_share: f64,
    new_actions_share: f64,
    new_targets_share: f64,
    violations: Violations,
    failures: Failures,
    /// None before the first action whose location is known.
    geo: Option<Box<Geo>>,
    signals: Signals,
    kept_score: Option<TrustScore>,
}

impl Default for BehaviourProfile {
    fn default() -> Self {
        Self {
            tallies: Tallies::default(),
            watermark: i64::MIN,
            rates: [Rate::of(60), Rate::of(600), Rate::of(3_600)],
            hours: Hours::default(),
            write_actions: Seen::with_capacity(48),
            write_targets: Seen::with_capacity(96),
            hosts: Seen::with_capacity(32),
            new_hosts_share: 0.0,
            new_actions_share: 0.0,
            new_targets_share: 0.0,
            violations: Violations::default(),
            failures: Failures::default(),
            geo: None,
            signals: Signals::default(),
            kept_score: None,
        }
    }
}

impl BehaviourProfile {
    /// The profile as bytes, at most [`PROFILE_MAX_BYTES`].
    ///
    /// # Errors
    /// [`ProfileError::Unwritable`] when it has no encoding or one that is too long; no sequence of
    /// actions leads there.
    pub fn encode(&self) -> Result<Vec<u8>, ProfileError> {
        let bytes = postcard::to_extend(self, vec![VERSION])
            .map_err(|error| ProfileError::Unwritable(error.to_string()))?;
        if bytes.len() > PROFILE_MAX_BYTES {
            let detail = format!(
                "it has {} bytes of at most {PROFILE_MAX_BYTES}",
                bytes.len()
            );
            return Err(ProfileError::Unwritable(detail));
        }
        Ok(bytes)
    }

    /// The profile from its bytes.
    ///
    /// # Errors
    /// [`ProfileError`] when the version is another one or the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProfileError> {
        let rest = match bytes.split_first() {
            Some((&VERSION, rest)) => rest,
            Some((version, _)) => return Err(ProfileError::Version(*version)),
            None => return Err(ProfileError::Damaged("empty".to_owned())),
        };
        let (profile, rest) = postcard::take_from_bytes::<Self>(rest)
            .map_err(|error| ProfileError::Damaged(error.to_string()))?;
        let empty = Self::default();
        let has_shape = rest.is_empty()
            && profile.hours.has_shape()
            && profile.geo.as_ref().is_none_or(|geo| geo.has_shape())
            && profile.signals.has_shape()
            && profile.write_actions.has_shape_of(&empty.write_actions)
            && profile.write_targets.has_shape_of(&empty.write_targets)
            && profile.hosts.has_shape_of(&empty.hosts)
            && profile
                .rates
                .iter()
                .zip(&empty.rates)
                .all(|(a, b)| a.length() == b.length());
        has_shape
            .then_some(profile)
            .ok_or_else(|| ProfileError::Damaged("wrong shape".to_owned()))
    }

    /// Asks for the memory of what it keeps elsewhere. The profile itself is best in the processor's
    /// caches by then: see [`crate::ahead()`].
    pub fn lists_ahead(&self) {
        self.hours.ahead();
        self.signals.ahead();
        if let Some(geo) = &self.geo {
            ahead(geo.as_ref());
        }
        for seen in [&self.write_actions, &self.write_targets, &self.hosts] {
            seen.ahead();
        }
    }

    /// What trust is computed from.
    #[must_use]
    pub const fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// The score that was last kept in the agent's history.
    #[must_use]
    pub const fn kept_score(&self) -> Option<TrustScore> {
        self.kept_score
    }

    /// Remembers the score that is kept in the agent's history.
    pub const fn keep_score(&mut self, score: Option<TrustScore>) {
        self.kept_score = score;
    }

    /// Event time of the newest action; `None` before the first.
    #[must_use]
    pub fn watermark(&self) -> Option<DateTime<Utc>> {
        (self.watermark != i64::MIN).then(|| DateTime::from_timestamp_micros(self.watermark))?
    }

    /// Whether an action of this time comes too late to be learned from in order.
    #[must_use]
    pub fn is_too_late(&self, time: DateTime<Utc>) -> bool {
        self.watermark != i64::MIN
            && time.timestamp_micros()
                < self
                    .watermark
                    .saturating_sub(ALLOWED_LATENESS_SECONDS * 1_000_000)
    }

    /// Judges an action, then learns from it.
    ///
    /// One that is older than the watermark counts as of the watermark, but neither into rates nor
    /// hours nor the share of failures: its own windows are closed, and no other ones are its.
    pub fn observe(&mut self, action: &ObservedAction) -> Observation {
        let is_late = action.time.timestamp_micros() < self.watermark;
        let seconds = self.advance(action.time);
        let class = action.class;
        let risk = action.declared_risk.unwrap_or_default().max(class.risk);
        let target = action.resource.as_ref().map(Resource::as_str);
        let marks = Marks::of(action.action.as_str(), target);
        let mut judge = Judge {
            action,
            findings: Vec::new(),
        };
        let mut features = [0.0; FEATURE_NAMES.len()];
        // By its own time: backdating inside the open window must not hide a flood.
        let own_seconds = action.time.timestamp();
        self.judge_rates(&mut judge, own_seconds);
        if !is_late {
            features[6] = self.judge_hour(&mut judge, seconds);
        }
        for (index, rate) in self.rates.iter().enumerate() {
            features[index] = rate.open_count();
            features[index + 3] = rate.ratio();
        }
        features[7] = f64::from(u8::from(class.is_write));
        if action.outcome != Outcome::Denied {
            let is_new_host = self.judge_hosts(&mut judge, risk);
            // What a tool that reaches outside is asked, it may carry there.
            if class.is_write || action.is_open_world {
                (features[8], features[9]) =
                    self.judge_novelty(&mut judge, risk, is_new_host, marks);
            }
        }
        self.judge_violation(&mut judge, seconds);
        features[10] = self.judge_failure(&mut judge, seconds, is_late);
        features[11] = risk.weight();
        (features[12], features[13]) = self.judge_location(&mut judge, risk, is_late);
        let when = When { seconds, is_late };
        let signals = self.judge_signals(&mut judge, marks, when, risk);
        features[14..].copy_from_slice(&signals);
        self.tallies.samples += 1;
        self.tallies.risk_sum += risk.weight();
        self.tallies.risk_weight += 1.0;
        if let Some(server) = action.server.filter(|_| action.outcome != Outcome::Denied) {
            self.tallies.mcp_attested += f32::from(server.attested) / 10_000.0;
            self.tallies.mcp_contradicted += f32::from(server.contradicted) / 10_000.0;
        }
        Observation {
            features: FeatureVector(features),
            findings: judge.findings,
        }
    }

    /// Actions in the open minute, ten minutes and hour.
    #[must_use]
    pub fn open_counts(&self) -> [u32; 3] {
        self.rates.each_ref().map(|rate| rate.open_count() as u32)
    }

    /// Learns how an action ended that was judged when it was verified.
    pub fn observe_result(&mut self, outcome: Outcome, time: DateTime<Utc>) {
        self.advance(time);
        match outcome {
            Outcome::Ok => self.tallies.successes += 1.0,
            Outcome::Error => self.tallies.failures += 1.0,
            Outcome::Denied | Outcome::Unknown => {}
        }
    }

    /// Learns what people and peers say now.
    pub const fn heed(&mut self, feedback: Feedback) {
        self.tallies.feedback = feedback;
    }

    /// Moves the watermark, lets tallies fade, and returns the time that counts, in seconds.
    fn advance(&mut self, time: DateTime<Utc>) -> i64 {
        let micros = time.timestamp_micros();
        if self.watermark == i64::MIN {
            self.watermark = micros;
        } else if micros > self.watermark {
            #[expect(
                clippy::cast_precision_loss,
                reason = "spans of time stay far below 2^52 µs"
            )]
            let elapsed = micros.saturating_sub(self.watermark) as f64 / 1e6;
            let kept = (-elapsed / HALF_LIFE_SECONDS).exp2();
            let t = &mut self.tallies;
            for tally in [
                &mut t.successes,
                &mut t.failures,
                &mut t.risk_sum,
                &mut t.risk_weight,
                &mut t.novelty,
                &mut t.violations,
                &mut t.rate_surprise,
                &mut t.hour_surprise,
                &mut t.place_surprise,
                &mut t.located,
            ] {
                *tally *= kept;
            }
            for tally in [&mut t.mcp_attested, &mut t.mcp_contradicted] {
                *tally *= kept as f32;
            }
            self.watermark = micros;
        }
        self.watermark.div_euclid(1_000_000)
    }

    fn judge_rates(&mut self, judge: &mut Judge<'_>, seconds: i64) {
        let mut worst: Option<(Severity, String, Evidence)> = None;
        for rate in &mut self.rates {
            let Some(severity) = rate.count(seconds) else {
                continue;
            };
            if worst.as_ref().is_none_or(|(before, ..)| *before < severity) {
                let evidence = Evidence {
                    label: format!("actions in {} s", rate.length()),
                    observed: format!("{:.0}", rate.open_count()),
                    expected: Some(format!("{:.1} on average", rate.mean())),
                };
                let summary = format!(
                    "{:.0} actions in {} s, {:.1} times the learned rate",
                    rate.open_count(),
                    rate.length(),
                    rate.ratio()
                );
                worst = Some((severity, summary, evidence));
            }
        }
        self.tallies.rate_windows = self.rates[1].windows();
        if let Some((severity, summary, evidence)) = worst {
            self.tallies.rate_surprise += weight(severity);
            judge.find(AnomalyKind::RateSpike, severity, summary, vec![evidence]);
        }
    }

    fn judge_hour(&mut self, judge: &mut Judge<'_>, seconds: i64) -> f64 {
        let judged = self.hours.judge(seconds);
        self.tallies.hours_known = self.hours.learned();
        if let Some(severity) = judged.severity {
            self.tallies.hour_surprise += weight(severity);
            let evidence = Evidence {
                label: "share of this hour of the week (UTC) in what was learned".to_owned(),
                observed: format!("{:.5}", judged.share),
                expected: Some(format!("{:.5} if all hours were alike", 1.0 / 168.0)),
            };
            let summary = "active in an hour of the week in which it is not".to_owned();
            judge.find(AnomalyKind::OffHours, severity, summary, vec![evidence]);
        }
        judged.surprise
    }

    fn judge_violation(&mut self, judge: &mut Judge<'_>, seconds: i64) {
        if judge.action.granted != Some(false) {
            return;
        }
        self.tallies.violations += 1.0;
        if let Some((severity, count)) = self.violations.count(seconds) {
            let evidence = Evidence {
                label: "attempts without a grant in 10 minutes".to_owned(),
                observed: count.to_string(),
                expected: Some("0".to_owned()),
            };
            let action = judge.action.action.as_str();
            let summary = format!("attempt {count} without a grant: `{action}`");
            judge.find(
                AnomalyKind::CapabilityDrift,
                severity,
                summary,
                vec![evidence],
            );
        }
    }

    fn judge_failure(&mut self, judge: &mut Judge<'_>, seconds: i64, is_late: bool) -> f64 {
        let failed = match judge.action.outcome {
            Outcome::Ok => false,
            Outcome::Error => true,
            Outcome::Denied | Outcome::Unknown => return self.failures.ratio(),
        };
        if failed {
            self.tallies.failures += 1.0;
        } else {
            self.tallies.successes += 1.0;
        }
        if is_late {
            return self.failures.ratio();
        }
        if let Some(severity) = self.failures.count(seconds, failed) {
            let evidence = share("failed actions in 10 minutes", self.failures.ratio());
            let summary = format!("{:.0} % of actions fail", 100.0 * self.failures.ratio());
            judge.find(AnomalyKind::FailureBurst, severity, summary, vec![evidence]);
        }
        self.failures.ratio()
    }
}

fn share(label: &str, value: f64) -> Evidence {
    Evidence {
        label: format!("share of {label}"),
        observed: format!("{value:.2}"),
        expected: None,
    }
}

/// What a finding of this severity adds to a tally.
const fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Low => 0.1,
        Severity::Medium => 0.3,
        Severity::High => 1.0,
        Severity::Critical => 3.0,
    }
}

/// The findings about one action.
struct Judge<'a> {
    action: &'a ObservedAction,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn find(
        &mut self,
        kind: AnomalyKind,
        severity: Severity,
        summary: String,
        evidence: Vec<Evidence>,
    ) {
        let score = match severity {
            Severity::Low => 0.25,
            Severity::Medium => 0.5,
            Severity::High => 0.75,
            Severity::Critical => 1.0,
        };
        let (event, time) = (self.action.event, self.action.time);
        self.findings.push(Finding {
            kind,
            severity,
            score,
            summary,
            evidence,
            event,
            time,
            policies: Vec::new(),
        });
    }
}
