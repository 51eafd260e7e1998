//! Approvals, what persons agreed to beforehand, requests, attempts, and the log of verifications.

use aim_domain::anomaly::Severity;
use aim_domain::approval::{ApprovalGrant, ApprovalStatus};
use aim_domain::capability::Pattern;
use aim_domain::capability_request::{
    CAPABILITY_REQUEST_SECONDS, CapabilityRequest, CapabilityRequestStatus,
};
use aim_domain::event::Fact;
use aim_domain::id::{
    ApprovalAnswerId, ApprovalGrantId, CapabilityRequestId, CapabilityViolationId, PolicyId,
    VerificationId,
};
use aim_domain::policy::{Effect, PolicyHit, PolicyMode};
use aim_domain::risk::RiskLevel;
use aim_domain::verification::Decision;
use aim_domain::violation::{CapabilityViolation, severity};
use aim_store::PageRequest;
use aim_store::approval_grants::{ApprovalGrantFilter, ApprovalGrantRecord};
use aim_store::approvals::{ApprovalAnswer, ApprovalStep};
use aim_store::capability_requests::{CapabilityRequestAnswer, CapabilityRequestFilter};
use aim_store::decisions::DecisionRecord;
use aim_store::verification_log::LogRange;
use aim_store::verifications::{Approval, Verification, VerificationFilter};
use aim_store::violations::ViolationFilter;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::decisions::decision;
use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    an_approval_goes_one_way_and_each_person_answers_once,
    a_grant_is_used_as_often_as_it_says,
    the_same_is_not_requested_twice_while_it_waits,
    attempts_add_up_and_get_worse,
    verifications_are_found_by_the_policies_that_spoke,
);

fn first(count: i32) -> anyhow::Result<PageRequest> {
    Ok(PageRequest::new(Some(count), None, None, None)?)
}

fn pending(tenant: &Tenant, number: u128) -> DecisionRecord {
    let mut record = decision(tenant, number);
    record.verification.decision = Decision::PendingApproval;
    if let Fact::VerificationRecorded(fact) = &mut record.event.fact {
        fact.decision = Decision::PendingApproval;
    }
    record.verification.approval = Some(Approval {
        status: ApprovalStatus::Pending,
        approvers: 2,
        arguments: Some(json!({ "id": 7 })),
    });
    record
}

fn step(of: &Verification, to: ApprovalStatus, decision: Decision) -> ApprovalStep {
    ApprovalStep {
        verification: of.id,
        from: ApprovalStatus::Pending,
        to,
        decision,
        reasons: of.reasons.clone(),
        obligations: Vec::new(),
        expires_at: of.expires_at,
        decided: Some(("user:1".to_owned(), Some("seen".to_owned()))),
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn an_approval_goes_one_way_and_each_person_answers_once(
    scene: &Scene,
) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let records = [pending(&ours, 1), decision(&ours, 2), pending(&theirs, 3)];
    store.write_decisions(&records).await?;
    let inbox = VerificationFilter {
        approval: Some(ApprovalStatus::Pending),
        ..VerificationFilter::default()
    };
    let found = store
        .list_verifications(ours.scope, &inbox, first(10)?)
        .await?;
    assert_eq!(found.total, 1);
    let waiting = &found.items[0];
    assert_eq!(waiting.approval, records[0].verification.approval);

    let mut tx = store.begin().await?;
    assert!(
        tx.lock_verification(theirs.scope, waiting.id)
            .await?
            .is_none()
    );
    let answer = |number: u128, by: &str, is_approved| ApprovalAnswer {
        id: ApprovalAnswerId::from_uuid(Uuid::from_u128(number)),
        organization: ours.organization,
        verification: waiting.id,
        answered_by: by.to_owned(),
        is_approved,
        reason: None,
        created_at: now(),
    };
    assert!(
        tx.insert_approval_answer(&answer(1, "user:1", true))
            .await?
    );
    assert!(
        !tx.insert_approval_answer(&answer(2, "user:1", false))
            .await?
    );
    assert!(
        tx.insert_approval_answer(&answer(3, "user:2", true))
            .await?
    );
    assert_eq!(tx.count_approvals(waiting.id).await?, 2);
    let denied = step(waiting, ApprovalStatus::Denied, Decision::Denied);
    assert!(tx.step_approval(&denied).await?);
    let again = step(waiting, ApprovalStatus::Approved, Decision::PendingApproval);
    assert!(!tx.step_approval(&again).await?, "there is no way back");
    tx.commit().await?;
    let seen = store.find_verification(ours.scope, waiting.id).await?;
    let seen = seen.ok_or_else(|| anyhow::anyhow!("it is gone"))?;
    assert_eq!(seen.decision, Decision::Denied);
    let approval = seen
        .approval
        .ok_or_else(|| anyhow::anyhow!("no approval"))?;
    assert_eq!(
        (approval.status, approval.arguments),
        (ApprovalStatus::Denied, None)
    );
    let answers = store
        .load_approval_answers(ours.scope, &[waiting.id])
        .await?;
    assert_eq!(answers[&waiting.id].len(), 2);
    // What a person denied counts among what was denied at once.
    let filter = VerificationFilter {
        decision: Some(Decision::Denied),
        ..VerificationFilter::default()
    };
    let page = PageRequest::new(None, None, None, None)?;
    let page = store.list_verifications(ours.scope, &filter, page).await?;
    assert_eq!((page.items.len(), page.total), (2, 2));
    let foreign = store
        .load_approval_answers(theirs.scope, &[waiting.id])
        .await?;
    assert!(foreign.is_empty());

    // What is open comes due, of every organization; what was answered does not.
    let later = now() + TimeDelta::seconds(301);
    assert_eq!(store.list_due_approvals(now(), 10).await?.len(), 0);
    let due = store.list_due_approvals(later, 10).await?;
    let due: Vec<_> = due.iter().map(|it| it.id).collect();
    assert_eq!(due, [records[2].verification.id]);
    let next = store.next_due_approval().await?;
    assert_eq!(next, Some(records[2].verification.expires_at));
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_grant_is_used_as_often_as_it_says(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let grant =
        |number: u128, max_uses: Option<u32>, seconds| -> anyhow::Result<ApprovalGrantRecord> {
            let id = ApprovalGrantId::from_uuid(Uuid::from_u128(number));
            Ok(ApprovalGrantRecord {
                id,
                organization: ours.organization,
                agent: ours.agent,
                grant: ApprovalGrant {
                    id,
                    action: Pattern::capability("mail:*")?,
                    resource: Some(Pattern::resource("*@ours")?),
                    expires_at: now() + TimeDelta::seconds(seconds),
                    is_counted: max_uses.is_some(),
                },
                max_uses,
                use_count: 0,
                reason: "a test".to_owned(),
                granted_by: "user:1".to_owned(),
                created_at: now(),
                revoked_at: None,
            })
        };
    let (counted, open, past) = (
        grant(1, Some(2), 60)?,
        grant(2, None, 60)?,
        grant(3, None, 0)?,
    );
    let mut tx = store.begin().await?;
    for record in [&counted, &open, &past] {
        tx.insert_approval_grant(record).await?;
    }
    tx.commit().await?;
    let live = store.list_live_approval_grants(&[ours.agent]).await?;
    assert_eq!(live, [counted.clone(), open.clone()]);
    for is_left in [true, true, false] {
        let mut tx = store.begin().await?;
        assert_eq!(tx.use_approval_grant(counted.id).await?, is_left);
        tx.commit().await?;
    }
    let mut tx = store.begin().await?;
    assert!(
        !tx.revoke_approval_grant(theirs.scope, open.id, "user:2")
            .await?
    );
    assert!(
        tx.revoke_approval_grant(ours.scope, open.id, "user:1")
            .await?
    );
    assert!(
        !tx.revoke_approval_grant(ours.scope, open.id, "user:1")
            .await?
    );
    tx.commit().await?;
    assert_eq!(store.list_live_approval_grants(&[ours.agent]).await?, []);
    for (is_live, count) in [(None, 3), (Some(true), 0), (Some(false), 3)] {
        let filter = ApprovalGrantFilter {
            agent: Some(ours.agent),
            is_live,
        };
        let found = store
            .list_approval_grants(ours.scope, &filter, first(10)?)
            .await?;
        assert_eq!(found.total, count, "{is_live:?}");
        let foreign = store
            .list_approval_grants(theirs.scope, &filter, first(10)?)
            .await?;
        assert_eq!(foreign.total, 0);
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn the_same_is_not_requested_twice_while_it_waits(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let request = |number: u128, resource: Option<&str>, waits: i64| -> anyhow::Result<_> {
        Ok(CapabilityRequest {
            id: CapabilityRequestId::from_uuid(Uuid::from_u128(number)),
            organization: ours.organization,
            agent: ours.agent,
            capability: Pattern::capability("reports:get")?,
            resource: resource.map(Pattern::resource).transpose()?,
            life_seconds: Some(60),
            reason: "a test".to_owned(),
            status: CapabilityRequestStatus::Pending,
            created_at: now(),
            expires_at: now() + TimeDelta::seconds(waits),
            decided_by: None,
            decided_at: None,
            decided_reason: None,
            grant: None,
        })
    };
    let week = CAPABILITY_REQUEST_SECONDS;
    let mut tx = store.begin().await?;
    // What waited too long makes room for the same.
    assert!(tx.insert_capability_request(&request(1, None, 0)?).await?);
    assert!(
        tx.insert_capability_request(&request(2, None, week)?)
            .await?
    );
    assert!(
        !tx.insert_capability_request(&request(3, None, week)?)
            .await?
    );
    assert!(
        tx.insert_capability_request(&request(4, Some("/a"), week)?)
            .await?
    );
    assert_eq!(tx.count_pending_requests(ours.agent).await?, 2);
    let second = request(2, None, week)?;
    assert!(
        tx.lock_capability_request(theirs.scope, second.id)
            .await?
            .is_none()
    );
    let answer = CapabilityRequestAnswer {
        status: CapabilityRequestStatus::Rejected,
        by: "user:1".to_owned(),
        reason: "no".to_owned(),
        grant: None,
    };
    assert!(tx.answer_capability_request(second.id, &answer).await?);
    assert!(!tx.answer_capability_request(second.id, &answer).await?);
    assert!(
        tx.insert_capability_request(&request(5, None, week)?)
            .await?
    );
    tx.commit().await?;
    for (status, count) in [
        (CapabilityRequestStatus::Pending, 2),
        (CapabilityRequestStatus::Rejected, 1),
        (CapabilityRequestStatus::Expired, 1),
        (CapabilityRequestStatus::Approved, 0),
    ] {
        let filter = CapabilityRequestFilter {
            agent: None,
            status: Some(status),
        };
        let found = store
            .list_capability_requests(ours.scope, &filter, first(10)?)
            .await?;
        assert_eq!(found.total, count, "{status:?}");
        let is_so = |it: &CapabilityRequest| it.status == status;
        assert!(found.items.iter().all(is_so), "{status:?}");
        let foreign = store
            .list_capability_requests(theirs.scope, &filter, first(10)?)
            .await?;
        assert_eq!(foreign.total, 0);
    }
    Ok(())
}

async fn attempts_add_up_and_get_worse(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let attempt = |number: u128, resource: Option<&str>, count| CapabilityViolation {
        id: CapabilityViolationId::from_uuid(Uuid::from_u128(number)),
        organization: ours.organization,
        agent: ours.agent,
        action: "reports:get".to_owned(),
        resource: resource.map(str::to_owned),
        risk: RiskLevel::Low,
        severity: severity(RiskLevel::Low, count),
        count,
        first_at: now(),
        last_at: now() + TimeDelta::seconds(i64::try_from(number).unwrap_or(0)),
        verification: VerificationId::from_uuid(Uuid::from_u128(number)),
    };
    let mut tx = store.begin().await?;
    for it in [
        attempt(1, None, 1),
        attempt(2, None, 2),
        attempt(3, Some("/a"), 1),
    ] {
        tx.add_violation(&it).await?;
    }
    tx.commit().await?;
    let all = ViolationFilter::default();
    let found = store.list_violations(ours.scope, &all, first(10)?).await?;
    let counts: Vec<_> = found
        .items
        .iter()
        .map(|it| (it.count, it.severity))
        .collect();
    assert_eq!(counts, [(1, Severity::Low), (3, Severity::Medium)]);
    let last = &found.items[1];
    assert_eq!(last.verification.as_uuid(), Uuid::from_u128(2));
    assert_eq!(
        store
            .list_violations(theirs.scope, &all, first(10)?)
            .await?
            .total,
        0
    );
    Ok(())
}

async fn verifications_are_found_by_the_policies_that_spoke(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let policy = |number: u128| PolicyId::from_uuid(Uuid::from_u128(number));
    let hit = |number: u128| PolicyHit {
        policy: policy(number),
        version: 1,
        name: "a policy".to_owned(),
        effect: Effect::Alert,
        severity: Severity::Low,
        mode: PolicyMode::Shadow,
        is_error: false,
        approvers: 1,
        why: "always".to_owned(),
    };
    let mut records = [decision(&ours, 1), decision(&ours, 2), decision(&ours, 3)];
    records[0].verification.policies = vec![hit(1), hit(2)];
    records[1].verification.policies = vec![hit(2)];
    store.write_decisions(&records).await?;
    for (number, count) in [(1, 1), (2, 2), (3, 0)] {
        let filter = VerificationFilter {
            policy: Some(policy(number)),
            ..VerificationFilter::default()
        };
        let found = store
            .list_verifications(ours.scope, &filter, first(10)?)
            .await?;
        assert_eq!(found.total, count, "{number}");
        let foreign = store
            .list_verifications(theirs.scope, &filter, first(10)?)
            .await?;
        assert_eq!(foreign.total, 0);
    }
    let range = LogRange {
        agent: Some(ours.agent),
        from: Some(now()),
        to: None,
    };
    assert_eq!(store.count_verifications(ours.scope, range).await?.len(), 3);
    assert_eq!(
        store.count_verifications(theirs.scope, range).await?.len(),
        0
    );
    let log = store.read_verification_log(ours.scope, range, None).await?;
    assert_eq!(log.len(), 3);
    let rest = store
        .read_verification_log(ours.scope, range, Some(log[0].id))
        .await?;
    assert_eq!(rest, log[1..]);
    Ok(())
}
