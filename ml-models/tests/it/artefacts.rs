//! What a file of a model refuses.

use aim_domain::signature::SecretKey;
use aim_ml_models::artefact::{
    ARTEFACT_MAX_BYTES, Artefact, ArtefactError, Header, read_file, write_file,
};
use aim_ml_models::model::{ModelKind, TrainParameters, train};
use aim_ml_models::{FEATURE_NAMES, FEATURE_SCHEMA_VERSION};
use sha2::{Digest, Sha256};

use crate::acting::at;
use crate::datasets::dataset;

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub(crate) fn artefact(kind: ModelKind, seed: u64) -> Artefact {
    let data = dataset(600, 1);
    let parts = data.split(1).unwrap();
    let parameters = TrainParameters {
        trees: 5,
        clusters: 2,
        seed,
        ..TrainParameters::default()
    };
    let model = train(&parts.training, &parts.calibration, kind, &parameters).unwrap();
    Artefact {
        header: Header {
            format: 1,
            kind,
            feature_schema_version: FEATURE_SCHEMA_VERSION,
            features: FEATURE_NAMES.map(str::to_owned).to_vec(),
            data_sha256: data.sha256(),
            rows: 600,
            positives: 60,
            negatives: 540,
            seed,
            metrics: None,
            created_at: at(0),
            parameters: serde_json::Map::new(),
        },
        model,
    }
}

/// The bytes with another header, with a right checksum and signature.
fn with_header(bytes: &[u8], change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[12..12 + length]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    let mut changed = bytes[..8].to_vec();
    changed.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    changed.extend(header);
    changed.extend(&bytes[12 + length..bytes.len() - 96]);
    seal(changed)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    let signature = key().sign(&[b"aim-model-v1\n", &bytes[..]].concat());
    bytes.extend(signature);
    bytes
}

#[test]
fn what_is_written_is_read_and_the_same_model_is_the_same_bytes() {
    for kind in [
        ModelKind::Logistic,
        ModelKind::Forest,
        ModelKind::Gmm,
        ModelKind::Pca,
    ] {
        let artefact = artefact(kind, 1);
        let bytes = artefact.encode(&key()).unwrap();
        assert_eq!(bytes, artefact.encode(&key()).unwrap());
        assert_eq!(
            Artefact::decode(&bytes, &key().public_key()).unwrap(),
            artefact
        );
    }
}

#[test]
fn whatever_was_changed_is_refused_with_its_reason() {
    let bytes = artefact(ModelKind::Logistic, 1).encode(&key()).unwrap();
    let decode = |bytes: &[u8]| Artefact::decode(bytes, &key().public_key()).unwrap_err();
    for index in (0..bytes.len()).step_by(37) {
        let mut changed = bytes.clone();
        changed[index] ^= 4;
        decode(&changed);
    }
    let flip = |index: usize| {
        let mut changed = bytes.clone();
        changed[index] ^= 4;
        decode(&changed)
    };
    assert!(matches!(flip(0), ArtefactError::Truncated));
    assert!(matches!(flip(40), ArtefactError::Checksum));
    assert!(matches!(flip(bytes.len() - 80), ArtefactError::Checksum));
    assert!(matches!(flip(bytes.len() - 1), ArtefactError::Signature));
    for length in [0, 7, 8, 11, 12, 100, bytes.len() - 97, bytes.len() - 1] {
        assert!(
            matches!(decode(&bytes[..length]), ArtefactError::Truncated),
            "{length}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(decode(&longer), ArtefactError::Truncated));
    let stranger = SecretKey::from_seed(&[8; 32]).public_key();
    assert!(matches!(
        Artefact::decode(&bytes, &stranger),
        Err(ArtefactError::Signature)
    ));
    let huge = vec![0; ARTEFACT_MAX_BYTES + 1];
    assert!(matches!(decode(&huge), ArtefactError::Oversized(_)));
}

#[test]
fn what_is_signed_but_not_for_this_program_is_refused() {
    type Change = fn(&mut serde_json::Value);
    let bytes = artefact(ModelKind::Logistic, 1).encode(&key()).unwrap();
    let cases: [(&str, Change); 7] = [
        ("has format 2", |h| h["format"] = 2.into()),
        ("`format` is missing", |h| h["format"] = "new".into()),
        ("features version 999", |h| {
            h["feature_schema_version"] = 999.into();
        }),
        ("export features and train again", |h| {
            h["features"][0] = "other".into();
        }),
        ("in another order", |h| {
            h["features"].as_array_mut().unwrap().swap(0, 1);
        }),
        ("header says forest", |h| h["kind"] = "forest".into()),
        ("header cannot be read", |h| h["kind"] = "magic".into()),
    ];
    for (reason, change) in cases {
        let changed = with_header(&bytes, change);
        let error = Artefact::decode(&changed, &key().public_key()).unwrap_err();
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    assert!(Artefact::decode(&with_header(&bytes, |_| ()), &key().public_key()).is_ok());
}

#[test]
fn a_file_is_old_or_new_and_never_longer_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.aim");
    write_file(&path, b"old").unwrap();
    write_file(&path, b"newer").unwrap();
    assert_eq!(read_file(&path, 5).unwrap(), b"newer");
    assert!(matches!(
        read_file(&path, 4),
        Err(ArtefactError::Oversized(5))
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // What a crash in the middle of writing leaves.
    std::fs::write(folder.path().join("model.aim.new"), b"hal").unwrap();
    assert_eq!(read_file(&path, 5).unwrap(), b"newer");
    write_file(&path, b"last").unwrap();
    assert_eq!(read_file(&path, 5).unwrap(), b"last");
}
