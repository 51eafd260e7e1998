//! An attacker who has time, or who makes noise, does not move what is normal past its bounds.

use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_ml_models::{BehaviourProfile, FEATURE_NAMES};

use crate::acting::{action, at, flood, office_weeks, reading, steady, worst};
use crate::places::{BERLIN, HAMBURG, NEW_YORK, TOKYO, from, settle};

const DAY: i64 = 86_400;

/// What is learned of actions a minute, seen from outside: one action to the learned mean.
fn learned_per_minute(profile: &BehaviourProfile, seconds: i64) -> f64 {
    let features = profile.clone().observe(&reading(at(seconds))).features.0;
    let place = |name| FEATURE_NAMES.iter().position(|other| *other == name);
    let count = features[place("actions_1m").unwrap()];
    count / features[place("rate_ratio_1m").unwrap()]
}

/// Acts in each minute from `from` to `to` as often as goes unnoticed, and returns how often it was
/// noticed all the same.
fn creep(profile: &mut BehaviourProfile, from: i64, to: i64) -> usize {
    let mut found = 0;
    for minute in from / 60..to / 60 {
        let most = learned_per_minute(profile, minute * 60) * 2.9;
        for i in 0..(most.floor().max(1.0) as i64).min(55) {
            let findings = profile.observe(&reading(at(minute * 60 + i))).findings;
            found += findings
                .iter()
                .filter(|finding| finding.kind == AnomalyKind::RateSpike)
                .count();
        }
    }
    found
}

#[test]
fn who_drifts_slowly_gains_a_half_a_day_at_most() {
    let mut profile = BehaviourProfile::default();
    steady(&mut profile, 0, 24);
    let mut bound = learned_per_minute(&profile, DAY - 1);
    assert!((1.5..=2.5).contains(&bound), "{bound}");
    for day in 1..4 {
        let from = day * DAY;
        creep(&mut profile, from, from + 8 * 3_600);
        bound *= 1.5;
        let learned = learned_per_minute(&profile, from + 8 * 3_600);
        assert!(learned <= bound * 1.01, "day {day}: {learned} > {bound}");
    }
    let findings = flood(&mut profile, 3 * DAY + 9 * 3_600, 500);
    let worst = worst(&findings, AnomalyKind::RateSpike);
    assert_eq!(worst, Some(Severity::Critical));
}

#[test]
fn who_alternates_does_not_hide_behind_the_variance() {
    let mut profile = BehaviourProfile::default();
    steady(&mut profile, 0, 24);
    for minute in 0..8 * 60 {
        let from = DAY + minute * 60;
        let most = learned_per_minute(&profile, from) * 2.9;
        let most = if minute % 2 == 0 { 1 } else { most as i64 };
        for i in 0..most {
            profile.observe(&reading(at(from + i)));
        }
    }
    let findings = flood(&mut profile, DAY + 9 * 3_600, 30);
    assert!(worst(&findings, AnomalyKind::RateSpike) >= Some(Severity::High));
}

#[test]
fn floods_that_are_flagged_teach_no_rate_at_all() {
    let mut profile = BehaviourProfile::default();
    let end = steady(&mut profile, 0, 24);
    let before = learned_per_minute(&profile, end + DAY);
    for minute in 0..500 {
        flood(&mut profile, end + minute * 60, 59);
    }
    assert_eq!(learned_per_minute(&profile, end + DAY), before);
}

#[test]
fn usual_hours_widen_by_an_hour_a_week_at_most() {
    let mut profile = BehaviourProfile::default();
    office_weeks(&mut profile);
    // Every evening a hundred actions in each hour after the office closes, as late as 22 o'clock.
    let mut first_flagged = Vec::new();
    for week in 4..7 {
        let mut first = 24;
        for day in 0..5 {
            for hour in 17..22 {
                for i in 0..100 {
                    let time = at((week * 7 + day) * DAY + hour * 3_600 + i * 30);
                    let findings = profile.observe(&reading(time)).findings;
                    if findings.iter().any(|f| f.kind == AnomalyKind::OffHours) {
                        first = first.min(hour);
                    }
                }
            }
        }
        first_flagged.push(first);
    }
    let [first, second, third] = first_flagged[..] else {
        panic!("{first_flagged:?}")
    };
    assert!(
        first <= 18 && second <= 19 && third <= 20,
        "{first_flagged:?}"
    );
}

#[test]
fn a_burst_of_new_targets_does_not_make_new_targets_normal() {
    let mut profile = BehaviourProfile::default();
    office_weeks(&mut profile);
    let start = 28 * DAY + 9 * 3_600;
    let is_told = |profile: &mut BehaviourProfile, i: i64| {
        let target = format!("https://host-{i}.example/drop");
        let observation =
            profile.observe(&action("send_report", Some(&target), at(start + i * 60)));
        observation.findings.iter().any(|finding| {
            matches!(
                finding.kind,
                AnomalyKind::NewDomain | AnomalyKind::FirstSeenResource
            )
        })
    };
    let told = (0..40).filter(|i| is_told(&mut profile, *i)).count();
    assert_eq!(told, 40, "each of forty strangers in a row is told");
}

fn travels(profile: &mut BehaviourProfile, place: (&str, u32, f64, f64), seconds: i64) -> bool {
    let findings = profile.observe(&from(place, seconds)).findings;
    findings
        .iter()
        .any(|it| it.kind == AnomalyKind::ImpossibleTravel)
}

#[test]
fn a_place_that_was_reached_too_fast_is_believed_after_four_hours_that_are_told() {
    let mut profile = BehaviourProfile::default();
    let start = settle(&mut profile);
    let mut told = Vec::new();
    for minute in 0..6 * 60 {
        let seconds = start + minute * 60;
        if travels(&mut profile, NEW_YORK, seconds) {
            told.push(minute / 60);
        }
        assert!(
            !travels(&mut profile, BERLIN, seconds + 30),
            "it is still at home"
        );
    }
    assert_eq!(told.len(), 4, "{told:?}");
    let end = start + 6 * 3_600;
    assert!(
        travels(&mut profile, TOKYO, end),
        "another place is another matter"
    );
}

#[test]
fn many_small_steps_carry_nobody_faster_than_an_airliner() {
    let mut profile = BehaviourProfile::default();
    let start = settle(&mut profile);
    // Steps of a degree, each well within the error of a place, one a second.
    let told = (1..60).any(|step| {
        let mut place = BERLIN;
        place.3 += f64::from(step);
        travels(&mut profile, place, start + i64::from(step))
    });
    assert!(told);
    assert!(
        !travels(&mut profile, BERLIN, start + 60),
        "home has not moved"
    );
}

#[test]
fn floods_from_strange_places_are_told_once_an_hour_and_teach_nothing() {
    let mut profile = BehaviourProfile::default();
    let start = settle(&mut profile);
    let places = [
        NEW_YORK,
        TOKYO,
        ("AU", 1, -33.9, 151.2),
        ("ZA", 2, -33.9, 18.4),
    ];
    let mut told = 0;
    for step in 0..40 {
        let place = places[usize::try_from(step % 4).unwrap()];
        told += usize::from(travels(&mut profile, place, start + step));
    }
    assert_eq!(told, 1);
    assert!(
        !travels(&mut profile, HAMBURG, start + 3_600),
        "from home it is no journey"
    );
    assert!(travels(&mut profile, TOKYO, start + 3_660));
}
