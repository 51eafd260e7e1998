//! The fuzz target `tokens` over its corpus and what is near it.

use std::path::Path;

use crate::fuzz::vary;

#[path = "../../../fuzz/src/tokens.rs"]
mod target;

#[test]
fn inputs_near_the_corpus_break_nothing() {
    let count = vary::corpus("tokens", target::run);
    println!("tokens: {count} inputs");
    assert!(count > 1_000, "{count}");
}

/// Or nothing behind a signature would ever be reached.
#[test]
fn what_is_right_is_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/tokens");
    for (name, takers) in [
        ("access", &["a"][..]),
        ("agent", &["t"]),
        ("proof", &["p"]),
        ("proof_query", &["p"]),
        ("access_over", &[]),
        ("agent_other_audience", &[]),
        ("proof_private", &[]),
        ("none", &[]),
        ("confusion", &[]),
        ("critical", &[]),
        ("critical_access", &[]),
        ("critical_proof", &[]),
    ] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let lines: Vec<&str> = text.splitn(3, '\n').collect();
        let token = target::signed(lines[0], lines[1], lines[2]);
        assert_eq!(target::takers(&token), takers, "{name}");
    }
}
