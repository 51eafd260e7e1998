//! Which documents may be executed: graphql-js and the server are asked about the same table.

use std::path::Path;

use aim_tests::{AimConfig, AimProcess, run_script};
use serde_json::{Map, Value, json};

const TABLE: &str = include_str!("../../clients/validation.json");

/// Whether the server would execute it: a request error has no `data`, whoever asks.
async fn executes(aim: &AimProcess, row: &Value) -> anyhow::Result<bool> {
    let mut body = json!({ "query": row["query"] });
    for name in ["variables", "operationName"] {
        if let Some(value) = row.get(name) {
            body[name] = value.clone();
        }
    }
    let http = reqwest::Client::builder().no_proxy().build()?;
    // A subscription has no other answer than a stream, whose first event tells.
    let accept = "text/event-stream";
    let request = http
        .post(format!("{}/graphql", aim.base_url()))
        .header("accept", accept);
    let answer = request.json(&body).send().await?;
    let text = answer.text().await?;
    let event = text.lines().find_map(|line| line.strip_prefix("data: "));
    let event: Value = serde_json::from_str(event.unwrap_or(&text))?;
    let code = event["errors"][0]["extensions"]["code"].as_str();
    // Nobody may subscribe, and is told so once the document has passed.
    Ok(event.get("data").is_some() || code == Some("UNAUTHENTICATED"))
}

#[tokio::test]
async fn the_server_and_graphql_js_agree_on_every_document_of_the_table() {
    let rows: Vec<Value> = serde_json::from_str(TABLE).unwrap();
    assert!(rows.len() >= 130, "{}", rows.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = folder.join("../api/schema.graphql");
    let table = folder.join("clients/validation.json");
    let arguments = [schema.to_str().unwrap(), table.to_str().unwrap()];
    let said = run_script("graphql_validation.mjs", &arguments).unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let reference: Map<String, Value> = serde_json::from_str(&said.stdout).unwrap();
    let aim = AimConfig::new()
        .env("AIM_RATE_LIMIT_ANONYMOUS", "0")
        .start()
        .unwrap();
    let (mut wrong, mut differences) = (Vec::new(), 0);
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let valid = row["valid"].as_bool().unwrap();
        // A difference is written down with its reason, and has to be there still.
        let expected = row.get("server").map_or(valid, |it| it.as_bool().unwrap());
        if expected != valid {
            differences += 1;
            assert!(row["reason"].is_string(), "`{name}` has no reason");
        }
        let of_reference = reference[name] == true;
        let of_server = executes(&aim, row).await.unwrap();
        if (of_reference, of_server) != (valid, expected) {
            let why = &reference[name];
            wrong.push(format!("{name}: graphql-js {why}, server {of_server}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} documents, {differences} differences", rows.len());
}
