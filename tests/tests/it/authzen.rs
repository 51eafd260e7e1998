//! The AuthZEN Authorization API, several questions in one request, and the log of verifications.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::signature::{HttpRequest, sign_request};
use aim_tests::AimConfig;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::approvals::deletion;
use crate::fleet::{Agent, Owner, now};

const ONE: &str = "/access/v1/evaluation";
const SEVERAL: &str = "/access/v1/evaluations";

/// An answer: status, body, and the request id that was given back.
type Answer = (u16, Value, Option<String>);

async fn read(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.header("x-request-id", "r-1").send().await.unwrap();
    let id = answer.headers().get("x-request-id");
    let id = id.map(|it| it.to_str().unwrap().to_owned());
    (answer.status().as_u16(), answer.json().await.unwrap(), id)
}

/// Sends what an agent signs.
async fn signed(agent: &Agent, path: &str, body: &Value) -> Answer {
    let body = body.to_string().into_bytes();
    let request = HttpRequest {
        method: "POST",
        scheme: "http",
        authority: agent.url.trim_start_matches("http://"),
        path,
        query: None,
        headers: &[],
    };
    let nonce = Uuid::now_v7().simple().to_string();
    let key_id = agent.key.public_key().thumbprint();
    let headers = sign_request(
        &request,
        &body,
        &agent.key,
        &key_id,
        &nonce,
        now().timestamp(),
    );
    let request = agent
        .http
        .post(format!("{}{path}", agent.url))
        .header("content-type", "application/json")
        .header("content-digest", &headers.content_digest)
        .header("signature-input", &headers.signature_input)
        .header("signature", &headers.signature)
        .body(body);
    read(request).await
}

async fn with_key(agent: &Agent, secret: &str, path: &str, body: &Value) -> Answer {
    let request = agent.http.post(format!("{}{path}", agent.url));
    read(request.bearer_auth(secret).json(body)).await
}

fn evaluation(agent: &Agent, action: &str) -> Value {
    json!({
        "subject": { "type": "agent", "id": agent.id },
        "action": { "name": action },
        "resource": { "type": "path", "id": "/data" },
    })
}

async fn api_key(owner: &Owner, permission: &str) -> String {
    let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
        created { secret } userErrors { message } } }";
    let input = json!({ "name": permission, "permissions": [permission] });
    let made = owner.ask(query, json!({ "input": input })).await.unwrap();
    made["createApiKey"]["created"]["secret"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn verifications(owner: &Owner) -> u64 {
    let counts = owner.counts().await.unwrap();
    counts["verifications"]["totalCount"].as_u64().unwrap()
}

#[tokio::test]
async fn the_standard_asks_and_the_same_decision_is_on_record() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner
        .register("worker", &["files:read", "db:delete"])
        .await
        .unwrap();
    let other = owner.register("other", &["files:read"]).await.unwrap();
    let secret = api_key(&owner, "EVALUATE_ACCESS").await;
    let metadata = agent
        .http
        .get(format!("{}/.well-known/authzen-configuration", agent.url));
    let (status, metadata, _) = read(metadata).await;
    assert_eq!(status, 200);
    assert_eq!(metadata["policy_decision_point"], agent.url);
    assert_eq!(
        metadata["access_evaluation_endpoint"],
        format!("{}{ONE}", agent.url)
    );

    for (action, decision, said) in [
        ("files:read", true, "ALLOWED"),
        ("files:write", false, "DENIED"),
        ("db:delete", false, "PENDING_APPROVAL"),
    ] {
        let wanted = evaluation(&agent, action);
        for (status, answer, id) in [
            signed(&agent, ONE, &wanted).await,
            with_key(&agent, &secret, ONE, &wanted).await,
        ] {
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["decision"], decision, "{answer}");
            assert_eq!(answer["context"]["decision"], said, "{answer}");
            assert_eq!(id.as_deref(), Some("r-1"));
        }
    }
    assert_eq!(verifications(&owner).await, 6, "each is on record");
    let trail =
        "{ auditEntries(first: 50, filter: { action: \"action.verify\" }) { nodes { after } } }";
    let trail = owner.ask(trail, json!({})).await.unwrap().to_string();
    assert_eq!(
        trail.matches("api-key:").count(),
        3,
        "who asked in its place: {trail}"
    );

    // An agent asks for itself; a program needs to have been let; nobody is nobody.
    let foreign = evaluation(&other, "files:read");
    assert_eq!(signed(&agent, ONE, &foreign).await.0, 403);
    let reader = api_key(&owner, "READ").await;
    assert_eq!(with_key(&agent, &reader, ONE, &foreign).await.0, 403);
    assert_eq!(with_key(&agent, "nothing", ONE, &foreign).await.0, 401);
    let nobody = agent
        .http
        .post(format!("{}{ONE}", agent.url))
        .json(&foreign);
    assert_eq!(read(nobody).await.0, 401);
    for wrong in [
        json!({}),
        json!({ "subject": { "type": "user", "id": "1" } }),
        json!([]),
        json!({ "subject": 1 }),
    ] {
        let (status, answer, _) = with_key(&agent, &secret, ONE, &wrong).await;
        assert_eq!(status, 400, "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn several_at_once_stop_where_the_request_says() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("worker", &["files:read"]).await.unwrap();
    let secret = api_key(&owner, "EVALUATE_ACCESS").await;
    let actions = ["files:read", "files:write", "files:read"];
    let body = |semantic: &str| {
        let all = actions.map(|name| json!({ "action": { "name": name } }));
        json!({
            "subject": { "type": "agent", "id": agent.id },
            "resource": { "type": "record", "id": "7" },
            "evaluations": all,
            "options": { "evaluations_semantic": semantic },
        })
    };
    for (semantic, expected) in [
        ("execute_all", vec![true, false, true]),
        ("deny_on_first_deny", vec![true, false]),
        ("permit_on_first_permit", vec![true]),
    ] {
        for (status, answer, _) in [
            signed(&agent, SEVERAL, &body(semantic)).await,
            with_key(&agent, &secret, SEVERAL, &body(semantic)).await,
        ] {
            assert_eq!(status, 200, "{answer}");
            let all = answer["evaluations"].as_array().unwrap();
            let decisions: Vec<_> = all
                .iter()
                .map(|it| it["decision"].as_bool().unwrap())
                .collect();
            assert_eq!(decisions, expected, "{semantic}: {answer}");
        }
    }
    let mut wrong = body("execute_all");
    wrong["evaluations"][1] = json!({ "subject": { "type": "user", "id": "1" } });
    wrong["action"] = json!({ "name": "files:read" });
    let (status, answer, _) = signed(&agent, SEVERAL, &wrong).await;
    assert_eq!(status, 200, "{answer}");
    let wrong = &answer["evaluations"][1];
    assert_eq!(wrong["decision"], false, "{answer}");
    assert_eq!(wrong["context"]["error"]["status"], 400, "{answer}");
    let (status, answer, _) = signed(&agent, SEVERAL, &evaluation(&agent, "files:read")).await;
    assert_eq!(
        (status, &answer["decision"]),
        (200, &json!(true)),
        "one without a list: {answer}"
    );
}

#[tokio::test]
async fn one_request_asks_several_actions_and_its_nonce_is_good_once() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner
        .register("worker", &["files:read", "db:delete"])
        .await
        .unwrap();
    let query = "mutation($input: VerifyActionsInput!) { verifyActions(input: $input) {
        results { items { verification { decision } code message } } userErrors { code } } }";
    let input =
        json!({ "actions": [{ "action": "files:read" }, { "action": "not a name" }, deletion()] });
    let body = json!({ "query": query, "variables": { "input": input } }).to_string();
    let request = agent.sign(body.into_bytes(), now());
    let answer = agent.post(&request).await.unwrap().body;
    let items = &answer["data"]["verifyActions"]["results"]["items"];
    assert_eq!(items[0]["verification"]["decision"], "ALLOWED", "{answer}");
    assert_eq!(items[1]["code"], "INVALID", "{answer}");
    assert_eq!(
        items[2]["verification"]["decision"], "PENDING_APPROVAL",
        "{answer}"
    );
    assert!(
        agent
            .post(&request)
            .await
            .unwrap()
            .is_refused_for("NONCE_REPLAYED")
    );
    assert_eq!(verifications(&owner).await, 2);
}

#[tokio::test]
async fn the_log_is_counted_and_exported() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("worker", &["files:read"]).await.unwrap();
    for resource in ["=cmd()", "a,b"] {
        let input = json!({ "action": "files:read", "resource": resource });
        assert_eq!(agent.verify(input).await.unwrap().decision().0, "ALLOWED");
    }
    let answer = agent
        .verify(json!({ "action": "files:write" }))
        .await
        .unwrap();
    assert_eq!(answer.decision().0, "DENIED");
    let query =
        "query($id: ID!) { verificationStats(agentId: $id) { sampleCount allowedCount deniedCount
        lowRiskCount perHour actionDurations { p50 } } }";
    let stats = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    let stats = &stats["verificationStats"];
    assert_eq!(stats["sampleCount"], 3, "{stats}");
    assert_eq!(stats["allowedCount"], 2, "{stats}");
    assert_eq!(stats["deniedCount"], 1, "{stats}");

    let export = async |rest: &str| {
        let request = owner
            .http
            .get(format!("{}/v1/verifications/export{rest}", owner.url));
        let answer = request.bearer_auth(&owner.token).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, lines) = export("").await;
    assert_eq!(status, 200);
    let lines: Vec<Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0]["resource"], "=cmd()");
    let (status, table) = export(&format!("?format=csv&agent={}", agent.id)).await;
    assert_eq!(status, 200);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains(",'=cmd(),"), "{table}");
    assert!(table.contains("\"a,b\""), "{table}");
    assert_eq!(export("?format=xml").await.0, 400);
    let (_, none) = export("?to=2000-01-01T00:00:00Z").await;
    assert_eq!(none, "");
    let trail = "{ auditEntries(filter: { action: \"verification.export\" }) { totalCount } }";
    let trail = owner.ask(trail, json!({})).await.unwrap();
    assert_eq!(
        trail["auditEntries"]["totalCount"], 3,
        "refused ones are none"
    );
}
