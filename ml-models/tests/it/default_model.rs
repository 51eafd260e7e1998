//! The model that comes with the program is for the features of the program, and its card is its own.

use aim_ml_models::default_model;
use aim_ml_models::model::ModelKind;

const CARD: &str = include_str!("../../default/card.json");
const TEXT: &str = include_str!("../../default/card.md");

#[test]
fn the_default_model_loads_and_its_card_says_what_it_is() {
    let loaded = default_model::load();
    let artefact = loaded.expect("run `scripts/train-default-model` after changing the features");
    let card: serde_json::Value = serde_json::from_str(CARD).unwrap();
    assert_eq!(
        card["model"],
        serde_json::to_value(&artefact.header).unwrap()
    );
    for word in [
        &artefact.header.data_sha256,
        artefact.header.kind.as_str(),
        &artefact.header.features.join(", "),
    ] {
        assert!(TEXT.contains(word), "{word}");
    }
    assert_eq!(artefact.model.kind(), ModelKind::Forest);
    // It scores, and tells fine actions below its limit from others.
    let row = vec![0.0; artefact.model.width()];
    assert!(artefact.model.probability(&row).unwrap() < 1.0);
    assert!(artefact.model.limits().at_1pct.is_finite());
}
