//! Sessions, counters and people under concurrency: what must happen once happens once.

use std::sync::Arc;

use aim_domain::id::{SessionId, UserId};
use aim_domain::people::{Person, PersonChange};
use aim_domain::role::Role;
use aim_domain::session::{Client, SessionKind, SignInMethod};
use aim_domain::throttle::{Attempts, Throttle};
use aim_store::sessions::{Rotation, Session};
use aim_store::users::User;
use aim_store::{PageRequest, Store};
use chrono::TimeDelta;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    a_session_is_rotated_once_and_stays_ended,
    sessions_of_others_are_not_seen_and_the_longest_unused_go_first,
    attempts_at_one_time_are_counted_one_by_one,
    two_owners_cannot_shut_each_other_out,
);

pub(crate) fn user(tenant: &Tenant, number: u128, role: Role) -> User {
    User {
        id: UserId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        email: format!("{number}@test.local"),
        name: number.to_string(),
        role,
        password_hash: String::new(),
        must_change_password: false,
        token_generation: 0,
        created_at: now(),
    }
}

fn session(tenant: &Tenant, number: u128, user: u128) -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(number)),
        organization: tenant.organization,
        user: UserId::from_uuid(Uuid::from_u128(user)),
        kind: SessionKind::Person,
        method: SignInMethod::Password,
        name: None,
        permissions: Vec::new(),
        client: Client::new("192.0.2.1".parse().ok(), Some("a test")),
        family_hash: format!("family {number}"),
        secret_hash: "first".to_owned(),
        created_at: now(),
        last_used_at: now() + TimeDelta::seconds(i64::try_from(number).unwrap_or(0)),
        refresh_by: now() + TimeDelta::days(1),
        expires_at: now() + TimeDelta::days(2),
        revoked_at: None,
        revoked_reason: None,
    }
}

async fn rotate(store: &Store, id: SessionId, from: &str, to: &str) -> anyhow::Result<bool> {
    let mut tx = store.begin().await?;
    let rotation = Rotation {
        from,
        to,
        refresh_by: now() + TimeDelta::days(1),
        client: &Client::default(),
    };
    let done = tx.rotate_session(id, &rotation).await?;
    tx.commit().await?;
    Ok(done)
}

async fn a_session_is_rotated_once_and_stays_ended(scene: &Scene) -> anyhow::Result<()> {
    let new = session(&scene.ours, 1, 7);
    let mut tx = scene.store.begin().await?;
    tx.insert_session(&new).await?;
    tx.commit().await?;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (store, id) = (scene.store.clone(), new.id);
        tasks.spawn(async move { rotate(&store, id, "first", &number.to_string()).await });
    }
    let mut won = 0;
    while let Some(done) = tasks.join_next().await {
        won += u32::from(done??);
    }
    assert_eq!(won, 1);
    let found = scene.store.find_session_of_family("family 1").await?;
    let found = found.ok_or_else(|| anyhow::anyhow!("no session"))?;
    assert_ne!(found.secret_hash, "first");
    let mut tx = scene.store.begin().await?;
    assert_eq!(tx.revoke_sessions(&[new.id], "once").await?, 1);
    assert_eq!(tx.revoke_sessions(&[new.id], "twice").await?, 0);
    tx.commit().await?;
    assert!(!rotate(&scene.store, new.id, &found.secret_hash, "alive").await?);
    let ended = scene.store.find_session(new.id).await?;
    assert_eq!(
        ended.and_then(|it| it.revoked_reason).as_deref(),
        Some("once")
    );
    Ok(())
}

async fn sessions_of_others_are_not_seen_and_the_longest_unused_go_first(
    scene: &Scene,
) -> anyhow::Result<()> {
    let mut tx = scene.store.begin().await?;
    for number in 1..=5 {
        tx.insert_session(&session(&scene.ours, number, 7)).await?;
    }
    tx.insert_session(&session(&scene.theirs, 6, 8)).await?;
    tx.commit().await?;
    let page = PageRequest::new(Some(10), None, None, None)?;
    let kind = SessionKind::Person;
    let ours = scene
        .store
        .list_sessions(scene.ours.scope, None, kind, page)
        .await?;
    assert_eq!(ours.total, 5);
    let user = UserId::from_uuid(Uuid::from_u128(8));
    let none = scene
        .store
        .list_sessions(scene.ours.scope, Some(user), kind, page)
        .await?;
    assert_eq!(none.total, 0);

    let mut tx = scene.store.begin().await?;
    let user = UserId::from_uuid(Uuid::from_u128(7));
    let beyond = tx.sessions_beyond(user, 3).await?;
    let numbers: Vec<_> = beyond.iter().map(|it| it.as_uuid().as_u128()).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(
        tx.revoke_sessions_of(user, Some(SessionKind::Sdk), "x")
            .await?,
        0
    );
    assert_eq!(tx.revoke_sessions_of(user, None, "x").await?, 5);
    tx.commit().await?;
    let left = scene
        .store
        .list_sessions(scene.theirs.scope, None, kind, page)
        .await?;
    assert_eq!(left.total, 1);
    let since = now() - TimeDelta::days(90);
    for (address, known) in [("192.0.2.1", true), ("192.0.2.2", false)] {
        assert_eq!(
            scene.store.has_session_from(user, address, since).await?,
            known
        );
    }
    Ok(())
}

async fn attempts_at_one_time_are_counted_one_by_one(scene: &Scene) -> anyhow::Result<()> {
    let subjects = Arc::new(["b".to_owned(), "a".to_owned()]);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (store, subjects) = (scene.store.clone(), Arc::clone(&subjects));
        tasks.spawn(async move {
            let mut tx = store.begin().await?;
            for (subject, attempts) in tx.lock_attempts(subjects.as_slice()).await? {
                let next = attempts.with_one_more(Throttle::Pair, now());
                tx.update_attempts(&subject, &next).await?;
            }
            tx.commit().await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let counted = scene.store.find_attempts(subjects.as_slice()).await?;
    let counts: Vec<_> = counted
        .iter()
        .map(|(name, it)| (name.as_str(), it.count))
        .collect();
    assert_eq!(counts, [("a", 20), ("b", 20)]);
    assert!(counted[0].1.wait(now()).is_some());
    let mut tx = scene.store.begin().await?;
    tx.update_attempts("a", &Attempts::none(now() + TimeDelta::hours(2)))
        .await?;
    tx.delete_old_attempts(now() + TimeDelta::hours(2)).await?;
    tx.commit().await?;
    let left = scene.store.find_attempts(subjects.as_slice()).await?;
    assert_eq!(left.len(), 1);
    Ok(())
}

/// One owner shuts the other out by the rules.
async fn shuts_out(store: Store, tenant: Tenant, by: u128, whom: u128) -> anyhow::Result<bool> {
    let person = |number| Person {
        id: UserId::from_uuid(Uuid::from_u128(number)),
        role: Role::Owner,
    };
    let mut tx = store.begin().await?;
    let found = tx.lock_member(tenant.scope, person(whom).id).await?;
    let (_, owners) = found.ok_or_else(|| anyhow::anyhow!("nobody"))?;
    let change = PersonChange::Deactivate;
    if change.check(person(by), person(whom), owners).is_err() {
        return Ok(false);
    }
    tx.change_member(person(whom).id, change).await?;
    tx.commit().await?;
    Ok(true)
}

async fn two_owners_cannot_shut_each_other_out(scene: &Scene) -> anyhow::Result<()> {
    let mut tx = scene.store.begin().await?;
    for number in [1, 2] {
        tx.insert_user(&user(&scene.ours, number, Role::Owner))
            .await?;
    }
    tx.insert_user(&user(&scene.theirs, 3, Role::Owner)).await?;
    tx.commit().await?;
    let both = [(1, 2), (2, 1)]
        .map(|(by, whom)| tokio::spawn(shuts_out(scene.store.clone(), scene.ours, by, whom)));
    let mut done = 0;
    for task in both {
        done += u32::from(task.await??);
    }
    assert_eq!(done, 1);
    let page = PageRequest::new(Some(10), None, None, None)?;
    let people = scene.store.list_members(scene.ours.scope, page).await?;
    let active = people.items.iter().filter(|it| it.deactivated_at.is_none());
    assert_eq!((people.total, active.count()), (2, 1));

    let mut tx = scene.store.begin().await?;
    let gone = UserId::from_uuid(Uuid::from_u128(1));
    assert!(tx.lock_member(scene.theirs.scope, gone).await?.is_none());
    tx.change_member(gone, PersonChange::Remove).await?;
    // The address is free again.
    let again = User {
        email: "1@test.local".to_owned(),
        ..user(&scene.ours, 4, Role::Viewer)
    };
    tx.insert_user(&again).await?;
    assert!(!tx.lock_user(gone, 0).await?);
    assert!(tx.lock_user(again.id, 0).await? && !tx.lock_user(again.id, 1).await?);
    tx.commit().await?;
    assert!(
        scene
            .store
            .find_member(scene.ours.scope, gone)
            .await?
            .is_none()
    );
    Ok(())
}
