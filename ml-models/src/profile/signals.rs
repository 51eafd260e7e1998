//! Detectors that have a tail instead of a limit: what each makes of an action, and all together.

use aim_domain::anomaly::{AnomalyKind, Evidence, Severity};
use aim_domain::risk::RiskLevel;
use serde::{Deserialize, Serialize};

use super::bursts::Bursts;
use super::combined::{self, combine};
use super::drift::Drift;
use super::rhythm::Rhythm;
use super::sequence::{self, Place, Sequence};
use super::spread::{Counted, Spread};
use super::volume::Volume;
use super::{BehaviourProfile, Judge, weight};
use crate::ahead;
use crate::mark::mark;

/// Much rarer than what is worth telling.
const MUCH_RARER_DECADES: f64 = 9.0;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Signals {
    sequence: Sequence,
    /// None before the first action whose amount of data is known.
    volume: Option<Box<Volume>>,
    spread: Spread,
    bursts: Bursts,
    drift: Drift,
    rhythm: Rhythm,
    /// When small signs were last told.
    combined_hour: i64,
}

/// Marks of an action and of what it is done to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) action: u64,
    /// Of action and target; the action's own without a target.
    pub(super) deed: u64,
}

impl Marks {
    pub(super) fn of(action: &str, target: Option<&str>) -> Self {
        let own = mark(&[action.as_bytes()]);
        let deed = target.map(|target| mark(&[action.as_bytes(), target.as_bytes()]));
        Self {
            action: own,
            deed: deed.unwrap_or(own),
        }
    }
}

/// When an action counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) seconds: i64,
    /// It is older than another one: its windows are closed.
    pub(super) is_late: bool,
}

/// The features, in order: bits of the sequence, level of the volume, different deeds, and decades of
/// burst, drift, rhythm and all together.
pub(super) type SignalFeatures = [f64; 7];

impl Signals {
    /// Asks for the memory of what it keeps elsewhere.
    pub(super) fn ahead(&self) {
        self.sequence.ahead();
        if let Some(volume) = &self.volume {
            ahead(volume.as_ref());
        }
    }

    pub(super) fn has_shape(&self) -> bool {
        self.sequence.has_shape() && self.rhythm.has_shape()
    }
}

impl BehaviourProfile {
    pub(super) fn judge_signals(
        &mut self,
        judge: &mut Judge<'_>,
        marks: Marks,
        when: When,
        risk: RiskLevel,
    ) -> SignalFeatures {
        let rate = self
            .rates
            .iter()
            .map(super::Rate::decades)
            .fold(0.0, f64::max);
        let (bits, sequence) = self.judge_sequence(judge, marks, when);
        let (mut volume, mut spread, mut burst) = (0.0, 0.0, 0.0);
        let different;
        if when.is_late {
            different = self.signals.spread.estimate();
        } else {
            volume = self.judge_volume(judge, when.seconds, risk);
            Counted {
                decades: spread,
                estimate: different,
            } = self.judge_spread(judge, when.seconds, marks.deed);
            burst = self.judge_burst(judge, when.seconds, marks.deed);
            self.judge_rhythm(judge, when.seconds);
            self.judge_drift(judge, marks.action);
        }
        let all = self.judge_together(
            judge,
            when.seconds,
            &[rate, sequence, volume, spread, burst],
        );
        let own = &self.signals;
        [
            bits,
            own.volume.as_ref().map_or(0.0, |volume| volume.level()),
            different,
            burst,
            own.drift.decades(),
            own.rhythm.score(),
            all,
        ]
    }

    /// Told where no sign is worth telling by itself, once an hour.
    fn judge_together(&mut self, judge: &mut Judge<'_>, seconds: i64, signs: &[f64]) -> f64 {
        let all = combine(signs);
        let hour = seconds.div_euclid(3_600);
        let is_told = signs.iter().any(|sign| *sign >= combined::TOLD_DECADES);
        if all >= combined::RARE_DECADES && !is_told && hour > self.signals.combined_hour {
            self.signals.combined_hour = hour;
            self.tallies.novelty += weight(Severity::Low);
            let summary = format!("small signs together: once in 10^{all:.1} actions by chance");
            let evidence = decades("all signs together", all);
            judge.find(
                AnomalyKind::CombinedSigns,
                Severity::Low,
                summary,
                vec![evidence],
            );
        }
        all
    }

    fn judge_sequence(&mut self, judge: &mut Judge<'_>, marks: Marks, when: When) -> (f64, f64) {
        let name = |text: &Option<String>| text.as_ref().map_or(0, |it| mark(&[it.as_bytes()]));
        let place = Place {
            action: marks.action,
            job: name(&judge.action.task),
            session: name(&judge.action.session),
            class: judge.action.class,
        };
        let judged = self.signals.sequence.judge(place, when.is_late);
        if judged.decades >= sequence::RARE_DECADES {
            let severity = graded(judged.decades);
            self.tallies.novelty += weight(severity);
            let action = judge.action.action.as_str();
            let summary = format!("`{action}` hardly ever comes here in what the agent does");
            let evidence = vec![
                Evidence {
                    label: "surprise of the action after the one before it, in bits".to_owned(),
                    observed: format!("{:.1}", judged.bits),
                    expected: None,
                },
                decades("surprise", judged.decades),
            ];
            judge.find(AnomalyKind::UnusualSequence, severity, summary, evidence);
        }
        (judged.bits, judged.decades)
    }

    fn judge_volume(&mut self, judge: &mut Judge<'_>, seconds: i64, risk: RiskLevel) -> f64 {
        let Some(bytes) = judge.action.bytes else {
            return 0.0;
        };
        let volume = self.signals.volume.get_or_insert_default();
        let rare = volume.add(seconds, bytes);
        if volume.is_news(rare) {
            let severity = if risk >= RiskLevel::High && rare >= MUCH_RARER_DECADES {
                Severity::High
            } else {
                Severity::Medium
            };
            let open = volume.open();
            self.tallies.rate_surprise += weight(severity);
            let summary = format!("{open} bytes moved in 10 minutes, far more than usual");
            let evidence = decades("bytes in 10 minutes", rare);
            judge.find(AnomalyKind::VolumeSpike, severity, summary, vec![evidence]);
        }
        rare
    }

    fn judge_spread(&mut self, judge: &mut Judge<'_>, seconds: i64, deed: u64) -> Counted {
        let spread = &mut self.signals.spread;
        let counted = spread.count(seconds, deed);
        let Counted {
            estimate,
            decades: rare,
        } = counted;
        if spread.is_news(rare) {
            let severity = graded(rare);
            self.tallies.novelty += weight(severity);
            let summary = format!("about {estimate:.0} different things done in an hour");
            let evidence = decades("different actions and targets in an hour", rare);
            judge.find(AnomalyKind::WideSpread, severity, summary, vec![evidence]);
        }
        counted
    }

    fn judge_burst(&mut self, judge: &mut Judge<'_>, seconds: i64, deed: u64) -> f64 {
        let judged = self.signals.bursts.count(seconds, deed);
        if judged.is_news {
            self.tallies.rate_surprise += weight(Severity::Low);
            let action = judge.action.action.as_str();
            let summary = format!(
                "`{action}` {} times in a minute on one target",
                judged.count
            );
            let evidence = vec![
                Evidence {
                    label: "of this and of what shares its counter, in a minute".to_owned(),
                    observed: judged.count.to_string(),
                    expected: Some(format!("{:.2} on average", judged.mean)),
                },
                decades("count", judged.decades),
            ];
            judge.find(AnomalyKind::DeedBurst, Severity::Low, summary, evidence);
        }
        judged.decades
    }

    fn judge_rhythm(&mut self, judge: &mut Judge<'_>, seconds: i64) {
        if let Some(count) = self.signals.rhythm.count(seconds) {
            self.tallies.hour_surprise += weight(Severity::Low);
            let summary = format!("{count} actions in 10 minutes, unlike this time of day");
            let evidence = Evidence {
                label: "how unusual that is, 0 to 1, in the row of ten minutes before".to_owned(),
                observed: format!("{:.2}", self.signals.rhythm.score()),
                expected: Some(format!("below {:.2}", crate::SERIES_ALARM)),
            };
            judge.find(
                AnomalyKind::RhythmBreak,
                Severity::Low,
                summary,
                vec![evidence],
            );
        }
    }

    fn judge_drift(&mut self, judge: &mut Judge<'_>, action: u64) {
        if let Some(effect) = self.signals.drift.count(action) {
            let severity = Severity::Medium;
            self.tallies.novelty += weight(severity);
            let summary = "the newest 64 actions are of other kinds than those before".to_owned();
            let evidence = vec![
                Evidence {
                    label: "difference, as Cohen's w".to_owned(),
                    observed: format!("{effect:.2}"),
                    expected: Some("below 0.5, where large differences begin".to_owned()),
                },
                decades("difference", self.signals.drift.decades()),
            ];
            judge.find(AnomalyKind::BehaviourDrift, severity, summary, evidence);
        }
    }
}

fn graded(decades: f64) -> Severity {
    if decades >= MUCH_RARER_DECADES {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn decades(what: &str, decades: f64) -> Evidence {
    Evidence {
        label: format!("how rare: {what}"),
        observed: format!("once in 10^{decades:.1}"),
        expected: None,
    }
}
