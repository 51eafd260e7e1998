//! Agents found by text: the same ones, in the same order, as by looking at each.

use aim_domain::agent::{AgentStatus, AgentType};
use aim_store::PageRequest;
use aim_store::agents::{Agent, AgentFilter, AgentOrder, AgentOrderField};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::scene::Scene;

crate::on_both!(
    few_and_many_are_found_in_every_order,
    what_was_found_before_is_forgotten_with_every_change,
    texts_are_found_as_they_stand,
    merging_and_writing_at_once_lose_no_change,
);

/// More than are kept by their ids.
const AGENTS: u128 = 2_100;

const ORDERS: [AgentOrderField; 4] = [
    AgentOrderField::CreatedAt,
    AgentOrderField::Name,
    AgentOrderField::LastSeenAt,
    AgentOrderField::Trust,
];

fn searching(text: &str) -> AgentFilter {
    AgentFilter {
        search: Some(text.to_owned()),
        ..AgentFilter::default()
    }
}

/// All names that a filter lets through, page by page, and the total that each page says.
async fn all(
    scene: &Scene,
    filter: &AgentFilter,
    (size, forward): (i32, bool),
) -> anyhow::Result<Vec<String>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    let mut totals = Vec::new();
    loop {
        let page = match forward {
            true => PageRequest::new(Some(size), cursor, None, None)?,
            false => PageRequest::new(None, None, Some(size), cursor)?,
        };
        let page = scene
            .store
            .list_agents(scene.ours.scope, filter, page)
            .await?;
        totals.push(page.total);
        let names = page.items.iter().map(|it| it.name.clone());
        if forward {
            found.extend(names);
            cursor = page.items.last().map(|it| it.id.as_uuid());
        } else {
            found.splice(0..0, names);
            cursor = page.items.first().map(|it| it.id.as_uuid());
        }
        let more = if forward {
            page.has_next
        } else {
            page.has_previous
        };
        if !more {
            let total = u64::try_from(found.len())?;
            assert!(
                totals.iter().all(|it| *it == total),
                "{filter:?}: {totals:?}"
            );
            return Ok(found);
        }
    }
}

async fn fill(scene: &Scene) -> anyhow::Result<Vec<Agent>> {
    let mut agents = Vec::new();
    let mut tx = scene.store.begin().await?;
    for number in 0..AGENTS {
        let mut agent = scene.ours.agent(0x10_000 + number);
        // Names in another order than ages.
        agent.name = format!("fleet-{:04}", (number * 11) % AGENTS);
        agent.display_name = if number % 700 == 3 { "Rare One" } else { "One" }.to_owned();
        if number % 2 == 1 {
            agent.agent_type = AgentType::Workflow;
        }
        tx.insert_agent(&agent).await?;
        agents.push(agent);
    }
    tx.commit().await?;
    Ok(agents)
}

async fn few_and_many_are_found_in_every_order(scene: &Scene) -> anyhow::Result<()> {
    let agents = fill(scene).await?;
    for text in ["FLEET", "rare", "fleet-0042", "nobody"] {
        let wanted: Vec<&Agent> = agents
            .iter()
            .filter(|it| {
                let texts = format!("{}\n{}", it.name, it.display_name);
                texts.to_lowercase().contains(&text.to_lowercase())
            })
            .collect();
        for field in ORDERS {
            for is_ascending in [true, false] {
                let order = AgentOrder {
                    field,
                    is_ascending,
                };
                let filter = AgentFilter {
                    order,
                    ..searching(text)
                };
                // Nobody has acted and nobody has a score: those orders are by age.
                let mut names: Vec<_> = wanted.iter().map(|it| it.name.clone()).collect();
                if field == AgentOrderField::Name {
                    names.sort();
                }
                if !is_ascending {
                    names.reverse();
                }
                for forward in [true, false] {
                    let found = all(scene, &filter, (97, forward)).await?;
                    assert_eq!(found, names, "{text}, {order:?}, forward: {forward}");
                }
            }
        }
        let typed = AgentFilter {
            agent_type: Some(AgentType::Workflow),
            status: Some(AgentStatus::Verified),
            ..searching(text)
        };
        let wanted = wanted.iter().filter(|it| {
            it.agent_type == AgentType::Workflow && it.status == AgentStatus::Verified
        });
        assert_eq!(all(scene, &typed, (100, true)).await?.len(), wanted.count());
    }
    Ok(())
}

async fn what_was_found_before_is_forgotten_with_every_change(scene: &Scene) -> anyhow::Result<()> {
    let found = async |text: &str| all(scene, &searching(text), (10, true)).await;
    assert!(found("weather").await?.is_empty());
    let mut agent = scene.ours.agent(0x3000);
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    agent.description = "Reads the weather".to_owned();
    assert!(found("weather").await?.is_empty());
    assert!(tx.update_agent(&agent).await?);
    tx.commit().await?;
    assert_eq!(found("WEATHER").await?, [agent.name.clone()]);
    // Another organization's is not there.
    let page = PageRequest::new(Some(10), None, None, None)?;
    let theirs = scene.theirs.scope;
    let page = scene
        .store
        .list_agents(theirs, &searching("weather"), page)
        .await?;
    assert_eq!((page.items.len(), page.total), (0, 0));

    let suspended = AgentFilter {
        status: Some(AgentStatus::Suspended),
        ..searching("weather")
    };
    assert!(all(scene, &suspended, (10, true)).await?.is_empty());
    for commits in [false, true] {
        let mut tx = scene.store.begin().await?;
        let to = AgentStatus::Suspended;
        assert!(
            tx.update_status(agent.id, agent.status, to, None, "test")
                .await?
        );
        if commits {
            tx.commit().await?;
        } else {
            drop(tx);
            assert!(all(scene, &suspended, (10, true)).await?.is_empty());
        }
    }
    assert_eq!(
        all(scene, &suspended, (10, true)).await?,
        [agent.name.clone()]
    );

    let mut tx = scene.store.begin().await?;
    tx.delete_agent(agent.id).await?;
    tx.commit().await?;
    assert!(found("weather").await?.is_empty());
    let gone = AgentFilter {
        is_deleted: true,
        ..searching("weather")
    };
    assert_eq!(all(scene, &gone, (10, true)).await?, [agent.name.clone()]);
    Ok(())
}

async fn texts_are_found_as_they_stand(scene: &Scene) -> anyhow::Result<()> {
    let mut agent = scene.ours.agent(0x3000);
    agent.name = "a_b".to_owned();
    agent.display_name = "100% C\\D".to_owned();
    agent.description = "line\nof \u{fc}ber".to_owned();
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    tx.commit().await?;
    let long = "x".repeat(5_000);
    for (text, count) in [
        ("A_B", 1),
        ("a%b", 0),
        ("aXb", 0),
        ("100% c\\d", 1),
        ("100%%", 0),
        ("line\nof \u{fc}", 1),
        // Not from the end of one text into the next.
        ("a_b100", 0),
        ("a_b\u{1f}100", 0),
        ("a_b\0", 0),
        ("", 2),
        (&long, 0),
    ] {
        let found = all(scene, &searching(text), (10, true)).await?;
        assert_eq!(found.len(), count, "{text:?}");
    }
    // With what the narrow rows do not have.
    let tagged = AgentFilter {
        tag: Some("none".to_owned()),
        ..searching("a_b")
    };
    assert!(all(scene, &tagged, (10, true)).await?.is_empty());
    Ok(())
}

async fn merging_and_writing_at_once_lose_no_change(scene: &Scene) -> anyhow::Result<()> {
    let merge = async || -> anyhow::Result<()> {
        let mut tx = scene.store.begin().await?;
        tx.merge_agent_counts().await?;
        Ok(tx.commit().await?)
    };
    let register = async |round: u128| -> anyhow::Result<()> {
        let mut tx = scene.store.begin().await?;
        for number in round * 50..(round + 1) * 50 {
            tx.insert_agent(&scene.ours.agent(0x4000 + number)).await?;
        }
        Ok(tx.commit().await?)
    };
    let before = all(scene, &searching("agent-"), (100, true)).await?.len();
    for round in 0..4 {
        let (first, second, third) = tokio::join!(register(round), merge(), merge());
        first.and(second).and(third)?;
        let found = all(scene, &searching("agent-"), (100, true)).await?.len();
        let written = (usize::try_from(round)? + 1) * 50;
        assert_eq!(found, before + written);
    }
    Ok(())
}

/// More than whose ids are kept, of which 11,111 begin with a 2 and one is the last.
const MANY: &str = "INSERT INTO agents SELECT (jsonb_populate_record(first, jsonb_build_object(
    'id', ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'name', 'large-' || n,
    'trust_score', n % 100, 'last_seen_at', timestamptz '2026-01-01Z' + n * interval '1 second'))).*
  FROM (SELECT agents AS first FROM agents ORDER BY id LIMIT 1) AS one, generate_series(1, 29999) AS n";

async fn large_lists_are_right(scene: &Scene, has_trigrams: bool) -> anyhow::Result<()> {
    let database = scene.store.writer();
    let index = "SELECT 1 FROM pg_indexes WHERE indexname = 'agent_texts_trigrams_idx'";
    let index = Statement::from_string(DbBackend::Postgres, index);
    assert_eq!(database.query_one_raw(index).await?.is_some(), has_trigrams);
    database.execute_unprepared(MANY).await?;
    for (text, total, newest) in [
        ("large", 29_999, "large-29999"),
        ("LARGE-2", 11_111, "large-29999"),
        ("large-11", 1_111, "large-11999"),
        ("-29999", 1, "large-29999"),
        ("ge", 29_999, "large-29999"),
        ("xx", 0, ""),
        ("large_2", 0, ""),
    ] {
        for field in ORDERS {
            let order = AgentOrder {
                field,
                is_ascending: false,
            };
            let filter = AgentFilter {
                order,
                ..searching(text)
            };
            let page = PageRequest::new(Some(2), None, None, None)?;
            let ours = scene.ours.scope;
            // Asked again it is remembered.
            for _ in 0..2 {
                let page = scene.store.list_agents(ours, &filter, page).await?;
                assert_eq!(page.total, total, "{text}, {field:?}");
                let first = page.items.first().map_or("", |it| it.name.as_str());
                match field {
                    AgentOrderField::CreatedAt | AgentOrderField::LastSeenAt => {
                        assert_eq!(first, newest, "{text}, {field:?}");
                    }
                    AgentOrderField::Name | AgentOrderField::Trust => {
                        assert!(first.contains(&text.to_lowercase()) || total == 0);
                    }
                }
                assert_eq!(page.has_next, total > 2, "{text}, {field:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_lists_are_right_by_trigrams() -> anyhow::Result<()> {
    large_lists_are_right(&Scene::postgresql().await?, true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn large_lists_are_right_for_an_owner_who_may_create_no_extension() -> anyhow::Result<()> {
    large_lists_are_right(&Scene::postgresql_without_extensions().await?, false).await
}
