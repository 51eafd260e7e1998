//! A group of decisions: each is new, has a used nonce, or has a used idempotency key.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::event::{NewEvent, VerificationRecorded};
use aim_domain::id::VerificationId;
use aim_domain::name::ActionName;
use aim_domain::risk::RiskLevel;
use aim_domain::trust::TrustScore;
use aim_domain::verification::{Decision, Reason, ReasonCode};
use aim_store::decisions::{DecisionRecord, Written};
use aim_store::verifications::{UsedNonce, Verification, VerificationFilter};
use aim_store::{PageRequest, Store};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    a_nonce_is_good_once_for_its_key,
    an_idempotency_key_names_one_verification_of_its_agent,
    everything_that_was_decided_is_kept,
    a_large_group_is_written_in_order,
);

/// A decision about `tenant`'s agent; numbers make it different from all others.
pub(crate) fn decision(tenant: &Tenant, number: u128) -> DecisionRecord {
    let verification = Verification {
        id: VerificationId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        agent: tenant.agent,
        key: tenant.key,
        action: "files:read".to_owned(),
        resource: Some("/a \"quoted\" ünïcode, {brace} 'name'".to_owned()),
        risk: RiskLevel::High,
        decision: Decision::Denied,
        reasons: vec![Reason {
            code: ReasonCode::CapabilityMissing,
            message: "no grant".to_owned(),
        }],
        obligations: Vec::new(),
        trust: Some(TrustScore::from_ten_thousandths(4_321)),
        session: Some("session".to_owned()),
        task: None,
        action_digest: vec![0, 1, 255],
        idempotency_key: None,
        request_id: format!("request-{number}"),
        created_at: now(),
        expires_at: now() + TimeDelta::seconds(300),
        decided_by: None,
        decided_at: None,
        decided_reason: None,
        outcome: None,
        outcome_at: None,
        outcome_detail: None,
        duration_ms: None,
        policies: Vec::new(),
        approval: None,
    };
    DecisionRecord {
        verification,
        nonce: UsedNonce {
            key: tenant.key,
            nonce: format!("nonce-{number}"),
            expires_at: now() + TimeDelta::seconds(361),
        },
        audit: tenant.audit(number),
        event: recorded(tenant, number),
    }
}

/// The fact of it: totals of verifications are counts of facts.
fn recorded(tenant: &Tenant, number: u128) -> NewEvent {
    let fact = VerificationRecorded {
        verification: VerificationId::from_uuid(Uuid::from_u128(number)),
        agent: tenant.agent,
        action: ActionName::parse("files:read").unwrap(),
        resource: None,
        session: None,
        task: None,
        risk: RiskLevel::High,
        decision: Decision::Denied,
        reasons: Vec::new(),
        granted: false,
        trust: None,
        location: None,
        class: None,
        policies: Vec::new(),
        approval_expires_at: None,
        mcp_server: None,
    };
    NewEvent {
        fact: fact.into(),
        ..tenant.event(number)
    }
}

fn with_nonce(tenant: &Tenant, number: u128, nonce: &str) -> DecisionRecord {
    let mut record = decision(tenant, number);
    record.nonce.nonce = nonce.to_owned();
    record
}

fn named(tenant: &Tenant, number: u128, key: &str) -> DecisionRecord {
    let mut record = decision(tenant, number);
    record.verification.idempotency_key = Some(key.to_owned());
    record
}

async fn count(store: &Store, tenant: &Tenant) -> anyhow::Result<u64> {
    let page = PageRequest::new(Some(1), None, None, None)?;
    let filter = VerificationFilter::default();
    Ok(store
        .list_verifications(tenant.scope, &filter, page)
        .await?
        .total)
}

async fn a_nonce_is_good_once_for_its_key(scene: &Scene) -> anyhow::Result<()> {
    use Written::{New, Replayed};
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let group = [with_nonce(&ours, 1, "a"), with_nonce(&ours, 2, "b")];
    assert_eq!(store.write_decisions(&group).await?, [Written::New; 2]);
    let group = [
        with_nonce(&ours, 3, "a"),
        with_nonce(&ours, 4, "c"),
        // Another key may use the same one.
        with_nonce(&theirs, 5, "a"),
        // What differs only in case is another nonce.
        with_nonce(&ours, 6, "A"),
        with_nonce(&ours, 7, "b"),
    ];
    let written = store.write_decisions(&group).await?;
    assert_eq!(written, [Replayed, New, New, New, Replayed]);
    assert_eq!(count(store, &ours).await?, 4);
    assert_eq!(count(store, &theirs).await?, 1);
    assert_eq!(
        scene.recorded().await?,
        (5, 5),
        "events and entries of new ones only"
    );
    // Alone, too, and however often.
    for number in 8..11 {
        let written = store
            .write_decisions(&[with_nonce(&ours, number, "a")])
            .await?;
        assert_eq!(written, [Replayed]);
    }
    assert_eq!(scene.recorded().await?, (5, 5));
    assert_eq!(store.write_decisions(&[]).await?, []);
    Ok(())
}

async fn an_idempotency_key_names_one_verification_of_its_agent(
    scene: &Scene,
) -> anyhow::Result<()> {
    use Written::{New, Replayed, SameKey};
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let written = store.write_decisions(&[named(&ours, 1, "k")]).await?;
    assert_eq!(written, [New]);
    let group = [
        named(&ours, 2, "k"),
        named(&ours, 3, "l"),
        // Twice within one group: one of them counts.
        named(&ours, 4, "m"),
        named(&ours, 5, "m"),
        named(&theirs, 6, "k"),
        decision(&ours, 7),
        decision(&ours, 8),
    ];
    let written = store.write_decisions(&group).await?;
    assert_eq!(written[..2], [SameKey, New]);
    let mut twins = written[2..4].to_vec();
    twins.sort_by_key(|it| *it == SameKey);
    assert_eq!(twins, [New, SameKey]);
    assert_eq!(written[4..], [New, New, New]);
    assert_eq!(count(store, &ours).await?, 5);
    assert_eq!(scene.recorded().await?, (6, 6));
    let found = store
        .find_verification_by_idempotency_key(ours.agent, "k")
        .await?;
    assert_eq!(found.map(|it| it.id), Some(group_id(1)));
    let found = store
        .find_verification_by_idempotency_key(theirs.agent, "k")
        .await?;
    assert_eq!(found.map(|it| it.id), Some(group_id(6)));
    let found = store
        .find_verification_by_idempotency_key(theirs.agent, "l")
        .await?;
    assert_eq!(found, None);
    // The request that asked twice is written off all the same: it cannot be replayed.
    let again = with_nonce(&ours, 9, "nonce-2");
    assert_eq!(store.write_decisions(&[again]).await?, [Replayed]);
    Ok(())
}

fn group_id(number: u128) -> VerificationId {
    VerificationId::from_uuid(Uuid::from_u128(number))
}

async fn everything_that_was_decided_is_kept(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let full = named(&ours, 1, "key \"with\" '; quotes");
    let mut bare = decision(&ours, 2);
    bare.verification.resource = None;
    bare.verification.trust = None;
    bare.verification.session = None;
    bare.verification.reasons = Vec::new();
    bare.verification.task = Some("task".to_owned());
    store.write_decisions(&[full, bare]).await?;
    let mut bare = decision(&ours, 2).verification;
    bare.resource = None;
    bare.trust = None;
    bare.session = None;
    bare.reasons = Vec::new();
    bare.task = Some("task".to_owned());
    for wanted in [named(&ours, 1, "key \"with\" '; quotes").verification, bare] {
        let found = store.find_verification(ours.scope, wanted.id).await?;
        assert_eq!(found, Some(wanted));
    }
    Ok(())
}

/// Larger than one statement holds, with a conflict in its first part.
async fn a_large_group_is_written_in_order(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    store
        .write_decisions(&[with_nonce(&ours, 1, "used")])
        .await?;
    for round in 0..2_u128 {
        let group: Vec<_> = (0..1_100)
            .map(|number| match number {
                250 => with_nonce(&ours, 10_000 * (round + 1), "used"),
                _ => decision(&ours, 10_000 * (round + 1) + number + 1),
            })
            .collect();
        let written = store.write_decisions(&group).await?;
        for (number, found) in written.iter().enumerate() {
            let wanted = if number == 250 {
                Written::Replayed
            } else {
                Written::New
            };
            assert_eq!(*found, wanted, "number {number}");
        }
    }
    assert_eq!(count(store, &ours).await?, 1 + 2 * 1_099);
    assert_eq!(scene.recorded().await?, (2_199, 2_199));
    Ok(())
}
