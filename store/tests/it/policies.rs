//! Policies: one text counts, all are kept, and what cannot be read is not passed over.

use aim_domain::anomaly::Severity;
use aim_domain::id::{PolicyId, PolicyVersionId};
use aim_domain::policy::{Effect, PolicyMode, PolicyScope, PolicyText, Rule};
use aim_store::policies::{Policy, Published};
use aim_store::{PageRequest, StoreError};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(the_last_text_counts);

fn policy(tenant: &Tenant, number: u128, version: i32, name: &str) -> Policy {
    Policy {
        id: PolicyId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        mode: PolicyMode::Enforced,
        created_at: now(),
        archived_at: None,
        published: Published {
            version,
            text: PolicyText {
                name: name.to_owned(),
                description: String::new(),
                rule: Rule::Always {},
                effect: Effect::Forbid,
                severity: Severity::Low,
                priority: 7,
                scope: PolicyScope::default(),
                approvers: 1,
                notify: Vec::new(),
            },
            reason: "a test".to_owned(),
            by: "user:1".to_owned(),
            at: now(),
        },
    }
}

const fn version(number: u128) -> PolicyVersionId {
    PolicyVersionId::from_uuid(Uuid::from_u128(number))
}

async fn the_last_text_counts(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let (first, second) = (policy(&ours, 1, 1, "first"), policy(&ours, 1, 2, "second"));
    let foreign = policy(&theirs, 2, 1, "first");
    let mut tx = store.begin().await?;
    tx.move_policies(ours.organization).await?;
    for (number, new) in [&first, &second, &foreign].into_iter().enumerate() {
        tx.put_policy(new, version(number as u128)).await?;
    }
    tx.commit().await?;
    assert_eq!(store.find_policy_revision(ours.organization).await?, 1);
    assert_eq!(store.find_policy_revision(theirs.organization).await?, 0);
    let loaded = store.load_policies(ours.organization).await?;
    assert_eq!(loaded.len(), 1);
    assert_eq!(loaded[0].text.as_ref(), Ok(&second.published.text));
    assert_eq!(store.find_policy(ours.scope, first.id).await?, Some(second));
    assert_eq!(store.find_policy(theirs.scope, first.id).await?, None);
    let page = PageRequest::new(Some(10), None, None, None)?;
    let versions = store
        .list_policy_versions(ours.scope, first.id, page)
        .await?;
    let numbers: Vec<i32> = versions
        .items
        .iter()
        .map(|it| it.published.version)
        .collect();
    assert_eq!(numbers, [2, 1]);

    // A name is one policy's, and a version one text.
    for (new, number) in [
        (policy(&ours, 3, 1, "second"), 10),
        (policy(&ours, 1, 2, "x"), 11),
    ] {
        let mut tx = store.begin().await?;
        let again = tx.put_policy(&new, version(number)).await;
        assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    }
    // What a later program wrote is not passed over by this one.
    let later =
        "UPDATE policies SET body = '{\"rule\":\"of tomorrow\"}' WHERE live_name = 'second'";
    store.writer().execute_unprepared(later).await?;
    let loaded = store.load_policies(ours.organization).await?;
    assert!(loaded[0].text.is_err());

    let mut tx = store.begin().await?;
    let done = tx.update_policy_mode(theirs.scope, first.id, PolicyMode::Shadow);
    assert!(!done.await?, "another organization's");
    for archived in [true, false] {
        assert_eq!(tx.archive_policy(ours.scope, first.id).await?, archived);
    }
    assert_eq!(tx.count_policies(ours.organization).await?, 0);
    tx.put_policy(&policy(&ours, 4, 1, "second"), version(12))
        .await?;
    tx.commit().await?;
    assert_eq!(store.load_policies(ours.organization).await?.len(), 1);
    Ok(())
}
