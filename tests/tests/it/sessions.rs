//! Sessions: two kinds of tokens, each good for one thing; what ends, ends everywhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::fleet::{Owner, PASSWORD, add_person, text};
use crate::people::{
    SESSION, audited, believed, code, plain, refresh, sign_in, try_refresh, try_sign_in, two_nodes,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// How soon every node has to refuse what was ended.
const SOON: Duration = Duration::from_secs(1);
const ADMIN: &str = "admin@aim.local";
/// Requests with one token at one time.
const AT_ONCE: usize = 40;

async fn does(aim: &AimProcess, mutation: &str, bearer: &str) -> Value {
    let answer = aim
        .graphql(mutation, json!({}), Some(bearer))
        .await
        .unwrap();
    assert_eq!(code(&answer), "none", "{answer}");
    answer
}

#[tokio::test]
async fn refresh_tokens_are_not_accepted_as_access_tokens_nor_the_other_way_round() {
    let aim = AimConfig::new().start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let tokens = sign_in(&aim, ADMIN).await.unwrap();
    assert_eq!(believed(&aim, &tokens.access).await.unwrap(), "none");
    assert_eq!(
        believed(&aim, &tokens.refresh).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let answer = try_refresh(&aim, &tokens.access).await.unwrap();
    assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
    for nonsense in ["", "aim_rt_", "aim_rt_AAAA", &"aim_rt_A".repeat(2_000)] {
        let answer = try_refresh(&aim, nonsense).await.unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{nonsense}: {answer}");
    }
    // None of that has hurt the session.
    refresh(&aim, &tokens.refresh).await.unwrap();
}

#[tokio::test]
async fn a_used_refresh_token_ends_the_family_and_nothing_brings_it_back() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let first = sign_in(&aim, ADMIN).await.unwrap();
    let second = refresh(&aim, &first.refresh).await.unwrap();
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(second.session, first.session);
    let third = refresh(&aim, &second.refresh).await.unwrap();
    // Whoever stole the first one shows it now.
    let answer = try_refresh(&aim, &first.refresh).await.unwrap();
    assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
    for tokens in [&first, &second, &third] {
        let answer = try_refresh(&aim, &tokens.refresh).await.unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
        assert!(!answer.to_string().contains("aim_rt_"), "{answer}");
        assert_eq!(
            believed(&aim, &tokens.access).await.unwrap(),
            "UNAUTHENTICATED"
        );
    }
    let audit = audited(&owner, &plain(&first.session).unwrap())
        .await
        .unwrap();
    let wanted = json!([{ "action": "session.reuse-detected" }, { "action": "session.open" }]);
    assert_eq!(audit, wanted);
    // Another session of the same person is another family.
    assert_eq!(believed(&aim, &owner.token).await.unwrap(), "none");
}

/// Many show one token at one time, at all nodes: one gets the next, and the family ends.
async fn one_wins(nodes: Vec<AimProcess>) {
    let owner = Owner::of(&nodes[0]).await.unwrap();
    let tokens = sign_in(&nodes[0], ADMIN).await.unwrap();
    let nodes = Arc::new(nodes);
    let asks = (0..AT_ONCE).map(|number| {
        let (nodes, token) = (Arc::clone(&nodes), tokens.refresh.clone());
        tokio::spawn(async move {
            try_refresh(&nodes[number % nodes.len()], &token)
                .await
                .unwrap()
        })
    });
    let answers = join_all(asks).await;
    let mut won = Vec::new();
    for answer in answers {
        let answer = answer.unwrap();
        match code(&answer) {
            "none" => won.push(text(&answer, "/data/refreshSession/session/refreshToken").unwrap()),
            code => assert_eq!(code, "UNAUTHENTICATED", "{answer}"),
        }
    }
    assert_eq!(won.len(), 1, "of {AT_ONCE}");
    for node in nodes.iter() {
        let answer = try_refresh(node, &won[0]).await.unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
    }
    let audit = audited(&owner, &plain(&tokens.session).unwrap())
        .await
        .unwrap();
    let wanted = json!([{ "action": "session.reuse-detected" }, { "action": "session.open" }]);
    assert_eq!(audit, wanted, "it ends once");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_one_time_one_wins_on_sqlite() {
    one_wins(vec![AimConfig::new().start().unwrap()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_one_time_one_wins_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let [first, second] = two_nodes(&url);
    one_wins(vec![first, second]).await;
}

#[tokio::test]
async fn sessions_are_listed_without_secrets_and_ended_one_by_one_and_all() {
    let aim = AimConfig::new().start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let here = sign_in(&aim, ADMIN).await.unwrap();
    let there = sign_in(&aim, ADMIN).await.unwrap();
    let list = "{ sessions(first: 10) { totalCount nodes {
        id method clientAddress createdAt lastUsedAt refreshBy expiresAt isCurrent } } }";
    let answer = does(&aim, list, &here.access).await;
    let sessions = &answer["data"]["sessions"];
    // The one of the new password, and these two.
    assert_eq!(sessions["totalCount"], 3, "{answer}");
    assert_eq!(sessions["nodes"][0]["id"], there.session);
    let current = sessions["nodes"].as_array().unwrap().iter();
    let current: Vec<_> = current.filter(|it| it["isCurrent"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], here.session);
    assert_eq!(current[0]["clientAddress"], "127.0.0.1");
    let shown = answer.to_string();
    for secret in [here.refresh.as_str(), &there.refresh, "hash", "aim_rt"].map(str::to_lowercase) {
        assert!(!shown.to_lowercase().contains(&secret), "{shown}");
    }

    let over = "mutation { signOut { sessionId userErrors { code } } }";
    does(&aim, over, &here.access).await;
    assert_eq!(
        believed(&aim, &here.access).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let (one, two) = (
        sign_in(&aim, ADMIN).await.unwrap(),
        sign_in(&aim, ADMIN).await.unwrap(),
    );
    let all = "mutation { signOutEverywhere { endedCount } }";
    let answer = does(&aim, all, &one.access).await;
    assert_eq!(
        answer["data"]["signOutEverywhere"]["endedCount"], 4,
        "{answer}"
    );
    for tokens in [&one, &two, &there] {
        assert_eq!(
            believed(&aim, &tokens.access).await.unwrap(),
            "UNAUTHENTICATED"
        );
        let answer = try_refresh(&aim, &tokens.refresh).await.unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn no_refresh_survives_revocation_and_nobody_ends_anothers_session() {
    let aim = AimConfig::new().start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let here = sign_in(&aim, ADMIN).await.unwrap();
    let there = sign_in(&aim, ADMIN).await.unwrap();
    let end = "mutation($input: RevokeSessionInput!) { revokeSession(input: $input) {
        sessionId userErrors { code } } }";
    let input = json!({ "input": { "sessionId": there.session } });
    let answer = aim
        .graphql(end, input.clone(), Some(&here.access))
        .await
        .unwrap();
    assert_eq!(answer["data"]["revokeSession"]["sessionId"], there.session);
    assert_eq!(
        believed(&aim, &there.access).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let answer = try_refresh(&aim, &there.refresh).await.unwrap();
    assert_eq!(
        code(&answer),
        "UNAUTHENTICATED",
        "refresh surviving revocation: {answer}"
    );
    let answer = aim.graphql(end, input, Some(&here.access)).await.unwrap();
    assert_eq!(
        answer["data"]["revokeSession"]["userErrors"][0]["code"],
        "NOT_FOUND"
    );

    // Nobody ends another person's.
    add_person(&aim, "viewer@test.local", "VIEWER")
        .await
        .unwrap();
    let viewer = sign_in(&aim, "viewer@test.local").await.unwrap();
    let input = json!({ "input": { "sessionId": here.session } });
    let answer = aim.graphql(end, input, Some(&viewer.access)).await.unwrap();
    assert_eq!(
        answer["data"]["revokeSession"]["userErrors"][0]["code"],
        "NOT_FOUND"
    );

    for tokens in [&here, &viewer] {
        assert_eq!(believed(&aim, &tokens.access).await.unwrap(), "none");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let other = sign_in(&aim, ADMIN).await.unwrap();
    let query = format!(
        "mutation($input: ChangePasswordInput!) {{ changePassword(input: $input) {{
            {SESSION} userErrors {{ code message field }} }} }}"
    );
    let new = "quite another password of tests";
    let input = json!({ "currentPassword": PASSWORD, "newPassword": new });
    let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    let access = text(&answer, "/changePassword/session/accessToken").unwrap();
    assert_eq!(believed(&aim, &access).await.unwrap(), "none");
    for gone in [&owner.token, &other.access] {
        assert_eq!(believed(&aim, gone).await.unwrap(), "UNAUTHENTICATED");
    }
    let answer = try_refresh(&aim, &other.refresh).await.unwrap();
    assert_eq!(code(&answer), "UNAUTHENTICATED");
    let answer = try_sign_in(&aim, ADMIN, PASSWORD).await;
    assert_eq!(code(&answer), "UNAUTHENTICATED");
    assert_eq!(code(&try_sign_in(&aim, ADMIN, new).await), "none");
}

/// A websocket of graphql-transport-ws that is let in; the close code that ends it.
pub(crate) async fn until_closed(
    aim: &AimProcess,
    bearer: String,
) -> tokio::task::JoinHandle<(u16, Instant)> {
    let url = format!("{}/graphql", aim.base_url().replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let init = json!({ "type": "connection_init",
        "payload": { "authorization": format!("Bearer {bearer}") } });
    socket.send(Message::text(init.to_string())).await.unwrap();
    let ack = socket.next().await.unwrap().unwrap();
    assert!(ack.to_string().contains("connection_ack"), "{ack}");
    let subscribe = json!({ "type": "subscribe", "id": "1",
        "payload": { "query": "subscription { alertRaised { cursor } }" } });
    socket
        .send(Message::text(subscribe.to_string()))
        .await
        .unwrap();
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                return (frame.code.into(), Instant::now());
            }
        }
        (0, Instant::now())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_on_one_node_is_ended_on_all_within_a_second_websockets_too() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let [first, second] = two_nodes(&url);
    let owner = Owner::of(&first).await.unwrap();
    let stays = sign_in(&first, ADMIN).await.unwrap();
    let goes = sign_in(&first, ADMIN).await.unwrap();
    for node in [&first, &second] {
        for tokens in [&stays, &goes] {
            assert_eq!(believed(node, &tokens.access).await.unwrap(), "none");
        }
    }
    let open = until_closed(&second, goes.access.clone()).await;
    let left_open = until_closed(&second, stays.access.clone()).await;
    let end =
        "mutation($input: RevokeSessionInput!) { revokeSession(input: $input) { sessionId } }";
    let input = json!({ "input": { "sessionId": goes.session } });
    owner.ask(end, input).await.unwrap();
    let began = Instant::now();
    assert_eq!(
        believed(&first, &goes.access).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let refused = || async {
        let code = believed(&second, &goes.access).await?;
        Ok((code == "UNAUTHENTICATED").then_some(()))
    };
    wait_for("the other node to refuse", PATIENCE, refused)
        .await
        .unwrap();
    let elsewhere = began.elapsed();
    let (close, at) = tokio::time::timeout(PATIENCE, open).await.unwrap().unwrap();
    assert_eq!(close, 4403);
    let socket = at.saturating_duration_since(began);
    println!("refused elsewhere after {elsewhere:?}, websocket closed after {socket:?}");
    assert!(
        elsewhere < SOON && socket < SOON,
        "{elsewhere:?} {socket:?}"
    );
    assert_eq!(believed(&second, &stays.access).await.unwrap(), "none");
    assert!(!left_open.is_finished());
}
