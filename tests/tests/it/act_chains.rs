//! Tokens by delegation name everybody in the chain, and are good as long as all of it holds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess};
use serde_json::{Value, json};

use crate::agent_tokens::{Bearer, part};
use crate::delegation::{chain, crew, hands, id};
use crate::fleet::{Agent, Owner, key_of, text};

const DELEGATED: &str = "ALLOWED CAPABILITY_DELEGATED";
const MISSING: &str = "DENIED CAPABILITY_MISSING";

async fn scene(count: usize) -> (AimProcess, Owner, Vec<Agent>, Vec<String>) {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let crew = crew(&owner, count).await;
    let links = chain(&crew, "files:read").await;
    (aim, owner, crew, links)
}

/// Status and answer.
async fn wants(agent: &Agent, rest: &str) -> (u16, Value) {
    let bearer = Bearer::of(agent, key_of("ephemeral"));
    let form = format!("grant_type=client_credentials{rest}");
    let proof = bearer.proof("/v1/token", None);
    bearer.exchange(agent, &form, &proof).await
}

async fn token(agent: &Agent, rest: &str) -> String {
    let (status, answer) = wants(agent, rest).await;
    assert_eq!(status, 200, "{answer}");
    text(&answer, "/access_token").unwrap()
}

async fn reads(agent: &Agent, token: &str) -> String {
    let bearer = Bearer::of(agent, key_of("ephemeral"));
    bearer.asks(token, "files:read", "/x").await
}

async fn change(owner: &Owner, name: &str, input: Value) {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ message }} }} }}",
        first.to_uppercase()
    );
    let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    assert_eq!(answer[name]["userErrors"], json!([]), "{answer}");
}

#[tokio::test]
async fn a_token_names_the_whole_chain_with_its_bearer_outermost() {
    let (_aim, _owner, crew, links) = scene(5).await;
    let ids: Vec<_> = crew.iter().map(|it| it.uuid().to_string()).collect();
    let acts = [
        Value::Null,
        json!({ "sub": ids[1] }),
        json!({ "sub": ids[2], "act": { "sub": ids[1] } }),
        json!({ "sub": ids[3], "act": { "sub": ids[2], "act": { "sub": ids[1] } } }),
        json!({ "sub": ids[4], "act":
            { "sub": ids[3], "act": { "sub": ids[2], "act": { "sub": ids[1] } } } }),
    ];
    for (number, act) in acts.iter().enumerate() {
        let agent = &crew[number];
        let token = token(agent, "&scope=files:read").await;
        let claims = part(&token, 1);
        // On whose grants it stands, and who has it.
        assert_eq!(claims["sub"], json!(ids[0]), "{claims}");
        assert_eq!(claims["client_id"], json!(ids[number]), "{claims}");
        assert_eq!(&claims["act"], act, "{claims}");
        let wanted = if number == 0 {
            "ALLOWED CAPABILITY_GRANTED"
        } else {
            DELEGATED
        };
        assert_eq!(reads(agent, &token).await, wanted, "{number}");
    }
    // A narrower one for it stands on the same.
    let leaf = &crew[4];
    let bearer = Bearer::of(leaf, key_of("ephemeral"));
    let wide = token(leaf, "").await;
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={wide}\
         &subject_token_type=urn:ietf:params:oauth:token-type:access_token"
    );
    let proof = bearer.proof("/v1/token", None);
    let (status, answer) = bearer.exchange(leaf, &form, &proof).await;
    assert_eq!(status, 200, "{answer}");
    let narrow = text(&answer, "/access_token").unwrap();
    assert_eq!(part(&narrow, 1)["act"], acts[4]);
    assert_eq!(part(&narrow, 1)["delegation"], part(&wide, 1)["delegation"]);
    // What is not to the agent itself, or nothing at all, is nothing to stand on.
    for wrong in [links[2].as_str(), "x"] {
        let (status, answer) = wants(leaf, &format!("&delegation={wrong}")).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("invalid_grant")),
            "{answer}"
        );
    }
    let twice = format!("{form}&delegation={}", links[3]);
    let proof = bearer.proof("/v1/token", None);
    let (_, answer) = bearer.exchange(leaf, &twice, &proof).await;
    assert_eq!(answer["error"], "invalid_grant", "{answer}");
}

#[tokio::test]
async fn any_link_that_ends_ends_the_token_and_no_other() {
    let (_aim, owner, crew, links) = scene(4).await;
    let leaf = &crew[3];
    let named = format!("&delegation={}", links[2]);
    let by_chain = token(leaf, &named).await;
    assert_eq!(reads(leaf, &by_chain).await, DELEGATED);
    // The same capability by another way: each token stands on its own.
    let straight = hands(&crew[0], leaf, "files:read", None).await;
    let other = format!("&delegation={}", id(&straight));
    let other = token(leaf, &other).await;
    for agent in &crew[..3] {
        for (stop, go) in [
            ("suspendAgent", "reinstateAgent"),
            ("killAgent", "releaseAgent"),
        ] {
            let because = json!({ "agentId": agent.id, "reason": "a test" });
            change(&owner, stop, because.clone()).await;
            assert_eq!(
                reads(leaf, &by_chain).await,
                MISSING,
                "{stop} {}",
                agent.name
            );
            let (status, answer) = wants(leaf, &named).await;
            assert_eq!(
                (status, &answer["error"]),
                (400, &json!("invalid_grant")),
                "{answer}"
            );
            let stays = agent.id == crew[0].id;
            let wanted = if stays { MISSING } else { DELEGATED };
            assert_eq!(reads(leaf, &other).await, wanted, "{stop} {}", agent.name);
            change(&owner, go, because).await;
            assert_eq!(
                reads(leaf, &by_chain).await,
                DELEGATED,
                "{go} {}",
                agent.name
            );
        }
    }
    let because = json!({ "delegationId": links[1], "reason": "the job is done" });
    change(&owner, "revokeDelegation", because).await;
    assert_eq!(
        reads(leaf, &by_chain).await,
        MISSING,
        "a link in the middle"
    );
    assert_eq!(reads(leaf, &other).await, DELEGATED);
    // A grant of its own makes the dead token no better, and a token on it is no delegate's.
    let granted = json!({ "agentId": leaf.id, "capability": "files:read" });
    change(&owner, "grantCapability", granted).await;
    assert_eq!(reads(leaf, &by_chain).await, MISSING, "granted since");
    let own = token(leaf, "").await;
    assert!(part(&own, 1).get("act").is_none());
    assert_eq!(reads(leaf, &own).await, "ALLOWED CAPABILITY_GRANTED");
    // What was allowed is not handed out again by its name.
    let query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let answer = owner.ask(query, json!({ "id": crew[0].id })).await.unwrap();
    let key = text(&answer, "/agent/keys/nodes/0/id").unwrap();
    change(
        &owner,
        "revokeAgentKey",
        json!({ "keyId": key, "reason": "stolen" }),
    )
    .await;
    assert_eq!(
        reads(leaf, &other).await,
        MISSING,
        "the key that signed the link"
    );
    assert_eq!(reads(leaf, &own).await, "ALLOWED CAPABILITY_GRANTED");
}
