//! Detectors with tails: what each finds, what it leaves alone, and what it can be taught.

use aim_domain::action::ObservedAction;
use aim_domain::anomaly::{AnomalyKind, Finding};
use aim_ml_models::{BehaviourProfile, FEATURE_NAMES};

use crate::acting::{Noise, action, at};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn told(profile: &mut BehaviourProfile, action: &ObservedAction, kind: AnomalyKind) -> bool {
    let findings = profile.observe(action).findings;
    findings.iter().any(|finding| finding.kind == kind)
}

fn feature(profile: &BehaviourProfile, action: &ObservedAction, name: &str) -> f64 {
    let place = FEATURE_NAMES
        .iter()
        .position(|other| *other == name)
        .unwrap();
    profile.clone().observe(action).features.0[place]
}

/// Reads a ticket, looks at its notes, updates it and says so, over and over; now and then it looks
/// at something else in between.
fn desk(profile: &mut BehaviourProfile, rounds: i64) -> (i64, Vec<Finding>) {
    let (mut noise, mut seconds, mut findings) = (Noise(5), 0, Vec::new());
    for _ in 0..rounds {
        for name in ["get_ticket", "get_notes", "update_ticket", "send_note"] {
            let ticket = format!("/tickets/{}", noise.below(9));
            let mut step = action(name, Some(&ticket), at(seconds));
            step.task = Some("tickets".to_owned());
            findings.extend(profile.observe(&step).findings);
            if noise.below(12) == 0 {
                let look = action("list_people", Some("/people"), at(seconds + 5));
                findings.extend(profile.observe(&look).findings);
            }
            seconds += 40 + i64::try_from(noise.below(40)).unwrap();
        }
    }
    (seconds, findings)
}

#[test]
fn what_never_follows_is_told_and_what_follows_now_and_then_is_not() {
    let mut profile = BehaviourProfile::default();
    let (seconds, findings) = desk(&mut profile, 800);
    let of_sequence = |finding: &&Finding| finding.kind == AnomalyKind::UnusualSequence;
    assert_eq!(findings.iter().filter(of_sequence).count(), 0);
    let strange = action("export_people", Some("/people"), at(seconds));
    assert!(feature(&profile, &strange, "sequence_bits") > 10.0);
    assert!(told(&mut profile, &strange, AnomalyKind::UnusualSequence));
    let look = action("list_people", Some("/people"), at(seconds + 60));
    assert!(!told(&mut profile, &look, AnomalyKind::UnusualSequence));
}

#[test]
fn who_repeats_what_is_told_stays_told_of() {
    let mut profile = BehaviourProfile::default();
    let (seconds, _) = desk(&mut profile, 800);
    let mut times = 0;
    for round in 0..20 {
        let start = seconds + round * 600;
        profile.observe(&action("get_ticket", Some("/tickets/1"), at(start)));
        let strange = action("export_people", Some("/people"), at(start + 60));
        times += usize::from(told(&mut profile, &strange, AnomalyKind::UnusualSequence));
    }
    assert!(times >= 10, "told {times} times of 20");
}

/// Moves 1 to 4 MiB each ten minutes.
fn mover(profile: &mut BehaviourProfile, windows: i64) -> usize {
    let mut noise = Noise(7);
    let mut found = 0;
    for window in 0..windows {
        for i in 0..4 {
            let mut get = action("get_file", Some("/a"), at(window * 600 + i * 100));
            get.bytes = Some((1 << 18) + noise.below(3 << 18));
            found += usize::from(told(profile, &get, AnomalyKind::VolumeSpike));
        }
    }
    found
}

#[test]
fn a_hundred_times_the_data_is_told_once_and_usual_amounts_never() {
    let mut profile = BehaviourProfile::default();
    assert_eq!(mover(&mut profile, 1_000), 0);
    let mut times = 0;
    for i in 0..5 {
        let mut get = action("get_file", Some("/a"), at(1_000 * 600 + i));
        get.bytes = Some(300 << 20);
        times += usize::from(told(&mut profile, &get, AnomalyKind::VolumeSpike));
    }
    assert!((1..=2).contains(&times), "{times}");
}

#[test]
fn who_moves_more_each_window_is_told_before_it_is_a_hundred_times() {
    let mut profile = BehaviourProfile::default();
    mover(&mut profile, 1_000);
    let mut bytes: u64 = 4 << 20;
    for window in 0..200 {
        let mut get = action("get_file", Some("/a"), at((1_001 + window) * 600));
        get.bytes = Some(bytes);
        if told(&mut profile, &get, AnomalyKind::VolumeSpike) {
            assert!(bytes < 400 << 20, "only at {bytes} bytes");
            return;
        }
        bytes += bytes / 10;
    }
    panic!("{bytes} bytes in ten minutes went unnoticed");
}

#[test]
fn hundreds_of_targets_in_an_hour_are_told_of_who_has_ten() {
    let mut profile = BehaviourProfile::default();
    let mut noise = Noise(11);
    for hour in 0..300 {
        for i in 0..20 {
            let target = format!("/files/{}", noise.below(15));
            let get = action("get_file", Some(&target), at(hour * HOUR + i * 60));
            assert!(
                !told(&mut profile, &get, AnomalyKind::WideSpread),
                "hour {hour}"
            );
        }
    }
    let all = (0..800).any(|i| {
        let get = action(
            "get_file",
            Some(&format!("/files/{i}")),
            at(300 * HOUR + i * 4),
        );
        told(&mut profile, &get, AnomalyKind::WideSpread)
    });
    assert!(all);
}

#[test]
fn one_deed_over_and_over_is_a_burst() {
    let mut profile = BehaviourProfile::default();
    let mut noise = Noise(13);
    let mut found = 0;
    for minute in 0..600 {
        for i in 0..noise.below(6) {
            let target = format!("/files/{}", noise.below(12));
            let seconds = minute * 60 + i64::try_from(i).unwrap();
            let get = action("get_file", Some(&target), at(seconds));
            found += usize::from(told(&mut profile, &get, AnomalyKind::DeedBurst));
        }
    }
    assert_eq!(found, 0);
    let get = |i: i64| action("get_file", Some("/files/3"), at(600 * 60 + i));
    let times = (0..50).filter(|i| told(&mut profile, &get(*i), AnomalyKind::DeedBurst));
    assert_eq!(times.count(), 1);
}

/// Actions of six kinds, by these weights.
fn mixed(profile: &mut BehaviourProfile, from: i64, weights: [u64; 6], actions: i64) -> usize {
    let names = ["get_a", "get_b", "get_c", "list_d", "list_e", "search_f"];
    let mut noise = Noise(17 + from.unsigned_abs());
    let all: u64 = weights.iter().sum();
    let mut found = 0;
    for i in 0..actions {
        let mut drawn = noise.below(all);
        let at_kind = weights.iter().position(|weight| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it
        });
        let name = names[at_kind.unwrap()];
        let step = action(name, Some("/x"), at(from + i * 90));
        found += usize::from(told(profile, &step, AnomalyKind::BehaviourDrift));
    }
    found
}

#[test]
fn another_mix_of_actions_is_a_drift_and_the_same_one_is_not() {
    let mut profile = BehaviourProfile::default();
    assert_eq!(mixed(&mut profile, 0, [10, 8, 6, 4, 2, 1], 64 * 300), 0);
    let later = 64 * 300 * 90;
    let n = mixed(&mut profile, later, [1, 2, 4, 6, 8, 10], 64 * 3);
    assert!(n >= 1);
}

#[test]
fn silence_and_a_rush_at_a_busy_time_of_day_break_the_rhythm() {
    let busy = |profile: &mut BehaviourProfile, row: i64, count: i64| {
        (0..count)
            .filter(|i| {
                let look = action("get_ticket", Some("/t"), at(row * 600 + i * 7));
                told(profile, &look, AnomalyKind::RhythmBreak)
            })
            .count()
    };
    let usual = |row: i64, noise: &mut Noise| {
        let is_day = (row * 600 % DAY) / HOUR >= 8 && (row * 600 % DAY) / HOUR < 18;
        (if is_day { 20 } else { 3 }) + i64::try_from(noise.below(3)).unwrap()
    };
    let mut noise = Noise(19);
    let mut profile = BehaviourProfile::default();
    let mut early = 0;
    for row in 0..144 * 21 {
        let count = usual(row, &mut noise);
        let found = busy(&mut profile, row, count);
        early += if row >= 144 * 7 { found } else { 0 };
    }
    assert!(early <= 4, "{early} in two weeks that are like the first");
    for rush in [70, 2] {
        let mut profile = profile.clone();
        let mut found = 0;
        for row in 144 * 21..144 * 22 {
            let count = usual(row, &mut noise);
            let is_noon = (144 * 21 + 70..144 * 21 + 82).contains(&row);
            found += busy(&mut profile, row, if is_noon { rush } else { count });
        }
        assert!(found >= 1, "{rush} in ten minutes at noon");
    }
}

#[test]
fn months_of_usual_work_are_left_alone() {
    let mut profile = BehaviourProfile::default();
    let (_, findings) = desk(&mut profile, 5_000);
    // Windows and hours alone know when one acts; this story has no nights.
    let own = [
        AnomalyKind::UnusualSequence,
        AnomalyKind::VolumeSpike,
        AnomalyKind::WideSpread,
        AnomalyKind::DeedBurst,
        AnomalyKind::BehaviourDrift,
        AnomalyKind::RhythmBreak,
        AnomalyKind::CombinedSigns,
    ];
    let found: Vec<_> = findings
        .iter()
        .filter(|it| own.contains(&it.kind))
        .collect();
    assert!(
        found.len() <= 20,
        "{} in 20,000 actions: {found:?}",
        found.len()
    );
}
