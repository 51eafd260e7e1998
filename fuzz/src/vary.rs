//! The corpora and what is near them, for a run of bounded size without a fuzzer: each file as it is,
//! cut, spliced with another, and with bytes exchanged. The same inputs every time.

use std::path::Path;

/// Inputs made of each file.
const VARIANTS: usize = 400;
/// Bytes that parsers stumble over.
const NASTY: [u8; 20] = *b"\0\n\r\"'\\{}[]():;,=*@#\xff";

/// Runs `target` on everything; how many inputs that were.
pub(crate) fn corpus(name: &str, target: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(name);
    let mut files: Vec<Vec<u8>> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % limit.max(1) as u64).unwrap_or(0)
    };
    let mut count = 0;
    for file in &files {
        target(file);
        for _ in 0..VARIANTS {
            let mut input = file.clone();
            for _ in 0..=below(3) {
                let at = below(input.len() + 1);
                match below(4) {
                    0 => input.truncate(at),
                    1 => input.insert(at, NASTY[below(NASTY.len())]),
                    2 if at < input.len() => input[at] = NASTY[below(NASTY.len())],
                    _ => {
                        let other = &files[below(files.len())];
                        input.truncate(at);
                        input.extend_from_slice(&other[below(other.len() + 1)..]);
                    }
                }
            }
            target(&input);
            count += 1;
        }
    }
    count + files.len()
}
