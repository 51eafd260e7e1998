//! Proofs against the published vectors, malformed ones as well, and against a slow twin.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use aim_domain::audit::{
    Hash, ProofError, TileId, Tiles, consistency_proof, inclusion_proof, leaf_hash, needed_nodes,
    node_hash, root_of, verify_consistency, verify_inclusion,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

fn hash(text: &str) -> Result<Hash, ProofError> {
    Hash::from_slice(&STANDARD.decode(text).unwrap())
}

fn hashes(proof: Option<Vec<String>>) -> Result<Vec<Hash>, ProofError> {
    proof
        .unwrap_or_default()
        .iter()
        .map(|it| hash(it))
        .collect()
}

fn inclusion(text: &str) -> (bool, bool) {
    let case: Inclusion = serde_json::from_str(text).unwrap();
    let verdict = || {
        let (leaf, root) = (hash(&case.leaf_hash)?, hash(&case.root)?);
        let proof = hashes(case.proof)?;
        verify_inclusion(case.leaf_idx, case.tree_size, &leaf, &proof, &root)
    };
    (verdict().is_err(), case.want_err)
}

fn consistency(text: &str) -> (bool, bool) {
    let case: Consistency = serde_json::from_str(text).unwrap();
    let verdict = || {
        let bytes = |text: &str| STANDARD.decode(text).unwrap();
        let (first, second) = (bytes(&case.root1), bytes(&case.root2));
        let proof = hashes(case.proof)?;
        verify_consistency(case.size1, case.size2, &first, &second, &proof)
    };
    (verdict().is_err(), case.want_err)
}

/// Verifies every file of a folder, and returns how many there were.
fn walk(folder: &Path, verify: fn(&str) -> (bool, bool)) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += walk(&path, verify);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (got, wanted) = verify(&text);
        assert_eq!(got, wanted, "{}", path.display());
        count += 1;
    }
    count
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads where its data are")]
fn every_published_proof_gets_the_right_verdict() {
    let data = std::env::var("AIM_TEST_DATA").unwrap();
    let vectors = PathBuf::from(data).join("vectors/rfc9162");
    assert_eq!(walk(&vectors.join("inclusion"), inclusion), 98);
    assert_eq!(walk(&vectors.join("consistency"), consistency), 98);
}

/// The definition of RFC 9162 section 2.1.1, word for word.
fn slow_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [one] => *one,
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            node_hash(&slow_root(&many[..k]), &slow_root(&many[k..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|it| leaf_hash(&it.to_be_bytes())).collect()
}

fn tree(leaves: &[Hash]) -> Tiles {
    let mut tiles = Tiles::default();
    for (size, leaf) in (0..).zip(leaves) {
        tiles.append(*leaf, size);
    }
    tiles
}

/// Only what was asked for, as it would come from a database.
fn loaded(tiles: &Tiles, wanted: impl IntoIterator<Item = TileId>) -> Tiles {
    let mut some = Tiles::default();
    for id in wanted {
        let bytes: Vec<u8> = tiles
            .get(id)
            .unwrap()
            .iter()
            .flat_map(|it| *it.as_bytes())
            .collect();
        some.insert(id, &bytes).unwrap();
    }
    some
}

#[test]
fn roots_are_those_of_the_definition_and_appending_needs_the_last_tiles_only() {
    let all = leaves(70_000);
    let mut kept = Tiles::default();
    for size in 0..1_100_u64 {
        let root = root_of(size, &kept).unwrap();
        assert_eq!(
            root,
            slow_root(&all[..usize::try_from(size).unwrap()]),
            "{size}"
        );
        kept = loaded(&kept, TileId::unfinished(size));
        kept.append(all[usize::try_from(size).unwrap()], size);
    }
    let large = tree(&all);
    for size in [65_535, 65_536, 65_537, 66_000, 70_000_u64] {
        let expected = slow_root(&all[..usize::try_from(size).unwrap()]);
        let nodes = needed_nodes(|nodes| root_of(size, nodes));
        let some = loaded(&large, TileId::of_nodes(&nodes));
        assert_eq!(root_of(size, &some).unwrap(), expected, "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn proofs_convince_and_show_nothing_else(size in 1_u64..3_000, a in 0_u64..3_000, b in 1_u64..3_000) {
        let all = leaves(size);
        let tiles = tree(&all);
        let root = root_of(size, &tiles).unwrap();
        let index = a % size;
        let nodes = needed_nodes(|nodes| inclusion_proof(index, size, nodes));
        let some = loaded(&tiles, TileId::of_nodes(&nodes));
        let proof = inclusion_proof(index, size, &some).unwrap();
        let leaf = all[usize::try_from(index).unwrap()];
        prop_assert_eq!(verify_inclusion(index, size, &leaf, &proof, &root), Ok(()));
        let other = leaf_hash(b"other");
        prop_assert!(verify_inclusion(index, size, &other, &proof, &root).is_err());
        prop_assert!(verify_inclusion(index + 1, size, &leaf, &proof, &root).is_err());
        prop_assert!(verify_inclusion(index, size, &leaf, &proof, &other).is_err());

        let first = b.min(size);
        let nodes = needed_nodes(|nodes| consistency_proof(first, size, nodes));
        let some = loaded(&tiles, TileId::of_nodes(&nodes));
        let proof = consistency_proof(first, size, &some).unwrap();
        let before = slow_root(&all[..usize::try_from(first).unwrap()]);
        prop_assert_eq!(verify_consistency(first, size, before.as_bytes(), root.as_bytes(), &proof), Ok(()));
        prop_assert!(verify_consistency(first, size, other.as_bytes(), root.as_bytes(), &proof).is_err());
        prop_assert!(verify_consistency(first, size, before.as_bytes(), other.as_bytes(), &proof).is_err());
    }
}
