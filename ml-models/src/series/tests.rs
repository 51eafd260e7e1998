use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;
const STEP_SECONDS: i64 = 300;
const ROWS_A_DAY: usize = 288;

/// A daily rhythm between 10 and 30 with noise of ±1 that repeats on no machine-dependent way.
fn usual(row: usize) -> (i64, f64) {
    let seconds = row as i64 * STEP_SECONDS;
    let day_share = (seconds % DAY) as f64 / DAY as f64;
    let rhythm = 20.0 + 40.0 * (day_share - 0.5).abs() - 10.0;
    let noise = ((row as u64).wrapping_mul(2_654_435_761) >> 7) % 2_001;
    (seconds, rhythm + noise as f64 / 1_000.0 - 1.0)
}

fn scores(values: impl Iterator<Item = (i64, f64)>) -> Vec<f64> {
    let mut detector = SeriesDetector::default();
    values
        .map(|(seconds, value)| detector.observe(seconds, value).unwrap())
        .collect()
}

fn alarms(scores: &[f64]) -> Vec<usize> {
    let rows = scores.iter().enumerate();
    rows.filter(|(_, score)| **score >= SERIES_ALARM)
        .map(|(row, _)| row)
        .collect()
}

fn learned(days: usize) -> SeriesDetector {
    let mut detector = SeriesDetector::default();
    for row in 0..days * ROWS_A_DAY {
        let (seconds, value) = usual(row);
        detector.observe(seconds, value).unwrap();
    }
    detector
}

#[test]
fn what_differs_from_its_time_of_day_is_an_alarm() {
    let day = ROWS_A_DAY;
    type Change = fn(usize, f64) -> f64;
    let cases: [(&str, Change); 5] = [
        (
            "a spike",
            |row, value| if row == 10 * 288 { 80.0 } else { value },
        ),
        (
            "a dip",
            |row, value| if row == 10 * 288 { -40.0 } else { value },
        ),
        ("a higher level", |row, value| {
            if row >= 10 * 288 { value + 25.0 } else { value }
        }),
        (
            "silence",
            |row, value| if row >= 10 * 288 { 0.0 } else { value },
        ),
        ("a value that is usual at another time", |row, value| {
            if (10 * 288..10 * 288 + 12).contains(&row) {
                11.0
            } else {
                value
            }
        }),
    ];
    for (name, change) in cases {
        let scores = scores((0..12 * day).map(|row| {
            let (seconds, value) = usual(row);
            (seconds, change(row, value))
        }));
        let alarms = alarms(&scores);
        let first = alarms.iter().find(|row| **row >= 10 * day);
        assert!(
            first.is_some_and(|row| *row < 10 * day + 6),
            "{name}: {alarms:?}"
        );
        let early = alarms
            .iter()
            .filter(|row| (2 * day..10 * day).contains(*row));
        assert!(early.count() <= 2, "{name}: {alarms:?}");
    }
}

#[test]
fn a_new_level_becomes_normal() {
    let days = 30 * ROWS_A_DAY;
    let scores = scores((0..days).map(|row| {
        let (seconds, value) = usual(row);
        (
            seconds,
            if row >= 8 * ROWS_A_DAY {
                value + 25.0
            } else {
                value
            },
        )
    }));
    let last_week = alarms(&scores[days - 7 * ROWS_A_DAY..]);
    assert!(last_week.len() <= 2, "{last_week:?}");
}

#[test]
fn after_an_alarm_only_more_of_it_is_news() {
    let mut detector = learned(8);
    let row = 8 * ROWS_A_DAY;
    assert!(detector.observe(usual(row).0, 60.0).unwrap() >= SERIES_ALARM);
    for later in row + 1..row + 12 {
        assert_eq!(detector.observe(usual(later).0, 60.0).unwrap(), 0.0);
    }
}

#[test]
fn a_series_that_never_changes_has_no_alarm() {
    for value in [0.0, 45.0, -1e-300, 1e300] {
        let scores = scores((0..5_000).map(|row| (row * STEP_SECONDS, value)));
        assert!(scores.iter().all(|score| *score == 0.0), "{value}");
    }
}

#[test]
fn its_first_change_is_an_alarm_and_repeated_ones_are_not_for_ever() {
    let scores = scores((0..20_000).map(|row: i64| {
        let is_new = row >= 2_000 && row % 2 == 0;
        (row * STEP_SECONDS, if is_new { 7.0 } else { 0.0 })
    }));
    let alarms = alarms(&scores);
    assert_eq!(alarms.first(), Some(&2_000));
    assert!(alarms.last().is_some_and(|row| *row < 12_000), "{alarms:?}");
}

#[test]
fn no_number_and_no_time_breaks_it() {
    let values = [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        0.0,
        -0.0,
        1e150,
        3.0,
    ];
    let times = [i64::MIN, i64::MAX, 0, -1, 1, DAY, 86_399, -DAY];
    let mut detector = SeriesDetector::default();
    for row in 0..20_000_usize {
        let value = values[(row / 3 + row * row) % values.len()];
        let score = detector
            .observe(times[(row * 7) % times.len()], value)
            .unwrap();
        assert!((0.0..=1.0).contains(&score), "row {row}: {score}");
    }
}

#[test]
fn what_is_no_number_is_refused_and_changes_nothing() {
    let mut detector = learned(2);
    let before = detector.clone();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = detector.observe(0, value).unwrap_err();
        assert!(error.to_string().contains("`value`"), "{error}");
        assert!(detector == before);
    }
}

#[test]
fn time_may_go_back() {
    let mut detector = learned(5);
    let (seconds, value) = usual(3 * ROWS_A_DAY);
    assert_eq!(detector.observe(seconds, value).unwrap(), 0.0);
    assert!(detector.observe(seconds, 90.0).unwrap() >= SERIES_ALARM);
}

#[test]
fn however_far_out_a_row_lies_it_teaches_the_same() {
    let (seconds, _) = usual(10 * ROWS_A_DAY);
    let after = |value: f64| {
        let mut detector = learned(10);
        detector.observe(seconds, value).unwrap();
        (
            detector.span,
            detector.level,
            detector.season,
            detector.usual,
        )
    };
    // Not `assert_eq`: a whole state is long to read.
    assert!(after(1e3) == after(1e100));
    assert!(after(-1e3) == after(-1e100));
}

#[test]
fn one_row_moves_what_is_expected_by_a_bounded_step() {
    let mut detector = learned(20);
    let (seconds, _) = usual(20 * ROWS_A_DAY);
    let limit = detector.usual[0].limit(detector.least_difference());
    let (expected, level) = (detector.season.expected(seconds).unwrap(), detector.level);
    assert!(detector.observe(seconds, 1e12).unwrap() >= SERIES_ALARM);
    let moved = detector.season.expected(seconds).unwrap() - expected;
    assert!(moved > 0.0 && moved <= 0.0201 * limit, "{moved} of {limit}");
    assert!((detector.level - level).abs() <= (limit + (expected - level).abs()) / 299.0);
}

#[test]
fn a_flood_widens_what_is_learned_at_most_eight_times_in_a_thousand_rows() {
    let mut detector = learned(10);
    let start = 10 * ROWS_A_DAY;
    let limit = |detector: &SeriesDetector| detector.usual[0].limit(detector.least_difference());
    let before = limit(&detector);
    for row in start..start + 1_000 {
        detector.observe(usual(row).0, 1e12).unwrap();
    }
    let after = limit(&detector);
    // The flood begins in one thousand and ends in the next; its first rows move the limit a little.
    assert!(after <= 65.0 * before, "{before} became {after}");
    let (seconds, _) = usual(start + 1_000);
    assert!(detector.season.expected(seconds).unwrap() < 30.0 + after);
}

#[test]
fn restored_it_goes_on_to_the_bit() {
    let mut detector = learned(9);
    let bytes = postcard::to_stdvec(&detector).unwrap();
    let mut restored: SeriesDetector = postcard::from_bytes(&bytes).unwrap();
    let text = serde_json::to_string(&detector).unwrap();
    let mut reread: SeriesDetector = serde_json::from_str(&text).unwrap();
    for row in 9 * ROWS_A_DAY..12 * ROWS_A_DAY {
        let (seconds, value) = usual(row);
        let value = if row % 400 == 0 { value * 4.0 } else { value };
        let score = detector.observe(seconds, value).unwrap();
        assert_eq!(
            score.to_bits(),
            restored.observe(seconds, value).unwrap().to_bits()
        );
        assert_eq!(
            score.to_bits(),
            reread.observe(seconds, value).unwrap().to_bits()
        );
    }
    assert!(detector == restored);
}

#[test]
fn memory_is_bounded() {
    let mut detector = SeriesDetector::default();
    let mut most = 0;
    for row in 0..20_000_i64 {
        let value = ((row * row) % 1_009) as f64 * 1e100;
        detector.observe(row * 977, value).unwrap();
        if row % 1_000 == 0 {
            most = most.max(postcard::to_stdvec(&detector).unwrap().len());
        }
    }
    let held = size_of::<SeriesDetector>() + detector.season.bytes();
    println!("{most} bytes encoded, {held} in memory");
    assert!(most <= SERIES_MAX_BYTES, "{most}");
    assert!(held <= SERIES_MAX_BYTES, "{held}");
}

proptest! {
    #[test]
    fn every_row_has_a_score_and_leaves_finite_numbers(
        rows in prop::collection::vec((any::<i64>(), prop::num::f64::NORMAL | prop::num::f64::ZERO
            | prop::num::f64::SUBNORMAL), 1..400),
        usual in 0_usize..600,
    ) {
        let mut detector = SeriesDetector::default();
        for row in 0..usual {
            let (seconds, value) = super::tests::usual(row);
            detector.observe(seconds, value).unwrap();
        }
        for (seconds, value) in rows {
            let score = detector.observe(seconds, value).unwrap();
            prop_assert!((0.0..=1.0).contains(&score), "{score}");
            prop_assert!(detector.level.is_finite());
            prop_assert!(detector.season.expected(seconds).is_none_or(f64::is_finite));
        }
    }
}
