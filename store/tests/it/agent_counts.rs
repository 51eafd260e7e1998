//! How many agents there are, as it is kept and as it is.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_store::PageRequest;
use aim_store::agents::AgentFilter;

use crate::scene::Scene;

crate::on_both!(
    kept_counts_follow_every_change,
    merging_changes_no_count_and_loses_none_that_come_meanwhile,
);

/// Total of a list, and how many rows it really has.
async fn counted(scene: &Scene, filter: &AgentFilter) -> anyhow::Result<(u64, u64)> {
    let (mut rows, mut after) = (0, None);
    loop {
        let page = PageRequest::new(Some(100), after, None, None)?;
        let scope = scene.ours.scope;
        let page = scene.store.list_agents(scope, filter, page).await?;
        rows += page.items.len() as u64;
        after = page.items.last().map(|it| it.id.as_uuid());
        if !page.has_next {
            return Ok((page.total, rows));
        }
    }
}

async fn are(scene: &Scene, live: u64, suspended: u64, deleted: u64) -> anyhow::Result<()> {
    let by_status = |status| AgentFilter {
        status: Some(status),
        ..AgentFilter::default()
    };
    let of_type = AgentFilter {
        agent_type: Some(AgentType::McpClient),
        ..by_status(AgentStatus::Suspended)
    };
    let gone = AgentFilter {
        is_deleted: true,
        ..AgentFilter::default()
    };
    for (filter, wanted) in [
        (AgentFilter::default(), live),
        (by_status(AgentStatus::Suspended), suspended),
        (of_type, 0),
        (gone, deleted),
    ] {
        let found = counted(scene, &filter).await?;
        assert_eq!(found, (wanted, wanted), "{filter:?}");
    }
    Ok(())
}

async fn register(scene: &Scene, numbers: std::ops::Range<u128>) -> anyhow::Result<()> {
    let mut tx = scene.store.begin().await?;
    for number in numbers {
        tx.insert_agent(&scene.ours.agent(0x2000 + number)).await?;
    }
    Ok(tx.commit().await?)
}

async fn kept_counts_follow_every_change(scene: &Scene) -> anyhow::Result<()> {
    are(scene, 1, 0, 0).await?;
    register(scene, 0..3).await?;
    are(scene, 4, 0, 0).await?;
    let agent = scene.ours.agent(0x2000);
    // What is rolled back was never counted.
    for commits in [false, true] {
        let mut tx = scene.store.begin().await?;
        let to = AgentStatus::Suspended;
        let moved = tx.update_status(agent.id, agent.status, to, None, "test");
        assert!(moved.await?);
        if commits {
            tx.commit().await?;
        } else {
            drop(tx);
            are(scene, 4, 0, 0).await?;
        }
    }
    are(scene, 4, 1, 0).await?;
    let mut tx = scene.store.begin().await?;
    tx.delete_agent(agent.id).await?;
    tx.commit().await?;
    are(scene, 3, 0, 1).await
}

async fn merging_changes_no_count_and_loses_none_that_come_meanwhile(
    scene: &Scene,
) -> anyhow::Result<()> {
    let merge = async || -> anyhow::Result<()> {
        let mut tx = scene.store.begin().await?;
        tx.merge_agent_counts().await?;
        Ok(tx.commit().await?)
    };
    for round in 0..4 {
        let numbers = round * 100..(round + 1) * 100;
        let (registered, first, second) = tokio::join!(register(scene, numbers), merge(), merge());
        registered.and(first).and(second)?;
        let found = counted(scene, &AgentFilter::default()).await?;
        let wanted = u64::try_from(round)? * 100 + 101;
        assert_eq!(found, (wanted, wanted));
    }
    merge().await?;
    are(scene, 401, 0, 0).await
}
