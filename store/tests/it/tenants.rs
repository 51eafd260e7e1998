//! What one tenant owns does not exist for the other, whichever finder is asked.

use aim_domain::alert::{AlertStatus, Incident};
use aim_domain::anomaly::{AnomalyKind, Finding, Severity};
use aim_domain::capability::{CapabilityGrant, Pattern};
use aim_domain::id::{
    AlertId, AnomalyId, CapabilityGrantId, DeadLetterId, EventId, TrustSnapshotId,
};
use aim_domain::trust::TrustScore;
use aim_eventlog::{Partition, Topic};
use aim_store::agents::AgentFilter;
use aim_store::alerts::{Alert, AlertFilter};
use aim_store::anomalies::{Anomaly, AnomalyFilter};
use aim_store::audit::AuditFilter;
use aim_store::dead_letters::NewDeadLetter;
use aim_store::grants::GrantRecord;
use aim_store::trust::TrustSnapshot;
use aim_store::verifications::VerificationFilter;
use aim_store::{PageRequest, Store};
use uuid::Uuid;

use crate::decisions::decision;
use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    each_tenant_sees_its_own_only,
    nobody_revokes_a_grant_of_another_tenant
);

/// The number that makes all ids of a tenant's rows.
const fn mark(is_ours: bool) -> u128 {
    if is_ours { 0x11 } else { 0x22 }
}

pub(crate) fn finding(number: u128) -> Finding {
    Finding {
        kind: AnomalyKind::RateSpike,
        severity: Severity::High,
        score: 0.5,
        summary: "many".to_owned(),
        evidence: Vec::new(),
        event: EventId::from_uuid(Uuid::from_u128(number)),
        time: now(),
        policies: Vec::new(),
    }
}

pub(crate) fn alert(tenant: &Tenant, number: u128) -> Alert {
    Alert {
        id: AlertId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: tenant.agent,
        status: AlertStatus::Open,
        incident: Incident {
            kind: AnomalyKind::RateSpike,
            kinds: vec![AnomalyKind::RateSpike],
            severity: Severity::High,
            summary: "many".to_owned(),
            evidence: Vec::new(),
            anomaly_count: 1,
            first_event_time: now(),
            last_event_time: now(),
        },
        dedup_key: number.to_string(),
        created_at: now(),
        updated_at: now(),
        assignee: None,
        assigned_at: None,
        acknowledged_by: None,
        acknowledged_at: None,
        resolved_by: None,
        resolved_at: None,
        verdict: None,
        mcp_server: None,
    }
}

fn grant(tenant: &Tenant, number: u128) -> anyhow::Result<GrantRecord> {
    Ok(GrantRecord {
        organization: tenant.organization,
        agent: tenant.agent,
        grant: CapabilityGrant {
            id: CapabilityGrantId::from_uuid(Uuid::from_u128(number)),
            capability: Pattern::capability("files:*")?,
            resource: None,
            expires_at: None,
        },
        granted_by: "user:1".to_owned(),
        reason: None,
        created_at: now(),
        revoked_at: None,
        revoked_by: None,
    })
}

/// One row of everything for a tenant.
async fn fill(store: &Store, tenant: &Tenant, number: u128) -> anyhow::Result<()> {
    store.write_decisions(&[decision(tenant, number)]).await?;
    let mut tx = store.begin().await?;
    tx.insert_grant(&grant(tenant, number)?).await?;
    tx.insert_alerts(&[&alert(tenant, number)]).await?;
    let anomaly = Anomaly {
        id: AnomalyId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: tenant.agent,
        alert: None,
        suppression: None,
        finding: finding(number),
        trace_id: None,
        created_at: now(),
    };
    tx.insert_anomalies(&[anomaly]).await?;
    let snapshot = TrustSnapshot {
        id: TrustSnapshotId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: tenant.agent,
        score: None,
        confidence: TrustScore::default(),
        sample_count: 0,
        factors: Vec::new(),
        event_time: now(),
        created_at: now(),
    };
    tx.insert_trust_snapshots(&[snapshot]).await?;
    let letter = NewDeadLetter {
        id: DeadLetterId::from_uuid(Uuid::from_u128(number)),
        organization: Some(tenant.organization),
        partition: Partition {
            topic: Topic::Actions,
            number: 0,
        },
        position: 0,
        reason: "EVENT_INVALID".to_owned(),
        detail: "bad".to_owned(),
        payload: vec![0],
        signature: None,
    };
    let nobodys = NewDeadLetter {
        id: DeadLetterId::from_uuid(Uuid::from_u128(number + 1)),
        organization: None,
        ..letter.clone()
    };
    tx.insert_dead_letters(&[letter, nobodys]).await?;
    Ok(tx.commit().await?)
}

/// What `tenant` finds of the rows whose ids are made of `number` and are about `about`.
async fn found(
    store: &Store,
    tenant: &Tenant,
    about: &Tenant,
    number: u128,
) -> anyhow::Result<Vec<(&'static str, bool)>> {
    let (scope, id) = (tenant.scope, Uuid::from_u128(number));
    let agents = [about.agent];
    Ok(vec![
        (
            "agent",
            store.find_agent(scope, about.agent).await?.is_some(),
        ),
        (
            "agents",
            !store.load_agents(scope, &agents).await?.is_empty(),
        ),
        (
            "verification",
            store
                .find_verification(scope, decision(about, number).verification.id)
                .await?
                .is_some(),
        ),
        (
            "alert",
            store
                .find_alert(scope, AlertId::from_uuid(id))
                .await?
                .is_some(),
        ),
        (
            "snapshot",
            store
                .find_trust_snapshot(scope, TrustSnapshotId::from_uuid(id))
                .await?
                .is_some(),
        ),
        (
            "grant",
            store
                .find_grant(scope, CapabilityGrantId::from_uuid(id))
                .await?
                .is_some(),
        ),
    ])
}

/// How many rows of each list `tenant` sees when it asks for those about `about`.
async fn listed(
    store: &Store,
    tenant: &Tenant,
    about: &Tenant,
) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let (scope, agent) = (tenant.scope, Some(about.agent));
    let page = PageRequest::new(Some(100), None, None, None)?;
    let verifications = VerificationFilter {
        agent,
        ..VerificationFilter::default()
    };
    let alerts = AlertFilter {
        agent,
        ..AlertFilter::default()
    };
    let anomalies = AnomalyFilter {
        agent,
        ..AnomalyFilter::default()
    };
    let entries = AuditFilter {
        actor_id: Some(about.agent.to_string()),
        ..AuditFilter::default()
    };
    Ok(vec![
        (
            "verifications",
            store
                .list_verifications(scope, &verifications, page)
                .await?
                .total,
        ),
        (
            "alerts",
            store.list_alerts(scope, &alerts, page).await?.total,
        ),
        (
            "anomalies",
            store.list_anomalies(scope, &anomalies, page).await?.total,
        ),
        (
            "snapshots",
            store
                .list_trust_snapshots(scope, about.agent, page)
                .await?
                .total,
        ),
        (
            "audit",
            store.list_audit(scope, &entries, page).await?.total,
        ),
    ])
}

async fn each_tenant_sees_its_own_only(scene: &Scene) -> anyhow::Result<()> {
    let (store, tenants) = (&scene.store, [scene.ours, scene.theirs]);
    for (tenant, is_ours) in tenants.iter().zip([true, false]) {
        fill(store, tenant, mark(is_ours)).await?;
    }
    for tenant in &tenants {
        for (about, is_ours) in tenants.iter().zip([true, false]) {
            let own = tenant.organization == about.organization;
            for (what, is_found) in found(store, tenant, about, mark(is_ours)).await? {
                assert_eq!(is_found, own, "{what}");
            }
            for (what, count) in listed(store, tenant, about).await? {
                assert_eq!(count, u64::from(own), "{what}");
            }
        }
        let page = PageRequest::new(Some(100), None, None, None)?;
        let agents = store
            .list_agents(tenant.scope, &AgentFilter::default(), page)
            .await?;
        assert_eq!(agents.total, 1);
        assert_eq!(agents.items[0].id, tenant.agent);
        let letters = store.list_dead_letters(tenant.scope, None, page).await?;
        assert_eq!(letters.total, 1, "nobody's are nobody's");
        assert_eq!(store.count_activities(tenant.scope).await?, 0);
    }
    Ok(())
}

async fn nobody_revokes_a_grant_of_another_tenant(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let record = grant(&ours, 5)?;
    let mut tx = store.begin().await?;
    tx.insert_grant(&record).await?;
    assert!(
        !tx.revoke_grant(theirs.scope, record.grant.id, "user:2")
            .await?
    );
    tx.commit().await?;
    assert_eq!(
        store.list_grants(&[ours.agent]).await?,
        std::slice::from_ref(&record)
    );
    let mut tx = store.begin().await?;
    assert!(
        tx.revoke_grant(ours.scope, record.grant.id, "user:1")
            .await?
    );
    assert!(
        !tx.revoke_grant(ours.scope, record.grant.id, "user:1")
            .await?
    );
    tx.commit().await?;
    assert_eq!(store.list_grants(&[ours.agent]).await?, []);
    Ok(())
}
