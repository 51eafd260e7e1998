//! The first start.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use serde_json::{Value, json};

use crate::fleet::Owner;
use crate::house::ADMIN;

/// Everything that the first start did, newest first.
async fn trail(owner: &Owner) -> Value {
    let query = "{ auditEntries(first: 9, filter: { actorId: \"bootstrap\" }) {
        nodes { actorType action objectType objectId after } } }";
    let mut answer = owner.ask(query, json!({})).await.unwrap();
    answer["auditEntries"]["nodes"].take()
}

async fn begins_the_trail(mut aim: AimProcess) {
    let owner = Owner::of(&aim).await.unwrap();
    let entries = trail(&owner).await;
    assert_eq!(entries.as_array().unwrap().len(), 2, "{entries}");
    let (user, organization) = (&entries[0], &entries[1]);
    assert_eq!(user["action"], "user.create", "{entries}");
    assert_eq!(user["objectType"], "user", "{entries}");
    let first = json!({ "email": ADMIN, "role": "OWNER" });
    assert_eq!(user["after"], first, "{entries}");
    assert_eq!(organization["action"], "organization.create", "{entries}");
    let plain = owner.organization.to_string();
    assert_eq!(organization["objectId"], json!(plain), "{entries}");
    for entry in [user, organization] {
        assert_eq!(entry["actorType"], "system", "{entries}");
    }
    let one_time = aim.bootstrap().unwrap().password.clone();
    assert!(!entries.to_string().contains(&one_time));
    aim.restart().unwrap();
    assert_eq!(trail(&owner).await, entries, "a later start adds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_organization_and_owner_are_in_the_trail_on_sqlite() {
    begins_the_trail(AimConfig::new().start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_organization_and_owner_are_in_the_trail_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    begins_the_trail(AimConfig::new().database(url).start().unwrap()).await;
}
