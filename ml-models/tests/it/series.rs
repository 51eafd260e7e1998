//! Series of numbers: what stands out, and how well it is found where there are labels.

use std::path::Path;

use aim_ml_models::evaluation::evaluate_series;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the recordings lie is told to tests only"
)]
fn labelled_anomalies_are_found() {
    let Ok(folder) = std::env::var("AIM_TEST_DATA") else {
        println!("AIM_TEST_DATA is not set: nothing is measured on labelled series");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let report = evaluate_series(&Path::new(&folder).join("nab"), out.path()).unwrap();
    println!("{report:#?}");
    let profiles = report.profiles.unwrap();
    let scores: Vec<f64> = profiles
        .iter()
        .filter_map(|profile| profile.all.score)
        .collect();
    let [standard, low_fp, low_fn] = scores.as_slice() else {
        panic!("{profiles:?}");
    };
    assert!(*standard > 69.9, "{standard}");
    assert!(*low_fp > 60.0, "{low_fp}");
    assert!(*low_fn > 75.0, "{low_fn}");
}
