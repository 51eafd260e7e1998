//! Passkeys are one person's, and a challenge is answered once, by whom it was given to.

use aim_domain::id::{PasskeyId, UserId};
use aim_domain::role::Role;
use aim_store::StoreError;
use aim_store::passkeys::{Ceremony, Passkey};
use aim_store::users::User;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::people::user;
use crate::scene::{Scene, now};

crate::on_both!(
    passkeys_are_one_persons_own,
    a_use_is_written_once,
    challenges_are_answered_once_by_whom_they_were_given_to,
);

const KIND: &str = "USE";

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn passkey(user: &User, number: u128) -> Passkey {
    Passkey {
        id: PasskeyId::from_uuid(uuid(number)),
        organization: user.organization,
        user: user.id,
        name: "a key".to_owned(),
        credential: number.to_be_bytes().to_vec(),
        public_state: vec![1, 2, 3],
        moving_state: vec![0; 7],
        transports: 3,
        created_at: now(),
        last_used_at: None,
    }
}

fn ceremony(user: &User, number: u128, hash: &str) -> Ceremony {
    Ceremony {
        id: uuid(number),
        organization: user.organization,
        user: user.id,
        kind: KIND,
        bound_to: uuid(number),
        challenge_hash: hash.to_owned(),
        state: vec![4, 5, 6],
        expires_at: now() + TimeDelta::minutes(5),
    }
}

async fn people(scene: &Scene) -> anyhow::Result<(User, User)> {
    let (one, other) = (
        user(&scene.ours, 901, Role::Member),
        user(&scene.theirs, 902, Role::Member),
    );
    let mut tx = scene.store.begin().await?;
    tx.insert_user(&one).await?;
    tx.insert_user(&other).await?;
    tx.commit().await?;
    Ok((one, other))
}

async fn passkeys_are_one_persons_own(scene: &Scene) -> anyhow::Result<()> {
    let (one, other) = people(scene).await?;
    let store = &scene.store;
    let mine = passkey(&one, 1);
    let mut tx = store.begin().await?;
    assert_eq!(tx.lock_passkeys(one.id).await?, 0);
    tx.insert_passkey(&mine).await?;
    tx.insert_passkey(&passkey(&other, 2)).await?;
    assert_eq!(tx.lock_passkeys(one.id).await?, 1);
    tx.commit().await?;
    let mut tx = store.begin().await?;
    let again = Passkey {
        id: PasskeyId::from_uuid(uuid(3)),
        ..passkey(&other, 1)
    };
    let taken = tx.insert_passkey(&again).await;
    assert!(matches!(taken, Err(StoreError::Duplicate(_))), "{taken:?}");
    drop(tx);
    let mut tx = store.begin().await?;
    assert!(!tx.rename_passkey(other.id, mine.id, "stolen").await?);
    assert!(!tx.delete_passkey(other.id, mine.id).await?);
    assert!(tx.rename_passkey(one.id, mine.id, "another name").await?);
    tx.commit().await?;
    let listed = store.list_passkeys(one.id).await?;
    let named = Passkey {
        name: "another name".to_owned(),
        ..mine
    };
    assert_eq!(listed, [named]);
    let mut tx = store.begin().await?;
    assert!(tx.delete_passkey(one.id, listed[0].id).await?);
    assert_eq!(tx.delete_passkeys_of(other.id).await?, 1);
    assert_eq!(tx.delete_passkeys_of(other.id).await?, 0);
    tx.commit().await?;
    assert_eq!(store.count_passkeys(other.id).await?, 0);
    let mut tx = store.begin().await?;
    let nobody = tx.lock_passkeys(UserId::from_uuid(uuid(999))).await;
    assert!(matches!(nobody, Err(StoreError::Conflict(_))), "{nobody:?}");
    Ok(())
}

async fn a_use_is_written_once(scene: &Scene) -> anyhow::Result<()> {
    let (one, _) = people(scene).await?;
    let mine = passkey(&one, 1);
    let mut tx = scene.store.begin().await?;
    tx.insert_passkey(&mine).await?;
    assert!(tx.use_passkey(mine.id, &[0; 7], &[1; 7]).await?);
    // Whoever read the passkey before that comes too late.
    assert!(!tx.use_passkey(mine.id, &[0; 7], &[1; 7]).await?);
    tx.commit().await?;
    let kept = scene.store.list_passkeys(one.id).await?.remove(0);
    assert_eq!(kept.moving_state, [1; 7]);
    assert!(kept.last_used_at.is_some());
    Ok(())
}

async fn challenges_are_answered_once_by_whom_they_were_given_to(
    scene: &Scene,
) -> anyhow::Result<()> {
    let (one, other) = people(scene).await?;
    let store = &scene.store;
    let mut tx = store.begin().await?;
    tx.put_ceremony(&ceremony(&one, 1, "first")).await?;
    let mine = (one.id, KIND, uuid(1));
    for (whose, hash) in [
        ((other.id, KIND, uuid(1)), "first"),
        ((one.id, "REGISTER", uuid(1)), "first"),
        ((one.id, KIND, uuid(2)), "first"),
        (mine, "another"),
    ] {
        assert_eq!(tx.take_ceremony(whose, hash).await?, None, "{whose:?}");
    }
    let taken = tx.take_ceremony(mine, "first").await?;
    assert_eq!(taken, Some((uuid(1), vec![4, 5, 6])));
    assert_eq!(tx.take_ceremony(mine, "first").await?, None, "used");
    // A newer one of the same session takes the place of the one that waits.
    tx.put_ceremony(&ceremony(&one, 1, "second")).await?;
    let newer = Ceremony {
        id: uuid(3),
        ..ceremony(&one, 1, "third")
    };
    tx.put_ceremony(&newer).await?;
    assert_eq!(tx.take_ceremony(mine, "second").await?, None, "replaced");
    assert!(tx.take_ceremony(mine, "third").await?.is_some());
    let late = Ceremony {
        expires_at: now() - TimeDelta::seconds(1),
        ..ceremony(&one, 4, "late")
    };
    tx.put_ceremony(&late).await?;
    let whose = (one.id, KIND, uuid(4));
    assert_eq!(tx.take_ceremony(whose, "late").await?, None, "too late");
    assert_eq!(tx.delete_old_ceremonies(now()).await?, 1);
    tx.commit().await?;
    Ok(())
}
