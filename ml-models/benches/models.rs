//! What training, a score and an explanation cost, by kind of model: `cargo bench -p aim-ml-models`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints what it finds and ends when it cannot"
)]

use std::time::Instant;

use aim_ml_models::model::{ModelKind, Rows, TrainParameters, train};

const ROWS: u64 = 4_000;
const FEATURES: u64 = 12;
const ROUNDS: u64 = 25;

fn main() {
    let mut rows = Rows::new(12).unwrap();
    for index in 0..ROWS {
        let is_risk = index % 10 == 3;
        let shift = if is_risk { 0.3 } else { 0.0 };
        let row: Vec<f64> = (0..FEATURES)
            .map(|feature| uniform(index * FEATURES + feature) + shift)
            .collect();
        rows.push(&row, Some(is_risk)).unwrap();
    }
    for kind in [
        ModelKind::Logistic,
        ModelKind::Forest,
        ModelKind::Gmm,
        ModelKind::Pca,
    ] {
        let begun = Instant::now();
        let model = train(&rows, &rows, kind, &TrainParameters::default()).unwrap();
        let trained = begun.elapsed();
        let cost = |what: &dyn Fn(&[f64]) -> f64| {
            let begun = Instant::now();
            let round = || rows.iter().map(|(row, _)| what(row)).sum::<f64>();
            let sum: f64 = (0..ROUNDS).map(|_| round()).sum();
            assert!(sum.is_finite());
            begun.elapsed().as_nanos() / u128::from(ROUNDS * ROWS)
        };
        let score = cost(&|row| model.probability(row).unwrap());
        let explain = cost(&|row| model.explain(row).unwrap().base);
        println!("{kind}: trained in {trained:?}, {score} ns a score, {explain} ns an explanation");
    }
    default_model();
}

/// The model that comes with the program, on rows of its own width.
fn default_model() {
    let model = aim_ml_models::default_model::load().unwrap().model;
    let width = model.width() as u64;
    let row = |index: u64| (0..width).map(move |feature| uniform(index * width + feature));
    let rows: Vec<Vec<f64>> = (0..ROWS).map(|index| row(index).collect()).collect();
    let begun = Instant::now();
    let mut sum = 0.0;
    for _ in 0..ROUNDS {
        sum += rows
            .iter()
            .map(|row| model.score(row).unwrap())
            .sum::<f64>();
    }
    assert!(sum.is_finite());
    let nanos = begun.elapsed().as_nanos() / u128::from(ROUNDS * ROWS);
    println!("default {}: {nanos} ns a score", model.kind());
}

/// The same for the same number, from 0 to 1 (a step of SplitMix64).
fn uniform(number: u64) -> f64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from(mixed >> 33).unwrap_or(0)) / f64::from(1_u32 << 31)
}
