//! Training, scoring and explaining, and the traps of the library underneath.

use aim_ml_models::model::{
    Calibration, Model, ModelError, ModelKind, Rows, TrainParameters, evaluate, train,
};

pub(crate) const KINDS: [ModelKind; 4] = [
    ModelKind::Logistic,
    ModelKind::Forest,
    ModelKind::Gmm,
    ModelKind::Pca,
];

/// Uniform numbers in 0..1, the same each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from((self.0 >> 40) as u32) / f64::from(1 << 24)
    }
}

/// Four features: two that tell risk, one that does not, one that never changes. One row in ten is
/// a risk; those lie outside the others.
pub(crate) fn row(numbers: &mut Numbers, risky: bool) -> [f64; 4] {
    let shift = if risky { 0.7 } else { 0.0 };
    let common = numbers.next();
    [
        100.0 * (common + shift),
        common + 0.2 * numbers.next() - shift,
        numbers.next(),
        5.0,
    ]
}

pub(crate) fn rows(count: usize, seed: u64) -> Rows {
    let mut numbers = Numbers(seed);
    let mut rows = Rows::new(4).unwrap();
    for index in 0..count {
        let risky = index % 10 == 3;
        rows.push(&row(&mut numbers, risky), Some(risky)).unwrap();
    }
    rows
}

pub(crate) fn parameters() -> TrainParameters {
    TrainParameters {
        trees: 10,
        clusters: 3,
        components: 2,
        ..TrainParameters::default()
    }
}

pub(crate) fn trained(kind: ModelKind) -> Model {
    train(&rows(600, 1), &rows(300, 2), kind, &parameters()).unwrap()
}

#[test]
fn every_kind_tells_risk_even_where_it_is_rare() {
    for kind in KINDS {
        let metrics = evaluate(&trained(kind), &rows(500, 3)).unwrap();
        // Taking the library's positive class for the risky one would give less than a half.
        assert!(metrics.auc > 0.95, "{kind}: {metrics:?}");
        assert!(metrics.recall_at_5pct > 0.7, "{kind}: {metrics:?}");
        assert!(metrics.flagged_at_5pct < 0.12, "{kind}: {metrics:?}");
        assert!(metrics.brier.unwrap() < 0.05, "{kind}: {metrics:?}");
        assert!(
            metrics.calibration_error.unwrap() < 0.1,
            "{kind}: {metrics:?}"
        );
        assert_eq!((metrics.rows, metrics.positives), (500, 50));
    }
}

#[test]
fn the_first_label_seen_and_the_frequent_one_do_not_turn_the_score() {
    for (first, share) in [(true, 10), (false, 10), (true, 2), (false, 2)] {
        let mut numbers = Numbers(9);
        let mut some = Rows::new(4).unwrap();
        for index in 0..400 {
            let risky = (index % share == 0) == first;
            some.push(&row(&mut numbers, risky), Some(risky)).unwrap();
        }
        let model = train(&some, &rows(300, 2), ModelKind::Logistic, &parameters()).unwrap();
        let auc = evaluate(&model, &rows(300, 4)).unwrap().auc;
        assert!(auc > 0.9, "first {first}, one in {share}: {auc}");
    }
}

#[test]
fn contributions_add_up_to_the_score() {
    let mut numbers = Numbers(5);
    for kind in KINDS {
        let model = trained(kind);
        for index in 0..50 {
            let row = row(&mut numbers, index % 2 == 0);
            let explained = model.explain(&row).unwrap();
            let sum = explained.base + explained.contributions.iter().sum::<f64>();
            let score = model.score(&row).unwrap();
            assert!(
                (sum - score).abs() <= 1e-9 * score.abs().max(1.0),
                "{kind}: {sum} is not {score}"
            );
            assert_eq!(explained.contributions.len(), 4);
            assert!(
                explained.contributions[3].abs() < 1e-9,
                "{kind}: {explained:?}"
            );
        }
        let risky = model.explain(&[140.0, 0.0, 0.5, 5.0]).unwrap();
        let telling = risky.contributions[0] + risky.contributions[1];
        assert!(telling > risky.contributions[2].abs(), "{kind}: {risky:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    for kind in KINDS {
        let bytes = trained(kind).encode().unwrap();
        for threads in [1, 2, 3, 7, 64] {
            let parameters = TrainParameters {
                threads,
                ..parameters()
            };
            let again = train(&rows(600, 1), &rows(300, 2), kind, &parameters).unwrap();
            assert_eq!(again.encode().unwrap(), bytes, "{kind}, {threads} threads");
        }
    }
    let other = TrainParameters {
        seed: 2,
        ..parameters()
    };
    for kind in [ModelKind::Forest, ModelKind::Gmm] {
        let model = train(&rows(600, 1), &rows(300, 2), kind, &other).unwrap();
        assert_ne!(model, trained(kind), "{kind} does not use its seed");
    }
}

#[test]
fn a_forest_does_not_depend_on_how_the_library_breaks_ties() {
    // Few different values and labels by chance: many leaves with as many rows of both labels.
    let some = |seed| {
        let mut numbers = Numbers(seed);
        let mut rows = Rows::new(3).unwrap();
        for _ in 0..240 {
            let row = [0, 1, 2].map(|_| (numbers.next() * 3.0).floor());
            let risky = numbers.next() + row[0] / 8.0 > 0.6;
            rows.push(&row, Some(risky)).unwrap();
        }
        rows
    };
    let train = || train(&some(1), &some(2), ModelKind::Forest, &parameters()).unwrap();
    let first = train();
    for _ in 0..20 {
        assert_eq!(train(), first);
    }
}

#[test]
fn values_on_a_threshold_go_where_they_were_learned_to_go() {
    // The middle of two neighbouring numbers is one of them, so that the threshold is a value.
    let (low, high) = (9_007_199_254_740_992.0, 9_007_199_254_740_994.0);
    let mut rows = Rows::new(1).unwrap();
    for index in 0..200 {
        let risky = index % 2 == 0;
        rows.push(&[if risky { low } else { high }], Some(risky))
            .unwrap();
    }
    let one = TrainParameters {
        components: 1,
        ..parameters()
    };
    let model = train(&rows, &rows, ModelKind::Forest, &one).unwrap();
    assert_eq!(model.score(&[low]).unwrap(), 1.0);
    assert_eq!(model.score(&[high]).unwrap(), 0.0);
}

#[test]
fn a_few_rows_far_out_do_not_spoil_a_mixture() {
    let mut some = rows(600, 1);
    for index in 0..5 {
        let far = f64::from(index + 1) * 1e12;
        some.push(&[far, -far, far, 5.0], Some(false)).unwrap();
    }
    let model = train(&some, &rows(300, 2), ModelKind::Gmm, &parameters()).unwrap();
    let near = model.score(&[50.0, 0.5, 0.5, 5.0]).unwrap();
    let far = model.score(&[1e200, 0.5, 0.5, 5.0]).unwrap();
    assert!(near.is_finite() && far > near);
    assert!(model.probability(&[1e200, 0.5, 0.5, 5.0]).unwrap() <= 1.0);
}

#[test]
fn copies_of_a_feature_and_one_component_are_no_trouble() {
    let mut numbers = Numbers(3);
    let mut rows = Rows::new(4).unwrap();
    for _ in 0..400 {
        let value = numbers.next();
        rows.push(&[value, value, -value, 0.0], Some(false))
            .unwrap();
    }
    for components in 1..=4 {
        let parameters = TrainParameters {
            components,
            ..parameters()
        };
        let model = train(&rows, &rows, ModelKind::Pca, &parameters).unwrap();
        let usual = model.score(&[0.5, 0.5, -0.5, 0.0]).unwrap();
        let odd = model.score(&[0.9, 0.1, -0.5, 0.0]).unwrap();
        assert!(usual < 1e-6, "{components}: {usual}");
        assert!(odd > 0.1 || components == 4, "{components}: {odd}");
    }
}

#[test]
fn without_labels_probabilities_are_ranks_and_not_called_otherwise() {
    let mut some = Rows::new(4).unwrap();
    for (row, _) in rows(400, 1).iter() {
        some.push(row, None).unwrap();
    }
    for kind in [ModelKind::Gmm, ModelKind::Pca] {
        let model = train(&some, &some, kind, &parameters()).unwrap();
        assert!(matches!(model.calibration(), Calibration::Ranks(_)));
        let metrics = evaluate(&model, &rows(300, 2)).unwrap();
        assert_eq!((metrics.brier, metrics.calibration_error), (None, None));
    }
    for kind in [ModelKind::Logistic, ModelKind::Forest] {
        assert!(matches!(
            train(&some, &some, kind, &parameters()),
            Err(ModelError::TooFewRows { given: 0, .. })
        ));
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_its_value() {
    let mut some = Rows::new(4).unwrap();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = some.push(&[0.0, bad, 0.0, 0.0], None).unwrap_err();
        assert!(error.to_string().contains("feature 1 is"), "{error}");
    }
    let error = some.push(&[1.0, 2.0], None).unwrap_err().to_string();
    assert!(error.contains("2 values, the features are 4"), "{error}");
    assert!(Rows::new(0).is_err() && Rows::new(257).is_err());
    assert!(some.is_empty(), "nothing that was refused is kept");

    let mut one_class = Rows::new(4).unwrap();
    for (row, _) in rows(200, 1).iter() {
        one_class.push(row, Some(false)).unwrap();
    }
    for kind in KINDS.into_iter().filter(|kind| kind.is_supervised()) {
        let refused = |some: &Rows, held: &Rows| {
            train(some, held, kind, &parameters())
                .unwrap_err()
                .to_string()
        };
        let error = refused(&one_class, &rows(100, 2));
        assert!(error.contains("0 rows labelled as risk and 200"), "{error}");
        let error = refused(&rows(200, 1), &one_class);
        assert!(error.contains("the held-out part"), "{error}");
        let error = refused(&rows(40, 1), &rows(100, 2));
        assert!(error.contains("40 rows, at least 50"), "{error}");
    }
    let narrow = Rows::new(3).unwrap();
    assert!(train(&rows(200, 1), &narrow, ModelKind::Pca, &parameters()).is_err());
    let model = trained(ModelKind::Forest);
    assert!(model.score(&[0.0; 3]).is_err());
    assert!(model.probability(&[f64::NAN; 4]).is_err());
}

#[test]
fn parameters_out_of_range_are_named() {
    type Change = fn(&mut TrainParameters);
    let cases: [(&str, Change); 6] = [
        ("trees", |p| p.trees = 0),
        ("depth", |p| p.depth = 25),
        ("clusters", |p| p.clusters = 65),
        ("components", |p| p.components = 5),
        ("threads", |p| p.threads = 0),
        ("alpha", |p| p.alpha = f64::NAN),
    ];
    for (name, change) in cases {
        let mut wrong = parameters();
        change(&mut wrong);
        let error = train(&rows(200, 1), &rows(100, 2), ModelKind::Forest, &wrong).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("`{name}` is")),
            "{error}"
        );
    }
}

#[test]
fn bytes_give_the_model_back_and_damaged_ones_never_a_panic() {
    for kind in KINDS {
        let model = trained(kind);
        let bytes = model.encode().unwrap();
        assert_eq!(Model::decode(&bytes).unwrap(), model);
        assert!(Model::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(Model::decode(&[&bytes[..], &[0]].concat()).is_err());
        let step = (bytes.len() / 400).max(1);
        for index in (0..bytes.len()).step_by(step) {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[index] ^= flip;
                if let Ok(model) = Model::decode(&damaged) {
                    let row = vec![1.0; model.width()];
                    let _ = model.score(&row).unwrap();
                    let _ = model.explain(&row).unwrap();
                }
            }
        }
    }
}
