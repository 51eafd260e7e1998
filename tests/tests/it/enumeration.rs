//! No enumeration by text or timing class: whoever is asked for, the words are the same, and so is the
//! work. Hashes of passwords and letters are counted, which load on the machine does not change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::AimConfig;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::fleet::{PASSWORD, add_person, database_of};
use crate::guessing::from;
use crate::house::{ADMIN, FRESH, House, PATIENCE, good};
use crate::metrics::scrape;
use crate::people::{code, user_id};
use crate::second_factors::Authenticator;

const WRONG: &str = "a wrong guess of somebody";

/// What somebody outside learns, and what it cost us.
#[derive(Debug, PartialEq)]
struct Learned {
    answer: Value,
    hashes: u64,
    letters: i64,
}

async fn hashes(house: &House) -> u64 {
    let metrics = scrape(&house.aim).await.unwrap();
    let found = metrics.get("aim_password_hashes_total");
    found.map_or(0, |it| *it as u64)
}

async fn letters(house: &House) -> i64 {
    let database = database_of(&house.aim).await.unwrap();
    let count = "SELECT COUNT(*) FROM mails";
    let count = Statement::from_string(database.get_database_backend(), count);
    let row = database.query_one_raw(count).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn learned(house: &House, asking: impl Future<Output = Value>) -> Learned {
    let (hashed, queued) = (hashes(house).await, letters(house).await);
    let answer = asking.await;
    Learned {
        answer,
        hashes: hashes(house).await - hashed,
        letters: letters(house).await - queued,
    }
}

/// Fails unless nobody can tell one from the other, and each cost this much.
fn alike(all: &[Learned], hashes: u64, letters: i64) {
    for one in all {
        assert_eq!(one, &all[0], "{all:#?}");
        assert_eq!((one.hashes, one.letters), (hashes, letters), "{all:#?}");
    }
}

async fn shut_out(house: &House, email: &str) {
    add_person(&house.aim, email, "MEMBER").await.unwrap();
    let id = user_id(&house.owner, email).await.unwrap();
    let input = json!({ "userId": id, "reason": "a test" });
    let done = house.admin("deactivateUser", "user { isActive }", input);
    good(&done.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_tells_nobody_who_is_here() {
    let proxied = AimConfig::new().env("AIM_TRUSTED_PROXIES", "127.0.0.0/8");
    let house = House::with(proxied).await.unwrap();
    shut_out(&house, "gone@test.local").await;
    let two = "two@test.local";
    add_person(&house.aim, two, "MEMBER").await.unwrap();
    let person = house.owner.sign_in(&house.aim, two).await.unwrap();
    Authenticator::of(&person).await;
    let mut all = Vec::new();
    for (email, password) in [
        (ADMIN, WRONG),
        ("nobody@test.local", WRONG),
        ("no address at all", WRONG),
        // The right password of somebody who may not sign in any more.
        ("gone@test.local", PASSWORD),
        // That there is a second factor shows only behind the right password.
        (two, WRONG),
    ] {
        let asking = from(&house.aim, "198.51.100.1", email, password);
        all.push(learned(&house, asking).await);
    }
    assert_eq!(code(&all[0].answer), "UNAUTHENTICATED");
    alike(&all, 1, 0);

    // Locked out: nothing is looked at any more, for accounts that there are and are not.
    let mut all = Vec::new();
    for (email, address) in [(ADMIN, "192.0.2.1"), ("nobody@test.local", "203.0.113.1")] {
        let mut refused = learned(&house, from(&house.aim, address, email, WRONG)).await;
        for _ in 0..40 {
            if code(&refused.answer) == "RATE_LIMITED" {
                break;
            }
            assert_eq!(refused.hashes, 1, "{refused:?}");
            refused = learned(&house, from(&house.aim, address, email, WRONG)).await;
        }
        let seconds = refused.answer.to_string();
        let seconds = seconds.replace(|c: char| c.is_ascii_digit(), "");
        refused.answer = json!(seconds);
        all.push(refused);
    }
    assert!(
        all[0].answer.to_string().contains("RATE_LIMITED"),
        "{all:?}"
    );
    alike(&all, 0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_letters_tells_nobody_who_is_here() {
    let house = House::new().await.unwrap();
    shut_out(&house, "gone@test.local").await;
    let open = json!({ "isRegistrationOpen": true });
    let opened = house.admin(
        "changeJoinSettings",
        "joinSettings { isRegistrationOpen }",
        open,
    );
    good(&opened.await.unwrap());

    let mut all = Vec::new();
    for email in [ADMIN, "nobody@test.local", "gone@test.local"] {
        let input = json!({ "email": email });
        let asking = house.anybody("requestPasswordReset", "isRequested", input);
        all.push(learned(&house, async { asking.await.unwrap() }).await);
    }
    alike(&all, 0, 1);

    let mut all = Vec::new();
    for (slug, email) in [
        ("default", "free@test.local"),
        ("default", ADMIN),
        ("default", "gone@test.local"),
        ("no-such-organization", "other@test.local"),
    ] {
        let input = json!({ "organizationSlug": slug, "email": email, "name": "Somebody" });
        let asking = house.anybody("registerAccount", "isRequested", input);
        all.push(learned(&house, async { asking.await.unwrap() }).await);
    }
    alike(&all, 0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_made_up_used_or_old_are_told_from_each_other_by_nothing() {
    let house = House::new().await.unwrap();
    let made_up = "A".repeat(43);
    let mut tokens = invitations(&house).await;
    tokens.push(made_up.clone());
    let mut all = Vec::new();
    for token in &tokens {
        let input = json!({ "token": token, "name": "Anna", "password": FRESH });
        let asking = house.anybody("acceptInvitation", "user { id }", input);
        all.push(learned(&house, async { asking.await.unwrap() }).await);
    }
    assert!(all[0].answer.to_string().contains("is not good"), "{all:?}");
    alike(&all, 0, 0);

    // Resets: a used one.
    let input = json!({ "email": "used@test.local" });
    let asked = house.nobody("requestPasswordReset", "isRequested", input);
    good(&asked.await.unwrap());
    let used = house.code("used@test.local", 1).await.unwrap();
    let resets = |token: &str| {
        let input = json!({ "token": token, "newPassword": "Quite-Another-Orchid-77" });
        house.anybody("resetPassword", "user { id }", input)
    };
    let done = resets(&used).await.unwrap();
    good(&done["data"]["resetPassword"]);
    let told = house.mail.mail_to("used@test.local", 2, PATIENCE).await;
    told.unwrap();
    house.settled().await.unwrap();
    let mut all = Vec::new();
    for token in [&made_up, &used] {
        all.push(learned(&house, async { resets(token).await.unwrap() }).await);
    }
    assert!(all[0].answer.to_string().contains("is not good"), "{all:?}");
    alike(&all, 0, 0);

    // Registrations, and half-done sign-ins, with tokens of something else.
    for (name, field, selection) in [
        ("confirmRegistration", "token", "isPending"),
        ("completeSignIn", "challenge", "session { id }"),
        ("beginPasskeySignIn", "challenge", "options"),
    ] {
        let mut all = Vec::new();
        for token in tokens.iter().chain([&used]) {
            let mut input = json!({ field: token });
            if name == "confirmRegistration" {
                input["password"] = json!(FRESH);
            }
            let asking = house.anybody(name, selection, input);
            all.push(learned(&house, async { asking.await.unwrap() }).await);
        }
        assert!(all[0].answer.to_string().contains("is not good"), "{all:?}");
        alike(&all, 0, 0);
    }
}

/// Tokens of invitations: a used one, one that was taken back, one that has expired.
async fn invitations(house: &House) -> Vec<String> {
    let mut tokens = Vec::new();
    for name in ["used", "revoked", "old"] {
        let email = format!("{name}@test.local");
        let input = json!({ "email": email, "role": "VIEWER" });
        let invited = house.admin("inviteUser", "invitation { id }", input);
        let invited = invited.await.unwrap();
        let token = house.code(&email, 0).await.unwrap();
        match name {
            "used" => {
                let input = json!({ "token": token, "name": "Used", "password": FRESH });
                let joined = house.nobody("acceptInvitation", "user { id }", input);
                good(&joined.await.unwrap());
            }
            "revoked" => {
                let id = &invited["invitation"]["id"];
                let input = json!({ "invitationId": id, "reason": "a test" });
                let revoked = house.admin("revokeInvitation", "invitation { id }", input);
                good(&revoked.await.unwrap());
            }
            _ => {
                let old = "UPDATE invitations SET expires_at = created_at
                    WHERE email = 'old@test.local'";
                house.sql(old).await.unwrap();
            }
        }
        tokens.push(token);
    }
    house.settled().await.unwrap();
    tokens
}
