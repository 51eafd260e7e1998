//! Models trained elsewhere, as ONNX.
//!
//! A classifier is taken apart into the numbers that our own models are made of: it scores,
//! explains and is checked like those, and no second engine runs in the stream. Read are
//! `LinearClassifier` and `TreeEnsembleClassifier` of the domain `ai.onnx.ml`, behind scalers: what
//! skl2onnx and onnxmltools write for logistic regressions, random forests and boosted trees
//! (scikit-learn, XGBoost, LightGBM) over one row of features, with the classes 0 (fine) and 1 (risk).
//! ONNX computes with 32 bits: log-odds agree to about six digits, splits exactly.

use prost::Message;

use super::scorer::Scorer;
use super::train::calibrate;
use super::{MODEL_MAX_BYTES, Model, ModelError, ModelKind, Rows, WIDTH_MAX};

mod linear;
mod proto;
mod trees;

use crate::artefact::sha256;
use linear::{Linear, Scaling};
use proto::{GraphProto, ModelProto, NodeProto};
use trees::Ensemble;

/// Operators that hand probabilities on, or tell them in another shape.
const IDLE: [&str; 4] = ["Cast", "Identity", "Normalizer", "ZipMap"];

/// What a file says of how it was made. Without it nobody could tell whether the features are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The features' version.
    pub feature_schema_version: u16,
    /// Their names, in order.
    pub features: Vec<String>,
    /// The seed that divided the rows.
    pub seed: u64,
    /// What wrote the file, such as `skl2onnx 1.20.0`.
    pub producer: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// A classifier as read, before it is calibrated.
#[derive(Debug, Clone)]
pub struct OnnxModel {
    provenance: Provenance,
    classifier: Classifier,
}

#[derive(Debug, Clone)]
enum Classifier {
    Linear(Linear),
    Trees(Ensemble),
}

impl OnnxModel {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ModelError::Damaged`] when it is too long, no ONNX, does not say what it was trained with,
    /// or has an operator that is not read; the text names it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > MODEL_MAX_BYTES {
            let detail = format!("{} bytes, at most {MODEL_MAX_BYTES}", bytes.len());
            return Err(ModelError::Damaged(detail));
        }
        let model = ModelProto::decode(bytes)
            .map_err(|error| ModelError::Damaged(format!("no ONNX: {error}")))?;
        let provenance = provenance(&model, sha256(bytes))?;
        let graph = model.graph.unwrap_or_default();
        let width = provenance.features.len();
        Ok(Self {
            classifier: classifier(&graph, width)?,
            provenance,
        })
    }

    /// What the file says of how it was made.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Calibrates it here, with rows that it was not trained on.
    ///
    /// # Errors
    /// [`ModelError`] when `held_out` has another width or too few labels, or the classifier's
    /// numbers are not sound.
    pub fn into_model(self, held_out: &Rows) -> Result<Model, ModelError> {
        let width = self.provenance.features.len();
        if width != held_out.width() {
            return Err(ModelError::Width {
                given: held_out.width(),
                expected: width,
            });
        }
        let (scorer, kind) = match self.classifier {
            Classifier::Linear(linear) => {
                let scorer = Scorer::Logistic(linear.into_logistic(held_out)?);
                (scorer, ModelKind::Logistic)
            }
            Classifier::Trees(trees) => trees.into_scorer(held_out)?,
        };
        calibrate(scorer, held_out, kind)
    }
}

fn provenance(model: &ModelProto, sha256: String) -> Result<Provenance, ModelError> {
    let said = |key: &str| {
        let found = model.metadata_props.iter().find(|it| it.key == key);
        found.map(|it| it.value.as_str()).ok_or_else(|| {
            ModelError::Damaged(format!(
                "the metadata has no `{key}`: set `feature_schema_version`, `features` (names with \
                 commas) and `seed` with onnx.helper.set_model_props"
            ))
        })
    };
    let wrong = |key: &str, value: &str| {
        ModelError::Damaged(format!(
            "`{key}` of the metadata is `{value}`, give a number"
        ))
    };
    let version = said("feature_schema_version")?;
    let seed = said("seed")?;
    let features: Vec<String> = said("features")?.split(',').map(str::to_owned).collect();
    if features.len() > WIDTH_MAX {
        let detail = format!("{} features, at most {WIDTH_MAX}", features.len());
        return Err(ModelError::Damaged(detail));
    }
    let producer = format!("{} {}", model.producer_name, model.producer_version);
    Ok(Provenance {
        feature_schema_version: version
            .parse()
            .map_err(|_| wrong("feature_schema_version", version))?,
        seed: seed.parse().map_err(|_| wrong("seed", seed))?,
        producer: producer.trim().chars().take(100).collect(),
        features,
        sha256,
    })
}

/// Follows the graph from its input to its one classifier.
fn classifier(graph: &GraphProto, width: usize) -> Result<Classifier, ModelError> {
    let [input] = graph.input.as_slice() else {
        let detail = format!("{} inputs, use one tensor of rows", graph.input.len());
        return Err(ModelError::Damaged(detail));
    };
    let mut current = input.name.as_str();
    let mut scaling = Scaling::none(width);
    let mut found = None;
    for node in &graph.node {
        let is_next = node.input.iter().any(|name| name == current);
        let operator = node.op_type.as_str();
        if found.is_some() && !is_next {
            // It tells the class, which is told here by the limits.
            continue;
        }
        let is_idle = match (&found, operator) {
            (None, "Scaler") if is_next => scaling.then(node).map(|()| true)?,
            (None, "LinearClassifier") if is_next => {
                found = Some(Classifier::Linear(Linear::read(node, &scaling)?));
                current = output(node, 1)?;
                continue;
            }
            (None, "TreeEnsembleClassifier") if is_next => {
                found = Some(Classifier::Trees(Ensemble::read(node, &scaling)?));
                current = output(node, 1)?;
                continue;
            }
            (None, "Cast" | "Identity") => is_next,
            (None, _) => false,
            (Some(_), "Mul") => is_by_one(graph, node),
            (Some(_), operator) => IDLE.contains(&operator),
        };
        if !is_idle {
            return Err(ModelError::Damaged(format!(
                "the operator `{operator}` is not read there: use Scaler and one LinearClassifier or \
                 TreeEnsembleClassifier in a row"
            )));
        }
        current = output(node, 0)?;
    }
    found.ok_or_else(|| ModelError::Damaged("there is no classifier in it".to_owned()))
}

/// onnxmltools ends LightGBM's probabilities so.
fn is_by_one(graph: &GraphProto, node: &NodeProto) -> bool {
    let mut ones = graph.initializer.iter().filter(|it| it.is_one());
    ones.any(|one| node.input.contains(&one.name))
}

fn output(node: &NodeProto, index: usize) -> Result<&str, ModelError> {
    let found = node.output.get(index).map(String::as_str);
    found.ok_or_else(|| ModelError::Damaged(format!("`{}` has too few outputs", node.op_type)))
}

/// Refuses classes other than 0 and 1.
fn check_labels(node: &NodeProto) -> Result<(), ModelError> {
    let (numbers, texts) = (
        node.ints("classlabels_ints"),
        node.strings("classlabels_strings"),
    );
    let numbers = match numbers {
        [] => node.ints("classlabels_int64s"),
        numbers => numbers,
    };
    if numbers == [0, 1] {
        return Ok(());
    }
    let detail = match texts {
        [] => format!("its classes are {numbers:?}, use 0 for fine and 1 for risk"),
        texts => format!(
            "it has {} classes with names, use the numbers 0 and 1",
            texts.len()
        ),
    };
    Err(ModelError::Damaged(detail))
}
