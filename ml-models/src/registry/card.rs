//! Model cards: what a person should know before a version serves.

use std::fmt::Write;

use crate::artefact::{Artefact, Header};
use crate::model::ModelKind;

/// Most bytes of a card: a table row for each feature and parameter.
pub(super) const CARD_MAX_BYTES: u64 = 1 << 20;

/// For programs.
pub(super) fn json(version: u32, header: &Header) -> String {
    let card = serde_json::json!({ "version": version, "model": header });
    format!("{card:#}\n")
}

/// For people.
pub(super) fn markdown(version: u32, artefact: &Artefact) -> String {
    let header = &artefact.header;
    let mut card = format!("# Model v{version}\n\n");
    let (what, score, limits) = about(header.kind);
    let _ = writeln!(
        card,
        "{what}\n\nIts score is {score}.\n\nLimits: {limits}\n"
    );
    let _ = writeln!(card, "| | |\n|---|---|");
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(card, "| {name} | {value} |");
    };
    row("kind", header.kind.as_str());
    row("trained", &header.created_at.to_rfc3339());
    row("rows", &header.rows.to_string());
    row("labelled as risk", &header.positives.to_string());
    row("labelled as fine", &header.negatives.to_string());
    row("SHA-256 of the data", &header.data_sha256);
    row("seed", &header.seed.to_string());
    row(
        "features version",
        &header.feature_schema_version.to_string(),
    );
    if let Some(metrics) = &header.metrics {
        row("AUC (held out)", &format!("{:.4}", metrics.auc));
        row("recall at 1 %", &format!("{:.4}", metrics.recall_at_1pct));
        row("recall at 5 %", &format!("{:.4}", metrics.recall_at_5pct));
        let or_none = |value: Option<f64>| value.map_or("none".to_owned(), |v| format!("{v:.4}"));
        row("Brier score", &or_none(metrics.brier));
        row("calibration error", &or_none(metrics.calibration_error));
    }
    for (name, value) in &header.parameters {
        let value = value.to_string().replace(['|', '\n'], " ");
        row(&format!("parameter {name}"), &value);
    }
    let _ = writeln!(
        card,
        "\nFeatures, in order: {}.",
        header.features.join(", ")
    );
    card
}

const fn about(kind: ModelKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        ModelKind::Logistic => (
            "Logistic regression over scaled features, learned from labelled events.",
            "the log-odds of risk",
            "it adds features up and sees no interplay between them.",
        ),
        ModelKind::Forest => (
            "Random forest, learned from labelled events.",
            "the mean share of risky rows in its trees' leaves, with as many risky as fine rows drawn",
            "it knows only the kinds of risk that were labelled, and says the same for everything beyond the values it has seen.",
        ),
        ModelKind::Gmm => (
            "Gaussian mixture over scaled features, learned from events that are not labelled as risk.",
            "minus the logarithm of the density",
            "what is rare is not always a risk, and what is common is not always fine.",
        ),
        ModelKind::Pca => (
            "Principal components of scaled features, learned from events that are not labelled as risk.",
            "the squared distance from the space of the components",
            "it sees only what breaks the usual relation between features.",
        ),
        ModelKind::Boosted => (
            "Boosted trees, learned elsewhere from labelled events and taken in as ONNX.",
            "the log-odds of risk",
            "it knows only the kinds of risk that were labelled, and says the same for everything beyond the values it has seen.",
        ),
    }
}
