//! Who is first engages or releases a kill switch; the next changes nothing.

use aim_domain::kill_switch::KillSwitch;
use aim_store::Store;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    the_first_word_counts_for_an_agent,
    the_first_word_counts_for_an_organization
);

fn by(who: &str) -> KillSwitch {
    KillSwitch {
        reason: "why".to_owned(),
        engaged_by: who.to_owned(),
        engaged_at: now(),
    }
}

async fn of_agent(store: &Store, tenant: &Tenant) -> anyhow::Result<Option<KillSwitch>> {
    let found = store.find_agent(tenant.scope, tenant.agent).await?;
    Ok(found.and_then(|agent| agent.kill_switch))
}

async fn of_organization(store: &Store, tenant: &Tenant) -> anyhow::Result<Option<KillSwitch>> {
    let found = store.find_organization(tenant.organization).await?;
    Ok(found.and_then(|organization| organization.kill_switch))
}

/// What is asked for, and whether it changes something.
fn steps() -> [(Option<KillSwitch>, bool); 5] {
    [
        (None, false),
        (Some(by("user:1")), true),
        (Some(by("user:2")), false),
        (None, true),
        (None, false),
    ]
}

async fn the_first_word_counts_for_an_agent(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let mut wanted = None;
    for (to, changes) in steps() {
        let mut tx = store.begin().await?;
        let changed = tx.update_agent_kill_switch(ours.agent, to.as_ref()).await?;
        tx.commit().await?;
        assert_eq!(changed, changes, "{to:?}");
        if changes {
            wanted = to;
        }
        assert_eq!(of_agent(store, &ours).await?, wanted);
        assert_eq!(of_agent(store, &scene.theirs).await?, None);
        assert_eq!(of_organization(store, &ours).await?, None);
    }
    Ok(())
}

async fn the_first_word_counts_for_an_organization(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours) = (&scene.store, scene.ours);
    let mut wanted = None;
    for (to, changes) in steps() {
        let mut tx = store.begin().await?;
        let id = ours.organization;
        let changed = tx.update_organization_kill_switch(id, to.as_ref()).await?;
        tx.commit().await?;
        assert_eq!(changed, changes, "{to:?}");
        if changes {
            wanted = to;
        }
        assert_eq!(of_organization(store, &ours).await?, wanted);
        assert_eq!(of_organization(store, &scene.theirs).await?, None);
        assert_eq!(of_agent(store, &ours).await?, None);
    }
    Ok(())
}
