//! Letters are claimed by one, tokens and codes used once, and nothing is seen by another tenant.

use aim_domain::id::{InvitationId, MailId, RegistrationId, UserId};
use aim_domain::join::{Invitation, Registration, RegistrationStatus};
use aim_domain::role::Role;
use aim_domain::session::SignInMethod;
use aim_store::PageRequest;
use aim_store::mails::{NewMail, SENT};
use aim_store::password_resets::NewPasswordReset;
use aim_store::registrations::RegistrationDecision;
use aim_store::second_factors::{Challenge, SecondFactor};
use anyhow::Context;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::scene::{Scene, Tenant, now};

crate::on_both!(
    letters_are_claimed_by_one,
    resets_are_used_once,
    invitations_are_a_tenants_own,
    registrations_are_a_tenants_own,
    factors_and_challenges_are_used_once,
);

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn mail(number: u128, key: &str) -> NewMail {
    NewMail {
        id: MailId::from_uuid(uuid(number)),
        kind: "TEST",
        recipient: "a@b.example".to_owned(),
        key: key.to_owned(),
        parameters: json!({ "about": number }),
    }
}

async fn letters_are_claimed_by_one(scene: &Scene) -> anyhow::Result<()> {
    let store = &scene.store;
    let mut tx = store.begin().await?;
    for new in [mail(1, "one"), mail(2, "one"), mail(3, "other")] {
        tx.insert_mail(&new).await?;
    }
    tx.commit().await?;
    let due = store.list_due_mails().await?;
    assert_eq!(due.len(), 2, "one letter of each key");
    let lease = TimeDelta::minutes(1);
    let mut tx = store.begin().await?;
    let first = tx.claim_mail(due[0], lease).await?.context("free")?;
    assert_eq!(first.attempt, 1);
    assert_eq!(tx.claim_mail(due[0], lease).await?, None);
    tx.commit().await?;
    assert_eq!(store.list_due_mails().await?, due[1..]);
    let mut tx = store.begin().await?;
    tx.put_off_mail(&first, now() + lease, "no answer").await?;
    assert_eq!(tx.claim_mail(due[0], lease).await?, None, "not due yet");
    tx.put_off_mail(&first, now(), "no answer").await?;
    let second = tx.claim_mail(due[0], lease).await?.context("due again")?;
    assert_eq!(second.attempt, 2);
    // Whoever made the first attempt comes late: the second one's lease stands.
    tx.put_off_mail(&first, now(), "late").await?;
    assert_eq!(tx.claim_mail(due[0], lease).await?, None);
    tx.finish_mail(due[0], SENT, None).await?;
    tx.insert_mail(&mail(4, "one")).await?;
    tx.commit().await?;
    assert_eq!(
        store.count_waiting_mails().await?,
        2,
        "the key is free again"
    );
    let hour = now() - TimeDelta::hours(1);
    assert_eq!(
        store.count_sent_mails("TEST", "a@b.example", hour).await?,
        1
    );
    assert_eq!(
        store.count_sent_mails("OTHER", "a@b.example", hour).await?,
        0
    );
    let mut tx = store.begin().await?;
    assert_eq!(tx.delete_finished_mails(now()).await?, 0);
    assert_eq!(tx.delete_finished_mails(now() + lease).await?, 1);
    tx.commit().await?;
    Ok(())
}

async fn resets_are_used_once(scene: &Scene) -> anyhow::Result<()> {
    let (store, user) = (&scene.store, UserId::from_uuid(uuid(7)));
    let reset = |id: u128, hash: &str, minutes| NewPasswordReset {
        id: uuid(id),
        organization: scene.ours.organization,
        user,
        token_hash: hash.to_owned(),
        expires_at: now() + TimeDelta::minutes(minutes),
    };
    let mut tx = store.begin().await?;
    for new in [
        reset(1, "a", 5),
        reset(1, "b", 5),
        reset(2, "c", 5),
        reset(3, "d", 0),
    ] {
        tx.insert_password_reset(&new).await?;
    }
    tx.commit().await?;
    for (hash, found) in [("a", None), ("b", Some(user)), ("d", None)] {
        assert_eq!(store.find_password_reset(hash).await?, found, "{hash}");
    }
    let mut tx = store.begin().await?;
    let other = UserId::from_uuid(uuid(8));
    for (whose, hash, good) in [
        (other, "b", false),
        (user, "d", false),
        (user, "b", true),
        (user, "b", false),
        (user, "c", false),
    ] {
        assert_eq!(tx.use_password_reset(whose, hash).await?, good, "{hash}");
    }
    tx.commit().await?;
    Ok(())
}

fn invitation(tenant: &Tenant, number: u128) -> Invitation {
    Invitation {
        id: InvitationId::from_uuid(uuid(number)),
        organization: tenant.organization,
        email: "guest@b.example".to_owned(),
        role: Role::Viewer,
        invited_by: "user:1".to_owned(),
        created_at: now(),
        expires_at: now() + TimeDelta::days(1),
        accepted_at: None,
        user: None,
        revoked_at: None,
        revoked_by: None,
    }
}

async fn invitations_are_a_tenants_own(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let (own, foreign) = (invitation(&ours, 1), invitation(&theirs, 2));
    let mut tx = store.begin().await?;
    for new in [&own, &foreign] {
        tx.insert_invitation(new).await?;
    }
    assert!(tx.put_invitation_token(own.id, "hash").await?);
    assert!(
        !tx.revoke_invitation(ours.scope, foreign.id, "user:1")
            .await?
    );
    assert_eq!(tx.count_open_invitations(ours.scope).await?, 1);
    tx.commit().await?;
    assert_eq!(store.find_invitation(ours.scope, foreign.id).await?, None);
    let found = store.find_invitation_by_token("hash").await?;
    assert_eq!(found.map(|it| it.id), Some(own.id));
    let page = PageRequest::new(Some(10), None, None, None)?;
    assert_eq!(
        store.list_invitations(ours.scope, page).await?.items,
        std::slice::from_ref(&own)
    );
    let mut tx = store.begin().await?;
    assert_eq!(
        tx.revoke_invitations_of(ours.scope, "guest@b.example", "user:1")
            .await?,
        1
    );
    let guest = UserId::from_uuid(uuid(9));
    assert!(
        !tx.accept_invitation(own.id, guest).await?,
        "it was revoked"
    );
    assert!(tx.accept_invitation(foreign.id, guest).await?);
    assert!(
        !tx.accept_invitation(foreign.id, guest).await?,
        "it was accepted"
    );
    assert!(!tx.put_invitation_token(foreign.id, "another").await?);
    tx.commit().await?;
    Ok(())
}

async fn registrations_are_a_tenants_own(scene: &Scene) -> anyhow::Result<()> {
    let (store, ours, theirs) = (&scene.store, scene.ours, scene.theirs);
    let new = Registration {
        id: RegistrationId::from_uuid(uuid(1)),
        organization: ours.organization,
        email: "guest@b.example".to_owned(),
        name: "Guest".to_owned(),
        status: RegistrationStatus::Unverified,
        created_at: now(),
        confirmed_at: None,
        decided_at: None,
        decided_by: None,
        reason: None,
    };
    let soon = now() + TimeDelta::hours(1);
    let mut tx = store.begin().await?;
    tx.insert_registration(&new).await?;
    tx.put_registration_token(new.id, "Guest", "old", soon)
        .await?;
    tx.put_registration_token(new.id, "Guest", "hash", soon)
        .await?;
    tx.commit().await?;
    assert_eq!(store.find_registration_by_token("old").await?, None);
    let page = PageRequest::new(Some(10), None, None, None)?;
    let listed = store.list_registrations(ours.scope, None, page).await?;
    assert_eq!(listed.total, 0, "the address is not shown to be theirs");
    let mut tx = store.begin().await?;
    let confirmed = tx.confirm_registration("hash", "password").await?;
    assert_eq!(
        confirmed.map(|it| it.status),
        Some(RegistrationStatus::Pending)
    );
    assert_eq!(tx.confirm_registration("hash", "password").await?, None);
    let decision = RegistrationDecision {
        status: RegistrationStatus::Approved,
        by: "user:1".to_owned(),
        reason: None,
        user: Some(UserId::from_uuid(uuid(9))),
    };
    assert_eq!(
        tx.decide_registration(theirs.scope, new.id, &decision)
            .await?,
        None
    );
    let password = tx
        .decide_registration(ours.scope, new.id, &decision)
        .await?;
    assert_eq!(password.as_deref(), Some("password"));
    assert_eq!(
        tx.decide_registration(ours.scope, new.id, &decision)
            .await?,
        None
    );
    assert_eq!(
        tx.find_open_registration(ours.scope, "guest@b.example")
            .await?,
        None
    );
    tx.commit().await?;
    assert_eq!(store.find_registration(theirs.scope, new.id).await?, None);
    let kept = store.find_registration(ours.scope, new.id).await?;
    assert_eq!(kept.map(|it| it.status), Some(RegistrationStatus::Approved));
    Ok(())
}

async fn factors_and_challenges_are_used_once(scene: &Scene) -> anyhow::Result<()> {
    let (store, user) = (&scene.store, UserId::from_uuid(uuid(7)));
    let factor = |secret: &[u8]| SecondFactor {
        user,
        organization: scene.ours.organization,
        secret: secret.to_vec(),
        confirmed_at: None,
        failed_count: 0,
        locked_until: None,
    };
    let mut tx = store.begin().await?;
    assert!(tx.put_second_factor(&factor(b"one")).await?);
    assert!(
        tx.put_second_factor(&factor(b"two")).await?,
        "it did not count yet"
    );
    assert_eq!(tx.count_guess(user).await?, Some(1));
    assert!(tx.use_step(user, 5).await?);
    assert!(!tx.use_step(user, 5).await? && !tx.use_step(user, 4).await?);
    assert!(tx.confirm_second_factor(user).await?);
    assert!(!tx.confirm_second_factor(user).await?);
    assert!(!tx.put_second_factor(&factor(b"three")).await?, "it counts");
    assert_eq!(
        tx.count_guess(user).await?,
        Some(1),
        "the right one forgot the guesses"
    );
    tx.lock_second_factor(user, now() + TimeDelta::minutes(1))
        .await?;
    assert_eq!(tx.count_guess(user).await?, None);
    tx.put_recovery_codes(user, &[(uuid(1), "code".to_owned())])
        .await?;
    assert!(tx.use_recovery_code(user, "code").await?);
    assert!(!tx.use_recovery_code(user, "code").await?);
    let challenge = Challenge {
        id: uuid(2),
        organization: scene.ours.organization,
        user,
        token_hash: "hash".to_owned(),
        method: SignInMethod::Password,
        token_generation: 0,
        expires_at: now() + TimeDelta::minutes(1),
    };
    tx.insert_challenge(&challenge).await?;
    tx.commit().await?;
    assert_eq!(store.find_challenge("hash").await?, Some(challenge));
    let kept = store.find_second_factor(user).await?;
    assert_eq!(kept.map(|it| it.secret), Some(b"two".to_vec()));
    let mut tx = store.begin().await?;
    assert!(tx.try_challenge(uuid(2), 1).await?);
    assert!(!tx.try_challenge(uuid(2), 1).await?);
    assert!(tx.use_challenge(uuid(2)).await?);
    assert!(!tx.use_challenge(uuid(2)).await?);
    assert!(tx.delete_second_factor(user).await?);
    assert!(!tx.delete_second_factor(user).await?);
    tx.commit().await?;
    assert_eq!(store.find_challenge("hash").await?, None);
    Ok(())
}
