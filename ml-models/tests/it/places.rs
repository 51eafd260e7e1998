//! Where an agent acts from: what is found, and what is not.

use aim_domain::action::ObservedAction;
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_domain::location::Location;
use aim_domain::risk::RiskLevel;
use aim_ml_models::{BehaviourProfile, FEATURE_NAMES};

use crate::acting::{at, kinds, reading};

pub(crate) const BERLIN: (&str, u32, f64, f64) = ("DE", 3_320, 52.5, 13.4);
pub(crate) const POTSDAM: (&str, u32, f64, f64) = ("DE", 3_320, 52.4, 13.1);
pub(crate) const HAMBURG: (&str, u32, f64, f64) = ("DE", 3_320, 53.6, 10.0);
pub(crate) const NEW_YORK: (&str, u32, f64, f64) = ("US", 7_922, 40.7, -74.0);
pub(crate) const TOKYO: (&str, u32, f64, f64) = ("JP", 2_516, 35.7, 139.7);

pub(crate) fn from(place: (&str, u32, f64, f64), seconds: i64) -> ObservedAction {
    let (country, asn, latitude, longitude) = place;
    let json = serde_json::json!({
        "country": country, "asn": asn, "latitude": latitude, "longitude": longitude,
    });
    ObservedAction {
        location: serde_json::from_value::<Location>(json).ok(),
        ..reading(at(seconds))
    }
}

/// Forty actions from Berlin, one a minute; returns the end.
pub(crate) fn settle(profile: &mut BehaviourProfile) -> i64 {
    for minute in 0..40 {
        let found = profile.observe(&from(BERLIN, minute * 60)).findings;
        assert!(found.is_empty(), "{found:?}");
    }
    2_400
}

#[test]
fn a_journey_is_judged_by_its_speed() {
    let (new, travel) = (AnomalyKind::NewCountry, AnomalyKind::ImpossibleTravel);
    let cases = [
        ("a town away", POTSDAM, 1, RiskLevel::High, vec![]),
        (
            "255 km in 20 minutes",
            HAMBURG,
            1_200,
            RiskLevel::High,
            vec![],
        ),
        (
            "255 km in 5 minutes",
            HAMBURG,
            300,
            RiskLevel::Low,
            vec![(travel, Severity::Medium)],
        ),
        (
            "6,385 km in 7 hours",
            NEW_YORK,
            7 * 3_600,
            RiskLevel::Low,
            vec![(new, Severity::Low)],
        ),
        (
            "6,385 km in 6 hours",
            NEW_YORK,
            6 * 3_600,
            RiskLevel::Medium,
            vec![(new, Severity::Medium), (travel, Severity::Medium)],
        ),
        (
            "at once",
            NEW_YORK,
            0,
            RiskLevel::Critical,
            vec![(new, Severity::High), (travel, Severity::High)],
        ),
        (
            "half an hour before",
            NEW_YORK,
            -1_800,
            RiskLevel::High,
            vec![(new, Severity::High), (travel, Severity::High)],
        ),
    ];
    for (case, place, later, risk, expected) in cases {
        let mut profile = BehaviourProfile::default();
        let last = settle(&mut profile) - 60;
        let mut action = from(place, last + later);
        action.declared_risk = Some(risk);
        let observed = profile.observe(&action);
        let found: Vec<_> = kinds(&observed)
            .into_iter()
            .filter(|(kind, _)| *kind == new || *kind == travel)
            .collect();
        assert_eq!(found, expected, "{case}: {observed:?}");
        let tallies = profile.tallies();
        assert!(tallies.located > 39.0, "{tallies:?}");
        assert_eq!(
            tallies.place_surprise > 0.0,
            place.0 != "DE" || !expected.is_empty()
        );
    }
}

#[test]
fn where_nothing_is_known_nothing_is_new() {
    let mut profile = BehaviourProfile::default();
    for (step, place) in [BERLIN, NEW_YORK, TOKYO]
        .into_iter()
        .cycle()
        .take(200)
        .enumerate()
    {
        let found = profile
            .observe(&from(place, i64::try_from(step).unwrap()))
            .findings;
        assert!(
            found
                .iter()
                .all(|it| it.kind != AnomalyKind::ImpossibleTravel),
            "who always jumps is told of never: {step}"
        );
        assert!(
            found.iter().all(|it| it.kind != AnomalyKind::NewCountry),
            "{step}"
        );
    }
    let mut profile = BehaviourProfile::default();
    profile.observe(&reading(at(0)));
    assert_eq!(profile.tallies().located, 0.0);
}

#[test]
fn a_late_action_does_not_move_the_agent() {
    let mut profile = BehaviourProfile::default();
    let end = settle(&mut profile);
    // An hour before its newest action it may well have been in Hamburg, but it is not there now.
    profile.observe(&from(HAMBURG, end - 3_000));
    let found = profile.observe(&from(BERLIN, end)).findings;
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_new_network_is_no_finding_but_counts() {
    let mut profile = BehaviourProfile::default();
    let end = settle(&mut profile);
    let mut elsewhere = BERLIN;
    elsewhere.1 = 64_500;
    let found = profile.observe(&from(elsewhere, end)).findings;
    assert!(found.is_empty(), "{found:?}");
    assert!(profile.tallies().place_surprise > 0.0);
}

#[test]
fn features_say_where_it_was() {
    let mut profile = BehaviourProfile::default();
    let end = settle(&mut profile);
    let features = profile
        .observe(&from(NEW_YORK, end - 60 + 36_000))
        .features
        .0;
    let of = |name| features[FEATURE_NAMES.iter().position(|it| *it == name).unwrap()];
    assert_eq!(of("new_country"), 1.0);
    assert!((630.0..650.0).contains(&of("travel_speed")), "{features:?}");
}
