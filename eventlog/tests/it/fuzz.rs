//! The fuzz target `event_envelope` over its corpus and what is near it.

#[path = "../../../fuzz/src/event_envelope.rs"]
mod target;
#[path = "../../../fuzz/src/vary.rs"]
mod vary;

#[test]
fn inputs_near_the_corpus_break_nothing() {
    let count = vary::corpus("event_envelope", target::run);
    println!("event_envelope: {count} inputs");
    assert!(count > 1_000, "{count}");
}
