//! Features in Parquet: what is written, read, labelled and known at a time.

use aim_ml_models::dataset::{
    Dataset, DatasetError, Label, PARQUET_MAX_BYTES, Replay, Row, read_parquet, write_parquet,
};
use aim_ml_models::evaluation::{Label as RunLabel, Run};
use aim_ml_models::{BehaviourProfile, FEATURE_NAMES};

use crate::acting::{at, flood, reading, steady};
use crate::models::Numbers;

/// Rows of some sixty agents with a risk in each tenth.
pub(crate) fn dataset(count: u32, seed: u64) -> Dataset {
    let mut numbers = Numbers(seed);
    let mut dataset = Dataset::empty();
    for index in 0..count {
        let is_risk = index % 10 == 3;
        let shift = if is_risk { 0.8 } else { 0.0 };
        let features = FEATURE_NAMES
            .iter()
            .enumerate()
            .map(|(column, _)| numbers.next() + if column < 3 { shift } else { 0.0 })
            .collect();
        let time = at(i64::from(index) * 60);
        dataset.rows.push(Row {
            entity: format!("agent-{:.0}", numbers.next() * 60.0),
            event_time: time,
            created_time: at(1_000_000),
            features,
            label: (index % 7 != 0).then_some(Label {
                is_risk,
                time: at(i64::from(index) * 60 + 3_600),
            }),
        });
    }
    dataset
}

#[test]
fn parquet_gives_back_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.parquet");
    let mut written = dataset(500, 1);
    written.rows[1].features[2] = f64::MIN_POSITIVE / 2.0;
    written.rows[2].features[2] = -0.0;
    written.rows[3].entity = "größer/2".to_owned();
    write_parquet(&written, &path).unwrap();
    let read = read_parquet(&path).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.sha256(), written.sha256());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let none = Dataset::empty();
    write_parquet(&none, &path).unwrap();
    assert_eq!(read_parquet(&path).unwrap().rows, none.rows);
}

#[test]
fn the_hash_is_of_the_data_and_not_of_when_it_was_computed() {
    let data = dataset(50, 1);
    let mut again = data.clone();
    again.rows[0].created_time = at(5);
    assert_eq!(again.sha256(), data.sha256());
    let changes: [fn(&mut Dataset); 6] = [
        |d| d.rows[0].features[0] += 1e-15,
        |d| d.rows[0].entity.push('x'),
        |d| d.rows[0].event_time += chrono::TimeDelta::microseconds(1),
        |d| d.rows[1].label = None,
        |d| d.names[0].push('x'),
        |d| d.rows.swap(0, 1),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = data.clone();
        change(&mut changed);
        assert_ne!(changed.sha256(), data.sha256(), "{index}");
    }
}

#[test]
fn files_that_are_no_export_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.parquet");
    write_parquet(&dataset(500, 1), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(
            matches!(read_parquet(&path), Err(DatasetError::Parquet { .. })),
            "{length}"
        );
    }
    let mut renamed = dataset(5, 1);
    renamed.names.clear();
    for row in &mut renamed.rows {
        row.features.clear();
    }
    write_parquet(&renamed, &path).unwrap();
    let error = read_parquet(&path).unwrap_err().to_string();
    assert!(error.contains("6 columns"), "{error}");
    let missing = read_parquet(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(missing, DatasetError::File { .. }));
    let sparse = std::fs::File::create(&path).unwrap();
    sparse.set_len(PARQUET_MAX_BYTES + 1).unwrap();
    assert!(matches!(
        read_parquet(&path),
        Err(DatasetError::TooMany { what: "bytes", .. })
    ));
}

#[test]
fn a_label_counts_from_when_it_was_known() {
    let data = dataset(100, 1);
    let labelled = |data: &Dataset| data.rows.iter().filter(|r| r.label.is_some()).count();
    let cut = at(50 * 60);
    let known = data.clone().as_of(cut);
    assert_eq!(known.rows.len(), 51, "events up to then");
    for (row, full) in known.rows.iter().zip(&data.rows) {
        let expected = full.label.filter(|label| label.time <= cut);
        assert_eq!(row.label, expected);
        assert_eq!(row.features, full.features);
    }
    // Labels come an hour after their events: nothing that was said later may be learned from.
    assert!(labelled(&known) < labelled(&data));
    assert!(known.rows[..=50].iter().skip(1).any(|r| r.label.is_none()));
    assert_eq!(data.clone().as_of(at(0)).rows.len(), 1);
    assert_eq!(labelled(&data.as_of(at(0))), 0);
}

#[test]
fn agents_and_times_are_not_shared_between_parts() {
    let data = dataset(1_000, 1);
    let parts = data.split(1).unwrap();
    let (a, b, c) = (
        parts.training.len(),
        parts.calibration.len(),
        parts.test.len(),
    );
    assert_eq!(a + b + c, 1_000);
    assert!(a > b && a > c && b > 0 && c > 0, "{a} {b} {c}");
    assert!(data.split(1).unwrap() == parts);
    assert!(data.split(2).unwrap() != parts);

    let mut few = data;
    for row in &mut few.rows {
        row.entity = "one".to_owned();
    }
    let parts = few.split(1).unwrap();
    assert_eq!(parts.training.len(), 600);
    let last = |rows: &aim_ml_models::model::Rows| rows.iter().last().unwrap().0.to_vec();
    assert_eq!(last(&parts.training), few.rows[599].features);
    assert_eq!(last(&parts.calibration), few.rows[799].features);
}

#[test]
fn a_recording_becomes_rows_with_the_labels_of_its_runs() {
    let run = |session: &str, label| Run {
        session: session.to_owned(),
        agent: "a".to_owned(),
        model: "m".to_owned(),
        suite: "s".to_owned(),
        task: "t".to_owned(),
        attack: "none".to_owned(),
        injection: String::new(),
        label,
    };
    let runs = [
        run("s0", RunLabel::Benign),
        run("s1", RunLabel::Hijacked),
        run("s2", RunLabel::AttackedNotHijacked),
    ];
    let replayed = || {
        let mut replay = Replay::new(at(9_000));
        for index in 0..40 {
            let mut action = reading(at(index * 30));
            action.session = Some(format!("s{}", index % 4));
            replay.observe(&format!("a{}", index % 2), &action).unwrap();
        }
        replay
    };
    let data = replayed().finish(Some(&runs)).unwrap();
    assert_eq!(data.rows.len(), 40);
    let mut profiles = [BehaviourProfile::default(), BehaviourProfile::default()];
    for (row, index) in data.rows.iter().zip(0..) {
        let agent = usize::from(index % 2 == 1);
        assert_eq!(row.entity, format!("a{agent}"));
        assert_eq!(row.created_time, at(9_000));
        let mut action = reading(at(index * 30));
        action.session = Some(format!("s{}", index % 4));
        let online = profiles[agent].observe(&action);
        assert_eq!(row.features, online.features.0);
        let known = |is_risk, session: i64| Label {
            is_risk,
            time: at((36 + session) * 30),
        };
        let expected = match index % 4 {
            0 => Some(known(false, 0)),
            1 => Some(known(true, 1)),
            _ => None,
        };
        assert_eq!(row.label, expected, "{index}");
    }
    let plain = replayed().finish(None).unwrap();
    assert!(plain.rows.iter().all(|row| row.label.is_none()));
    let said = Label {
        is_risk: true,
        time: at(8_000),
    };
    // What is said of an event holds before what is said of its run. All events here have one id.
    let event = reading(at(0)).event;
    let labels = std::collections::HashMap::from([(event, said)]);
    let labelled = replayed().with_labels(labels).finish(Some(&runs)).unwrap();
    assert!(labelled.rows.iter().all(|row| row.label == Some(said)));
    let twice = [run("s0", RunLabel::Benign), run("s0", RunLabel::Benign)];
    assert!(replayed().finish(Some(&twice)).is_err());
}

/// Online and in replay the features are computed by one function; a profile that was written and
/// read between any two actions must not change a bit of what follows.
#[test]
fn features_are_the_same_bits_for_any_division_into_batches() {
    let mut whole = BehaviourProfile::default();
    let end = steady(&mut whole, 0, 60);
    let mut divided = whole.clone();
    let mut numbers = Numbers(11);
    let mut time = end;
    for _ in 0..500 {
        time += (numbers.next() * 120.0) as i64;
        let action = reading(at(time));
        let expected = whole.observe(&action).features;
        if numbers.next() < 0.3 {
            divided = BehaviourProfile::decode(&divided.encode().unwrap()).unwrap();
        }
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let found = divided.observe(&action).features;
        assert_eq!(bits(&found.0), bits(&expected.0));
    }
    flood(&mut whole, time, 200);
    divided = BehaviourProfile::decode(&divided.encode().unwrap()).unwrap();
    flood(&mut divided, time, 200);
    assert_eq!(whole, divided);
}

/// `ml-models/python/retrain.py` must leave the same agents out: its parts, written down.
#[test]
fn agents_are_held_out_as_the_python_script_holds_them_out() {
    let fifths: [u8; 60] = [
        2, 2, 2, 1, 3, 4, 0, 3, 3, 2, 1, 2, 4, 1, 1, 0, 0, 0, 4, 4, 4, 2, 3, 4, 3, 0, 0, 4, 4, 1,
        2, 2, 0, 4, 1, 1, 1, 1, 4, 3, 0, 2, 0, 3, 3, 1, 2, 1, 1, 1, 0, 4, 2, 4, 1, 4, 1, 3, 3, 4,
    ];
    let mut data = Dataset::empty();
    for (index, _) in fifths.iter().enumerate() {
        let mut row = dataset(1, 1).rows.remove(0);
        row.entity = format!("agent-{index}");
        row.features[0] = f64::from(u32::try_from(index).unwrap());
        data.rows.push(row);
    }
    let parts = data.split(1).unwrap();
    let agents =
        |rows: &aim_ml_models::model::Rows| rows.iter().map(|(row, _)| row[0]).collect::<Vec<_>>();
    let expected = |of: fn(u8) -> bool| {
        let agents = fifths.iter().zip(0_u32..).filter(|(fifth, _)| of(**fifth));
        agents
            .map(|(_, index)| f64::from(index))
            .collect::<Vec<_>>()
    };
    assert_eq!(agents(&parts.training), expected(|fifth| fifth < 3));
    assert_eq!(agents(&parts.calibration), expected(|fifth| fifth == 3));
    assert_eq!(agents(&parts.test), expected(|fifth| fifth == 4));
}
