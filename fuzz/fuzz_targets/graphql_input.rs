#![no_main]

#[path = "../src/graphql_input.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
