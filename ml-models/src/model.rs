//! Models over feature vectors: trained by linfa, kept and scored as plain numbers.
//!
//! What linfa fits is taken apart into the few numbers that score a row, so that a model can be
//! written to a file, scores in a few arithmetic steps, and explains each score by its features.
//! Training is a pure function of rows, parameters and seed: the same bytes come out whatever the
//! number of threads. Across kinds of processors the last bits of a fit may differ.

mod boosted;
mod calibration;
mod components;
mod error;
mod forest;
mod logistic;
mod measure;
mod mixture;
mod onnx;
mod rows;
mod scaler;
mod scorer;
mod train;
mod tree;

pub use calibration::Calibration;
pub use error::ModelError;
pub(crate) use logistic::Logistic;
pub use measure::{Limits, Metrics, evaluate};
pub use onnx::{OnnxModel, Provenance};
pub use rows::{ROWS_MAX, Rows, WIDTH_MAX};
pub use scorer::{Explanation, MODEL_MAX_BYTES, Model, ModelKind};
pub use train::{TrainParameters, train};
