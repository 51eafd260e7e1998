//! Models: numbers, tenants, names that two people move at once, and counts by place.

use aim_domain::id::{AgentId, ModelMoveId, ModelVersionId};
use aim_domain::model::{ModelAlias, ModelMove, Served, Serving, Shadow, before};
use aim_store::models::{ModelSigner, ModelVersion};
use aim_store::{PageRequest, StoreError};
use serde_json::json;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    versions_are_numbered_and_a_tenants_own,
    a_name_moves_once_at_a_time,
    counts_add_up_over_places
);

fn version(tenant: &Tenant, number: i32) -> ModelVersion {
    let id = tenant.organization.as_uuid().as_u128() * 100 + u128::from(number.unsigned_abs());
    ModelVersion {
        id: ModelVersionId::from_uuid(Uuid::from_u128(id)),
        organization: tenant.organization,
        number,
        kind: "forest".to_owned(),
        feature_schema_version: 1,
        data_sha256: "data".to_owned(),
        auc: Some(0.75),
        header: json!({ "kind": "forest" }),
        sha256: format!("{number}"),
        byte_count: 3,
        signer: "key".to_owned(),
        published_by: "user:1".to_owned(),
        created_at: now(),
    }
}

async fn versions_are_numbered_and_a_tenants_own(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let signer = ModelSigner {
        organization: ours.organization,
        public_key: "first".to_owned(),
        pinned_by: "user:1".to_owned(),
        pinned_at: now(),
    };
    let mut tx = store.begin().await?;
    assert_eq!(tx.next_model_number(ours.organization).await?, 1);
    for number in [1, 2] {
        let version = version(&ours, number);
        tx.insert_model_version(&version, vec![1, 2, 3]).await?;
    }
    tx.insert_model_version(&version(&theirs, 1), vec![4])
        .await?;
    assert_eq!(tx.next_model_number(ours.organization).await?, 3);
    tx.insert_model_signer(&signer).await?;
    tx.commit().await?;

    let second = version(&ours, 2);
    let found = store.find_model_number(ours.scope, 2).await?;
    assert_eq!(found, Some(second.clone()));
    let found = store.find_model_sha256(ours.scope, "2").await?;
    assert_eq!(found, Some(second.clone()));
    assert_eq!(store.find_model_number(theirs.scope, 2).await?, None);
    assert_eq!(
        store.find_model_version(theirs.scope, second.id).await?,
        None
    );
    let bytes = store.load_model_artefact(second.id).await?;
    assert_eq!(bytes, Some(vec![1, 2, 3]));
    let page = PageRequest::new(Some(1), None, None, None)?;
    let page = store.list_model_versions(ours.scope, page).await?;
    assert_eq!((page.total, page.items), (2, vec![second]));

    let mut tx = store.begin().await?;
    let twice = tx.insert_model_version(&version(&ours, 2), vec![]).await;
    assert!(matches!(twice, Err(StoreError::Duplicate(_))), "{twice:?}");
    drop(tx);
    let other = ModelSigner {
        public_key: "second".to_owned(),
        ..signer.clone()
    };
    let mut tx = store.begin().await?;
    let twice = tx.insert_model_signer(&other).await;
    assert!(matches!(twice, Err(StoreError::Duplicate(_))), "{twice:?}");
    drop(tx);
    let mut tx = store.begin().await?;
    tx.upsert_model_signer(&other).await?;
    tx.commit().await?;
    assert_eq!(store.find_model_signer(ours.scope).await?, Some(other));
    assert_eq!(store.find_model_signer(theirs.scope).await?, None);
    Ok(())
}

fn change(number: i64, to: Option<i32>) -> ModelMove {
    ModelMove {
        id: ModelMoveId::from_uuid(Uuid::from_u128(u128::from(number.unsigned_abs()))),
        number,
        alias: ModelAlias::Champion,
        from: None,
        to,
        is_rollback: false,
        is_forced: false,
        by: "user:1".to_owned(),
        reason: "why".to_owned(),
        at: now(),
    }
}

async fn a_name_moves_once_at_a_time(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let organization = ours.organization;
    let mut tx = store.begin().await?;
    assert_eq!(tx.load_serving(organization).await?, Serving::default());
    assert_eq!(tx.next_move_number(organization).await?, 1);
    tx.move_model(organization, &change(1, Some(1)), 0).await?;
    tx.commit().await?;
    let mut tx = store.begin().await?;
    tx.move_model(organization, &change(2, Some(2)), 1).await?;
    tx.commit().await?;

    // Whoever looked before the second move is too late.
    let mut tx = store.begin().await?;
    let late = tx.move_model(organization, &change(3, Some(3)), 1).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    drop(tx);
    let served = Served {
        version: 2,
        since_move: 2,
    };
    let serving = Serving {
        champion: Some(served),
        challenger: None,
    };
    assert_eq!(store.load_serving(organization).await?, serving);
    let theirs = store.load_serving(scene.theirs.organization).await?;
    assert_eq!(theirs, Serving::default());
    let tx = store.begin().await?;
    let moves = tx
        .load_model_moves(organization, ModelAlias::Champion)
        .await?;
    assert_eq!(moves, [change(1, Some(1)), change(2, Some(2))]);
    assert_eq!(before(&moves), Some(Some(1)));
    drop(tx);
    let page = PageRequest::new(Some(10), None, None, None)?;
    let page = store.list_model_moves(ours.scope, page).await?;
    assert_eq!(page.total, 2);
    Ok(())
}

async fn counts_add_up_over_places(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let theirs = scene.theirs.organization;
    let agent = AgentId::from_uuid(Uuid::from_u128(5));
    let seen = |times: u32| {
        let mut seen = Shadow::default();
        for _ in 0..times {
            seen.champion.count(0.5, true);
            seen.window.count(agent, true);
        }
        seen
    };
    let serving = Serving {
        champion: Some(Served {
            version: 1,
            since_move: 1,
        }),
        challenger: None,
    };
    let mut expected = 0;
    for (place, times) in [("actions/0", 3), ("actions/1", 4), ("actions/0", 10_000)] {
        let mut tx = store.begin().await?;
        let seen = [
            (ours.organization, serving, seen(times)),
            (theirs, Serving::default(), seen(1)),
        ];
        let all = tx.add_shadows(place, &seen).await?;
        tx.commit().await?;
        expected += u64::from(times);
        assert_eq!(all[0].champion.flagged, expected);
        assert_eq!(all[0].window.actions, expected);
    }
    // The full window has ended, the other one has not, and what was counted stays.
    let shadow = store.load_shadow(ours.scope, serving).await?;
    assert_eq!(shadow.champion.scored, expected);
    assert_eq!(shadow.champion.bins[10], expected);
    assert_eq!(shadow.window.actions, 4);
    let none = store.load_shadow(scene.theirs.scope, serving).await?;
    assert_eq!(none, Shadow::default());
    let theirs = scene.theirs.scope;
    let theirs = store.load_shadow(theirs, Serving::default()).await?;
    assert_eq!(theirs.champion.scored, 3);
    Ok(())
}
