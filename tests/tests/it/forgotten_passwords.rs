//! A forgotten password: whoever has the mailbox chooses a new one, once, soon, and nobody else learns
//! anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_tests::code_of;
use serde_json::{Value, json};

use crate::fleet::{PASSWORD, add_person};
use crate::house::{ADMIN, FRESH, House, PATIENCE, good, mistake};

async fn asks(house: &House, email: &str) -> Value {
    let input = json!({ "email": email });
    let answer = house.anybody("requestPasswordReset", "isRequested", input);
    answer.await.unwrap()
}

async fn resets(house: &House, token: &str, password: &str) -> Value {
    let input = json!({ "token": token, "newPassword": password });
    let payload = house.nobody("resetPassword", "user { email }", input);
    payload.await.unwrap()
}

/// Whether a text is anywhere in the files of a folder.
fn is_in_files(folder: &std::path::Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_tokens_are_not_kept_in_clear() {
    let house = House::new().await.unwrap();
    asks(&house, ADMIN).await;
    let token = house.code(ADMIN, 0).await.unwrap();
    let data = house.aim.data();
    assert!(is_in_files(&data, ADMIN), "the files were looked into");
    assert!(!is_in_files(&data, &token), "the token is in the database");
    assert!(!house.aim.log().contains(&token));
    good(&resets(&house, &token, FRESH).await);
    assert!(!house.aim.log().contains(&token));
    assert!(!is_in_files(&data, &token), "the token is in the database");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_and_ends_every_session() {
    let house = House::new().await.unwrap();
    asks(&house, ADMIN).await;
    let first = house.code(ADMIN, 0).await.unwrap();
    house.settled().await.unwrap();
    asks(&house, ADMIN).await;
    let token = house.code(ADMIN, 1).await.unwrap();
    // Too weak: the token stays good.
    let weak = resets(&house, &token, "short").await;
    assert_eq!(mistake(&weak), ("INVALID", "newPassword"), "{weak}");
    let done = resets(&house, &token, FRESH).await;
    good(&done);
    assert_eq!(done["user"]["email"], ADMIN);
    for used in [&token, &first, &"x".repeat(43), &String::new()] {
        let again = resets(&house, used, "Another-Orchid-Tandem-43").await;
        assert_eq!(mistake(&again), ("INVALID", "token"), "{again}");
    }
    let session = house.owner.ask("{ organization { id } }", json!({})).await;
    assert!(session.unwrap_err().to_string().contains("UNAUTHENTICATED"));
    let old = house.sign_in(ADMIN, PASSWORD).await.unwrap();
    assert_eq!(old["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    let new = house.sign_in(ADMIN, FRESH).await.unwrap();
    assert!(
        new["data"]["signIn"]["session"]["accessToken"].is_string(),
        "{new}"
    );
    // They are told.
    let notice = house.mail.mail_to(ADMIN, 2, PATIENCE).await.unwrap();
    assert_eq!(notice["subject"], "Your password was set anew");
    assert_eq!(code_of(&notice), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_a_short_time() {
    let house = House::new().await.unwrap();
    asks(&house, ADMIN).await;
    let token = house.code(ADMIN, 0).await.unwrap();
    house
        .sql("UPDATE password_resets SET expires_at = created_at")
        .await
        .unwrap();
    let late = resets(&house, &token, FRESH).await;
    assert_eq!(mistake(&late), ("INVALID", "token"), "{late}");
    house.settled().await.unwrap();
    good(&{
        asks(&house, ADMIN).await;
        let token = house.code(ADMIN, 1).await.unwrap();
        resets(&house, &token, FRESH).await
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_too_often_is_refused_for_known_and_unknown_alike() {
    let house = House::new().await.unwrap();
    let mut answers = Vec::new();
    for email in [ADMIN, "nobody@aim.local"] {
        let mut own = Vec::new();
        for _ in 0..7 {
            let answer = asks(&house, email).await;
            own.push(answer.pointer("/errors/0/extensions/code").cloned());
        }
        answers.push(own);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].last(), Some(&Some(json!("RATE_LIMITED"))));
    // However many were asked for, three letters an hour are enough.
    house.code(ADMIN, 0).await.unwrap();
    let resets = house.mail.mails().unwrap();
    assert!(resets.len() <= 3, "{resets:?}");
    assert!(
        resets.iter().all(|mail| mail["to"][0] == ADMIN),
        "{resets:?}"
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_enumeration_by_error_text_or_timing_class() {
    let house = House::new().await.unwrap();
    const EACH: usize = 15;
    for number in 0..EACH {
        let email = format!("known{number}@aim.local");
        add_person(&house.aim, &email, "VIEWER").await.unwrap();
    }
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    for number in 0..EACH {
        for (kind, name) in ["known", "other"].iter().enumerate() {
            let began = Instant::now();
            let answer = asks(&house, &format!("{name}{number}@aim.local")).await;
            times[kind].push(began.elapsed());
            answers.push(answer);
        }
    }
    let all_the_same = answers.iter().all(|answer| *answer == answers[0]);
    assert!(all_the_same, "{answers:?}");
    let [known, other] = times.map(median);
    let (less, more) = (known.min(other), known.max(other));
    assert!(
        more < less * 2 + Duration::from_millis(5),
        "{known:?} {other:?}"
    );

    let words = |mut answer: Value| answer["errors"][0].take();
    let wrong = words(
        house
            .sign_in("known0@aim.local", "a wrong password")
            .await
            .unwrap(),
    );
    let unknown = words(
        house
            .sign_in("other0@aim.local", "a wrong password")
            .await
            .unwrap(),
    );
    assert_eq!(wrong["message"], unknown["message"]);
    assert_eq!(wrong["extensions"], unknown["extensions"]);

    let mut answers = Vec::new();
    for (slug, email) in [
        ("default", "known1@aim.local"),
        ("default", "other1@aim.local"),
        ("no-such-organization", "other2@aim.local"),
    ] {
        let input = json!({ "organizationSlug": slug, "email": email, "name": "Somebody" });
        let answer = house.anybody("registerAccount", "isRequested", input);
        answers.push(answer.await.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}
