//! The story of a day with everything logged, and no secret of it in the log.

use std::io::Write;
use std::time::Duration;

use aim_tests::{AimConfig, wait_for};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::fleet::{Owner, PASSWORD, add_person, database_of, now};

const PATIENCE: Duration = Duration::from_secs(30);
const JWT_SECRET: &str = "a-secret-of-tests-0123456789abcdef-0123456789";
const WRONG_PASSWORD: &str = "a wrong password of tests";

/// Every way to write some bytes that a log could have.
fn spellings(bytes: &[u8]) -> Vec<String> {
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

#[tokio::test]
async fn no_secret_of_the_story_is_logged() {
    let aim = AimConfig::new()
        .env("AIM_LOG", "trace")
        .env("JWT_SECRET", JWT_SECRET)
        .start()
        .unwrap();
    let one_time = aim.bootstrap().unwrap().password.clone();
    let owner = Owner::of(&aim).await.unwrap();
    add_person(&aim, "viewer@test.local", "VIEWER")
        .await
        .unwrap();
    let viewer = owner.sign_in(&aim, "viewer@test.local").await.unwrap();
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }";
    let input = json!({ "email": "viewer@test.local", "password": WRONG_PASSWORD });
    aim.graphql(query, json!({ "input": input }), None)
        .await
        .unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    for action in ["files:read", "db:delete"] {
        let answer = agent
            .verify(json!({ "action": action, "resource": "/data" }))
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    owner
        .send(agent.line(&agent.event("files:read", now())))
        .await
        .unwrap();
    owner
        .send("{\"event\":\"nonsense\",\"signature\":null}\n".to_owned())
        .await
        .unwrap();
    wait_for("the events", PATIENCE, || async {
        let query = "{ streamTotals { appliedCount deadLetterCount } }";
        let totals = owner.ask(query, json!({})).await?;
        let totals = &totals["streamTotals"];
        Ok((totals["deadLetterCount"] == 1 && totals["appliedCount"] != 0).then_some(()))
    })
    .await
    .unwrap();
    subscribe(&owner).await.unwrap();
    aim.graphql(
        "{ viewer { __typename } }",
        json!({}),
        Some("no.such.token"),
    )
    .await
    .unwrap();
    owner.revoke(&agent).await.unwrap();
    let address = owner.url.trim_start_matches("http://");
    let mut broken = std::net::TcpStream::connect(address).unwrap();
    broken.write_all(b"no request at all\r\n\r\n").unwrap();
    wait_for("the log of it", PATIENCE, || async {
        Ok(aim.log().contains("a connection ended early").then_some(()))
    })
    .await
    .unwrap();

    let hash = "SELECT password_hash FROM users LIMIT 1";
    let database = database_of(&aim).await.unwrap();
    let hash = sea_orm::ConnectionTrait::query_one_raw(
        &database,
        sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, hash),
    );
    let hash: String = hash.await.unwrap().unwrap().try_get_by_index(0).unwrap();
    let mut seed = [7; 32];
    seed[..6].copy_from_slice(b"reader");
    assert_eq!(
        aim_domain::signature::SecretKey::from_seed(&seed)
            .public_key()
            .thumbprint(),
        agent.key.public_key().thumbprint(),
    );
    let mut secrets = vec![
        ("the one-time password", one_time),
        ("a password", PASSWORD.to_owned()),
        ("a wrong password", WRONG_PASSWORD.to_owned()),
        ("the owner's token", owner.token.clone()),
        ("the viewer's token", viewer.token),
        (
            "the signature of a token",
            owner.token.rsplit('.').next().unwrap().to_owned(),
        ),
        ("a wrong token", "no.such.token".to_owned()),
        ("the secret of tokens", JWT_SECRET.to_owned()),
        (
            "the hash of a password",
            hash.rsplit('$').next().unwrap().to_owned(),
        ),
    ];
    secrets.extend(
        spellings(&seed)
            .into_iter()
            .map(|it| ("an agent's key", it)),
    );
    let more = spellings(JWT_SECRET.as_bytes());
    secrets.extend(more.into_iter().map(|it| ("the secret of tokens", it)));
    let log = aim.log();
    // The test itself must be able to see: what is only logged when everything is, is there.
    for sign in ["\"level\":\"INFO\"", "a connection ended early"] {
        assert!(log.contains(sign), "no `{sign}` in the log: {log}");
    }
    for (what, secret) in &secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(
            line.is_none(),
            "{what} is in the log: {}",
            line.unwrap_or_default()
        );
    }
    println!(
        "{} lines, {} secrets in their spellings",
        log.lines().count(),
        secrets.len()
    );
}
