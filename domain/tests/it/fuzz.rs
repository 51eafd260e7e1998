//! The fuzz target `signature_headers` over its corpus and what is near it.

#[path = "../../../fuzz/src/signature_headers.rs"]
mod target;
#[path = "../../../fuzz/src/vary.rs"]
pub(crate) mod vary;

#[test]
fn inputs_near_the_corpus_break_nothing() {
    let count = vary::corpus("signature_headers", target::run);
    println!("signature_headers: {count} inputs");
    assert!(count > 1_000, "{count}");
}
