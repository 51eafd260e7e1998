//! What is learned from, and what is not.

use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_ml_models::{BehaviourProfile, FEATURE_NAMES, Observation};

use crate::acting::{at, flood, office_weeks, reading, steady, worst};

fn feature(values: &[f64], name: &str) -> f64 {
    values[FEATURE_NAMES
        .iter()
        .position(|other| *other == name)
        .unwrap()]
}

#[test]
fn floods_do_not_become_normal() {
    let mut profile = BehaviourProfile::default();
    let mut end = steady(&mut profile, 0, 60);
    for _ in 0..48 {
        let findings = flood(&mut profile, end, 500);
        assert_eq!(
            worst(&findings, AnomalyKind::RateSpike),
            Some(Severity::Critical)
        );
        end += 3_600;
    }
    let calm = profile.observe(&reading(at(end)));
    let ratio = feature(&calm.features.0, "rate_ratio_1m");
    assert!(
        (0.4..=0.6).contains(&ratio),
        "one action to a learned two, not {ratio}"
    );
}

#[test]
fn unusual_hours_do_not_become_usual() {
    let mut profile = BehaviourProfile::default();
    office_weeks(&mut profile);
    let known = profile.tallies().hours_known;
    let mut found = 0;
    for week in 4..12 {
        for i in 0..100 {
            let night = at(week * 7 * 86_400 + 6 * 86_400 + 3 * 3_600 + i * 30);
            let findings = profile.observe(&reading(night)).findings;
            found += findings
                .iter()
                .filter(|f| f.kind == AnomalyKind::OffHours)
                .count();
        }
    }
    assert_eq!(found, 8, "each Sunday night is reported");
    assert_eq!(profile.tallies().hours_known, known);
}

#[test]
fn late_actions_count_in_no_window_that_is_closed() {
    let mut profile = BehaviourProfile::default();
    let end = steady(&mut profile, 0, 60);
    let before = profile.observe(&reading(at(end + 30)));
    let hours = profile.tallies().hours_known;
    let samples = profile.tallies().samples;
    let minute = |observation: &Observation| feature(&observation.features.0, "actions_1m");
    let mut last = before.clone();
    for i in 0..100 {
        last = profile.observe(&reading(at(end - 120 - i % 300)));
    }
    assert_eq!(minute(&last), minute(&before));
    assert_eq!(profile.tallies().hours_known, hours);
    assert_eq!(profile.tallies().samples, samples + 100);
    assert_eq!(profile.watermark(), Some(at(end + 30)));
}

#[test]
fn a_flood_that_is_backdated_within_the_minute_is_seen() {
    let mut profile = BehaviourProfile::default();
    let end = steady(&mut profile, 0, 60);
    profile.observe(&reading(at(end + 30)));
    let mut worst = None;
    for _ in 0..1_000 {
        let observation = profile.observe(&reading(at(end + 29)));
        worst = worst.max(
            observation
                .findings
                .iter()
                .map(|finding| finding.severity)
                .max(),
        );
    }
    assert_eq!(worst, Some(Severity::Critical));
}

#[test]
fn only_an_hour_of_lateness_is_learned_from() {
    let mut profile = BehaviourProfile::default();
    assert!(!profile.is_too_late(at(0)));
    profile.observe(&reading(at(7_200)));
    assert!(!profile.is_too_late(at(3_600)));
    assert!(profile.is_too_late(at(3_599)));
}
