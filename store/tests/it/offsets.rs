//! A consumer group moves on only from where it was.

use aim_eventlog::{Partition, Topic};
use aim_store::offsets::ConsumerOffset;
use aim_store::{Store, StoreError};

use crate::scene::Scene;

crate::on_both!(
    a_position_moves_from_where_it_was_only,
    of_two_who_move_one_position_one_fails,
);

const PARTITION: Partition = Partition {
    topic: Topic::Actions,
    number: 3,
};

fn at(next: i64) -> ConsumerOffset {
    ConsumerOffset {
        partition: PARTITION,
        next,
        origin: next * 2,
        applied: next.unsigned_abs(),
        duplicates: 2,
        dead_letters: 1,
    }
}

async fn advance(
    store: &Store,
    group: &str,
    from: &ConsumerOffset,
    to: &ConsumerOffset,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.advance_offset(group, from, to).await?;
    tx.commit().await
}

async fn a_position_moves_from_where_it_was_only(scene: &Scene) -> anyhow::Result<()> {
    let store = &scene.store;
    let start = ConsumerOffset::start(PARTITION);
    assert_eq!(store.list_offsets("a").await?, []);
    advance(store, "a", &start, &at(5)).await?;
    assert_eq!(store.list_offsets("a").await?, [at(5)]);
    for (from, to) in [(start, at(3)), (at(3), at(9)), (at(9), at(10))] {
        let outcome = advance(store, "a", &from, &to).await;
        assert!(
            matches!(outcome, Err(StoreError::Conflict(_))),
            "{from:?}: {outcome:?}"
        );
        assert_eq!(store.list_offsets("a").await?, [at(5)]);
    }
    advance(store, "a", &at(5), &at(9)).await?;
    // Another group and another partition have positions of their own.
    advance(store, "b", &start, &at(2)).await?;
    let other = Partition {
        number: 4,
        ..PARTITION
    };
    let moved = ConsumerOffset {
        partition: other,
        ..at(1)
    };
    advance(store, "a", &ConsumerOffset::start(other), &moved).await?;
    let mut found = store.list_offsets("a").await?;
    found.sort_by_key(|offset| offset.partition);
    assert_eq!(found, [at(9), moved]);
    assert_eq!(store.list_offsets("b").await?, [at(2)]);
    Ok(())
}

/// The loser's other writes are not kept either.
async fn of_two_who_move_one_position_one_fails(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let mut from = ConsumerOffset::start(PARTITION);
    for round in 1..=10 {
        let to = at(i64::from(round));
        let race = async |number: u32| {
            let agent = ours.agent(0x1000 + u128::from(round * 2 + number));
            let mut tx = store.begin().await?;
            tx.advance_offset("a", &from, &to).await?;
            tx.insert_agent(&agent).await?;
            tx.emit(&ours.event(u128::from(round)));
            tx.commit().await
        };
        let (one, two) = tokio::join!(race(0), race(1));
        let failed: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert!(
            matches!(failed[..], [StoreError::Conflict(_)]),
            "round {round}: {failed:?}"
        );
        assert_eq!(scene.recorded().await?.0, u64::from(round));
        from = to;
    }
    assert_eq!(store.list_offsets("a").await?, [at(10)]);
    Ok(())
}
