//! Roles, people and limits: guards that an operator expects.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::AimConfig;
use serde_json::{Value, json};

use crate::fleet::{Owner, PASSWORD, add_person, text};
use crate::people::{believed, code, made_with, try_sign_in, user_id};

const ADMIN: &str = "admin@aim.local";

/// The code of a change of a person, `none` when it was done, and its words.
async fn change(by: &Owner, name: &str, id: &str, role: Option<&str>) -> (String, String) {
    let (first, rest) = name.split_at(1);
    let kind = format!("{}{rest}Input", first.to_uppercase());
    let query = format!(
        "mutation($input: {kind}!) {{ {name}(input: $input) {{
            user {{ role isActive }} userErrors {{ code message }} }} }}"
    );
    let mut input = json!({ "userId": id, "reason": "a test" });
    if let Some(role) = role {
        input["role"] = json!(role);
    }
    let answer = by.ask(&query, json!({ "input": input })).await.unwrap();
    let error = &answer[name]["userErrors"][0];
    let part = |name: &str| error[name].as_str().unwrap_or("none").to_owned();
    (part("code"), part("message"))
}

#[tokio::test]
async fn nobody_raises_anybody_above_himself_and_the_last_owner_stays() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    for (email, role) in [
        ("boss@test.local", "ADMIN"),
        ("second@test.local", "OWNER"),
        ("member@test.local", "MEMBER"),
    ] {
        add_person(&aim, email, role).await.unwrap();
    }
    let boss = owner.sign_in(&aim, "boss@test.local").await.unwrap();
    let second = owner.sign_in(&aim, "second@test.local").await.unwrap();
    let id = async |email: &str| user_id(&owner, email).await.unwrap();
    let (first_id, second_id) = (&id(ADMIN).await, &id("second@test.local").await);
    let (boss_id, member_id) = (&id("boss@test.local").await, &id("member@test.local").await);

    // Above oneself, at oneself, above in rank.
    let refused = |outcome: (String, String), words: &str| {
        assert!(
            outcome.0 == "CONFLICT" && outcome.1.contains(words),
            "{outcome:?}"
        );
    };
    refused(
        change(&boss, "updateUserRole", member_id, Some("OWNER")).await,
        "above your own",
    );
    refused(
        change(&boss, "updateUserRole", boss_id, Some("OWNER")).await,
        "yourself",
    );
    for name in ["deactivateUser", "removeUser"] {
        refused(change(&boss, name, first_id, None).await, "above yours");
        refused(change(&owner, name, first_id, None).await, "yourself");
    }
    refused(
        change(&boss, "updateUserRole", second_id, Some("VIEWER")).await,
        "above yours",
    );
    let done = change(&boss, "updateUserRole", member_id, Some("ADMIN")).await;
    assert_eq!(done.0, "none", "{done:?}");

    // Two owners: one may go, and then none.
    assert_eq!(
        change(&second, "updateUserRole", first_id, Some("ADMIN"))
            .await
            .0,
        "none"
    );
    refused(
        change(&owner, "updateUserRole", second_id, Some("ADMIN")).await,
        "above yours",
    );
    assert_eq!(
        change(&second, "updateUserRole", first_id, Some("OWNER"))
            .await
            .0,
        "none"
    );
}

#[tokio::test]
async fn who_was_removed_is_nobody_and_leaves_no_name() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    add_person(&aim, "member@test.local", "MEMBER")
        .await
        .unwrap();
    let id = user_id(&owner, "member@test.local").await.unwrap();
    let member_id = id.as_str();
    let member = owner.sign_in(&aim, "member@test.local").await.unwrap();
    assert_eq!(
        change(&owner, "removeUser", member_id, None).await.0,
        "none"
    );
    assert_eq!(
        believed(&aim, &member.token).await.unwrap(),
        "UNAUTHENTICATED"
    );
    let answer = try_sign_in(&aim, "member@test.local", PASSWORD).await;
    assert_eq!(code(&answer), "UNAUTHENTICATED");
    assert_eq!(
        change(&owner, "activateUser", member_id, None).await.0,
        "NOT_FOUND"
    );
    let shown = owner
        .ask("{ users(first: 50) { nodes { email } } }", json!({}))
        .await
        .unwrap();
    assert!(!shown.to_string().contains("member@test.local"), "{shown}");
    add_person(&aim, "member@test.local", "VIEWER")
        .await
        .unwrap();
}

async fn sets(owner: &Owner, mut input: Value) -> Value {
    input["reason"] = json!("a test");
    let query = "mutation($input: UpdateOrganizationSettingsInput!) {
        updateOrganizationSettings(input: $input) {
            organization { name settings { maxAgents maxUsers passwordMinChars } }
            userErrors { code message field } } }";
    let mut answer = owner.ask(query, json!({ "input": input })).await.unwrap();
    answer["updateOrganizationSettings"].take()
}

#[tokio::test]
async fn limits_of_an_organization_are_enforced_with_a_clear_error() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let wrong = sets(&owner, json!({ "maxAgents": 0, "passwordMinChars": 8 })).await;
    let fields: Vec<_> = wrong["userErrors"].as_array().unwrap().iter().collect();
    assert_eq!(fields[0]["field"], json!(["maxAgents"]), "{wrong}");
    assert_eq!(fields[1]["field"], json!(["passwordMinChars"]), "{wrong}");

    owner.register("first", &[]).await.unwrap();
    let limits = json!({ "name": "Acme", "maxAgents": 1, "maxUsers": 1, "passwordMinChars": 30,
        "maxProgramCredentials": 2 });
    let set = sets(&owner, limits).await;
    let settings = json!({ "maxAgents": 1, "maxUsers": 1, "passwordMinChars": 30 });
    assert_eq!(
        set["organization"],
        json!({ "name": "Acme", "settings": settings }),
        "{set}"
    );

    let register = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
        agent { id } userErrors { code message } } }";
    let input = json!({ "input": owner.registration("second").unwrap() });
    let answer = owner.ask(register, input.clone()).await.unwrap();
    let error = &answer["registerAgent"]["userErrors"][0];
    assert_eq!(error["code"], "CONFLICT", "{answer}");
    assert!(
        text(error, "/message").unwrap().contains("maxAgents"),
        "{answer}"
    );

    // An API key and an SDK token are two; a third is refused.
    made_with(&owner, json!(["READ"])).await.unwrap();
    let error = made_with(&owner, json!(["READ"]))
        .await
        .map(|it| it.api_key)
        .unwrap_err();
    assert!(
        error.to_string().contains("maxProgramCredentials"),
        "{error}"
    );

    add_person(&aim, "second@test.local", "MEMBER")
        .await
        .unwrap();
    let id = user_id(&owner, "second@test.local").await.unwrap();
    assert_eq!(change(&owner, "deactivateUser", &id, None).await.0, "none");
    let full = change(&owner, "activateUser", &id, None).await;
    assert!(
        full.0 == "CONFLICT" && full.1.contains("maxUsers"),
        "{full:?}"
    );

    let change = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
        userErrors { field message } } }";
    let short = json!({ "currentPassword": PASSWORD, "newPassword": "vexing quartz jumble" });
    let answer = owner.ask(change, json!({ "input": short })).await.unwrap();
    let words = text(&answer, "/changePassword/userErrors/0/message").unwrap();
    assert!(words.contains("use 30 or more"), "{words}");

    sets(&owner, json!({ "maxAgents": 2 })).await;
    let answer = owner.ask(register, input).await.unwrap();
    assert!(
        answer["registerAgent"]["agent"]["id"].is_string(),
        "{answer}"
    );
}
