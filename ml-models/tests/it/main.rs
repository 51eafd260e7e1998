//! What the learned normal and the evaluation promise, from the outside.

#![expect(clippy::unwrap_used, reason = "tests say what is wrong by stopping")]

mod acting;
mod artefacts;
mod datasets;
mod default_model;
mod encoding;
mod evaluation;
mod findings;
mod learning;
mod models;
mod onnx;
mod places;
mod poisoning;
mod registries;
mod series;
mod servers;
mod signals;
