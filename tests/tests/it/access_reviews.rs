//! A person gives a word for all that may get in, what is to go goes at once, and a check counts it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::fleet::{Agent, Owner, add_person, database_of, now, text};
use crate::people::{believed, made_by};

const OPEN: &str = "mutation($input: OpenAccessReviewInput!) { openAccessReview(input: $input) {
    accessReview { id status itemCount unansweredCount isOverdue } userErrors { code message field } } }";
const ANSWER: &str = "mutation($input: AnswerAccessReviewItemInput!) {
    answerAccessReviewItem(input: $input) {
        accessReviewItem { id word reason answeredBy carriedOutAt }
        userErrors { code message field } } }";
const CLOSE: &str = "mutation($input: CloseAccessReviewInput!) { closeAccessReview(input: $input) {
    accessReview { status keptCount revokedCount unansweredCount closingReason }
    userErrors { code message } } }";
const REVIEW: &str = "query($id: ID!) { accessReview(id: $id) {
    status itemCount keptCount revokedCount unansweredCount isOverdue } }";
const ITEMS: &str =
    "query($filter: AccessReviewItemFilter) { accessReviewItems(first: 100, filter: $filter) {
    totalCount nodes { id subject subjectId ownerId name access word carriedOutAt } } }";

async fn open(owner: &Owner) -> Value {
    let due = (now() + TimeDelta::days(14)).to_rfc3339();
    let input = json!({ "name": "the quarter's", "dueAt": due });
    let mut answer = owner.ask(OPEN, json!({ "input": input })).await.unwrap();
    let mut answer = answer["openAccessReview"].take();
    assert_eq!(answer["userErrors"], json!([]), "{answer}");
    answer["accessReview"].take()
}

async fn items(owner: &Owner, filter: Value) -> Value {
    let mut found = owner.ask(ITEMS, json!({ "filter": filter })).await.unwrap();
    found["accessReviewItems"].take()
}

/// The thing of the newest review that is called so.
async fn item(owner: &Owner, name: &str) -> Value {
    let all = items(owner, json!({})).await;
    let mut all = all["nodes"].as_array().unwrap().iter();
    all.find(|it| it["name"] == name).unwrap().clone()
}

async fn say(person: &Owner, item: &Value, word: &str) -> Value {
    let reason = (word == "REVOKE").then_some("nobody uses it");
    let input = json!({ "accessReviewItemId": item["id"], "word": word, "reason": reason });
    let mut answer = person.ask(ANSWER, json!({ "input": input })).await.unwrap();
    answer["answerAccessReviewItem"].take()
}

async fn is_taken(person: &Owner, item: &Value, word: &str) {
    let answer = say(person, item, word).await;
    assert_eq!(answer["userErrors"], json!([]), "{answer}");
    assert_eq!(answer["accessReviewItem"]["word"], word, "{answer}");
    let done = &answer["accessReviewItem"]["carriedOutAt"];
    assert!(done.is_string(), "{answer}");
}

async fn is_refused(person: &Owner, item: &Value, word: &str, because: &str) {
    let answer = say(person, item, word).await;
    let error = &answer["userErrors"][0];
    assert_eq!(error["code"], "CONFLICT", "{answer}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(because), "{message}");
}

async fn look(owner: &Owner, review: &Value) -> Value {
    let asked = json!({ "id": review["id"] });
    let mut found = owner.ask(REVIEW, asked).await.unwrap();
    found["accessReview"].take()
}

async fn close(owner: &Owner, review: &Value) -> Value {
    let input = json!({ "accessReviewId": review["id"], "reason": "the quarter is over" });
    let mut answer = owner.ask(CLOSE, json!({ "input": input })).await.unwrap();
    answer["closeAccessReview"].take()
}

async fn status(owner: &Owner, agent: &Agent) -> String {
    text(&owner.look(agent).await.unwrap(), "/status").unwrap()
}

/// Outcome, count, and how many lack it, of SOC 2's check.
async fn check(owner: &Owner) -> (String, u64, u64) {
    let query = "{ complianceReport(framework: SOC2) { controls { checks {
        kind outcome count lackingCount days } } } }";
    let found = owner.ask(query, json!({})).await.unwrap();
    let controls = found["complianceReport"]["controls"].as_array().unwrap();
    let mut checks = controls
        .iter()
        .flat_map(|it| it["checks"].as_array().unwrap());
    let check = checks.find(|it| it["kind"] == "ACCESS_REVIEWED").unwrap();
    assert_eq!(check["days"], 92);
    let number = |name: &str| check[name].as_u64().unwrap();
    (
        text(check, "/outcome").unwrap(),
        number("count"),
        number("lackingCount"),
    )
}

/// Actions on record of reviews, oldest first.
async fn audited(owner: &Owner, kind: &str) -> Vec<String> {
    let query = "query($kind: String) { auditEntries(first: 100, filter: { objectType: $kind }) {
        nodes { action } } }";
    let found = owner.ask(query, json!({ "kind": kind })).await.unwrap();
    let nodes = found["auditEntries"]["nodes"].as_array().unwrap().iter();
    let mut actions: Vec<_> = nodes.map(|it| text(it, "/action").unwrap()).collect();
    actions.reverse();
    actions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_takes_a_word_for_all_that_may_get_in_and_carries_it_out() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let stays = owner.register("stays", &[]).await.unwrap();
    let goes = owner.register("goes", &["files:read"]).await.unwrap();
    let made = made_by(&owner).await.unwrap();
    for (email, role) in [
        ("admin@test.local", "ADMIN"),
        ("leaver@test.local", "VIEWER"),
    ] {
        add_person(&aim, email, role).await.unwrap();
    }
    let admin = owner.sign_in(&aim, "admin@test.local").await.unwrap();
    let leaver = owner.sign_in(&aim, "leaver@test.local").await.unwrap();
    // What is new was given on purpose; only what is older than the days is to be reviewed.
    assert_eq!(check(&owner).await, ("NOT_APPLICABLE".to_owned(), 0, 0));
    age_everything(&aim).await;
    assert_eq!(check(&owner).await, ("NOT_MET".to_owned(), 7, 7));

    let review = open(&owner).await;
    assert_eq!(
        (&review["itemCount"], &review["isOverdue"]),
        (&json!(7), &json!(false))
    );
    let programs = items(&owner, json!({ "subject": "API_KEY" })).await;
    assert_eq!(programs["nodes"][0]["subjectId"], made.api_key);
    let tokens = items(&owner, json!({ "subject": "SDK_TOKEN" })).await;
    assert_eq!(tokens["nodes"][0]["subjectId"], made.sdk_token);

    // What is to go goes, by the rules that hold without a review.
    is_taken(&owner, &item(&owner, "stays").await, "KEEP").await;
    is_taken(&owner, &item(&owner, "goes").await, "REVOKE").await;
    assert_eq!(status(&owner, &goes).await, "REVOKED");
    assert_eq!(status(&owner, &stays).await, "VERIFIED");
    is_taken(&owner, &item(&owner, "leaver@test.local").await, "REVOKE").await;
    let refused = leaver.ask("{ viewer { __typename } organization { id } }", json!({}));
    assert!(refused.await.is_err());
    // Nobody reviews themselves, nor those above.
    let own = item(&owner, "admin@aim.local").await;
    is_refused(&owner, &own, "KEEP", "your own access").await;
    is_refused(&admin, &own, "REVOKE", "above yours").await;
    let after = item(&owner, "admin@aim.local").await;
    assert_eq!(
        after["word"],
        Value::Null,
        "what cannot be done is not said: {after}"
    );
    let key = &programs["nodes"][0];
    is_refused(&owner, key, "REVOKE", "your own access").await;
    is_taken(&admin, key, "REVOKE").await;
    assert_eq!(
        believed(&aim, &made.secret).await.unwrap(),
        "UNAUTHENTICATED"
    );
    is_taken(&admin, &tokens["nodes"][0], "REVOKE").await;
    is_refused(&owner, &item(&owner, "goes").await, "KEEP", "was revoked").await;

    let found = look(&owner, &review).await;
    let wanted = json!({ "status": "OPEN", "itemCount": 7, "keptCount": 1, "revokedCount": 4,
        "unansweredCount": 2, "isOverdue": false });
    assert_eq!(found, wanted);
    let left = items(&owner, json!({ "isAnswered": false })).await;
    assert_eq!(left["totalCount"], 2, "{left}");
    is_taken(&admin, &own, "KEEP").await;
    assert_eq!(check(&owner).await, ("NOT_MET".to_owned(), 3, 1));
    let closed = close(&owner, &review).await;
    assert_eq!(closed["accessReview"]["unansweredCount"], 1, "{closed}");
    let late = item(&owner, "admin@test.local").await;
    is_refused(&owner, &late, "KEEP", "closed").await;

    is_on_record(&owner).await;
    // Words are good for so many days.
    let database = database_of(&aim).await.unwrap();
    let ages = "UPDATE access_review_items SET answered_at = '2020-01-01T00:00:00+00:00'";
    database.execute_unprepared(ages).await.unwrap();
    assert_eq!(check(&owner).await, ("NOT_MET".to_owned(), 3, 3));
}

async fn age_everything(aim: &AimProcess) {
    let database = database_of(aim).await.unwrap();
    for table in ["users", "agents", "api_keys", "sessions"] {
        let ages = format!("UPDATE {table} SET created_at = '2020-01-01T00:00:00+00:00'");
        database.execute_unprepared(&ages).await.unwrap();
    }
}

async fn is_on_record(owner: &Owner) {
    assert_eq!(
        audited(owner, "access-review").await,
        ["access-review.open", "access-review.close"]
    );
    let said = audited(owner, "access-review-item").await;
    let count = |action: &str| said.iter().filter(|it| *it == action).count();
    assert_eq!(count("access-review.answer"), 7, "{said:?}");
    assert_eq!(count("access-review.carry-out"), 4, "{said:?}");
    assert_eq!(count("access-review.take-back"), 1, "{said:?}");
    let query = "{ auditEntries(first: 100, filter: { objectType: \"agent\" }) { nodes { action reason } } }";
    let found = owner.ask(query, json!({})).await.unwrap();
    let nodes = found["auditEntries"]["nodes"].as_array().unwrap();
    let mut revoked = nodes.iter().filter(|it| it["action"] == "agent.revoke");
    assert_eq!(
        revoked.next().unwrap()["reason"],
        "access review: nobody uses it"
    );
}

/// What a process that died between saying and doing leaves behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_was_said_and_not_carried_out_is_seen_and_carried_out_later() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("left", &[]).await.unwrap();
    let review = open(&owner).await;
    let database = database_of(&aim).await.unwrap();
    for statement in [
        "UPDATE access_review_items SET word = 'REVOKE' WHERE name = 'left'",
        "UPDATE access_reviews SET revoked_count = 1",
    ] {
        database.execute_unprepared(statement).await.unwrap();
    }
    let left = item(&owner, "left").await;
    assert_eq!(
        (&left["word"], &left["carriedOutAt"]),
        (&json!("REVOKE"), &Value::Null)
    );
    let refused = close(&owner, &review).await;
    assert_eq!(refused["userErrors"][0]["code"], "CONFLICT", "{refused}");
    assert_eq!(status(&owner, &agent).await, "VERIFIED");
    is_taken(&owner, &left, "REVOKE").await;
    assert_eq!(status(&owner, &agent).await, "REVOKED");
    assert_eq!(look(&owner, &review).await["revokedCount"], 1);
    let closed = close(&owner, &review).await;
    assert_eq!(closed["accessReview"]["status"], "CLOSED", "{closed}");
    let again = close(&owner, &review).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT", "{again}");
}

/// Whoever is first counts, and nothing is done that is not said.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_words_at_one_time_what_is_said_is_what_was_done_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let aim = AimConfig::new().database(&url).start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut agents = Vec::new();
    for number in 0..8 {
        let name = format!("agent-{number}");
        agents.push(owner.register(&name, &[]).await.unwrap());
    }
    let review = open(&owner).await;
    for agent in &agents {
        let item = item(&owner, &agent.name).await;
        let (kept, revoked) =
            tokio::join!(say(&owner, &item, "KEEP"), say(&owner, &item, "REVOKE"));
        let is_done = |it: &Value| it["userErrors"] == json!([]);
        assert!(is_done(&kept) || is_done(&revoked), "{kept} {revoked}");
        let after = items(&owner, json!({ "accessReviewId": review["id"] })).await;
        let mut after = after["nodes"].as_array().unwrap().iter();
        let after = after.find(|it| it["id"] == item["id"]).unwrap();
        let wanted = match after["word"].as_str().unwrap() {
            "KEEP" => "VERIFIED",
            _ => "REVOKED",
        };
        assert_eq!(status(&owner, agent).await, wanted, "{after}");
    }
    let found = look(&owner, &review).await;
    let sum = found["keptCount"].as_u64().unwrap() + found["revokedCount"].as_u64().unwrap();
    assert_eq!(sum, 8, "{found}");
    let closed = close(&owner, &review).await;
    assert_eq!(closed["accessReview"]["unansweredCount"], 1, "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_named_field_by_field() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    owner.register("reader", &[]).await.unwrap();
    for (name, days, field) in [("", 1, "name"), ("a", -1, "dueAt"), ("a", 400, "dueAt")] {
        let due = (now() + TimeDelta::days(days)).to_rfc3339();
        let input = json!({ "name": name, "dueAt": due });
        let answer = owner.ask(OPEN, json!({ "input": input })).await.unwrap();
        let error = &answer["openAccessReview"]["userErrors"][0];
        assert_eq!(error["field"], json!([field]), "{answer}");
    }
    open(&owner).await;
    let input =
        json!({ "accessReviewItemId": item(&owner, "reader").await["id"], "word": "REVOKE" });
    let answer = owner.ask(ANSWER, json!({ "input": input })).await.unwrap();
    let error = &answer["answerAccessReviewItem"]["userErrors"][0];
    assert_eq!(error["field"], json!(["reason"]), "{answer}");
    for _ in 1..10 {
        open(&owner).await;
    }
    let due = (now() + TimeDelta::days(1)).to_rfc3339();
    let input = json!({ "name": "one more", "dueAt": due });
    let answer = owner.ask(OPEN, json!({ "input": input })).await.unwrap();
    let error = &answer["openAccessReview"]["userErrors"][0];
    assert_eq!(error["code"], "CONFLICT", "{answer}");
}
