//! The story of a day with everything logged, and no secret of it in the log.

#![expect(clippy::print_stdout, reason = "it tells how much it has read")]

use std::io::Write;
use std::time::Duration;

use aim_domain::signature::SecretKey;
use aim_tests::{AimConfig, AimProcess, wait_for};
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures::{SinkExt, StreamExt};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::fleet::{Agent, Owner, PASSWORD, add_person, database_of, now};

const PATIENCE: Duration = Duration::from_secs(30);
const JWT_SECRET: &str = "a-secret-of-tests-0123456789abcdef-0123456789";
const WRONG_PASSWORD: &str = "a wrong password of tests";
const WRONG_TOKEN: &str = "no.such.token";
/// Fewer lines are no log of everything.
const LINES_MIN: usize = 300;
/// Only logged when everything is.
const BROKEN: &str = "a connection ended early";

/// Every way to write some bytes that a log could have.
pub(crate) fn spellings(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD];
    let encoded = engines.iter().map(|it| it.encode(bytes));
    encoded.chain([hex.to_uppercase(), hex, list]).collect()
}

/// Signs in and subscribes over a websocket, as a dashboard does.
async fn subscribe(owner: &Owner) -> anyhow::Result<()> {
    let url = owner.url.replacen("http", "ws", 1) + "/graphql";
    let mut request = url.into_client_request()?;
    let protocol = "graphql-transport-ws".parse()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let payload = json!({ "authorization": format!("Bearer {}", owner.token) });
    let init = json!({ "type": "connection_init", "payload": payload });
    socket.send(Message::text(init.to_string())).await?;
    let answer = tokio::time::timeout(PATIENCE, socket.next()).await?;
    anyhow::ensure!(matches!(answer, Some(Ok(Message::Text(_)))), "{answer:?}");
    Ok(())
}

/// A day: signing in rightly and wrongly, agents that ask and act, events good and bad, an end.
async fn story(aim: &AimProcess) -> anyhow::Result<(Owner, Owner, Agent)> {
    let owner = Owner::of(aim).await?;
    add_person(aim, "viewer@test.local", "VIEWER").await?;
    let viewer = owner.sign_in(aim, "viewer@test.local").await?;
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }";
    let input = json!({ "email": "viewer@test.local", "password": WRONG_PASSWORD });
    aim.graphql(query, json!({ "input": input }), None).await?;
    let agent = owner.register("reader", &["files:read"]).await?;
    for action in ["files:read", "db:delete"] {
        let asked = json!({ "action": action, "resource": "/data" });
        let answer = agent.verify(asked).await?;
        anyhow::ensure!(answer.status == 200, "{}", answer.body);
    }
    owner
        .send(agent.line(&agent.event("files:read", now())))
        .await?;
    let nonsense = "{\"event\":\"nonsense\",\"signature\":null}\n";
    owner.send(nonsense.to_owned()).await?;
    wait_for("the events", PATIENCE, || async {
        let query = "{ streamTotals { appliedCount deadLetterCount } }";
        let totals = owner.ask(query, json!({})).await?;
        let totals = &totals["streamTotals"];
        Ok((totals["deadLetterCount"] == 1 && totals["appliedCount"] != 0).then_some(()))
    })
    .await?;
    subscribe(&owner).await?;
    aim.graphql("{ viewer { __typename } }", json!({}), Some(WRONG_TOKEN))
        .await?;
    owner.revoke(&agent).await?;
    let mut broken = std::net::TcpStream::connect(owner.url.trim_start_matches("http://"))?;
    broken.write_all(b"no request at all\r\n\r\n")?;
    wait_for("the log of it", PATIENCE, || async {
        Ok(aim.log().contains(BROKEN).then_some(()))
    })
    .await?;
    Ok((owner, viewer, agent))
}

/// The hash of the administrator's password, without its salt.
async fn password_hash(aim: &AimProcess) -> anyhow::Result<String> {
    let database = database_of(aim).await?;
    let query = "SELECT password_hash FROM users LIMIT 1";
    let query = Statement::from_string(DbBackend::Sqlite, query);
    let row = database.query_one_raw(query).await?.context("no user")?;
    let hash: String = row.try_get_by_index(0)?;
    Ok(hash.rsplit('$').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn no_secret_of_the_story_is_logged() {
    let aim = AimConfig::new()
        .env("AIM_LOG", "trace")
        .env("JWT_SECRET", JWT_SECRET)
        .start()
        .unwrap();
    let one_time = aim.bootstrap().unwrap().password.clone();
    let (owner, viewer, agent) = story(&aim).await.unwrap();
    let mut seed = [7; 32];
    seed[..6].copy_from_slice(b"reader");
    let public = SecretKey::from_seed(&seed).public_key();
    assert_eq!(public.thumbprint(), agent.key.public_key().thumbprint());
    let signature = owner.token.rsplit('.').next().unwrap().to_owned();
    let mut secrets = vec![
        ("the one-time password", one_time),
        ("a password", PASSWORD.to_owned()),
        ("a wrong password", WRONG_PASSWORD.to_owned()),
        ("the owner's token", owner.token.clone()),
        ("the viewer's token", viewer.token),
        ("the signature of a token", signature),
        ("a wrong token", WRONG_TOKEN.to_owned()),
        ("the secret of tokens", JWT_SECRET.to_owned()),
        ("the hash of a password", password_hash(&aim).await.unwrap()),
    ];
    for (what, bytes) in [
        ("an agent's key", &seed[..]),
        ("the secret of tokens", JWT_SECRET.as_bytes()),
    ] {
        secrets.extend(spellings(bytes).into_iter().map(|it| (what, it)));
    }
    let log = aim.log();
    // The test itself must be able to see: what is only logged when everything is, is there.
    for sign in ["\"level\":\"INFO\"", BROKEN] {
        assert!(log.contains(sign), "no `{sign}` in the log: {log}");
    }
    none_is_in(&log, &secrets);
}

/// Fails when a secret is in the log, or when there is too little of a log to say so.
pub(crate) fn none_is_in(log: &str, secrets: &[(&'static str, String)]) {
    for (what, secret) in secrets {
        assert!(secret.len() > 10, "{what} is too short to be looked for");
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(
            line.is_none(),
            "{what} is in the log: {}",
            line.unwrap_or_default()
        );
    }
    let lines = log.lines().count();
    println!("{lines} lines, {} spellings of secrets", secrets.len());
    assert!(lines >= LINES_MIN, "only {lines} lines were looked at");
    // Of our own code, and of the statements that it runs, whose values must not be there.
    for source in ["\"target\":\"aim_", "\"target\":\"sqlx::query\""] {
        assert!(log.contains(source), "nothing of `{source}` in the log");
    }
}
