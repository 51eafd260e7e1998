//! Machines without a browser: whoever enters their code in one elsewhere signs them in; and what comes of
//! codes that are guessed, denied, late, and shown twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use aim_tests::{AimConfig, AimProcess};

use crate::browser_logins::{
    Browser, DEVICE_CODE, Page, VERIFIER, code_of, ended, expire, has_ended, on_postgresql,
    on_sqlite, redeem, token, told,
};
use crate::cli::Cli;
use crate::fleet::Owner;
use crate::house::ADMIN;

/// A program without a browser begins.
async fn begin(base: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{base}/v1/device_authorization"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request
        .body("client_id=aim-cli&device=server-7")
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

async fn poll(base: &str, begun: &Value) -> Value {
    let code = begun["device_code"].as_str().unwrap();
    token(base, &[("grant_type", DEVICE_CODE), ("device_code", code)]).await
}

/// The page that asks for consent, for this code.
async fn consent(browser: &mut Browser, base: &str, begun: &Value) -> Page {
    let page = browser.get(&format!("{base}/auth/device")).await;
    let page = browser.sign_in(&page, ADMIN).await;
    let code = begun["user_code"].as_str().unwrap().to_lowercase();
    let page = browser.post("code", &page, &[("user_code", &code)]).await;
    page.says("server-7");
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_a_machine_without_a_browser_in() {
    let aim = AimConfig::new().start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let cli = Cli::new().unwrap();
    let mut login = cli
        .start(&["login", "--device", "--url", aim.base_url()])
        .unwrap();
    let code = told(&login, "enter the code ", "\n").await;
    let mut browser = Browser::new(aim.base_url());
    let page = format!("{}/auth/device?user_code={code}", aim.base_url());
    let page = browser.get(&page).await;
    let page = browser.sign_in(&page, ADMIN).await;
    page.says(&code);
    let page = browser.post("code", &page, &[("user_code", &code)]).await;
    let page = browser.answers(&page, "approve").await;
    page.says("Approved");
    ended(&mut login).await;
    let who = cli.json(&["whoami"]).await.unwrap();
    assert_eq!(who["viewer"]["email"], ADMIN, "{who}");
}

async fn device_rules((nodes, database, owner): (Vec<AimProcess>, DatabaseConnection, Owner)) {
    let (a, b) = (nodes[0].base_url(), nodes[nodes.len() - 1].base_url());
    let begun = begin(a).await;
    assert_eq!(poll(b, &begun).await["error"], "authorization_pending");
    assert_eq!(poll(a, &begun).await["error"], "slow_down");
    let mut browser = Browser::new(a);
    let page = consent(&mut browser, a, &begun).await;
    // Its page goes on at another node; of many answers at one time one counts.
    browser.base = b.to_owned();
    let forms = (0..6).map(|_| browser.form("answer", &page.visit(), &[("answer", "approve")]));
    let forms = forms.map(|form| form.header("cookie", &browser.cookie).send());
    let answers = futures::future::join_all(forms).await;
    let statuses: Vec<u16> = answers
        .into_iter()
        .map(|it| it.unwrap().status().as_u16())
        .collect();
    assert_eq!(
        statuses.iter().filter(|it| **it == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|it| **it == 409).count(),
        5,
        "{statuses:?}"
    );
    let many = (0..6).map(|at| poll(if at % 2 == 0 { a } else { b }, &begun));
    let many = futures::future::join_all(many).await;
    let mut given = many.iter().filter_map(|it| it["access_token"].as_str());
    let (first, second) = (given.next().unwrap(), given.next());
    assert!(second.is_none(), "{many:?}");
    // Two hold the code; what one of them was given ends.
    has_ended(&nodes, first).await;
    assert_eq!(poll(b, &begun).await["error"], "invalid_grant");

    let denied = begin(a).await;
    let page = consent(&mut browser, b, &denied).await;
    browser.answers(&page, "deny").await.says("Denied");
    assert_eq!(poll(a, &denied).await["error"], "access_denied");
    // A no is no answer that can be changed.
    assert_eq!(browser.answers(&page, "approve").await.status, 409);
    assert_eq!(poll(b, &denied).await["error"], "access_denied");
    let done = browser.get(&format!("{b}/auth/device")).await;
    let done = browser.sign_in(&done, ADMIN).await;
    let code = denied["user_code"].as_str().unwrap();
    let gone = browser.post("code", &done, &[("user_code", code)]).await;
    assert_eq!(gone.status, 400, "{}", gone.body);

    let late = begin(a).await;
    let page = consent(&mut browser, a, &late).await;
    expire(&database).await;
    assert_eq!(browser.answers(&page, "approve").await.status, 409);
    assert_eq!(poll(b, &late).await["error"], "expired_token");

    let going = begin(a).await;
    let page = consent(&mut browser, a, &going).await;
    browser.answers(&page, "approve").await.says("Approved");
    let person = owner.sign_in(&nodes[0], ADMIN).await.unwrap();
    let everywhere = "mutation { signOutEverywhere { endedCount userErrors { message } } }";
    person.ask(everywhere, json!({})).await.unwrap();
    assert_eq!(poll(b, &going).await["error"], "expired_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_without_a_browser_wait_their_turn() {
    device_rules(on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_postgresql_give_one_session() {
    device_rules(on_postgresql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_no_codes_and_nobody_too_many() {
    let (nodes, database, _owner) = on_sqlite().await;
    let base = nodes[0].base_url();
    let unknown = json!({ "device_code": "A".repeat(43) });
    assert_eq!(poll(base, &unknown).await["error"], "invalid_grant");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |body: &'static str| {
        let request = http.post(format!("{base}/v1/device_authorization"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send()
    };
    let stranger = ask("client_id=another").await.unwrap();
    assert_eq!(stranger.status(), 401);
    let error: Value = stranger.json().await.unwrap();
    assert_eq!(error["error"], "invalid_client");
    let begun = begin(base).await;
    let text = begun["device_code"].as_str().unwrap();
    for part in ["verification_uri", "verification_uri_complete"] {
        assert!(!begun[part].as_str().unwrap().contains(text), "{begun}");
    }
    // As many as one network may have wait already.
    let more = "INSERT INTO login_requests (id, flow, device, client_address, secret_hash,
            interval_seconds, next_poll_at, created_at, expires_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        SELECT randomblob(16), flow, device, client_address, secret_hash || i, interval_seconds,
            next_poll_at, created_at, expires_at FROM login_requests, n";
    let done = sea_orm::ConnectionTrait::execute_unprepared(&database, more).await;
    assert_eq!(done.unwrap().rows_affected(), 60);
    let refused = ask("client_id=aim-cli&device=x").await.unwrap();
    assert_eq!(refused.status(), 429);
    let error: Value = refused.json().await.unwrap();
    assert!(
        error["error_description"]
            .as_str()
            .unwrap()
            .contains("too many programs wait"),
        "{error}"
    );
    expire(&database).await;
    assert!(begin(base).await["user_code"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn user_codes_are_not_to_be_guessed() {
    let (nodes, database, owner) = on_sqlite().await;
    let base = nodes[0].base_url();
    owner.add_manager(&nodes[0], "manager").await.unwrap();
    let begun = begin(base).await;
    let mut browser = Browser::new(base);
    let first = browser.get(&format!("{base}/auth/device")).await;
    // Nobody learns anything of a code before they have signed in.
    let code = begun["user_code"].as_str().unwrap();
    let early = browser.post("code", &first, &[("user_code", code)]).await;
    assert_eq!(early.status, 401, "{}", early.body);
    let page = browser.sign_in(&first, "manager@test.local").await;
    let mut statuses = Vec::new();
    for guess in ["BCDF-GHJK", "nonsense", "", "bcdfghjk", "<script>"] {
        let guess = browser.post("code", &page, &[("user_code", guess)]).await;
        assert!(!guess.body.contains("<script>"), "{}", guess.body);
        statuses.push(guess.status);
    }
    assert_eq!(statuses, [400; 5]);
    // From now on not even the right one is looked at, whichever browser it comes from. A longer pause
    // keeps the clock out of this.
    let pause = "UPDATE sign_in_throttles SET blocked_until = '2099-01-01 00:00:00+00:00'
        WHERE subject LIKE 'user-code:%' AND blocked_until IS NOT NULL";
    let done = sea_orm::ConnectionTrait::execute_unprepared(&database, pause).await;
    assert_eq!(done.unwrap().rows_affected(), 1);
    let mut other = Browser::new(base);
    let again = other.get(&format!("{base}/auth/device")).await;
    let again = other.sign_in(&again, "manager@test.local").await;
    for (browser, page) in [(&mut browser, &page), (&mut other, &again)] {
        let right = browser.post("code", page, &[("user_code", code)]).await;
        assert_eq!(right.status, 429, "{}", right.body);
    }
    // Nobody else waits for it.
    let mut colleague = Browser::new(base);
    let page = consent(&mut colleague, base, &begun).await;
    colleague.answers(&page, "approve").await.says("Approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_login_is_logged() {
    let aim = AimConfig::new().env("AIM_LOG", "trace").start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let base = aim.base_url();
    let code = code_of(base).await;
    let redeemed = redeem(base, &code, &[]).await;
    let begun = begin(base).await;
    let mut browser = Browser::new(base);
    let page = consent(&mut browser, base, &begun).await;
    browser.answers(&page, "approve").await.says("Approved");
    let polled = poll(base, &begun).await;
    let (_, cookie) = browser.cookie.split_once('=').unwrap();
    let mut secrets = vec![
        ("a code", code),
        ("a verifier", VERIFIER.to_owned()),
        ("the secret of a browser", cookie.to_owned()),
        ("a page", page.visit()),
    ];
    for (what, answer, name) in [
        ("a device code", &begun, "device_code"),
        ("an access token", &redeemed, "access_token"),
        ("an access token", &polled, "access_token"),
        ("a refresh token", &redeemed, "refresh_token"),
        ("a refresh token", &polled, "refresh_token"),
    ] {
        secrets.push((what, answer[name].as_str().unwrap().to_owned()));
    }
    let log = aim.log();
    assert!(
        log.contains("\"level\":\"TRACE\""),
        "not everything is logged"
    );
    for (what, secret) in secrets {
        assert!(!log.contains(&secret), "{what} is in the log");
    }
}
