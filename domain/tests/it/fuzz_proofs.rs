//! The fuzz target `proofs` over its corpus and what is near it.

use crate::fuzz::vary;

#[path = "../../../fuzz/src/proofs.rs"]
mod target;

#[test]
fn inputs_near_the_corpus_break_nothing() {
    let count = vary::corpus("proofs", target::run);
    println!("proofs: {count} inputs");
    assert!(count > 1_000, "{count}");
}
