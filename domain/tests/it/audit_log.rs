//! Exports against tampering, notes against the published example, keys that follow each other.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use aim_domain::audit::{
    AuditField, AuditRecord, Bad, Checkpoint, Committed, ExportLine, ExportedCheckpoint,
    ExportedEntry, ExportedLog, Finding, KeyKind, KeyRing, KeyRotation, Note, NoteError,
    NoteSignature, Seed, Tiles, Verdict, Verifier, VerifierKey, cosignature_message, leaf_hash,
    ocsf_event, origin_of, root_of, sign_note,
};
use aim_domain::id::{AuditEntryId, OrganizationId};
use aim_domain::signature::SecretKey;
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn organization() -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(7))
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn entry(index: u64) -> ExportedEntry {
    let seed = Seed::from_bytes([u8::try_from(index % 251).unwrap(); 32]);
    let value = |field| match field {
        AuditField::ActorId => json!("9b2d8f4e-0000-4000-8000-000000000001"),
        AuditField::Reason => json!(format!("because of {index}")),
        AuditField::After => json!({ "decision": "ALLOWED", "n": index }),
        AuditField::Before => Value::Null,
        AuditField::ObjectId | AuditField::RequestId => json!(index.to_string()),
    };
    let open = |field| Committed::Open {
        value: value(field),
        salt: seed.salt(field),
    };
    let record = AuditRecord {
        index,
        organization: organization(),
        id: AuditEntryId::from_uuid(Uuid::from_u128(u128::from(index) + 1)),
        actor_type: "user".to_owned(),
        action: "agent.suspend".to_owned(),
        object_type: "agent".to_owned(),
        created_at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_700_000_000_000_001),
        fields: AuditField::ALL
            .into_iter()
            .map(|it| (it, open(it)))
            .collect(),
    };
    let hash = record.leaf_hash();
    ExportedEntry::new(record, hash)
}

/// A log of `size` entries with a checkpoint behind every third and at the end.
fn log(size: u64) -> (Vec<ExportLine>, Checkpoint) {
    let origin = origin_of(organization());
    let mut lines = vec![ExportLine::Log(ExportedLog {
        version: 1,
        organization: organization(),
        origin: origin.clone(),
        rotations: Vec::new(),
    })];
    let (mut tiles, mut number) = (Tiles::default(), 0);
    let at = |size, tiles: &Tiles| Checkpoint {
        origin: origin.clone(),
        size,
        root: root_of(size, tiles).unwrap(),
    };
    for index in 0..size {
        let entry = entry(index);
        tiles.append(entry.leaf_hash, index);
        lines.push(ExportLine::Entry(Box::new(entry)));
        if index % 3 == 2 || index + 1 == size {
            number += 1;
            let note = sign_note(at(index + 1, &tiles).text(), &origin, &key()).to_string();
            lines.push(ExportLine::Checkpoint(ExportedCheckpoint { number, note }));
        }
    }
    let last = at(size, &tiles);
    (lines, last)
}

fn ring() -> KeyRing {
    KeyRing::new(origin_of(organization()), vec![key().public_key()])
}

fn verify(lines: &[ExportLine], anchor: &Checkpoint) -> Result<Verdict, Finding> {
    let mut verifier = Verifier::new(ring(), Some(anchor.clone()));
    for line in lines {
        verifier.take_text(&line.to_text())?;
    }
    verifier.finish()
}

/// Where the entries of an export stand among its lines.
fn places(lines: &[ExportLine]) -> Vec<usize> {
    let numbered = lines.iter().enumerate();
    let entries = numbered.filter(|(_, it)| matches!(it, ExportLine::Entry(_)));
    entries.map(|(place, _)| place).collect()
}

fn entry_at(lines: &mut [ExportLine], place: usize) -> &mut ExportedEntry {
    match &mut lines[place] {
        ExportLine::Entry(entry) => entry,
        other => panic!("{other:?}"),
    }
}

type Tampering = fn(&mut Vec<ExportLine>, &[usize]);

/// What is done to a log of 20 entries, what it is called, and which index is named.
const TAMPERINGS: &[(&str, Tampering, Bad, u64)] = &[
    (
        "an action",
        |l, p| entry_at(l, p[4]).action = "agent.revoke".to_owned(),
        Bad::Changed,
        4,
    ),
    (
        "a time",
        |l, p| entry_at(l, p[7]).created_at += TimeDelta::microseconds(1),
        Bad::Changed,
        7,
    ),
    (
        "a reason",
        |l, p| set(entry_at(l, p[0]), AuditField::Reason, json!("no")),
        Bad::Changed,
        0,
    ),
    (
        "a reason that was",
        |l, p| set(entry_at(l, p[3]), AuditField::Reason, Value::Null),
        Bad::Changed,
        3,
    ),
    (
        "what it was",
        |l, p| set(entry_at(l, p[3]), AuditField::Before, json!(1)),
        Bad::Changed,
        3,
    ),
    (
        "a leaf's hash",
        |l, p| entry_at(l, p[9]).leaf_hash = leaf_hash(b"x"),
        Bad::Changed,
        9,
    ),
    (
        "a field left out",
        |l, p| {
            entry_at(l, p[2]).fields.remove(&AuditField::Reason);
        },
        Bad::Malformed,
        2,
    ),
    (
        "another log's entry",
        |l, p| entry_at(l, p[2]).organization = OrganizationId::from_uuid(Uuid::nil()),
        Bad::Changed,
        2,
    ),
    (
        "one dropped",
        |l, p| {
            l.remove(p[5]);
        },
        Bad::Missing,
        5,
    ),
    (
        "the first dropped",
        |l, p| {
            l.remove(p[0]);
        },
        Bad::Missing,
        0,
    ),
    (
        "the last dropped",
        |l, p| {
            l.remove(p[19]);
        },
        Bad::Missing,
        19,
    ),
    (
        "the end cut off",
        |l, p| l.truncate(p[12]),
        Bad::Missing,
        12,
    ),
    ("two swapped", |l, p| l.swap(p[6], p[7]), Bad::Missing, 6),
    (
        "two swapped with their indexes",
        |l, p| {
            l.swap(p[6], p[7]);
            entry_at(l, p[6]).index = 6;
            entry_at(l, p[7]).index = 7;
        },
        Bad::Changed,
        6,
    ),
    (
        "one twice",
        |l, p| {
            let copy = l[p[8]].clone();
            l.insert(p[8], copy);
        },
        Bad::OutOfPlace,
        9,
    ),
    (
        "one made up",
        |l, p| l.insert(p[20 - 2], ExportLine::Entry(Box::new(entry(900)))),
        Bad::Missing,
        18,
    ),
    (
        "one behind the end",
        |l, _| l.push(ExportLine::Entry(Box::new(entry(20)))),
        Bad::Uncovered,
        20,
    ),
    (
        "forged with its hash",
        |l, p| forge(entry_at(l, p[10])),
        Bad::Root,
        9,
    ),
    (
        "a checkpoint's root",
        |l, p| replace_note(l, p[6] - 1, "\n6\n", "\n5\n"),
        Bad::Checkpoint,
        3,
    ),
    (
        "a checkpoint dropped",
        |l, p| {
            l.remove(p[6] - 1);
        },
        Bad::CheckpointOrder,
        3,
    ),
    (
        "two checkpoints swapped",
        |l, p| l.swap(p[6] - 1, p[9] - 1),
        Bad::CheckpointOrder,
        3,
    ),
    (
        "the head of another log",
        |l, _| {
            if let ExportLine::Log(log) = &mut l[0] {
                log.origin.push('x');
            }
        },
        Bad::Malformed,
        0,
    ),
];

fn set(entry: &mut ExportedEntry, field: AuditField, new: Value) {
    if let Some(Committed::Open { value, .. }) = entry.fields.get_mut(&field) {
        *value = new;
    }
}

/// A change with everything in the line made to fit it.
fn forge(entry: &mut ExportedEntry) {
    set(entry, AuditField::Reason, json!("forged"));
    entry.leaf_hash = entry.clone().into_record().leaf_hash();
}

fn replace_note(lines: &mut [ExportLine], place: usize, from: &str, to: &str) {
    match &mut lines[place] {
        ExportLine::Checkpoint(it) => it.note = it.note.replace(from, to),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_kind_of_tampering_is_named_with_its_first_index() {
    let (lines, anchor) = log(20);
    let verdict = verify(&lines, &anchor).unwrap();
    assert_eq!(
        (verdict.size, verdict.root, verdict.checkpoints),
        (20, anchor.root, 7)
    );
    for (name, tamper, bad, index) in TAMPERINGS {
        let mut tampered = lines.clone();
        tamper(&mut tampered, &places(&lines));
        let finding = verify(&tampered, &anchor).unwrap_err();
        assert_eq!(
            (finding.bad, finding.index),
            (*bad, *index),
            "{name}: {finding}"
        );
    }
}

#[test]
fn a_line_with_something_more_in_it_is_no_line() {
    let (lines, anchor) = log(4);
    for (place, number) in [(0, 0), (1, 0), (2, 1)] {
        let mut verifier = Verifier::new(ring(), Some(anchor.clone()));
        for line in &lines[..place] {
            verifier.take(line.clone()).unwrap();
        }
        let mut value = serde_json::to_value(&lines[place]).unwrap();
        value["comment"] = json!("all is well");
        let finding = verifier.take_text(&value.to_string()).unwrap_err();
        assert_eq!(
            (finding.bad, finding.index),
            (Bad::Malformed, number),
            "{place}"
        );
    }
}

#[test]
fn what_is_erased_is_named_and_proves_as_before() {
    let (mut lines, anchor) = log(20);
    let places = places(&lines);
    for index in [4, 5, 6, 11] {
        let entry = entry_at(&mut lines, places[index]);
        for field in [AuditField::ActorId, AuditField::Reason] {
            let hash = entry.fields[&field].hash(field);
            entry.fields.insert(field, Committed::Erased { hash });
        }
    }
    let verdict = verify(&lines, &anchor).unwrap();
    assert_eq!(verdict.erased, [(4, 7), (11, 12)]);
    let text: String = lines.iter().map(ExportLine::to_text).collect();
    assert!(!text.contains("because of 5") && text.contains("because of 7"));
    // Erasing cannot be used to forge.
    entry_at(&mut lines, places[4]).fields.insert(
        AuditField::After,
        Committed::Erased {
            hash: leaf_hash(b"x"),
        },
    );
    assert_eq!(verify(&lines, &anchor).unwrap_err().index, 4);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_single_change_of_the_text_is_found_where_it_is(
        size in 1_u64..24, at in any::<prop::sample::Index>(), kind in 0..4_u8,
    ) {
        let (lines, anchor) = log(size);
        let entries = places(&lines);
        let index = at.index(entries.len());
        let mut changed = lines;
        match kind {
            0 => { changed.remove(entries[index]); }
            1 => set(entry_at(&mut changed, entries[index]), AuditField::After, json!({ "n": "other" })),
            2 => { let copy = changed[entries[index]].clone(); changed.insert(entries[index], copy); }
            _ => entry_at(&mut changed, entries[index]).object_type.push('x'),
        }
        let finding = verify(&changed, &anchor).unwrap_err();
        let expected = index as u64 + u64::from(kind == 2);
        prop_assert_eq!(finding.index, expected, "{}", finding);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC*\n?\\PC*\n?\n?(\u{2014} )?\\PC*\n?") {
        let _ = Note::parse(&text).map(|it| Checkpoint::parse(&it.text));
        let _ = Checkpoint::parse(&text);
        let _ = VerifierKey::parse(&text);
        let _ = Verifier::new(ring(), None).take_text(&text);
    }
}

/// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`.
#[test]
fn the_published_note_verifies() {
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let verifier = VerifierKey::parse(key).unwrap();
    assert_eq!(verifier.to_string(), key);
    let parsed = Note::parse(note).unwrap();
    assert_eq!(parsed.to_string(), note);
    assert_eq!(parsed.verify(&verifier), Ok(()));
    let changed = Note::parse(&note.replace("problem is", "problem was")).unwrap();
    assert_eq!(changed.verify(&verifier), Err(NoteError::Signature));
    assert_eq!(
        VerifierKey::parse(&key.replace("c74f", "c74e")),
        Err(NoteError::Key)
    );
}

#[test]
fn a_checkpoint_has_one_form() {
    let root = leaf_hash(b"x");
    let good = format!("log.example/1\n17\n{root}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().text(), good);
    assert!(Checkpoint::parse(&format!("{good}extension\n")).is_ok());
    for bad in ["017", "+17", "-1", "", "1e3", "18446744073709551616"] {
        let text = format!("log.example/1\n{bad}\n{root}\n");
        assert_eq!(
            Checkpoint::parse(&text),
            Err(NoteError::Checkpoint),
            "{bad}"
        );
    }
}

#[test]
fn a_witness_signs_the_checkpoint_and_its_time() {
    let (_, checkpoint) = log(5);
    let secret = SecretKey::from_seed(&[9; 32]);
    let witness = VerifierKey {
        name: "witness.example/w1".to_owned(),
        kind: KeyKind::Witness,
        key: secret.public_key(),
    };
    let time = 1_679_315_147_u64;
    let message = cosignature_message(&checkpoint.text(), time);
    assert!(message.starts_with(b"cosignature/v1\ntime 1679315147\naim/audit/"));
    let bytes = [&time.to_be_bytes()[..], &secret.sign(&message)].concat();
    let line = NoteSignature {
        name: witness.name.clone(),
        id: witness.id(),
        bytes,
    };
    let mut note = sign_note(checkpoint.text(), &checkpoint.origin, &key());
    note.signatures
        .push(NoteSignature::parse(&line.to_string()).unwrap());
    let note = Note::parse(&note.to_string()).unwrap();
    assert_eq!(note.verify_cosignature(&witness), Ok(time));
    assert_eq!(ring().open(&note.to_string()), Ok(checkpoint));
    // A log's signature under the same key is none of a witness, and the other way round.
    let as_log = VerifierKey {
        kind: KeyKind::Log,
        ..witness.clone()
    };
    assert_eq!(note.verify(&as_log), Err(NoteError::Unsigned));
    let mut late = note;
    late.signatures[1].bytes[7] ^= 1;
    assert_eq!(late.verify_cosignature(&witness), Err(NoteError::Signature));
}

#[test]
fn a_key_vouches_for_the_next_and_for_the_one_before() {
    let (first, second, third) = (
        key(),
        SecretKey::from_seed(&[4; 32]),
        SecretKey::from_seed(&[5; 32]),
    );
    let at = DateTime::UNIX_EPOCH;
    let one = KeyRotation::sign(&first.public_key(), Some(&first), &second, at);
    let two = KeyRotation::sign(&second.public_key(), Some(&second), &third, at);
    for (trusted, rotations) in [(&first, [&two, &one]), (&third, [&one, &two])] {
        let mut ring = KeyRing::new("o".to_owned(), vec![trusted.public_key()]);
        rotations.into_iter().for_each(|it| ring.learn(it.clone()));
        assert_eq!(ring.keys().len(), 3);
    }
    let lost = KeyRotation::sign(&first.public_key(), None, &second, at);
    let by_thief = KeyRotation::sign(&first.public_key(), Some(&third), &third, at);
    let mut ring = KeyRing::new("o".to_owned(), vec![first.public_key()]);
    ring.learn(lost);
    ring.learn(by_thief);
    assert_eq!(ring.keys().len(), 1, "nobody vouches");
}

#[test]
fn a_leaf_is_canonical_json_without_the_values_of_persons() {
    let record = entry(3).into_record();
    let leaf = String::from_utf8(record.leaf()).unwrap();
    let value: Value = serde_json::from_str(&leaf).unwrap();
    assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), leaf);
    assert!(
        !leaf.contains("because") && !leaf.contains("9b2d8f4e"),
        "{leaf}"
    );
    let fields: BTreeMap<String, String> = serde_json::from_value(value["fields"].clone()).unwrap();
    assert_eq!(fields.len(), 6);
    // The same value under another salt, or in another field, is another commitment.
    let other = Seed::from_bytes([200; 32]);
    let commit = |field: AuditField, seed: &Seed| {
        Committed::Open {
            value: json!("3"),
            salt: seed.salt(field),
        }
        .hash(field)
        .to_string()
    };
    assert_ne!(commit(AuditField::ObjectId, &other), fields["objectId"]);
    assert_ne!(fields["objectId"], fields["requestId"]);
}

#[test]
fn an_event_for_a_siem_has_what_its_class_requires() {
    let event = ocsf_event(&entry(3));
    assert_eq!(
        (&event["class_uid"], &event["category_uid"]),
        (&json!(6003), &json!(6))
    );
    assert_eq!(
        (&event["activity_id"], &event["type_uid"]),
        (&json!(3), &json!(600_303))
    );
    assert_eq!(event["metadata"]["version"], "1.7.0");
    assert_eq!(event["time"], 1_700_000_000_000_u64);
    for required in [
        "actor",
        "api",
        "metadata",
        "severity_id",
        "src_endpoint",
        "time",
        "type_uid",
    ] {
        assert!(!event[required].is_null(), "{required}");
    }
    assert_eq!(event["status_detail"], "because of 3");
}

/// The worked example of `docs/audit.md`.
#[test]
fn the_commitment_computed_by_hand_is_ours() {
    let field = AuditField::Reason;
    let salt = Seed::from_bytes([1; 32]).salt(field);
    assert_eq!(
        serde_json::to_value(&salt).unwrap(),
        "jbtFOMDUQf+/RjXH9DRDeXuqGGx2x6f7/C7zFU4vqaQ="
    );
    let value = json!("why");
    assert_eq!(
        Committed::Open { value, salt }.hash(field).to_string(),
        "+DBc2BFHSD52H9Yc73/64xcM9n+b1rq4LGP0pyZqZsI="
    );
}
