//! Inclusion and consistency proofs, and the texts that carry an audit log's signatures: notes,
//! checkpoints, keys, lines of an export. Out of any bytes.
//!
//! The same bytes are taken as a way to alter a good proof, as a note, and as an export.

use std::sync::OnceLock;

use aim_domain::audit::{
    Checkpoint, ExportLine, Hash, KeyKind, KeyRing, Note, NoteSignature, Tiles, Verifier,
    VerifierKey, consistency_proof, inclusion_proof, leaf_hash, origin_of, root_of,
    verify_consistency, verify_inclusion,
};
use aim_domain::id::OrganizationId;
use aim_domain::signature::SecretKey;

/// Leaves of the tree that proofs are about.
const SIZE: u64 = 300;
/// The organization of the exports in the corpus: `00000000-0000-0000-0000-000000000007`.
const ORGANIZATION: u128 = 7;

/// A tree, and what its log has signed.
struct Log {
    tiles: Tiles,
    leaves: Vec<Hash>,
    /// By size, the empty tree's first.
    roots: Vec<Hash>,
    ring: KeyRing,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let mut tiles = Tiles::default();
        let mut roots = vec![Hash::of(b"")];
        let leaves: Vec<Hash> = (0..SIZE).map(|it| leaf_hash(&it.to_be_bytes())).collect();
        for (index, leaf) in (0..).zip(&leaves) {
            tiles.append(*leaf, index);
            roots.push(root_of(index + 1, &tiles).unwrap_or_default());
        }
        // Nobody who writes inputs has this key; the exports and notes of the corpus are signed with it.
        let key = SecretKey::from_seed(&[3; 32]);
        let origin = origin_of(OrganizationId::from_uuid(uuid(ORGANIZATION)));
        Log {
            tiles,
            leaves,
            roots,
            ring: KeyRing::new(origin, vec![key.public_key()]),
        }
    })
}

fn uuid(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

/// Takes numbers and hashes off the input.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> u64 {
        let (high, low) = (self.byte(), self.byte());
        let number = u64::from(high.unwrap_or(0)) << 8 | u64::from(low.unwrap_or(0));
        // Now and then one that no tree has.
        if number > 0xff00 {
            u64::MAX - number
        } else {
            number
        }
    }

    /// A hash of the tree, or one of the input's own.
    fn hash(&mut self) -> Hash {
        match self.byte() {
            Some(255) | None => {
                let taken = self.0.len().min(32);
                let mut bytes = [0; 32];
                bytes[..taken].copy_from_slice(&self.0[..taken]);
                self.0 = &self.0[taken..];
                Hash::from_bytes(bytes)
            }
            Some(it) if it % 2 == 0 => log().leaves[usize::from(it)],
            Some(it) => log().roots[usize::from(it)],
        }
    }

    /// Drops, doubles, exchanges and puts in hashes.
    fn alter(&mut self, proof: &mut Vec<Hash>) {
        let edits = self.byte().unwrap_or(0) % 5;
        for _ in 0..edits {
            let (what, at) = (self.byte().unwrap_or(0), self.byte().unwrap_or(0));
            let at = usize::from(at) % (proof.len() + 1);
            match what % 4 {
                0 if at < proof.len() => drop(proof.remove(at)),
                1 if at < proof.len() => proof.insert(at, proof[at]),
                2 if at < proof.len() => proof[at] = self.hash(),
                _ => proof.insert(at, self.hash()),
            }
        }
    }
}

fn root(size: u64) -> Option<Hash> {
    let size = usize::try_from(size).ok()?;
    log().roots.get(size).copied()
}

/// A proof that is accepted for the true root is the true proof of the true leaf.
fn inclusion(input: &mut Reader<'_>) {
    let (index, size) = (input.number(), input.number());
    let truth = inclusion_proof(index, size.min(SIZE), &log().tiles);
    let mut proof = truth.clone().unwrap_or_default();
    input.alter(&mut proof);
    let leaf = input.byte().map(|it| log().leaves[usize::from(it)]);
    let true_leaf = usize::try_from(index)
        .ok()
        .and_then(|it| log().leaves.get(it).copied());
    let leaf = leaf.or(true_leaf).unwrap_or_default();
    let is_true = size <= SIZE && truth.as_ref() == Ok(&proof) && Some(leaf) == true_leaf;
    if let Some(root) = root(size) {
        let accepted = verify_inclusion(index, size, &leaf, &proof, &root).is_ok();
        assert_eq!(accepted, is_true, "leaf {index} of {size}");
    }
    let other = input.hash();
    if Some(other) != root(size) && is_true {
        let accepted = verify_inclusion(index, size, &leaf, &proof, &other);
        assert!(accepted.is_err(), "a wrong root was accepted");
    }
    // Sizes that no tree has: nothing but no panic.
    let _ = verify_inclusion(index, size, &leaf, &proof, &other);
}

/// What is shown to begin the true tree is the true tree of that size.
fn consistency(input: &mut Reader<'_>) {
    let (from, to) = (input.number(), input.number());
    let truth = consistency_proof(from, to.min(SIZE), &log().tiles);
    let mut proof = truth.clone().unwrap_or_default();
    input.alter(&mut proof);
    let claimed = match input.byte() {
        Some(255) => input.hash(),
        _ => root(from).unwrap_or_default(),
    };
    if let Some(root_to) = root(to) {
        let (before, after) = (claimed.as_bytes(), root_to.as_bytes());
        let accepted = verify_consistency(from, to, before, after, &proof).is_ok();
        if accepted {
            assert_eq!(Some(claimed), root(from), "a wrong beginning was accepted");
        } else if root(from) == Some(claimed) && from > 0 && from <= to {
            assert_ne!(truth.as_ref(), Ok(&proof), "the true proof was refused");
        }
        let other = input.hash();
        if accepted && other != root_to {
            let refused = verify_consistency(from, to, before, other.as_bytes(), &proof);
            assert!(refused.is_err(), "a wrong root was accepted");
        }
    }
    let _ = verify_consistency(from, to, claimed.as_bytes(), input.0, &proof);
}

/// Notes, checkpoints, keys: what is read is what was written, and only what the log has signed is
/// its own.
fn note(text: &str) {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(Note::parse(&note.to_string()).as_ref(), Ok(&note));
        if let Ok(checkpoint) = Checkpoint::parse(&note.text) {
            assert_eq!(
                Checkpoint::parse(&checkpoint.text()).as_ref(),
                Ok(&checkpoint)
            );
        }
        let witness = VerifierKey {
            name: "witness.example".to_owned(),
            kind: KeyKind::Witness,
            key: SecretKey::from_seed(&[9; 32]).public_key(),
        };
        let cosigned = note.verify_cosignature(&witness);
        assert!(cosigned.is_err(), "a forged co-signature passed");
    }
    if let Ok(opened) = log().ring.open(text) {
        assert_eq!(opened.origin, log().ring.origin());
        assert!(has_signed(&opened), "a checkpoint that was never signed");
    }
    for line in text.lines().take(64) {
        if let Ok(signature) = NoteSignature::parse(line) {
            let again = NoteSignature::parse(&signature.to_string());
            assert_eq!(again.as_ref(), Ok(&signature));
        }
        if let Ok(key) = VerifierKey::parse(line) {
            assert_eq!(VerifierKey::parse(&key.to_string()).as_ref(), Ok(&key));
        }
    }
}

fn has_signed(checkpoint: &Checkpoint) -> bool {
    SIGNED.contains(&checkpoint.text().as_str())
}

/// An export: what is found good is a tree that was signed.
fn export(text: &str) {
    let mut verifier = Verifier::new(log().ring.clone(), None);
    for line in text.lines() {
        if let Ok(parsed) = serde_json::from_str::<ExportLine>(line) {
            // A line that was read can be written, and is read again.
            let again = serde_json::from_str::<ExportLine>(&parsed.to_text());
            assert_eq!(again.ok(), Some(parsed));
        }
        if let Err(finding) = verifier.take_text(line) {
            assert!(!finding.detail.is_empty(), "bad without a reason");
            return;
        }
    }
    if let Ok(verdict) = verifier.finish() {
        let found = Checkpoint {
            origin: log().ring.origin().to_owned(),
            size: verdict.size,
            root: verdict.root,
        };
        assert!(
            verdict.size == 0 || has_signed(&found),
            "a wrong root was accepted: {found:?}"
        );
    }
}

/// Everything about one input.
pub(crate) fn run(bytes: &[u8]) {
    inclusion(&mut Reader(bytes));
    consistency(&mut Reader(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        note(text);
        export(text);
    }
}

/// The texts of the checkpoints that the corpus has, all that this key has ever signed.
const SIGNED: [&str; 2] = [
    "aim/audit/00000000-0000-0000-0000-000000000007\n3\nkH4DW0g5VzJQKqpJ+wfj9VvrGJfDI37cNNEmLwiAyNk=\n",
    "aim/audit/00000000-0000-0000-0000-000000000007\n5\nu6c3qMJIY1OEjHLydM4QV8eMloIE5LuT7Q8/keAsOss=\n",
];
