//! Reads the hexadecimal of test vectors.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) fn bytes(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "half a byte");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap()
}
