//! Models at work: what they find, counted once whatever happens, and taken back when they are bad.

use std::sync::Arc;

use aim_domain::anomaly::AnomalyKind;
use aim_domain::id::{ModelMoveId, ModelVersionId};
use aim_domain::model::{ModelAlias, ModelMove, Serving, Shadow};
use aim_domain::signature::SecretKey;
use aim_ml_models::artefact::{ARTEFACT_FORMAT, Artefact, Header};
use aim_ml_models::model::{Model, OnnxModel, Rows};
use aim_ml_models::{FEATURE_NAMES, FEATURE_SCHEMA_VERSION};
use aim_store::PageRequest;
use aim_store::models::{ModelSigner, ModelVersion};
use aim_tests::LogisticFile;
use serde_json::json;
use uuid::Uuid;

use crate::clock::beginning;
use crate::faults::{Fate, Step};
use crate::lives::{read_in_order, read_through};
use crate::outcome::{applied, counts, outcome};
use crate::sent::{SENDERS, Sent, write};
use crate::site::{Site, organization_id};

/// Seed of the key that signs models.
const SIGNER: [u8; 32] = [9; 32];

/// A logistic regression over one feature that flags what is above `fine`.
fn model(feature: &str, fine: f64) -> anyhow::Result<Model> {
    let weights = FEATURE_NAMES.map(|name| if name == feature { 1.0 } else { 0.0 });
    let file = LogisticFile {
        features: FEATURE_NAMES.to_vec(),
        schema_version: FEATURE_SCHEMA_VERSION.into(),
        seed: 1,
        weights: weights.to_vec(),
        intercept: 0.0,
    };
    let mut held_out = Rows::new(weights.len())?;
    for index in 0..400 {
        let is_risk = index % 2 == 0;
        let value = if is_risk { fine + 1.0 } else { fine };
        let row = weights.map(|weight| f64::from(weight) * value);
        // Labels are never quite right.
        held_out.push(&row, Some(is_risk || index % 41 == 0))?;
    }
    Ok(OnnxModel::parse(&file.to_bytes())?.into_model(&held_out)?)
}

fn artefact(model: Model) -> anyhow::Result<Vec<u8>> {
    let header = Header {
        format: ARTEFACT_FORMAT,
        kind: model.kind(),
        feature_schema_version: FEATURE_SCHEMA_VERSION,
        features: FEATURE_NAMES.map(str::to_owned).to_vec(),
        data_sha256: String::new(),
        rows: 400,
        positives: 200,
        negatives: 200,
        seed: 1,
        metrics: None,
        created_at: beginning(),
        parameters: serde_json::Map::new(),
    };
    Ok(Artefact { header, model }.encode(&SecretKey::from_seed(&SIGNER))?)
}

/// Publishes models of the first organization as versions 1, 2, …
async fn publish(site: &Site, models: Vec<Vec<u8>>) -> anyhow::Result<()> {
    let mut tx = site.store().await?.begin().await?;
    let organization = organization_id(0);
    let signer = SecretKey::from_seed(&SIGNER).public_key().to_base64url();
    tx.insert_model_signer(&ModelSigner {
        organization,
        public_key: signer.clone(),
        pinned_by: "user:1".to_owned(),
        pinned_at: beginning(),
    })
    .await?;
    for (number, bytes) in (1_i32..).zip(models) {
        let version = ModelVersion {
            id: ModelVersionId::from_uuid(Uuid::from_u128(u128::from(number.unsigned_abs()))),
            organization,
            number,
            kind: "logistic".to_owned(),
            feature_schema_version: i32::from(FEATURE_SCHEMA_VERSION),
            data_sha256: String::new(),
            auc: None,
            header: json!({}),
            sha256: number.to_string(),
            byte_count: 0,
            signer: signer.clone(),
            published_by: "user:1".to_owned(),
            created_at: beginning(),
        };
        tx.insert_model_version(&version, bytes).await?;
    }
    Ok(tx.commit().await?)
}

/// Moves names of the first organization.
async fn promote(site: &Site, moves: &[(ModelAlias, i32)]) -> anyhow::Result<()> {
    let organization = organization_id(0);
    for (alias, version) in moves {
        let mut tx = site.store().await?.begin().await?;
        let before = tx.load_model_moves(organization, *alias).await?;
        let number = tx.next_move_number(organization).await?;
        let change = ModelMove {
            id: ModelMoveId::from_uuid(Uuid::from_u128(u128::from(number.unsigned_abs()))),
            number,
            alias: *alias,
            from: before.last().and_then(|last| last.to),
            to: Some(*version),
            is_rollback: false,
            is_forced: false,
            by: "user:1".to_owned(),
            reason: "a test".to_owned(),
            at: beginning(),
        };
        let expected = before.last().map_or(0, |last| last.number);
        tx.move_model(organization, &change, expected).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Rounds of one action of each sender; every 80th round writes.
fn story(rounds: usize) -> Vec<Sent> {
    let all = (0..rounds).flat_map(|round| (0..SENDERS).map(move |agent| (round, agent)));
    all.map(|(round, agent)| Sent::Action {
        agent,
        seconds: 20,
        action: if round % 80 == 79 {
            "files:write"
        } else {
            "files:read"
        },
        ok: true,
    })
    .collect()
}

async fn seen(site: &Site) -> anyhow::Result<(Serving, Shadow)> {
    let store = site.store().await?;
    let serving = store.load_serving(organization_id(0)).await?;
    let shadow = store.load_shadow(Site::scopes()[0], serving).await?;
    Ok((serving, shadow))
}

async fn moves(site: &Site) -> anyhow::Result<Vec<ModelMove>> {
    let page = PageRequest::new(Some(100), None, None, None)?;
    let found = site.store().await?;
    let found = found.list_model_moves(Site::scopes()[0], page).await?;
    Ok(found.items)
}

/// Without the times that every run measures anew.
fn timeless(mut shadow: Shadow) -> Shadow {
    shadow.champion.nanos = 0;
    shadow.challenger.nanos = 0;
    shadow
}

async fn scored(steps: Option<&[Step]>) -> anyhow::Result<(Arc<Site>, Shadow)> {
    let site = Arc::new(Site::new().await?);
    let models = vec![
        artefact(model("is_write", 0.0)?)?,
        artefact(model("first_seen_resource", 0.0)?)?,
    ];
    publish(&site, models).await?;
    let both = [(ModelAlias::Champion, 1), (ModelAlias::Challenger, 2)];
    promote(&site, &both).await?;
    let post = write(&site, &story(90), true);
    let log = post.to_log(&site).await?;
    match steps {
        Some(steps) => {
            let fate = Fate::new(steps.iter().copied());
            read_through(&site, &log, &post.origins, &fate).await?;
        }
        None => read_in_order(&site, &log, &post.origins).await?,
    }
    let (_, shadow) = seen(&site).await?;
    Ok((site, timeless(shadow)))
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_count_nothing_twice_and_change_no_finding() {
    let steps = [
        Step::Batch(30),
        Step::Death(12),
        Step::DeathAfterCommit,
        Step::Redeliver(9),
        Step::Overtaken(2),
        Step::Rebalance(0b11_1111),
        Step::Death(3),
        Step::DeathAfterCommit,
    ];
    let (calm, wanted) = scored(None).await.unwrap();
    let (disturbed, found) = scored(Some(&steps)).await.unwrap();
    // Three of the four senders are of the organization, the fourth has no models.
    assert_eq!(wanted.champion.scored, 3 * 90);
    assert_eq!((wanted.champion.flagged, wanted.champion.errors), (3, 0));
    assert_eq!(wanted.challenger.scored, 3 * 90);
    assert_eq!(wanted.window.actions, 3 * 90);
    // Sums of fractions depend on the order of adding in their last bits.
    assert!((found.champion.sum - wanted.champion.sum).abs() < 1e-9);
    assert_eq!(found.champion.bins, wanted.champion.bins);
    assert_eq!(found.challenger.bins, wanted.challenger.bins);
    assert_eq!(found.window, wanted.window);
    let (wanted, found) = (
        outcome(&calm).await.unwrap(),
        outcome(&disturbed).await.unwrap(),
    );
    assert_eq!(found, wanted);
    let risks = wanted.agents.values().flat_map(|known| &known.findings);
    let risks: Vec<_> = risks
        .filter(|(finding, _)| finding.kind == AnomalyKind::ModelRisk)
        .collect();
    assert_eq!(risks.len(), 3);
    for (finding, is_alert) in risks {
        assert!(!is_alert, "{finding:?}");
        assert!(
            finding.summary.contains("model v1 (logistic)"),
            "{finding:?}"
        );
        assert!(
            finding.evidence[1].label.contains("`is_write`"),
            "{finding:?}"
        );
    }
}

/// Reads everything with `bad` as champion after a good one; all events have to be applied.
async fn with_bad_champion(bad: Vec<u8>) -> anyhow::Result<(Arc<Site>, Vec<ModelMove>)> {
    let site = Arc::new(Site::new().await?);
    publish(&site, vec![artefact(model("is_write", 0.0)?)?, bad]).await?;
    let moved = [(ModelAlias::Champion, 1), (ModelAlias::Champion, 2)];
    promote(&site, &moved).await?;
    let post = write(&site, &story(220), true);
    let log = post.to_log(&site).await?;
    let steps = [Step::Batch(30), Step::DeathAfterCommit, Step::Redeliver(9)];
    read_through(&site, &log, &post.origins, &Fate::new(steps)).await?;
    let total = post.records.len() as u64;
    let found = counts(&site).await?;
    anyhow::ensure!(
        found.applied == total && found.dead_letters == 0,
        "{found:?}"
    );
    let done = applied(&site, &post.timely).await?;
    anyhow::ensure!(done.len() as u64 == total, "{} of {total}", done.len());
    let moves = moves(&site).await?;
    Ok((site, moves))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_that_flags_everything_is_taken_back_once_and_the_one_before_serves() {
    let bad = artefact(model("actions_1h", 0.0).unwrap()).unwrap();
    let (site, moves) = with_bad_champion(bad).await.unwrap();
    assert_eq!(moves.len(), 3, "{moves:?}");
    let back = &moves[0];
    assert_eq!(
        (back.from, back.to, back.is_rollback),
        (Some(2), Some(1), true)
    );
    assert_eq!(back.by, "system:stream");
    assert!(back.reason.contains("flags"), "{back:?}");
    let (serving, shadow) = seen(&site).await.unwrap();
    assert_eq!(serving.champion.map(|it| it.version), Some(1));
    assert!(shadow.champion.scored > 0 && shadow.champion.errors == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_that_cannot_be_loaded_loses_no_event_and_is_taken_back() {
    let mut bad = artefact(model("is_write", 0.0).unwrap()).unwrap();
    let last = bad.len() - 100;
    bad[last] ^= 1;
    let (_, moves) = with_bad_champion(bad).await.unwrap();
    assert_eq!(moves.len(), 3, "{moves:?}");
    assert_eq!((moves[0].from, moves[0].to), (Some(2), Some(1)));
    assert!(moves[0].reason.contains("could not be scored"), "{moves:?}");
}
