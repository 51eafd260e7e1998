//! Lists by page: nothing twice, nothing left out, in both directions, however equal the rows.

use std::cell::Cell;

use aim_domain::id::AgentId;
use aim_store::PageRequest;
use aim_store::agents::AgentFilter;
use uuid::Uuid;

use crate::scene::{Scene, Tenant};

crate::on_both!(
    every_page_size_gives_the_whole_list_both_ways,
    new_rows_disturb_no_page_that_was_read,
);

/// All of one transaction: the same time, ids in no order.
async fn fill(scene: &Scene, count: u128) -> anyhow::Result<Vec<AgentId>> {
    let mut tx = scene.store.begin().await?;
    let mut ids = Vec::new();
    for number in 0..count {
        let agent = scene.ours.agent(0x1000 + number * 7 % count);
        tx.insert_agent(&agent).await?;
        ids.push(agent.id);
    }
    tx.commit().await?;
    ids.push(scene.ours.agent);
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

async fn walk(
    scene: &Scene,
    tenant: &Tenant,
    size: i32,
    forward: bool,
) -> anyhow::Result<Vec<AgentId>> {
    let (mut all, mut cursor): (Vec<AgentId>, Option<Uuid>) = (Vec::new(), None);
    let total = Cell::new(None);
    loop {
        let request = if forward {
            PageRequest::new(Some(size), cursor, None, None)?
        } else {
            PageRequest::new(None, None, Some(size), cursor)?
        };
        let filter = AgentFilter::default();
        let page = scene
            .store
            .list_agents(tenant.scope, &filter, request)
            .await?;
        let (before, more) = if forward {
            (page.has_previous, page.has_next)
        } else {
            (page.has_next, page.has_previous)
        };
        assert_eq!(before, cursor.is_some());
        assert!(
            total
                .replace(Some(page.total))
                .is_none_or(|it| it == page.total)
        );
        let ids: Vec<_> = page.items.iter().map(|agent| agent.id).collect();
        assert!(
            ids.len() <= usize::try_from(size)?,
            "{} of {size}",
            ids.len()
        );
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
        if forward {
            cursor = ids.last().map(AgentId::as_uuid);
            all.extend(ids);
        } else {
            cursor = ids.first().map(AgentId::as_uuid);
            all.splice(0..0, ids);
        }
        if !more {
            assert_eq!(total.get(), Some(all.len() as u64));
            return Ok(all);
        }
    }
}

async fn every_page_size_gives_the_whole_list_both_ways(scene: &Scene) -> anyhow::Result<()> {
    let ids = fill(scene, 29).await?;
    for size in [1, 2, 7, 10, 29, 30, 31, 100] {
        for forward in [true, false] {
            let found = walk(scene, &scene.ours, size, forward).await?;
            assert_eq!(found, ids, "pages of {size}, forward: {forward}");
        }
    }
    assert_eq!(
        walk(scene, &scene.theirs, 5, true).await?,
        [scene.theirs.agent]
    );
    // No rows are asked for: none come, and what there is is still counted.
    let page = PageRequest::new(Some(0), None, None, None)?;
    let page = scene
        .store
        .list_agents(scene.ours.scope, &AgentFilter::default(), page)
        .await?;
    assert_eq!((page.items.len(), page.total, page.has_next), (0, 30, true));
    // A filter is a list of its own.
    let filter = AgentFilter {
        search: Some("twi".to_owned()),
        ..AgentFilter::default()
    };
    let page = PageRequest::new(Some(5), None, None, None)?;
    let page = scene
        .store
        .list_agents(scene.ours.scope, &filter, page)
        .await?;
    assert_eq!(
        (page.items[0].id, page.total, page.has_next),
        (scene.ours.agent, 1, false)
    );
    Ok(())
}

async fn new_rows_disturb_no_page_that_was_read(scene: &Scene) -> anyhow::Result<()> {
    let ids = fill(scene, 9).await?;
    let (store, scope, filter) = (&scene.store, scene.ours.scope, AgentFilter::default());
    let first = PageRequest::new(Some(4), None, None, None)?;
    let first = store.list_agents(scope, &filter, first).await?;
    let mut tx = store.begin().await?;
    tx.insert_agent(&scene.ours.agent(0x9000)).await?;
    tx.commit().await?;
    let cursor = first.items.last().map(|agent| agent.id.as_uuid());
    let second = PageRequest::new(Some(4), cursor, None, None)?;
    let second = store.list_agents(scope, &filter, second).await?;
    let found: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|agent| agent.id)
        .collect();
    assert_eq!(found, ids[..8]);
    Ok(())
}
