//! What is found, and what is not.

use aim_domain::action::Outcome;
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_ml_models::BehaviourProfile;

use crate::acting::{action, at, flood, kinds, office_weeks, reading, steady, worst};

#[test]
fn a_quiet_agent_is_left_alone() {
    let mut profile = BehaviourProfile::default();
    let findings = office_weeks(&mut profile);
    let grave: Vec<_> = findings
        .iter()
        .filter(|f| f.severity >= Severity::High)
        .collect();
    assert!(grave.is_empty(), "{grave:?}");
    assert!(findings.len() <= 10, "{findings:?}");
    assert!(profile.tallies().samples > 2_000);
}

#[test]
fn a_flood_after_a_learned_rate_is_critical() {
    let mut profile = BehaviourProfile::default();
    let end = steady(&mut profile, 0, 60);
    let findings = flood(&mut profile, end, 500);
    assert_eq!(
        worst(&findings, AnomalyKind::RateSpike),
        Some(Severity::Critical)
    );
    let critical = findings
        .iter()
        .filter(|f| f.severity == Severity::Critical)
        .count();
    assert_eq!(critical, 1, "one window raises its worst only once");
}

#[test]
fn a_new_agent_that_is_busy_is_not_critical() {
    let mut profile = BehaviourProfile::default();
    for second in 0..120 {
        for i in 0..5_000 {
            let action = if i % 5 == 0 {
                action("update_task", Some("/desk/1"), at(second))
            } else {
                reading(at(second))
            };
            let observed = profile.observe(&action);
            assert!(
                observed
                    .findings
                    .iter()
                    .all(|f| f.severity < Severity::Critical)
            );
        }
    }
    assert_eq!(profile.tallies().samples, 600_000);
}

#[test]
fn an_hour_in_which_it_never_acts_is_found() {
    let mut profile = BehaviourProfile::default();
    office_weeks(&mut profile);
    let sunday_night = at(28 * 86_400 + 6 * 86_400 + 3 * 3_600);
    let found = kinds(&profile.observe(&reading(sunday_night)));
    assert!(
        found.contains(&(AnomalyKind::OffHours, Severity::Medium)),
        "{found:?}"
    );
    let again = kinds(&profile.observe(&reading(sunday_night)));
    assert!(again.is_empty(), "an hour is reported once: {again:?}");
    let tuesday_noon = at(35 * 86_400 + 86_400 + 12 * 3_600);
    assert!(kinds(&profile.observe(&reading(tuesday_noon))).is_empty());
}

#[test]
fn first_writes_are_found_once_something_is_known() {
    let mut profile = BehaviourProfile::default();
    let first = action("delete_file", Some("/desk/1"), at(0));
    assert!(
        profile.observe(&first).findings.is_empty(),
        "everything is new to a new agent"
    );
    for minute in 1..60 {
        profile.observe(&action("update_task", Some("/desk/1"), at(minute * 60)));
    }
    let cases = [
        ("update_task", "/desk/1", Outcome::Ok, None),
        ("get_secrets", "/vault", Outcome::Ok, None),
        ("wipe_disk", "/dev/sda", Outcome::Denied, None),
        (
            "update_task",
            "/desk/2",
            Outcome::Ok,
            Some((AnomalyKind::FirstSeenResource, Severity::Low)),
        ),
        (
            "delete_file",
            "/desk/2",
            Outcome::Ok,
            Some((AnomalyKind::FirstSeenResource, Severity::Medium)),
        ),
        (
            "create_file",
            "/desk/2",
            Outcome::Ok,
            Some((AnomalyKind::FirstSeenWrite, Severity::Low)),
        ),
        (
            "wipe_disk",
            "/dev/sda",
            Outcome::Ok,
            Some((AnomalyKind::FirstSeenWrite, Severity::Medium)),
        ),
        ("wipe_disk", "/dev/sda", Outcome::Ok, None),
    ];
    for (name, target, outcome, expected) in cases {
        let mut action = action(name, Some(target), at(3_600));
        action.outcome = outcome;
        let found = kinds(&profile.observe(&action));
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{name} {target}"
        );
    }
}

#[test]
fn first_contact_with_a_host_is_found_for_reads_as_well() {
    let mut profile = BehaviourProfile::default();
    for minute in 0..60 {
        let weather = "https://api.weather.example/berlin";
        profile.observe(&action("get_weather", Some(weather), at(minute * 60)));
    }
    let new = |severity| Some((AnomalyKind::NewDomain, severity));
    let cases = [
        ("get_weather", "https://API.weather.example:443/rome", None),
        (
            "get_weather",
            "https://api.weather.example@evil.example/?secret=1",
            new(Severity::Medium),
        ),
        ("get_weather", "https://evil.example/again", None),
        ("post_form", "https://drop.example/x", new(Severity::High)),
    ];
    for (name, target, expected) in cases {
        let observed = profile.observe(&action(name, Some(target), at(3_600)));
        let found = kinds(&observed)
            .into_iter()
            .find(|it| it.0 == AnomalyKind::NewDomain);
        assert_eq!(found, expected, "{name} {target}");
    }
    let mut denied = action("post_form", Some("https://denied.example"), at(3_601));
    denied.outcome = Outcome::Denied;
    profile.observe(&denied);
    let done = profile.observe(&action(
        "post_form",
        Some("https://denied.example"),
        at(3_602),
    ));
    let is_new = |it: &(AnomalyKind, Severity)| it.0 == AnomalyKind::NewDomain;
    assert!(
        kinds(&done).iter().any(is_new),
        "what was denied was no contact"
    );
}

#[test]
fn an_agent_that_always_meets_new_hosts_is_not_told_about_each() {
    let mut profile = BehaviourProfile::default();
    let mut found = 0;
    for number in 0..400 {
        let target = format!("https://site-{number}.example/");
        let observed = profile.observe(&action("get_page", Some(&target), at(number * 60)));
        found += kinds(&observed).len();
    }
    assert_eq!(found, 0);
}

#[test]
fn attempts_without_a_grant_add_up() {
    let mut profile = BehaviourProfile::default();
    let mut steps = Vec::new();
    for attempt in 1..=25 {
        let mut action = reading(at(attempt));
        action.granted = Some(false);
        action.outcome = Outcome::Denied;
        for (kind, severity) in kinds(&profile.observe(&action)) {
            assert_eq!(kind, AnomalyKind::CapabilityDrift);
            steps.push((attempt, severity));
        }
    }
    let expected = [
        (1, Severity::Low),
        (3, Severity::Medium),
        (5, Severity::High),
        (20, Severity::Critical),
    ];
    assert_eq!(steps, expected);
    assert!(profile.tallies().violations > 24.9);
}

#[test]
fn a_denial_for_another_reason_is_no_violation() {
    let mut profile = BehaviourProfile::default();
    for granted in [None, Some(true)] {
        let mut action = reading(at(1));
        action.outcome = Outcome::Denied;
        action.granted = granted;
        assert!(profile.observe(&action).findings.is_empty());
    }
    assert_eq!(profile.tallies().violations, 0.0);
}

#[test]
fn failing_much_more_than_before_is_found() {
    let mut profile = BehaviourProfile::default();
    let end = steady(&mut profile, 0, 120);
    let mut findings = Vec::new();
    for i in 0..40 {
        let mut action = reading(at(end + i * 10));
        action.outcome = Outcome::Error;
        findings.extend(profile.observe(&action).findings);
    }
    assert_eq!(
        worst(&findings, AnomalyKind::FailureBurst),
        Some(Severity::High)
    );
    assert!(profile.tallies().failures > 39.0);
}

#[test]
fn a_tool_that_reaches_outside_is_new_like_a_write() {
    for (is_open_world, expected) in [(false, vec![]), (true, vec![AnomalyKind::FirstSeenWrite])] {
        let mut profile = BehaviourProfile::default();
        steady(&mut profile, 0, 30);
        let mut asked = action("search_web", Some("weather"), at(1_800));
        asked.is_open_world = is_open_world;
        let found: Vec<_> = kinds(&profile.observe(&asked))
            .into_iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(found, expected);
    }
}
