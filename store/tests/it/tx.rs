//! State, audit entries and events of a transaction are kept together or not at all.

use aim_domain::action::{ObservedAction, Outcome, classify};
use aim_domain::id::EventId;
use aim_domain::name::{ActionName, Resource};
use aim_entities::activity;
use aim_store::StoreError;
use sea_orm::{EntityTrait, QueryOrder};
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    what_is_not_committed_never_was,
    a_commit_that_fails_keeps_nothing,
    a_commit_keeps_everything,
    an_activity_is_written_once,
    what_an_activity_leaves_out_stays_out,
);

async fn what_is_not_committed_never_was(scene: &Scene) -> anyhow::Result<()> {
    let (ours, before) = (scene.ours, scene.recorded().await?);
    let agent = ours.agent(0x100);
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    tx.audit(ours.audit(1));
    tx.emit(&ours.event(1));
    drop(tx);
    assert_eq!(scene.store.find_agent(ours.scope, agent.id).await?, None);
    assert_eq!(scene.recorded().await?, before);
    // The connection is good for the next one.
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    Ok(tx.commit().await?)
}

async fn a_commit_that_fails_keeps_nothing(scene: &Scene) -> anyhow::Result<()> {
    let ours = scene.ours;
    let mut tx = scene.store.begin().await?;
    tx.audit(ours.audit(1));
    tx.commit().await?;
    let before = scene.recorded().await?;
    let agent = ours.agent(0x100);
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    tx.emit(&ours.event(1));
    tx.audit(ours.audit(2));
    // There is one with this id: found at the commit only.
    tx.audit(ours.audit(1));
    let outcome = tx.commit().await;
    assert!(
        matches!(outcome, Err(StoreError::Duplicate(_))),
        "{outcome:?}"
    );
    assert_eq!(scene.store.find_agent(ours.scope, agent.id).await?, None);
    assert_eq!(scene.recorded().await?, before);
    Ok(())
}

async fn a_commit_keeps_everything(scene: &Scene) -> anyhow::Result<()> {
    let ours = scene.ours;
    let (events, entries) = scene.recorded().await?;
    let agent = ours.agent(0x100);
    let mut tx = scene.store.begin().await?;
    tx.insert_agent(&agent).await?;
    for number in 1..=3 {
        tx.audit(ours.audit(number));
        tx.emit(&ours.event(number));
    }
    tx.commit().await?;
    let found = scene.store.find_agent(ours.scope, agent.id).await?;
    assert_eq!(found, Some(agent));
    assert_eq!(scene.recorded().await?, (events + 3, entries + 3));
    Ok(())
}

fn action(tenant: &Tenant, number: u128) -> anyhow::Result<Box<ObservedAction>> {
    Ok(Box::new(ObservedAction {
        event: EventId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: tenant.agent,
        time: now(),
        action: ActionName::parse("files:read")?,
        resource: None,
        session: None,
        task: None,
        outcome: Outcome::Ok,
        declared_risk: None,
        granted: None,
        location: None,
        class: classify("files:read"),
        bytes: None,
        is_open_world: false,
        server: None,
        trace: None,
    }))
}

async fn an_activity_is_written_once(scene: &Scene) -> anyhow::Result<()> {
    let ours = scene.ours;
    // More than one statement holds.
    let all: Vec<_> = (1..=2_600)
        .map(|it| action(&ours, it))
        .collect::<Result<_, _>>()?;
    let mut tx = scene.store.begin().await?;
    tx.insert_activities(&all).await?;
    tx.commit().await?;
    assert_eq!(scene.store.count_activities(ours.scope).await?, 2_600);
    // Somebody applies one that is new and one that is not: neither is kept.
    for number in [1, 2_600] {
        let again = [action(&ours, 9_000)?, action(&ours, number)?];
        let mut tx = scene.store.begin().await?;
        tx.emit(&ours.event(1));
        let outcome = tx.insert_activities(&again).await;
        assert!(
            matches!(outcome, Err(StoreError::Conflict(_))),
            "{outcome:?}"
        );
        drop(tx);
    }
    assert_eq!(scene.store.count_activities(ours.scope).await?, 2_600);
    assert_eq!(scene.recorded().await?.0, 0);
    let asked = [1, 9_000, 2_600, 9_001].map(|it| EventId::from_uuid(Uuid::from_u128(it)));
    let applied = scene.store.find_applied(&asked).await?;
    assert_eq!(applied, [asked[0], asked[2]].into());
    assert!(scene.store.find_applied(&[]).await?.is_empty());
    Ok(())
}

async fn what_an_activity_leaves_out_stays_out(scene: &Scene) -> anyhow::Result<()> {
    let ours = scene.ours;
    let texts = [
        None,
        Some(""),
        Some("="),
        Some("NULL"),
        Some("été, 'x' \"y\""),
    ];
    let all: Vec<_> = (1..)
        .zip(texts)
        .map(|(number, text)| {
            let mut action = action(&ours, number)?;
            action.resource = text.and_then(|text| Resource::parse(text).ok());
            action.session = text.map(str::to_owned);
            action.task = text.map(|text| format!("{text}{text}"));
            Ok(action)
        })
        .collect::<anyhow::Result<_>>()?;
    let mut tx = scene.store.begin().await?;
    tx.insert_activities(&all).await?;
    tx.commit().await?;
    let written = activity::Entity::find()
        .order_by_asc(activity::Column::EventId)
        .all(scene.store.reader())
        .await?;
    assert_eq!(written.len(), all.len());
    for (row, action) in written.iter().zip(&all) {
        let resource = action.resource.as_ref().map(Resource::as_str);
        assert_eq!(row.resource.as_deref(), resource);
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        assert_eq!(row.session, given(&action.session));
        assert_eq!(row.task, given(&action.task));
        assert_eq!((row.event_time, row.is_write), (action.time, false));
    }
    Ok(())
}
