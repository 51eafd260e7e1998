//! API keys and SDK tokens: never more than their person, never longer, on no node.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Owner, add_person, now, text};
use crate::people::{
    Tokens, believed, code, made_by, made_with, refresh, sign_in, try_refresh, two_nodes, user_id,
};
use crate::sessions::until_closed;

const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(1);
const KEYS: &str = "{ apiKeys(first: 10) { totalCount nodes {
    id name prefix permissions userId isEnabled createdAt expiresAt rotatedAt lastUsedAt } } }";

/// The payload of a mutation on one object.
async fn does(owner: &Owner, name: &str, input: Value) -> Value {
    let (first, rest) = name.split_at(1);
    let kind = format!("{}{rest}Input", first.to_uppercase());
    let rest = match name {
        "rotateApiKey" => "rotated { secret }",
        "createApiKey" => "created { secret apiKey { id } }",
        _ => "__typename",
    };
    let query = format!(
        "mutation($input: {kind}!) {{ {name}(input: $input) {{ {rest} userErrors {{ code message \
         field }} }} }}"
    );
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer[name].take()
}

/// What somebody may who is asked to register an agent, which needs more than reading.
async fn registers(aim: &AimProcess, owner: &Owner, bearer: &str, name: &str) -> String {
    let query = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
        agent { id } userErrors { code message } } }";
    let input = json!({ "input": owner.registration(name).unwrap() });
    let answer = aim.graphql(query, input, Some(bearer)).await.unwrap();
    assert!(code(&answer) != "none" || answer["data"]["registerAgent"]["agent"]["id"].is_string());
    code(&answer).to_owned()
}

#[tokio::test]
async fn a_key_is_shown_once_and_no_list_has_its_secret_or_hash() {
    let mut aim = AimConfig::new().start().unwrap();
    let mut owner = Owner::of(&aim).await.unwrap();
    let made = made_by(&owner).await.unwrap();
    assert!(made.secret.starts_with("aim_key_"));
    assert_eq!(believed(&aim, &made.secret).await.unwrap(), "none");
    assert_eq!(
        registers(&aim, &owner, &made.secret, "by-key").await,
        "none"
    );
    let trail = "{ auditEntries(first: 1, filter: { action: \"agent.register\" }) {
        nodes { actorType } } }";
    let answer = owner.ask(trail, json!({})).await.unwrap();
    assert_eq!(answer["auditEntries"]["nodes"][0]["actorType"], "api-key");

    // When it was used is written when the server stops, at the latest.
    aim.stop().unwrap();
    aim.restart().unwrap();
    aim.base_url().clone_into(&mut owner.url);
    let answer = owner.ask(KEYS, json!({})).await.unwrap();
    let key = &answer["apiKeys"]["nodes"][0];
    assert!(key["lastUsedAt"].is_string(), "{answer}");
    let prefix = text(key, "/prefix").unwrap();
    let secret = made.secret.strip_prefix(&format!("aim_key_{prefix}_"));
    let secret = secret.unwrap();
    let shown = answer.to_string();
    assert!(!shown.contains(secret) && !shown.contains("ash"), "{shown}");
    let fields = "{ key: __type(name: \"ApiKey\") { fields { name } }
        token: __type(name: \"SdkToken\") { fields { name } }
        session: __type(name: \"SignedInSession\") { fields { name } } }";
    let names = owner
        .ask(fields, json!({}))
        .await
        .unwrap()
        .to_string()
        .to_lowercase();
    for word in ["hash", "secret", "password", "refreshtoken", "accesstoken"] {
        assert!(!names.contains(word), "{word}: {names}");
    }
}

#[tokio::test]
async fn nobody_gives_a_program_more_than_they_may() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let manager = owner.add_manager(&aim, "manager").await.unwrap();
    let asks = |permissions: Value| json!({ "name": "x", "permissions": permissions });
    let refused = does(&manager, "createApiKey", asks(json!(["READ", "AUDIT"]))).await;
    assert_eq!(
        refused["userErrors"][0]["field"],
        json!(["permissions", "1"]),
        "{refused}"
    );
    let refused = does(&manager, "createSdkToken", asks(json!(["KILL_SWITCH"]))).await;
    assert_eq!(refused["userErrors"][0]["code"], "INVALID", "{refused}");
    let refused = does(&manager, "createApiKey", asks(json!([]))).await;
    assert_eq!(
        refused["userErrors"][0]["field"],
        json!(["permissions"]),
        "{refused}"
    );
    let far = now() + chrono::TimeDelta::days(5_000);
    let late = json!({ "name": " ", "permissions": ["READ"], "expiresAt": far.to_rfc3339() });
    let refused = does(&manager, "createApiKey", late).await;
    assert_eq!(
        refused["userErrors"].as_array().unwrap().len(),
        2,
        "{refused}"
    );

    let reads = made_with(&manager, json!(["READ"])).await.unwrap();
    assert_eq!(believed(&aim, &reads.secret).await.unwrap(), "none");
    assert_eq!(
        registers(&aim, &owner, &reads.secret, "no").await,
        "FORBIDDEN"
    );
    // What others made is not theirs to see, but for who manages people.
    let own = manager.ask(KEYS, json!({})).await.unwrap();
    let other = made_by(&owner).await.unwrap();
    assert_eq!(manager.ask(KEYS, json!({})).await.unwrap(), own);
    let gone = does(
        &manager,
        "deleteApiKey",
        json!({ "apiKeyId": other.api_key }),
    )
    .await;
    assert_eq!(gone["userErrors"][0]["code"], "NOT_FOUND");
    let all = owner.ask(KEYS, json!({})).await.unwrap();
    assert_eq!(all["apiKeys"]["totalCount"], 2);
}

#[tokio::test]
async fn a_key_never_outlives_or_outranks_its_person() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let manager = owner.add_manager(&aim, "manager").await.unwrap();
    let id = user_id(&owner, "manager@test.local").await.unwrap();
    let made = made_with(&manager, json!(["READ", "REGISTER_AGENT"]))
        .await
        .unwrap();
    assert_eq!(registers(&aim, &owner, &made.secret, "one").await, "none");
    let role = |role: &str| json!({ "userId": id, "role": role, "reason": "a test" });
    let because = json!({ "userId": id, "reason": "a test" });

    let open = until_closed(&aim, made.secret.clone()).await;
    let theirs = until_closed(&aim, manager.token.clone()).await;
    does(&owner, "updateUserRole", role("VIEWER")).await;
    for open in [open, theirs] {
        let (close, _) = tokio::time::timeout(PATIENCE, open).await.unwrap().unwrap();
        assert_eq!(close, 4403, "who was let in as more does not stay so");
    }
    assert_eq!(
        registers(&aim, &owner, &made.secret, "two").await,
        "FORBIDDEN"
    );
    assert_eq!(believed(&aim, &made.secret).await.unwrap(), "none");
    does(&owner, "updateUserRole", role("MEMBER")).await;
    assert_eq!(registers(&aim, &owner, &made.secret, "two").await, "none");

    does(&owner, "deactivateUser", because.clone()).await;
    for bearer in [&made.secret, &manager.token] {
        assert_eq!(believed(&aim, bearer).await.unwrap(), "UNAUTHENTICATED");
    }
    does(&owner, "activateUser", because.clone()).await;
    assert_eq!(believed(&aim, &made.secret).await.unwrap(), "none");
    // A session that ended stays ended.
    assert_eq!(
        believed(&aim, &manager.token).await.unwrap(),
        "UNAUTHENTICATED"
    );

    does(&owner, "removeUser", because).await;
    assert_eq!(
        believed(&aim, &made.secret).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let answer = owner.ask(KEYS, json!({})).await.unwrap();
    assert_eq!(answer["apiKeys"]["totalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_disabling_and_deleting_a_key_reach_every_node_within_a_second() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let nodes = two_nodes(&url);
    let owner = Owner::of(&nodes[0]).await.unwrap();
    let made = made_by(&owner).await.unwrap();
    let reaches = async |bearer: &str, wanted: &str| {
        let began = Instant::now();
        assert_eq!(believed(&nodes[0], bearer).await.unwrap(), wanted);
        let same = || async {
            let there = believed(&nodes[1], bearer).await?;
            Ok((there == wanted).then_some(()))
        };
        wait_for(wanted, PATIENCE, same).await.unwrap();
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    };
    reaches(&made.secret, "none").await;
    let both = json!({ "apiKeyId": made.api_key, "overlapSeconds": 600 });
    let second = does(&owner, "rotateApiKey", both).await;
    let second = text(&second, "/rotated/secret").unwrap();
    for secret in [&made.secret, &second] {
        reaches(secret, "none").await;
    }
    // Leaked: nothing before the third is good.
    let at_once = json!({ "apiKeyId": made.api_key, "overlapSeconds": 0 });
    let third = does(&owner, "rotateApiKey", at_once).await;
    let third = text(&third, "/rotated/secret").unwrap();
    for secret in [&made.secret, &second] {
        reaches(secret, "UNAUTHENTICATED").await;
    }
    reaches(&third, "none").await;
    let key = json!({ "apiKeyId": made.api_key });
    for (name, wanted) in [
        ("disableApiKey", "UNAUTHENTICATED"),
        ("enableApiKey", "none"),
        ("deleteApiKey", "UNAUTHENTICATED"),
    ] {
        does(&owner, name, key.clone()).await;
        reaches(&third, wanted).await;
    }
    let gone = does(&owner, "enableApiKey", key).await;
    assert_eq!(gone["userErrors"][0]["code"], "NOT_FOUND", "{gone}");
    let cut = &third[..third.len() - 1];
    for wrong in [
        cut,
        "aim_key_",
        &made.secret.replace("aim_key_", "aim_key_x"),
    ] {
        assert_eq!(believed(&nodes[0], wrong).await.unwrap(), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_says() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let soon = now() + chrono::TimeDelta::seconds(3);
    let input = json!({ "name": "short", "permissions": ["READ"], "expiresAt": soon.to_rfc3339() });
    let made = does(&owner, "createApiKey", input).await;
    let secret = text(&made, "/created/secret").unwrap();
    assert_eq!(believed(&aim, &secret).await.unwrap(), "none");
    let over = || async {
        let code = believed(&aim, &secret).await?;
        Ok((code == "UNAUTHENTICATED").then_some(()))
    };
    wait_for("its end", PATIENCE, over).await.unwrap();
    assert!(now() >= soon);
}

#[tokio::test]
async fn revoked_sdk_tokens_are_never_recovered() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let query = "mutation($input: CreateSdkTokenInput!) { createSdkToken(input: $input) {
        created { sdkToken { id name permissions } session { id accessToken refreshToken } }
        userErrors { message } } }";
    let create = async |name: &str| {
        let input = json!({ "name": name, "permissions": ["READ", "REGISTER_AGENT"] });
        let answer = owner.ask(query, json!({ "input": input })).await.unwrap();
        let id = text(&answer, "/createSdkToken/created/sdkToken/id").unwrap();
        (
            id,
            Tokens::in_answer(&answer, "/createSdkToken/created").unwrap(),
        )
    };
    let (one, first) = create("one").await;
    let (_, other) = create("other").await;
    assert_eq!(
        registers(&aim, &owner, &first.access, "by-token").await,
        "none"
    );
    // It acts within what it was given, and not as the person.
    let people = aim.graphql("{ users { totalCount } }", json!({}), Some(&first.access));
    assert_eq!(code(&people.await.unwrap()), "FORBIDDEN");
    let end = "mutation { signOutEverywhere { endedCount } }";
    let answer = aim
        .graphql(end, json!({}), Some(&first.access))
        .await
        .unwrap();
    assert_eq!(code(&answer), "FORBIDDEN");

    let second = refresh(&aim, &first.refresh).await.unwrap();
    assert_eq!(believed(&aim, &second.access).await.unwrap(), "none");
    let ended = does(&owner, "revokeSdkToken", json!({ "sdkTokenId": one })).await;
    assert_eq!(ended["userErrors"], json!([]));
    let dead = async |tokens: &Tokens| {
        let answer = try_refresh(&aim, &tokens.refresh).await.unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
        assert_eq!(
            believed(&aim, &tokens.access).await.unwrap(),
            "UNAUTHENTICATED"
        );
    };
    for tokens in [&second, &first] {
        dead(tokens).await;
    }
    let list = "{ sdkTokens(first: 10) { nodes { name } } }";
    let answer = owner.ask(list, json!({})).await.unwrap();
    assert_eq!(answer["sdkTokens"]["nodes"], json!([{ "name": "other" }]));

    // A used one ends its family, as with people's sessions.
    let next = refresh(&aim, &other.refresh).await.unwrap();
    for tokens in [&other, &next] {
        dead(tokens).await;
    }
    let (_, third) = create("third").await;
    let all = "mutation { revokeAllSdkTokens { endedCount } }";
    let answer = owner.ask(all, json!({})).await.unwrap();
    assert_eq!(answer["revokeAllSdkTokens"]["endedCount"], 1);
    dead(&third).await;
    assert_eq!(believed(&aim, &owner.token).await.unwrap(), "none");

    // Nor by shutting their person out and letting them in again.
    add_person(&aim, "member@test.local", "MEMBER")
        .await
        .unwrap();
    let member = owner.sign_in(&aim, "member@test.local").await.unwrap();
    let input = json!({ "name": "theirs", "permissions": ["READ"] });
    let answer = member.ask(query, json!({ "input": input })).await.unwrap();
    let theirs = Tokens::in_answer(&answer, "/createSdkToken/created").unwrap();
    let id = user_id(&owner, "member@test.local").await.unwrap();
    for name in ["deactivateUser", "activateUser"] {
        does(&owner, name, json!({ "userId": id, "reason": "a test" })).await;
        dead(&theirs).await;
    }
    sign_in(&aim, "member@test.local").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_crash_nothing_and_leave_no_more_secrets_than_two() {
    let mut aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let made = made_by(&owner).await.unwrap();
    let input = json!({ "apiKeyId": made.api_key, "overlapSeconds": 600 });
    let at_once = (0..30).map(|_| does(&owner, "rotateApiKey", input.clone()));
    let mut secrets = vec![made.secret.clone()];
    for answer in futures::future::join_all(at_once).await {
        match text(&answer, "/rotated/secret") {
            Ok(secret) => secrets.push(secret),
            Err(_) => assert_eq!(answer["userErrors"][0]["code"], "CONFLICT", "{answer}"),
        }
    }
    let mut good = 0;
    for secret in &secrets {
        good += u32::from(believed(&aim, secret).await.unwrap() == "none");
    }
    println!("{} of 30 replaced the secret", secrets.len() - 1);
    assert!(
        secrets.len() > 1 && good == 2,
        "{good} of {}",
        secrets.len()
    );
    assert!(aim.is_running());
}
