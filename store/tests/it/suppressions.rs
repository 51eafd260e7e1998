//! Suppressions: which count, whose they are, and taking one back once.

use aim_domain::anomaly::AnomalyKind;
use aim_domain::id::{AlertSuppressionId, UserId};
use aim_domain::suppression::AlertSuppression;
use aim_store::PageRequest;
use aim_store::alerts::AlertFilter;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};
use crate::tenants::alert;

crate::on_both!(live_ones_count, an_alert_has_one_assignee);

fn suppression(tenant: &Tenant, number: u128, life: TimeDelta) -> AlertSuppression {
    AlertSuppression {
        id: AlertSuppressionId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: number.is_multiple_of(2).then_some(tenant.agent),
        kind: (!number.is_multiple_of(2)).then_some(AnomalyKind::NewDomain),
        reason: "why".to_owned(),
        created_by: "user:1".to_owned(),
        created_at: now(),
        expires_at: now() + life,
        withdrawn_at: None,
    }
}

async fn live_ones_count(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let first = suppression(&ours, 1, TimeDelta::hours(1));
    let second = suppression(&ours, 2, TimeDelta::hours(1));
    let over = suppression(&ours, 3, TimeDelta::zero());
    let foreign = suppression(&theirs, 4, TimeDelta::hours(1));
    let mut tx = store.begin().await?;
    for new in [&first, &second, &over, &foreign] {
        tx.insert_suppression(new).await?;
    }
    tx.commit().await?;

    let mut tx = store.begin().await?;
    let organizations = [ours.organization];
    let mut live = tx.list_live_suppressions(&organizations).await?;
    live.sort_by_key(|it| it.id);
    assert_eq!(live, [first.clone(), second.clone()]);
    assert!(!tx.withdraw_suppression(theirs.scope, first.id).await?);
    assert!(tx.withdraw_suppression(ours.scope, first.id).await?);
    assert!(!tx.withdraw_suppression(ours.scope, first.id).await?);
    tx.commit().await?;

    let page = PageRequest::new(Some(10), None, None, None)?;
    let live = store.list_suppressions(ours.scope, true, page).await?;
    assert_eq!(live.items, std::slice::from_ref(&second));
    let all = store.list_suppressions(ours.scope, false, page).await?;
    assert_eq!(all.total, 3);
    let found = store.find_suppression(ours.scope, first.id).await?;
    assert_eq!(found.and_then(|it| it.withdrawn_at), Some(now()));
    let found = store.find_suppression(theirs.scope, first.id).await?;
    assert_eq!(found, None);
    Ok(())
}

async fn an_alert_has_one_assignee(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let (given, other) = (alert(&ours, 1), alert(&ours, 2));
    let person = UserId::from_uuid(Uuid::from_u128(9));
    let mut tx = store.begin().await?;
    tx.insert_alerts(&[&given, &other]).await?;
    assert!(tx.update_alert_assignee(given.id, Some(person)).await?);
    tx.commit().await?;
    let filter = AlertFilter {
        assignee: Some(person),
        ..AlertFilter::default()
    };
    let page = PageRequest::new(Some(10), None, None, None)?;
    let found = store.list_alerts(ours.scope, &filter, page).await?;
    assert_eq!(found.total, 1);
    assert_eq!(found.items[0].id, given.id);
    assert_eq!(found.items[0].assigned_at, Some(now()));
    let mut tx = store.begin().await?;
    assert!(tx.update_alert_assignee(given.id, None).await?);
    tx.commit().await?;
    let found = store.find_alert(ours.scope, given.id).await?;
    assert_eq!(found, Some(given));
    Ok(())
}
