//! Keys, nonces and leases: of two that want the same thing, one gets it.

use aim_domain::id::AgentKeyId;
use aim_domain::signature::SecretKey;
use aim_domain::verification::KeyFacts;
use aim_store::verifications::UsedNonce;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    a_lease_has_one_holder,
    a_nonce_is_used_by_one_request,
    a_key_has_one_successor,
    each_reminder_is_given_once,
    whoever_has_no_key_left_is_noted
);

fn key(number: u8, expires_at: Option<DateTime<Utc>>) -> KeyFacts {
    let public_key = SecretKey::from_seed(&[number; 32]).public_key();
    KeyFacts {
        id: AgentKeyId::from_uuid(Uuid::from_u128(number.into())),
        key_id: public_key.thumbprint().into(),
        public_key,
        expires_at,
        revoked_at: None,
    }
}

async fn a_lease_has_one_holder(scene: &Scene) -> anyhow::Result<()> {
    let [first, second] = [1, 2].map(Uuid::from_u128);
    let take = async |name: &str, holder, seconds| {
        let mut tx = scene.store.begin().await?;
        let life = TimeDelta::seconds(seconds);
        let taken = tx.take_lease(name, holder, life).await?;
        tx.commit().await?;
        anyhow::Ok(taken)
    };
    assert!(take("job", first, 60).await?);
    assert!(!take("job", second, 60).await?, "somebody has it");
    assert!(take("another", second, 60).await?, "jobs are apart");
    assert!(take("job", first, 0).await?, "its holder keeps it");
    // The clock stands: what lasts no time has ended.
    assert!(take("job", second, 60).await?, "it has ended");
    assert!(!take("job", first, 60).await?);
    let mut tx = scene.store.begin().await?;
    tx.seize_lease("job", first, TimeDelta::seconds(60)).await?;
    tx.seize_lease("new", first, TimeDelta::seconds(60)).await?;
    tx.commit().await?;
    assert!(!take("job", second, 60).await?, "it was seized");
    assert!(!take("new", second, 60).await?);
    Ok(())
}

async fn a_nonce_is_used_by_one_request(scene: &Scene) -> anyhow::Result<()> {
    let [first, second] = [1, 2].map(Uuid::from_u128);
    let uses = async |key: AgentKeyId, nonce: &str, request| {
        let nonce = UsedNonce {
            key,
            nonce: nonce.to_owned(),
            expires_at: now(),
        };
        let mut tx = scene.store.begin().await?;
        let used = tx.use_nonce(&nonce, request).await?;
        tx.commit().await?;
        anyhow::Ok(used)
    };
    let (ours, theirs) = (scene.ours.key, scene.theirs.key);
    assert!(uses(ours, "once", first).await?);
    assert!(uses(ours, "once", first).await?, "the same request");
    assert!(!uses(ours, "once", second).await?, "another request");
    assert!(uses(ours, "twice", second).await?, "another nonce");
    assert!(uses(theirs, "once", second).await?, "another key");
    Ok(())
}

async fn a_key_has_one_successor(scene: &Scene) -> anyhow::Result<()> {
    let ours = scene.ours;
    let mut new = Vec::new();
    let mut tx = scene.store.begin().await?;
    for number in [11, 12] {
        let key = key(number, None);
        tx.insert_key(ours.organization, ours.agent, &key, "user:1")
            .await?;
        new.push(key.id);
    }
    assert!(tx.replace_key(ours.key, new[0]).await?);
    assert!(!tx.replace_key(ours.key, new[1]).await?);
    let end = now() + TimeDelta::seconds(5);
    let retired = tx.retire_keys(ours.agent, new[1], end).await?;
    assert_eq!(retired.len(), 2);
    assert!(tx.revoke_key(new[0], "stolen", "user:1").await?);
    assert!(!tx.revoke_key(new[0], "again", "user:2").await?);
    tx.commit().await?;
    let old = scene.store.find_agent_key(ours.scope, ours.key).await?;
    let old = old.ok_or_else(|| anyhow::anyhow!("no key"))?;
    assert_eq!(old.replaced_by, Some(new[0]), "the first stays");
    assert_eq!(old.facts.expires_at, Some(end));
    let gone = scene.store.find_agent_key(ours.scope, new[0]).await?;
    assert_eq!(
        gone.and_then(|key| key.revoked_reason).as_deref(),
        Some("stolen")
    );
    let foreign = scene
        .store
        .find_agent_key(scene.theirs.scope, ours.key)
        .await?;
    assert!(
        foreign.is_none(),
        "another organization's key does not exist"
    );
    Ok(())
}

async fn each_reminder_is_given_once(scene: &Scene) -> anyhow::Result<()> {
    let key = scene.ours.key;
    let mut tx = scene.store.begin().await?;
    for (days, is_new) in [(14, true), (14, false), (7, true), (14, false), (1, true)] {
        assert_eq!(tx.mark_reminded(key, days).await?, is_new, "{days}");
    }
    Ok(tx.commit().await?)
}

async fn whoever_has_no_key_left_is_noted(scene: &Scene) -> anyhow::Result<()> {
    let (ours, theirs) = (scene.ours, scene.theirs);
    let keyless = async || {
        let (mut found, mut after) = (Vec::new(), None);
        // A page each: none is passed over, none comes twice.
        while let [agent] = scene.store.list_keyless_agents(after.as_ref(), 1).await?[..] {
            found.push(agent.agent);
            after = Some(agent);
        }
        anyhow::Ok(found)
    };
    let suspends = async |agent| {
        let mut tx = scene.store.begin().await?;
        let done = tx.suspend_keyless(agent, "no key").await?;
        tx.commit().await?;
        anyhow::Ok(done)
    };
    let brings = async |tenant: Tenant, key: &KeyFacts| {
        let mut tx = scene.store.begin().await?;
        tx.insert_key(tenant.organization, tenant.agent, key, "user:1")
            .await?;
        tx.commit().await?;
        anyhow::Ok(())
    };
    assert_eq!(keyless().await?, []);
    for tenant in [ours, theirs] {
        let mut tx = scene.store.begin().await?;
        tx.revoke_key(tenant.key, "stolen", "user:1").await?;
        tx.commit().await?;
    }
    assert_eq!(keyless().await?, [ours.agent, theirs.agent], "revoked");
    brings(ours, &key(21, Some(now()))).await?;
    assert_eq!(
        keyless().await?,
        [ours.agent, theirs.agent],
        "one that ends now"
    );
    brings(ours, &key(22, Some(now() + TimeDelta::seconds(9)))).await?;
    brings(theirs, &key(23, None)).await?;
    assert_eq!(keyless().await?, []);
    let new = key(24, Some(now()));
    brings(ours, &new).await?;
    let mut tx = scene.store.begin().await?;
    tx.retire_keys(ours.agent, new.id, now()).await?;
    tx.commit().await?;
    assert_eq!(
        keyless().await?,
        [ours.agent],
        "exchanged for one that has ended"
    );
    // As an older process leaves it, which notes nothing.
    let stale = "UPDATE agents SET keys_end_at = '1970-01-01T00:00:00+00:00'";
    scene.store.writer().execute_unprepared(stale).await?;
    assert_eq!(keyless().await?, [ours.agent, theirs.agent]);
    assert!(!suspends(theirs.agent).await?, "it has a key");
    assert_eq!(keyless().await?, [ours.agent], "and is noted with it");
    assert!(suspends(ours.agent).await?);
    assert_eq!(keyless().await?, []);
    Ok(())
}
