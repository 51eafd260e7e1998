//! Positions, indexes, tiles, filters, erasing: on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use aim_domain::audit::{AuditField, Hash, Seed, TileId, Tiles, leaf_hash, root_of};
use aim_entities::audit_entry;
use aim_store::audit::{AuditFilter, NewAuditEntry};
use aim_store::audit_log::record_of;
use aim_store::audit_retention::LegalHold;
use aim_store::audit_sequencer::{NewCheckpoint, NewLeaf, Sequenced};
use aim_store::audit_stops::AuditStop;
use aim_store::{Backend, PageRequest, Store};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, TransactionTrait};
use uuid::Uuid;

use crate::on_both;
use crate::scene::{Scene, Tenant, now};

on_both!(
    entries_that_commit_late_are_not_passed_over,
    who_reads_a_round_first_writes_it,
    a_log_stands_still_and_goes_on,
    leaves_and_tiles_come_back_as_they_were,
    every_filter_filters_and_counts,
    erasing_keeps_the_leaf_and_a_hold_stops_it,
);

async fn write(store: &Store, entries: Vec<NewAuditEntry>) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    entries.into_iter().for_each(|it| tx.audit(it));
    Ok(tx.commit().await?)
}

/// A transaction that has inserted its entry and not committed holds the next one back, so that a
/// reader of positions never sees the later one alone.
async fn entries_that_commit_late_are_not_passed_over(scene: &Scene) -> anyhow::Result<()> {
    let store = &scene.store;
    if store.backend() == Backend::Sqlite {
        // One writer: there is no later one before the commit.
        return Ok(());
    }
    let insert = |number: u128| {
        format!(
            "INSERT INTO audit_entries (id, organization_id, actor_type, actor_id, action, \
             object_type, object_id, request_id, created_at) VALUES ('{}', '{}', 'user', 'u', 'a', \
             't', 'o', 'r', now())",
            Uuid::from_u128(number),
            scene.ours.organization
        )
    };
    let early = store.writer().begin().await?;
    early.execute_unprepared(&insert(1)).await?;
    let late = {
        let (store, statement) = (store.clone(), insert(2));
        tokio::spawn(async move { store.writer().execute_unprepared(&statement).await })
    };
    // Whatever the later one does, it must not be seen before the earlier.
    for _ in 0..20 {
        assert_eq!(store.list_unsequenced(0, 10).await?.len(), 0);
        tokio::task::yield_now().await;
    }
    early.commit().await?;
    late.await??;
    let seen = store.list_unsequenced(0, 10).await?;
    let ids: Vec<_> = seen
        .iter()
        .map(|it| it.entry.id.as_uuid().as_u128())
        .collect();
    assert_eq!(ids, [1, 2]);
    Ok(())
}

async fn who_reads_a_round_first_writes_it(scene: &Scene) -> anyhow::Result<()> {
    let store = &scene.store;
    let advance = async |round: i64, to: i64| {
        let mut tx = store.begin().await?;
        let moved = tx.advance_audit(round, to).await?;
        tx.commit().await?;
        anyhow::Ok(moved)
    };
    assert!(advance(0, 7).await?);
    assert!(!advance(0, 9).await?, "somebody wrote since");
    assert!(advance(1, 7).await?, "nothing but the round may move");
    assert!(!advance(1, 9).await?, "nor is that passed over");
    assert!(advance(2, 9).await?);
    let progress = store.get_audit_progress().await?;
    assert_eq!((progress.round, progress.position), (3, 9));
    Ok(())
}

/// One log stands still at a position, which moves and then is gone; others know nothing of it.
async fn a_log_stands_still_and_goes_on(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    write(store, vec![ours.audit(1), ours.audit(2), ours.audit(3)]).await?;
    write(store, vec![scene.theirs.audit(4)]).await?;
    let stop = AuditStop {
        organization: ours.organization,
        position: 1,
        reason: "its tiles are gone".to_owned(),
        stopped_at: now(),
    };
    let again = AuditStop {
        position: 99,
        ..stop.clone()
    };
    let mut tx = store.begin().await?;
    tx.insert_audit_stop(&stop).await?;
    tx.insert_audit_stop(&again).await?;
    tx.commit().await?;
    assert_eq!(store.find_audit_stop(ours.scope).await?, Some(stop.clone()));
    assert_eq!(store.find_audit_stop(scene.theirs.scope).await?, None);
    let waiting = store
        .list_unsequenced_of(ours.organization, 1, 3, 10)
        .await?;
    let positions: Vec<_> = waiting.iter().map(|it| it.position).collect();
    assert_eq!(positions, [2, 3]);
    let mut tx = store.begin().await?;
    tx.move_audit_stop(ours.organization, Some(2)).await?;
    tx.commit().await?;
    assert_eq!(store.list_audit_stops().await?[0].position, 2);
    let mut tx = store.begin().await?;
    tx.move_audit_stop(ours.organization, None).await?;
    tx.commit().await?;
    assert_eq!(store.list_audit_stops().await?, []);
    Ok(())
}

/// Gives everything that waits an index, as the sequencer does.
async fn sequence(scene: &Scene, number: u64) -> anyhow::Result<Vec<Hash>> {
    let store = &scene.store;
    let progress = store.get_audit_progress().await?;
    let position = progress.position;
    let waiting = store.list_unsequenced(position, 10_000).await?;
    let organization = scene.ours.organization;
    let tree = store.find_audit_tree(scene.ours.scope).await?;
    let mut size = tree.map_or(0, |it| it.size);
    let wanted: Vec<_> = TileId::unfinished(size)
        .into_iter()
        .map(|it| (organization, it))
        .collect();
    let mut tiles = store.load_audit_tiles(&wanted).await?;
    let mut tiles = tiles.remove(&organization).unwrap_or_default();
    let (mut round, mut hashes) = (Sequenced::default(), Vec::new());
    for it in &waiting {
        let seed = Seed::from_bytes([7; 32]);
        let hash = record_of(organization, size, it.entry.clone(), &seed).leaf_hash();
        tiles.append(hash, size);
        hashes.push(hash);
        round.leaves.push(NewLeaf {
            organization,
            index: size,
            entry: it.entry.id,
            hash,
            seed,
        });
        size += 1;
    }
    let changed = tiles.changed();
    round.tiles = changed
        .map(|(id, bytes)| (organization, id, bytes))
        .collect();
    round.checkpoints.push(NewCheckpoint {
        id: Uuid::from_u128(u128::from(number)),
        organization,
        number,
        size,
        root: root_of(size, &tiles)?,
        note: format!("note {number}"),
    });
    let mut tx = store.begin().await?;
    let last = waiting.last().map_or(position, |it| it.position);
    assert!(tx.advance_audit(progress.round, last).await?);
    tx.write_sequenced(&round).await?;
    tx.commit().await?;
    Ok(hashes)
}

async fn leaves_and_tiles_come_back_as_they_were(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let mut all = Vec::new();
    for (round, count) in [(1_u64, 250_u128), (2, 10), (3, 300)] {
        let first = u128::from(round) * 1_000;
        let entries = (first..first + count).map(|it| ours.audit(it)).collect();
        write(store, entries).await?;
        all.extend(sequence(scene, round).await?);
    }
    let size = all.len() as u64;
    let mut whole = Tiles::default();
    for (index, hash) in (0..).zip(&all) {
        whole.append(*hash, index);
    }
    let newest = store
        .find_audit_checkpoint(ours.scope, None)
        .await?
        .unwrap();
    assert_eq!((newest.number, newest.size), (3, size));
    assert_eq!(newest.root, root_of(size, &whole)?);
    let at = store
        .find_audit_checkpoint(ours.scope, Some(260))
        .await?
        .unwrap();
    assert_eq!((at.number, at.note.as_str()), (2, "note 2"));
    assert_eq!(
        store.find_audit_checkpoint(ours.scope, Some(261)).await?,
        None
    );
    let mut from = 0;
    while from < size {
        let leaves = store.list_audit_leaves(ours.scope, from, 200).await?;
        for leaf in &leaves {
            let record = leaf.record.as_ref().unwrap();
            assert_eq!((leaf.index, record.leaf_hash()), (from, leaf.hash));
            from += 1;
        }
    }
    // Nothing of it is the other tenant's.
    assert_eq!(
        store.list_audit_leaves(scene.theirs.scope, 0, 10).await?,
        []
    );
    assert_eq!(
        store
            .find_audit_checkpoint(scene.theirs.scope, None)
            .await?,
        None
    );
    Ok(())
}

async fn every_filter_filters_and_counts(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let agent = ours.agent;
    let mut entries: Vec<_> = (1..=30).map(|it| ours.audit(it)).collect();
    for entry in &mut entries[..3] {
        entry.actor_type = "user";
        entry.actor_id = "somebody".to_owned();
        entry.action = "agent.suspend";
        entry.object_type = "agent";
        entry.object_id = agent.to_string();
        entry.request_id = "one request".to_owned();
    }
    // The same id, of a user that is no agent.
    entries[3].actor_type = "user";
    entries[3].object_id = agent.to_string();
    write(store, entries).await?;
    write(store, vec![scene.theirs.audit(99)]).await?;
    let (ours_id, theirs_id) = (agent, scene.theirs.agent);
    let later = now() + TimeDelta::seconds(1);
    let text = |it: &str| Some(it.to_owned());
    let cases: [(AuditFilter, u64); 13] = [
        (filter(|_| {}), 30),
        (filter(|it| it.actor_id = text("somebody")), 3),
        (filter(|it| it.action = text("agent.suspend")), 3),
        (filter(|it| it.action = text("agent.susp")), 0),
        (filter(|it| it.object_type = text("agent")), 3),
        (filter(|it| it.object_id = text(&agent.to_string())), 4),
        (filter(|it| it.request_id = text("one request")), 3),
        (filter(|it| it.agent = Some(ours_id)), 30 - 1),
        (filter(|it| it.agent = Some(theirs_id)), 0),
        (filter(|it| it.from = Some(now())), 30),
        (filter(|it| it.from = Some(later)), 0),
        (filter(|it| it.until = Some(now())), 0),
        (filter(|it| it.until = Some(later)), 30),
    ];
    for (filter, expected) in cases {
        let page = PageRequest::new(Some(2), None, None, None)?;
        let found = store.list_audit(ours.scope, &filter, page).await?;
        assert_eq!(found.total, expected, "{filter:?}");
        assert_eq!(found.items.len() as u64, expected.min(2), "{filter:?}");
    }
    Ok(())
}

fn filter(set: impl FnOnce(&mut AuditFilter)) -> AuditFilter {
    let mut filter = AuditFilter::default();
    set(&mut filter);
    filter
}

async fn erase(scene: &Scene, fields: &[AuditField]) -> anyhow::Result<Option<u64>> {
    let ours: Tenant = scene.ours;
    let mut tx = scene.store.begin().await?;
    if !tx.lock_audit_erasing(ours.organization, None).await? {
        return Ok(None);
    }
    let leaves = tx.list_audit_leaves(ours.organization, 0, 100).await?;
    let fields: BTreeSet<_> = fields.iter().copied().collect();
    let targets: Vec<_> = leaves.iter().map(|it| (it, fields.clone())).collect();
    let count = tx.erase_audit_fields(ours.organization, &targets).await?;
    tx.commit().await?;
    Ok(Some(count))
}

async fn erasing_keeps_the_leaf_and_a_hold_stops_it(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let mut entry = ours.audit(1);
    entry.reason = Some("because of Ada".to_owned());
    entry.after = Some(serde_json::json!({ "name": "Ada" }));
    write(store, vec![entry, ours.audit(2)]).await?;
    let hashes = sequence(scene, 1).await?;
    let hold = LegalHold {
        reason: "a case".to_owned(),
        engaged_by: "user:1".to_owned(),
        engaged_at: now(),
    };
    let mut tx = store.begin().await?;
    assert!(tx.put_audit_hold(ours.organization, Some(&hold)).await?);
    assert!(!tx.put_audit_hold(ours.organization, Some(&hold)).await?);
    tx.commit().await?;
    assert_eq!(erase(scene, &[AuditField::Reason]).await?, None, "held");
    let mut tx = store.begin().await?;
    assert!(tx.put_audit_hold(ours.organization, None).await?);
    tx.commit().await?;
    // One field after another, and once more.
    for (fields, expected) in [
        (vec![AuditField::Reason], 2),
        (vec![AuditField::Reason, AuditField::After], 2),
        (vec![AuditField::After], 0),
    ] {
        assert_eq!(erase(scene, &fields).await?, Some(expected), "{fields:?}");
        let leaves = store.list_audit_leaves(ours.scope, 0, 10).await?;
        for (leaf, hash) in leaves.iter().zip(&hashes) {
            assert_eq!(
                leaf.record.as_ref().unwrap().leaf_hash(),
                *hash,
                "{fields:?}"
            );
        }
    }
    let rows = audit_entry::Entity::find()
        .order_by_asc(audit_entry::Column::Position)
        .all(store.reader())
        .await?;
    assert_eq!((&rows[0].reason, &rows[0].after), (&None, &None));
    assert_eq!(
        rows[0].actor_id,
        ours.agent.to_string(),
        "what was not named stays"
    );
    let leaf = store.load_audit_leaves(&[ours.audit(1).id]).await?;
    let leaf = leaf.values().next().unwrap();
    assert_eq!(leaf.erased, [AuditField::After, AuditField::Reason]);
    assert_ne!(leaf.hash, leaf_hash(b""));
    Ok(())
}
