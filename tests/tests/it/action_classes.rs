//! What people say an action is counts for decisions, for the stream and on every node.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_tests::{AimConfig, Postgres, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner};

const PATIENCE: Duration = Duration::from_secs(30);
const FIELDS: &str = "actionClassOverride { id action isWrite risk reason setBy } \
                      userErrors { code message field }";

async fn says(owner: &Owner, is_write: bool, risk: &str) -> Value {
    let query = format!(
        "mutation($input: OverrideActionClassInput!) {{
            overrideActionClass(input: $input) {{ {FIELDS} }} }}"
    );
    let input = json!({
        "action": "crm:purge", "isWrite": is_write, "risk": risk, "reason": "it only hides rows",
    });
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer["overrideActionClass"].take()
}

async fn takes_back(owner: &Owner) -> Value {
    let query = format!(
        "mutation($input: WithdrawActionClassInput!) {{
            withdrawActionClass(input: $input) {{ {FIELDS} }} }}"
    );
    let input = json!({ "action": "crm:purge", "reason": "it deletes again" });
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer["withdrawActionClass"].take()
}

async fn class(owner: &Owner, action: &str) -> Value {
    let query = "query($action: String!) {
        actionClass(action: $action) { isWrite risk overriddenBy { reason } } }";
    let variables = json!({ "action": action });
    let mut answer = owner.ask(query, variables).await.unwrap();
    answer["actionClass"].take()
}

/// The decision about the action, and the risk that counted.
async fn asks(agent: &Agent, url: &str) -> String {
    let agent = Agent {
        url: url.to_owned(),
        ..agent.clone()
    };
    let answer = agent.verify(json!({ "action": "crm:purge" })).await;
    let verification = &answer.unwrap().body["data"]["verifyAction"]["verification"];
    format!("{} {}", verification["decision"], verification["risk"]).replace('"', "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_word_counts_on_every_node_until_it_is_taken_back() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let first = AimConfig::new().database(&url).start().unwrap();
    let second = AimConfig::new().database(&url).role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("keeper", &["crm:*"]).await.unwrap();
    let nodes = [first.base_url(), second.base_url()];
    let on_every_node = async |wanted: &str| {
        for node in nodes {
            let same = || async { Ok((asks(&agent, node).await == wanted).then_some(())) };
            wait_for(wanted, PATIENCE, same).await.unwrap();
        }
    };
    let by_name = json!({ "isWrite": true, "risk": "CRITICAL", "overriddenBy": null });
    assert_eq!(class(&owner, "crm:purge").await, by_name);
    on_every_node("PENDING_APPROVAL CRITICAL").await;

    let said = says(&owner, false, "LOW").await;
    assert_eq!(said["userErrors"], json!([]), "{said}");
    assert_eq!(said["actionClassOverride"]["risk"], "LOW");
    on_every_node("ALLOWED LOW").await;
    let again = says(&owner, false, "LOW").await;
    assert_eq!(again["actionClassOverride"], said["actionClassOverride"]);
    let now = class(&owner, "crm:purge").await;
    assert_eq!(now["overriddenBy"]["reason"], "it only hides rows");
    assert_eq!(
        class(&owner, "CRM:purge").await,
        by_name,
        "exactly this action"
    );

    // The caller's word still raises it.
    let declared = json!({ "action": "crm:purge", "riskLevel": "HIGH" });
    let answer = agent.verify(declared).await.unwrap();
    let verification = &answer.body["data"]["verifyAction"]["verification"];
    assert_eq!(verification["risk"], "HIGH");

    assert_eq!(takes_back(&owner).await["userErrors"], json!([]));
    on_every_node("PENDING_APPROVAL CRITICAL").await;
    let gone = takes_back(&owner).await;
    assert_eq!(gone["userErrors"][0]["code"], "NOT_FOUND");
    let query = "{ auditEntries(first: 2, filter: { objectId: \"crm:purge\" }) {
        nodes { action reason } } }";
    let answer = owner.ask(query, json!({})).await.unwrap();
    let wanted = json!([
        { "action": "action-class.withdraw", "reason": "it deletes again" },
        { "action": "action-class.override", "reason": "it only hides rows" },
    ]);
    assert_eq!(answer["auditEntries"]["nodes"], wanted);
}
