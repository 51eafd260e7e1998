//! Whom texts of policies tell, and what that holds in place.

use aim_domain::anomaly::Severity;
use aim_domain::id::{NotificationTargetId, PolicyId, PolicyVersionId};
use aim_domain::notification::TargetKind;
use aim_domain::policy::{Effect, PolicyMode, PolicyRef, PolicyScope, PolicyText, Rule};
use aim_store::notification_targets::NotificationTarget;
use aim_store::policies::{Policy, Published};
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(a_text_tells_whom_it_names);

fn target_id(number: u128) -> NotificationTargetId {
    NotificationTargetId::from_uuid(Uuid::from_u128(number))
}

fn target(tenant: &Tenant, number: u128) -> NotificationTarget {
    NotificationTarget {
        id: target_id(number),
        organization: tenant.organization,
        kind: TargetKind::Webhook,
        name: format!("target {number}"),
        address: "https://receiver.example/".to_owned(),
        sealed_address: None,
        event_types: Vec::new(),
        least_severity: None,
        sealed_secret: None,
        previous_secret: None,
        previous_until: None,
        secret_rotated_at: None,
        created_by: "user:1".to_owned(),
        created_at: now(),
        disabled_at: None,
        disabled_reason: None,
        failing_since: None,
        last_success_at: None,
        since_position: 0,
    }
}

fn policy(tenant: &Tenant, version: i32, notify: &[u128]) -> Policy {
    Policy {
        id: PolicyId::from_uuid(Uuid::from_u128(1)),
        organization: tenant.organization,
        mode: PolicyMode::Enforced,
        created_at: now(),
        archived_at: None,
        published: Published {
            version,
            text: PolicyText {
                name: "told".to_owned(),
                description: String::new(),
                rule: Rule::Always {},
                effect: Effect::Forbid,
                severity: Severity::Low,
                priority: 0,
                scope: PolicyScope::default(),
                approvers: 1,
                notify: notify.iter().copied().map(target_id).collect(),
            },
            reason: "a test".to_owned(),
            by: "user:1".to_owned(),
            at: now(),
        },
    }
}

async fn a_text_tells_whom_it_names(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let mut tx = store.begin().await?;
    for new in [target(&ours, 1), target(&ours, 2), target(&theirs, 3)] {
        tx.insert_notification_target(&new).await?;
    }
    for (number, (version, told)) in [(1, &[1, 2][..]), (2, &[2])].into_iter().enumerate() {
        let new = policy(&ours, version, told);
        let id = PolicyVersionId::from_uuid(Uuid::from_u128(number as u128));
        tx.put_policy(&new, id).await?;
        assert!(tx.put_policy_targets(&new).await?);
    }
    // Another organization's target, and one that is nobody's, are not there.
    for strange in [3, 9] {
        assert!(
            !tx.put_policy_targets(&policy(&ours, 3, &[1, strange]))
                .await?
        );
    }
    tx.commit().await?;
    let asked = [1, 3, 9].map(target_id);
    let own = store.find_own_targets(ours.scope, &asked).await?;
    assert_eq!(own, [target_id(1)]);
    for (number, tells) in [(1, true), (2, true), (3, false)] {
        let found = store.do_policies_tell(&[target_id(number)]).await?;
        assert_eq!(found, tells, "{number}");
    }
    let id = policy(&ours, 1, &[]).id;
    let told = store.load_policy_targets([id]).await?;
    let of = |version| {
        &told[&PolicyRef {
            policy: id,
            version,
        }]
    };
    assert_eq!((of(1).len(), of(2).as_slice()), (2, &[target_id(2)][..]));

    // Only what counts now holds a target in place.
    let mut tx = store.begin().await?;
    let holding = [(ours, 1, 0), (ours, 2, 1), (theirs, 2, 0)];
    for (tenant, number, count) in holding {
        let names = tx.find_policies_telling(tenant.scope, target_id(number));
        assert_eq!(names.await?.len(), count, "{number}");
    }
    tx.archive_policy(ours.scope, id).await?;
    let names = tx.find_policies_telling(ours.scope, target_id(2)).await?;
    assert!(names.is_empty(), "{names:?}");
    tx.forget_policy_target(target_id(2)).await?;
    tx.commit().await?;
    assert!(!store.do_policies_tell(&[target_id(2)]).await?);
    Ok(())
}
