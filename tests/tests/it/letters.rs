//! Letters reach a real mail server: encrypted, once, and after an outage.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, MailSecurity, MailServer, Postgres, wait_until};
use sea_orm::Database;
use serde_json::{Value, json};

use crate::house::{ADMIN, House, PATIENCE, mailing, mistake, mutation, settled};

async fn asks_for_a_reset(aim: &AimProcess, email: &str) -> Value {
    let query = mutation("requestPasswordReset", "isRequested");
    let input = json!({ "input": { "email": email } });
    aim.graphql(&query, input, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_go_over_tls_with_a_password() {
    for security in [MailSecurity::StartTls, MailSecurity::Tls] {
        let mail = MailServer::start(security).unwrap();
        let aim = mailing(&mail, AimConfig::new()).start().unwrap();
        let answer = asks_for_a_reset(&aim, ADMIN).await;
        let said = &answer["data"]["requestPasswordReset"];
        assert_eq!(*said, json!({ "isRequested": true, "userErrors": [] }));
        let letter = mail.mail_to(ADMIN, 0, PATIENCE).await.unwrap();
        assert_eq!(letter["secure"], true, "{letter}");
        assert_eq!(letter["user"], "aim", "{letter}");
        assert_eq!(letter["from"], "aim@aim.example", "{letter}");
        assert!(!aim.log().contains("p@ss") && !aim.log().contains("p%40ss"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_nobody_vouches_for_gets_nothing() {
    let mail = MailServer::start(MailSecurity::StartTls).unwrap();
    let aim = mailing(&mail, AimConfig::new())
        .env("AIM_SMTP_CA_FILE", "")
        .start()
        .unwrap();
    asks_for_a_reset(&aim, ADMIN).await;
    let refused = || async { aim.log().contains("a letter was not taken") };
    wait_until("the refusal", PATIENCE, refused).await.unwrap();
    assert_eq!(mail.mails().unwrap(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_was_down_gets_each_letter_once() {
    let mut mail = MailServer::start(MailSecurity::None).unwrap();
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let start = || mailing(&mail, AimConfig::new().database(&url));
    let mut first = start().start().unwrap();
    let second = start().role("api").start().unwrap();
    mail.stop();
    asks_for_a_reset(&first, ADMIN).await;
    // The same person again: one letter waits, another is not added.
    asks_for_a_reset(&second, ADMIN).await;
    let tried = || async {
        let log = format!("{}{}", first.log(), second.log());
        log.matches("a letter was not taken").count() >= 2
    };
    wait_until("two attempts", PATIENCE, tried).await.unwrap();
    first.kill9().unwrap();
    mail.resume().unwrap();
    let letter = mail.mail_to(ADMIN, 0, PATIENCE).await.unwrap();
    settled(&Database::connect(&url).await.unwrap())
        .await
        .unwrap();
    // What is asked for behind it comes behind it.
    asks_for_a_reset(&second, ADMIN).await;
    let next = mail.mail_to(ADMIN, 1, PATIENCE).await.unwrap();
    assert_ne!(letter["messageId"], next["messageId"]);
    assert_eq!(mail.mails().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_good_is_given_up_at_once() {
    let house = House::new().await.unwrap();
    let input = json!({ "email": MailServer::REFUSED, "role": "VIEWER" });
    let invited = house.admin("inviteUser", "invitation { id }", input).await;
    crate::house::good(&invited.unwrap());
    let given_up = || async { house.aim.log().contains("a letter was given up") };
    wait_until("the end of it", PATIENCE, given_up)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_the_product_says_so() {
    let aim = AimConfig::new().start().unwrap();
    let answer = asks_for_a_reset(&aim, ADMIN).await;
    let payload = &answer["data"]["requestPasswordReset"];
    assert_eq!(mistake(payload), ("CONFLICT", ""), "{answer}");
    let message = payload["userErrors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`smtp_url`"), "{message}");
}
