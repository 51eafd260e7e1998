//! Guessing passwords: a storm is slowed down, and whose account it is gets in.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it measured"
)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::fleet::{Owner, PASSWORD, add_person};
use crate::people::{code, try_sign_in, user_id};

const ADMIN: &str = "admin@aim.local";
/// Made once: making two hundred takes a loaded machine longer than a server waits for a request. No
/// connection outlives its request, as each test has a runtime of its own.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let http = reqwest::Client::builder().no_proxy();
    http.pool_max_idle_per_host(0).build().unwrap()
});
const HOME: &str = "198.51.100.7";
/// The longest pause of an account, and some for a loaded machine.
const OWNER_WAITS: Duration = Duration::from_secs(40);

/// A server behind a proxy that says who called it.
fn behind_proxy() -> AimProcess {
    let aim = AimConfig::new().env("AIM_TRUSTED_PROXIES", "127.0.0.0/8");
    aim.start().unwrap()
}

pub(crate) async fn from(aim: &AimProcess, address: &str, email: &str, password: &str) -> Value {
    let query = "mutation($input: SignInInput!) { signIn(input: $input) {
        session { accessToken } } }";
    let variables = json!({ "input": { "email": email, "password": password } });
    let request = HTTP.post(format!("{}/graphql", aim.base_url()));
    let request = request.header("x-forwarded-for", address);
    let request = request.json(&json!({ "query": query, "variables": variables }));
    request.send().await.unwrap().json().await.unwrap()
}

/// One wrong guess each from this many networks, all at one time; how many were looked at.
async fn wave(nodes: &[AimProcess], number: usize, networks: usize) -> usize {
    let guesses = (0..networks).map(|network| async move {
        let aim = &nodes[network % nodes.len()];
        let address = format!("10.{number}.{network}.1");
        from(aim, &address, ADMIN, "a wrong guess of somebody").await
    });
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| match code(answer) {
        "UNAUTHENTICATED" => true,
        "RATE_LIMITED" => false,
        other => panic!("{other}: {answer}"),
    });
    looked_at.count()
}

/// How many seconds a fresh network is told to wait; 0 when its guess was looked at.
async fn told_to_wait(aim: &AimProcess, address: &str) -> u64 {
    let answer = from(aim, address, ADMIN, "a wrong guess of somebody").await;
    let words = answer["errors"][0]["message"].as_str().unwrap_or_default();
    let number = words.split_whitespace().find_map(|word| word.parse().ok());
    number.unwrap_or(0)
}

/// A storm from many networks, at all nodes; the owner, who signed in at the first, gets in at the last.
async fn storm(mut nodes: Vec<AimProcess>) {
    let _owner = Owner::of(&nodes[0]).await.unwrap();
    assert_eq!(code(&from(&nodes[0], HOME, ADMIN, PASSWORD).await), "none");

    // Many networks together: what is looked at is bounded, however many there are, of networks and of
    // nodes.
    let began = Instant::now();
    let looked_at = wave(&nodes, 1, 200).await;
    let seconds = began.elapsed().as_secs();
    println!("of 200 guesses at one time {looked_at} were looked at, in {seconds} s");
    assert!(
        (1..=32 + seconds as usize).contains(&looked_at),
        "{looked_at}"
    );

    // It goes on until pauses are long, wherever one asks.
    let mut next = 0..250;
    let grown = || {
        let number = next.next().unwrap_or(0);
        let address = format!("10.2.{number}.1");
        let aim = &nodes[number % nodes.len()];
        async move { Ok((told_to_wait(aim, &address).await >= 8).then_some(())) }
    };
    wait_for("a long pause", Duration::from_secs(60), grown)
        .await
        .unwrap();
    for (number, node) in nodes.iter().enumerate() {
        assert!(told_to_wait(node, &format!("10.4.{number}.1")).await > 0);
    }

    // Where the owner has signed in before, no pause of a storm from elsewhere holds.
    let last = nodes.len() - 1;
    assert_eq!(
        code(&from(&nodes[last], HOME, ADMIN, PASSWORD).await),
        "none"
    );

    // Counters survive a crash.
    nodes[last].kill9().unwrap();
    nodes[last].restart().unwrap();
    let last = &nodes[last];
    assert!(told_to_wait(last, "10.3.0.1").await > 0);
    assert_eq!(code(&from(last, HOME, ADMIN, PASSWORD).await), "none");

    // Anywhere else, too, within a bounded time.
    let began = Instant::now();
    let away = || async {
        let answer = from(last, "203.0.113.9", ADMIN, PASSWORD).await;
        Ok((code(&answer) == "none").then_some(()))
    };
    wait_for("the owner on a journey", OWNER_WAITS, away)
        .await
        .unwrap();
    println!(
        "the owner got in from a new network after {:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_storm_is_throttled_without_locking_the_owner_out() {
    storm(vec![behind_proxy()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_storm_at_two_nodes_is_one_storm() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let nodes = ["all", "api"].map(|role| {
        let node = AimConfig::new().database(&url).role(role);
        let node = node.env("JWT_SECRET", "a secret of tests that two nodes share");
        let node = node.env("AIM_TRUSTED_PROXIES", "127.0.0.0/8");
        node.start().unwrap()
    });
    storm(nodes.into()).await;
}

#[tokio::test]
async fn one_network_that_guesses_waits_longer_and_longer_for_existing_accounts_or_not() {
    let aim = behind_proxy();
    let _owner = Owner::of(&aim).await.unwrap();
    let mut told = Vec::new();
    for (email, address) in [(ADMIN, "192.0.2.1"), ("nobody@aim.local", "192.0.2.2")] {
        let guesses = (0..14).map(|_| from(&aim, address, email, "a wrong guess of somebody"));
        let answers = join_all(guesses).await;
        let count = |wanted: &str| answers.iter().filter(|it| code(it) == wanted).count();
        assert!(count("UNAUTHENTICATED") <= 12, "{answers:?}");
        assert!(count("RATE_LIMITED") >= 2, "{answers:?}");
        let refused = answers
            .iter()
            .find(|it| code(it) == "RATE_LIMITED")
            .unwrap();
        let words = refused["errors"][0]["message"].as_str().unwrap();
        told.push(words.replace(|c: char| c.is_ascii_digit(), "N"));
    }
    assert_eq!(told[0], told[1]);
    // The right password does not get past the pause either.
    let answer = from(&aim, "192.0.2.1", ADMIN, PASSWORD).await;
    assert!(
        ["RATE_LIMITED", "none"].contains(&code(&answer)),
        "{answer}"
    );
}

#[tokio::test]
async fn nobody_learns_by_words_or_time_which_accounts_there_are() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    add_person(&aim, "gone@test.local", "MEMBER").await.unwrap();
    let shut_out = "mutation($input: DeactivateUserInput!) { deactivateUser(input: $input) {
        user { isActive } userErrors { message } } }";
    let id = user_id(&owner, "gone@test.local").await.unwrap();
    let input = json!({ "input": { "userId": id, "reason": "a test" } });
    let answer = owner.ask(shut_out, input).await.unwrap();
    assert_eq!(
        answer["deactivateUser"]["user"]["isActive"], false,
        "{answer}"
    );

    let cases = [
        (ADMIN, "a wrong guess of somebody"),
        ("nobody@aim.local", "a wrong guess of somebody"),
        // The right password of somebody who may not sign in any more.
        ("gone@test.local", PASSWORD),
    ];
    let mut words = Vec::new();
    let mut medians = Vec::new();
    for (email, password) in cases {
        let mut times = Vec::new();
        for _ in 0..7 {
            let began = Instant::now();
            let answer = try_sign_in(&aim, email, password).await;
            times.push(began.elapsed());
            assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
            words.push(answer.to_string());
        }
        times.sort_unstable();
        medians.push(times[3]);
    }
    println!("wrong password, unknown, shut out: {medians:?}");
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 2, "{medians:?}");
}

#[tokio::test]
async fn weak_passwords_are_refused_and_an_open_session_is_no_way_to_guess() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let query = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
        userErrors { code message field } } }";
    let try_change = async |current: &str, new: &str| {
        let input = json!({ "currentPassword": current, "newPassword": new });
        let input = json!({ "input": input });
        aim.graphql(query, input, Some(&owner.token)).await.unwrap()
    };
    for weak in [
        "short",
        "password1234",
        "qwertyuiopas",
        "Administrator1",
        "aaaaaaaaaaaaaaaa",
    ] {
        let answer = try_change(PASSWORD, weak).await;
        let error = &answer["data"]["changePassword"]["userErrors"][0];
        assert_eq!(error["field"], json!(["newPassword"]), "{weak}: {answer}");
        assert_eq!(error["code"], "INVALID", "{weak}: {answer}");
    }
    let mut codes = Vec::new();
    for _ in 0..12 {
        let answer = try_change("a wrong guess", "quite another password of tests").await;
        codes.push(code(&answer).to_owned());
    }
    assert_eq!(codes[0], "none");
    assert!(codes.contains(&"RATE_LIMITED".to_owned()), "{codes:?}");
}
