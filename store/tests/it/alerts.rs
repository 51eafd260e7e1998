//! Incidents under way, and the findings of an alert.

use aim_domain::alert::{AlertStatus, Incident};
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_domain::id::{AgentId, AlertId, AnomalyId};
use aim_store::alerts::Alert;
use aim_store::anomalies::{Anomaly, AnomalyFilter};
use aim_store::{PageRequest, Store};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::scene::{Scene, now};
use crate::tenants::{alert, finding};

crate::on_both!(
    incidents_under_way_are_those_unresolved_and_near,
    what_newer_findings_change_is_kept,
    the_findings_of_an_alert_are_listed
);

async fn under_way(store: &Store, agents: &[AgentId]) -> anyhow::Result<Vec<AlertId>> {
    let tx = store.begin().await?;
    let found = tx.find_unresolved_alerts(agents, now()).await?;
    Ok(found.iter().map(|alert| alert.id).collect())
}

async fn incidents_under_way_are_those_unresolved_and_near(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let near = alert(&ours, 1);
    let mut far = alert(&ours, 2);
    far.incident.last_event_time = now() - TimeDelta::seconds(1);
    let resolved = alert(&ours, 3);
    let foreign = alert(&theirs, 4);
    let mut tx = store.begin().await?;
    tx.insert_alerts(&[&near, &far, &resolved, &foreign])
        .await?;
    let status = AlertStatus::Resolved;
    tx.update_alert_status(resolved.id, status, None, "user:1")
        .await?;
    tx.commit().await?;
    assert_eq!(under_way(store, &[]).await?, []);
    assert_eq!(under_way(store, &[ours.agent]).await?, [near.id]);
    let both = [ours.agent, theirs.agent];
    assert_eq!(under_way(store, &both).await?, [near.id, foreign.id]);
    Ok(())
}

async fn what_newer_findings_change_is_kept(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let (mut changed, other) = (alert(&ours, 1), alert(&ours, 2));
    let mut tx = store.begin().await?;
    tx.insert_alerts(&[&changed, &other]).await?;
    tx.commit().await?;
    changed.incident = Incident {
        kind: AnomalyKind::NewDomain,
        kinds: vec![AnomalyKind::RateSpike, AnomalyKind::NewDomain],
        severity: Severity::Critical,
        summary: "worse".to_owned(),
        evidence: Vec::new(),
        anomaly_count: 7,
        first_event_time: now() - TimeDelta::minutes(5),
        last_event_time: now() + TimeDelta::minutes(5),
    };
    let mut tx = store.begin().await?;
    tx.update_alert_findings(&changed).await?;
    tx.commit().await?;
    for wanted in [&changed, &other] {
        let found = store.find_alert(ours.scope, wanted.id).await?;
        assert_eq!(found.as_ref(), Some(wanted));
    }
    Ok(())
}

fn anomaly(scene: &Scene, number: u128, of: Option<&Alert>) -> Anomaly {
    Anomaly {
        id: AnomalyId::from_uuid(Uuid::from_u128(number)),
        organization: scene.ours.organization,
        agent: scene.ours.agent,
        alert: of.map(|alert| alert.id),
        suppression: None,
        finding: finding(number),
        trace_id: of.map(|_| "0af7651916cd43dd8448eb211c80319c".to_owned()),
        created_at: now(),
    }
}

async fn the_findings_of_an_alert_are_listed(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let (first, second) = (alert(&ours, 1), alert(&ours, 2));
    let anomalies = [
        anomaly(scene, 1, Some(&first)),
        anomaly(scene, 2, None),
        anomaly(scene, 3, Some(&second)),
        anomaly(scene, 4, Some(&first)),
    ];
    let mut tx = store.begin().await?;
    tx.insert_alerts(&[&first, &second]).await?;
    tx.insert_anomalies(&anomalies).await?;
    tx.commit().await?;
    let filter = AnomalyFilter {
        alert: Some(first.id),
        ..AnomalyFilter::default()
    };
    let page = PageRequest::new(Some(10), None, None, None)?;
    let found = store.list_anomalies(ours.scope, &filter, page).await?;
    assert_eq!(found.items, [anomalies[3].clone(), anomalies[0].clone()]);
    let foreign = store.list_anomalies(theirs.scope, &filter, page).await?;
    assert_eq!(foreign.total, 0);
    Ok(())
}
