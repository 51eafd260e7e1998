//! A failure inside is told outside as one only: no table, statement, path or address.

use aim_tests::AimConfig;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::fleet::{Owner, database_of};

/// Breaks what every list is read from.
const BREAK: [&str; 2] = [
    "ALTER TABLE alerts RENAME TO alerts_hidden_from_view",
    "ALTER TABLE agents RENAME COLUMN display_name TO name_hidden_from_view",
];

#[tokio::test]
async fn internal_text_never_reaches_a_client() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &[]).await.unwrap();
    let database = database_of(&aim).await.unwrap();
    for statement in BREAK {
        database.execute_unprepared(statement).await.unwrap();
    }
    for (query, variables) in [
        ("{ alerts(first: 1) { totalCount } }", json!({})),
        ("{ agents(first: 1) { nodes { name } } }", json!({})),
        (
            "query($id: ID!) { node(id: $id) { id } }",
            json!({ "id": agent.id }),
        ),
        (
            "mutation($id: ID!) { suspendAgent(input: { agentId: $id, reason: \"x\" }) {
                userErrors { code message } } }",
            json!({ "id": agent.id }),
        ),
    ] {
        let answer = aim
            .graphql(query, variables, Some(&owner.token))
            .await
            .unwrap();
        let error = &answer["errors"][0];
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        assert!(
            matches!(code, "INTERNAL" | "UNAVAILABLE"),
            "{query}: {answer}"
        );
        let text = error["message"].as_str().unwrap_or_default().to_lowercase();
        for word in [
            "hidden", "alerts_", "select", "no such", "column", "sqlite", "sqlx", ".rs", "/",
        ] {
            assert!(!text.contains(word), "{query} tells `{word}`: {answer}");
        }
        let keys: Vec<_> = error["extensions"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["code"], "{answer}");
    }
    // The operator is told what the client is not.
    let log = aim.log();
    assert!(
        log.contains("no such table") || log.contains("no such column"),
        "{log}"
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.get(format!("{}/health/ready", aim.base_url()));
    let ready = request.send().await.unwrap().text().await.unwrap();
    assert!(!ready.contains("hidden"), "{ready}");
    let answer: Value = aim
        .graphql("{ __typename }", json!({}), None)
        .await
        .unwrap();
    assert_eq!(answer["data"]["__typename"], "Query");
}
