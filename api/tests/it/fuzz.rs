//! The fuzz target `graphql_input` over its corpus and what is near it.

#[path = "../../../fuzz/src/graphql_input.rs"]
mod target;
#[path = "../../../fuzz/src/vary.rs"]
pub(crate) mod vary;

#[test]
fn inputs_near_the_corpus_break_nothing() {
    let count = vary::corpus("graphql_input", target::run);
    println!("graphql_input: {count} inputs");
    assert!(count > 1_000, "{count}");
}
