//! What organizations say of actions: one word for each, the last one.

use aim_domain::action::{ActionClass, ActionClassOverride};
use aim_domain::id::ActionClassOverrideId;
use aim_domain::name::ActionName;
use aim_domain::risk::RiskLevel;
use aim_store::PageRequest;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(the_last_word_counts);

fn said(tenant: &Tenant, number: u128, risk: RiskLevel) -> anyhow::Result<ActionClassOverride> {
    Ok(ActionClassOverride {
        id: ActionClassOverrideId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        action: ActionName::parse("crm:sync")?,
        class: ActionClass {
            is_write: true,
            risk,
        },
        reason: format!("word {number}"),
        set_by: "user:1".to_owned(),
        set_at: now(),
    })
}

async fn the_last_word_counts(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let first = said(&ours, 1, RiskLevel::High)?;
    let last = said(&ours, 2, RiskLevel::Low)?;
    let foreign = said(&theirs, 3, RiskLevel::Critical)?;
    let action = first.action.clone();
    let mut tx = store.begin().await?;
    for new in [&first, &foreign, &last] {
        tx.put_action_class_override(new).await?;
    }
    tx.commit().await?;

    let classes = store.load_action_classes(ours.organization).await?;
    assert_eq!(classes.get(&action), Some(last.class));
    let page = PageRequest::new(Some(10), None, None, None)?;
    let listed = store.list_action_class_overrides(ours.scope, page).await?;
    assert_eq!(listed.items, std::slice::from_ref(&last));

    let mut tx = store.begin().await?;
    assert_eq!(tx.count_action_class_overrides(ours.organization).await?, 1);
    for taken in [true, false] {
        let done = tx.delete_action_class_override(ours.scope, &action).await?;
        assert_eq!(done, taken);
    }
    tx.commit().await?;
    let gone = store
        .find_action_class_override(ours.scope, &action)
        .await?;
    assert_eq!(gone, None);
    let kept = store.find_action_class_override(theirs.scope, &action);
    assert_eq!(kept.await?, Some(foreign));
    Ok(())
}
