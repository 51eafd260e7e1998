//! Profiles as bytes: bounded, exact, and refused when they are no profile.

use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::location::{CountryCode, Location, Place};
use aim_domain::trust::TrustScore;
use aim_ml_models::{BehaviourProfile, PROFILE_MAX_BYTES, ProfileError};
use chrono::{DateTime, Utc};
use proptest::prelude::*;

use crate::acting::{Noise, action, at, office_weeks};

/// Anything an action may be, at any time there is.
fn any_action(times: impl Strategy<Value = i64>) -> impl Strategy<Value = ObservedAction> {
    let outcome = prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Error),
        Just(Outcome::Denied),
        Just(Outcome::Unknown)
    ];
    let granted = prop_oneof![Just(None), Just(Some(true)), Just(Some(false))];
    let resource = proptest::option::of("[^\\p{C}]{1,200}");
    let deed = ("[a-zA-Z0-9_:./-]{1,128}", resource, times);
    (deed, outcome, granted, any_location()).prop_map(
        |((name, resource, micros), outcome, granted, location)| {
            let time = DateTime::from_timestamp_micros(micros).unwrap_or(at(0));
            ObservedAction {
                outcome,
                granted,
                location,
                ..action(&name, resource.as_deref(), time)
            }
        },
    )
}

fn any_location() -> impl Strategy<Value = Option<Location>> {
    let place = (-90.0..=90.0_f64, -180.0..=180.0_f64);
    let country = prop::sample::select(vec!["DE", "US", "JP", "BR", "ZA", "AU", "IN", "FR", "CN"]);
    let known =
        (country, 1_u32.., place).prop_map(|(country, asn, (latitude, longitude))| Location {
            country: CountryCode::parse(country).ok(),
            asn: Some(asn),
            place: Place::new(latitude, longitude).ok(),
        });
    prop_oneof![
        Just(None),
        Just(Some(Location::default())),
        known.prop_map(Some)
    ]
}

fn any_time() -> impl Strategy<Value = i64> {
    let (least, most) = (
        DateTime::<Utc>::MIN_UTC.timestamp_micros(),
        DateTime::<Utc>::MAX_UTC.timestamp_micros(),
    );
    prop_oneof![least..=most, Just(least), Just(most), soon()]
}

fn soon() -> impl Strategy<Value = i64> {
    let start = at(0).timestamp_micros();
    start..start + 3 * 3_600 * 1_000_000
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_actions_make_a_profile_too_long(
        actions in proptest::collection::vec(any_action(any_time()), 1..400),
    ) {
        let mut profile = BehaviourProfile::default();
        for action in &actions {
            profile.observe(action);
        }
        let bytes = profile.encode().unwrap();
        prop_assert!(bytes.len() <= PROFILE_MAX_BYTES);
        prop_assert_eq!(BehaviourProfile::decode(&bytes).unwrap(), profile);
    }

    #[test]
    fn batches_may_end_anywhere(
        actions in proptest::collection::vec((any_action(soon()), any::<bool>()), 1..200),
    ) {
        let (mut whole, mut split) = (BehaviourProfile::default(), BehaviourProfile::default());
        for (action, ends_batch) in &actions {
            prop_assert_eq!(whole.observe(action), split.observe(action));
            if *ends_batch {
                split = BehaviourProfile::decode(&split.encode().unwrap()).unwrap();
            }
        }
        prop_assert_eq!(whole.encode().unwrap(), split.encode().unwrap());
    }

    #[test]
    fn damaged_bytes_never_break_what_follows(at_byte in 0_usize..4_096, bits in 1_u8..) {
        let mut profile = BehaviourProfile::default();
        office_weeks(&mut profile);
        let mut bytes = profile.encode().unwrap();
        let at_byte = at_byte % bytes.len();
        bytes[at_byte] ^= bits;
        if let Ok(mut read) = BehaviourProfile::decode(&bytes) {
            for i in 0..200 {
                read.observe(&action("create_file", Some(&format!("/{i}")), at(40 * 86_400)));
            }
            prop_assert!(read.encode().unwrap().len() <= PROFILE_MAX_BYTES);
        }
    }
}

#[test]
fn a_full_profile_fits() {
    let mut profile = BehaviourProfile::default();
    let mut noise = Noise(3);
    for hour in 0..168 * 3 {
        for i in 0..100 {
            let target = format!("/{}", noise.below(u64::MAX));
            let name = format!("create_{}", noise.below(1_000));
            let mut action = action(&name, Some(&target), at(hour * 3_600 + i));
            action.granted = Some(false);
            profile.observe(&action);
        }
    }
    profile.keep_score(Some(TrustScore::MAX));
    let length = profile.encode().unwrap().len();
    assert!((2_500..=PROFILE_MAX_BYTES).contains(&length), "{length}");
}

#[test]
fn a_profile_survives_its_bytes() {
    let mut profile = BehaviourProfile::default();
    assert_eq!(
        BehaviourProfile::decode(&profile.encode().unwrap()).unwrap(),
        profile
    );
    office_weeks(&mut profile);
    profile.keep_score(Some(TrustScore::from_ten_thousandths(8_123)));
    let read = BehaviourProfile::decode(&profile.encode().unwrap()).unwrap();
    assert_eq!(read, profile);
    assert_eq!(read.kept_score(), profile.kept_score());
    assert_eq!(read.tallies(), profile.tallies());
}

#[test]
fn what_is_no_profile_is_refused() {
    let good = BehaviourProfile::default().encode().unwrap();
    let mut longer = good.clone();
    longer.push(0);
    let mut newer = good.clone();
    newer[0] = 8;
    assert_eq!(
        BehaviourProfile::decode(&newer),
        Err(ProfileError::Version(8))
    );
    for bytes in [&[][..], &good[..good.len() - 1], &longer, &[7, 0xff, 0xff]] {
        let refused = BehaviourProfile::decode(bytes);
        assert!(
            matches!(refused, Err(ProfileError::Damaged(_))),
            "{refused:?}"
        );
    }
}
