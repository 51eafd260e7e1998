//! Models of the tools that data teams use score here as ONNX Runtime scores them; see
//! `tests/onnx/make.py`.

use std::path::PathBuf;

use aim_ml_models::model::{Model, ModelError, ModelKind, OnnxModel};
use serde_json::Value;

use crate::models::rows;

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/onnx");
    std::fs::read(folder.join(name)).unwrap()
}

fn imported(name: &str) -> Model {
    let parsed = OnnxModel::parse(&file(name)).unwrap();
    assert_eq!(parsed.provenance().features, ["a", "b", "c", "d"]);
    assert_eq!(parsed.provenance().seed, 7);
    parsed.into_model(&rows(300, 2)).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().unwrap().iter();
    all.map(|it| it.as_f64().unwrap()).collect()
}

#[test]
fn they_score_here_as_they_do_there() {
    let expected: Value = serde_json::from_slice(&file("expected.json")).unwrap();
    let rows: Vec<Vec<f64>> = expected["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    for (name, kind) in [
        ("logistic", ModelKind::Logistic),
        ("unscaled", ModelKind::Logistic),
        ("forest", ModelKind::Forest),
        ("zipmap", ModelKind::Forest),
        ("gradient", ModelKind::Boosted),
        ("xgboost", ModelKind::Boosted),
        ("lightgbm", ModelKind::Boosted),
    ] {
        let model = imported(&format!("{name}.onnx"));
        assert_eq!(model.kind(), kind, "{name}");
        let probabilities = numbers(&expected["probabilities"][name]);
        assert_eq!(probabilities.len(), 200);
        for (row, wanted) in rows.iter().zip(&probabilities) {
            let score = model.score(row).unwrap();
            let found = match kind {
                ModelKind::Forest => score,
                _ => 1.0 / (1.0 + (-score).exp()),
            };
            assert!(
                (found - wanted).abs() < 2e-6,
                "{name} {row:?}: {found} {wanted}"
            );
            let explained = model.explain(row).unwrap();
            let sum: f64 = explained.contributions.iter().sum();
            assert!((explained.base + sum - score).abs() < 1e-9, "{name}");
        }
        let again = Model::decode(&model.encode().unwrap()).unwrap();
        assert_eq!(again, model, "{name}");
    }
}

#[test]
fn damaged_files_are_refused_and_end() {
    for name in ["logistic.onnx", "forest.onnx", "xgboost.onnx"] {
        let whole = file(name);
        let held_out = rows(300, 2);
        for length in (0..whole.len()).step_by(7) {
            let parsed = OnnxModel::parse(&whole[..length]);
            assert!(parsed.is_err(), "{name} {length}");
        }
        // What still reads must still be a sound model.
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            if let Ok(model) = OnnxModel::parse(&bytes).and_then(|it| it.into_model(&held_out)) {
                let score = model.score(&[110.0, 0.1, 0.5, 5.0]).unwrap();
                assert!(score.is_finite(), "{name} {at}");
            }
        }
    }
}

/// A file with other words of the same length in it.
fn parsed_with(name: &str, from: &str, to: &str) -> Result<OnnxModel, ModelError> {
    assert_eq!(from.len(), to.len());
    let mut bytes = file(name);
    let places = bytes.windows(from.len()).enumerate();
    let places = places.filter(|(_, window)| *window == from.as_bytes());
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{from}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    OnnxModel::parse(&bytes)
}

#[test]
fn what_is_not_read_is_named() {
    for (name, from, to, reason) in [
        ("forest.onnx", "BRANCH_LEQ", "BRANCH_NEQ", "BRANCH_NEQ"),
        ("logistic.onnx", "LOGISTIC", "SOFTMAXX", "post_transform"),
        ("logistic.onnx", "Scaler", "Scales", "operator `Scales`"),
        ("zipmap.onnx", "ZipMap", "ZapMap", "operator `ZapMap`"),
        ("forest.onnx", "seed", "need", "no `seed`"),
        (
            "forest.onnx",
            "a,b,c,d",
            "a,b;c;d",
            "feature that is not there",
        ),
        ("xgboost.onnx", "LOGISTIC", "LOGISTIX", "post_transform"),
        (
            "xgboost.onnx",
            "nodes_modes",
            "nodes_moods",
            "different lengths",
        ),
        (
            "xgboost.onnx",
            "classlabels_int64s",
            "classlabels_int64z",
            "classes",
        ),
    ] {
        let error = parsed_with(name, from, to).unwrap_err().to_string();
        assert!(error.contains(reason), "{name} {to}: {error}");
    }
    // Votes of trees must be shares.
    let error = parsed_with("gradient.onnx", "LOGISTIC", "NONE\0\0\0\0").unwrap_err();
    assert!(error.to_string().contains("post_transform"), "{error}");
    let few = OnnxModel::parse(&file("forest.onnx")).unwrap();
    let narrow = aim_ml_models::model::Rows::new(3).unwrap();
    let error = few.into_model(&narrow).unwrap_err();
    assert!(matches!(error, ModelError::Width { .. }), "{error}");
}
