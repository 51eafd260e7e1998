//! A key that the server makes when asked to: shown once, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use aim_domain::signature::{SecretKey, sign_challenge};
use aim_tests::AimConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fleet::{Owner, text};
use crate::secrets_in_logs::spellings;

async fn does(owner: &Owner, name: &str, input: Value, fields: &str) -> Value {
    let (first, rest) = name.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{
            {fields} userErrors {{ code message field }} }} }}",
        first.to_uppercase()
    );
    let mut answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
    answer[name].take()
}

fn is_read_by_openssl(pem: &str) -> bool {
    let mut command = Command::new("openssl");
    let command = command.args(["pkey", "-noout"]).stdin(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(pem.as_bytes()).unwrap();
    drop(input);
    process.wait().unwrap().success()
}

const MADE: &str = "agent { id status } privateKey";

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn a_key_that_the_server_made_is_shown_once_and_kept_nowhere() {
    let aim = AimConfig::new().env("AIM_LOG", "trace").start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let input = json!({ "name": "made", "generateKey": true });
    let made = does(&owner, "registerAgent", input, MADE).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    // That the key arrived is not proven yet.
    assert_eq!(made["agent"]["status"], "PENDING", "{made}");
    let pem = text(&made, "/privateKey").unwrap();
    let key = SecretKey::from_pem(&pem).unwrap();
    assert!(is_read_by_openssl(&pem), "{}", made["agent"]);
    let id = text(&made, "/agent/id").unwrap();
    let agent = owner.agent("made", &id).with_key(key.clone());
    let one = json!({ "agentId": id });
    let asked = does(&owner, "challengeAgent", one, "challenge { challenge }").await;
    let challenge = text(&asked, "/challenge/challenge").unwrap();
    let signature = sign_challenge(owner.organization, agent.uuid(), &key, &challenge);
    let answer = json!({ "agentId": id, "signature": STANDARD.encode(signature) });
    let proven = does(&owner, "verifyAgent", answer, "agent { status }").await;
    assert_eq!(proven["agent"]["status"], "VERIFIED", "{proven}");
    let asks = agent.verify(json!({ "action": "files:read" })).await;
    assert_eq!(asks.unwrap().decision().1, ["CAPABILITY_MISSING"]);

    // Whose hand made it is on record, and no two are the same.
    let query = "{ auditEntries(filter: { action: \"agent.register\" }) { nodes { after } } }";
    let found = owner.ask(query, json!({})).await.unwrap();
    let entry = found["auditEntries"]["nodes"][0]["after"].to_string();
    assert!(
        entry.contains("keyMadeBy") && entry.contains("server"),
        "{entry}"
    );
    let input = json!({ "name": "another", "generateKey": true });
    let another = does(&owner, "registerAgent", input, MADE).await;
    assert_ne!(another["privateKey"], made["privateKey"]);
    owner.register("own", &[]).await.unwrap();
    let found = owner.ask(query, json!({})).await.unwrap();
    let entry = found["auditEntries"]["nodes"][0]["after"].to_string();
    assert!(
        entry.contains("keyMadeBy") && entry.contains("client"),
        "{entry}"
    );

    let der = key.to_der().unwrap();
    let seed = &der[16..48];
    assert_eq!(
        SecretKey::from_seed(seed.try_into().unwrap()).public_key(),
        key.public_key()
    );
    let mut secrets: Vec<Vec<u8>> = vec![seed.to_vec()];
    let lines = pem.lines().filter(|line| !line.starts_with("---"));
    secrets.extend(lines.map(|line| line.as_bytes().to_vec()));
    assert!(secrets.iter().all(|it| it.len() > 30));
    for whole in [seed, &der[..]] {
        secrets.extend(spellings(whole).into_iter().map(String::into_bytes));
    }
    let mut places = bytes_below(&aim.data());
    places.push(("the log".to_owned(), aim.log().into_bytes()));
    // The test itself must be able to see: the public half is there, and something is logged.
    let public = key.public_key().to_bytes();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|it| it == part);
    assert!(places.iter().any(|(_, bytes)| holds(bytes, &public)));
    assert!(holds(&places.last().unwrap().1, b"\"level\":\"INFO\""));
    for (place, bytes) in &places {
        for secret in &secrets {
            assert!(!holds(bytes, secret), "the private key is in {place}");
        }
    }
}

#[tokio::test]
async fn a_key_is_made_on_request_alone_and_never_beside_one_of_the_client() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let mut both = owner.registration("both").unwrap();
    both["generateKey"] = json!(true);
    let fields = |answer: &Value| -> Vec<Value> {
        let errors = answer["userErrors"].as_array().unwrap().iter();
        errors.map(|it| it["field"][0].clone()).collect()
    };
    let refused = does(&owner, "registerAgent", both.clone(), MADE).await;
    assert_eq!(
        fields(&refused),
        ["publicKey", "proofOfPossession"],
        "{refused}"
    );
    both["publicKey"] = Value::Null;
    let refused = does(&owner, "registerAgent", both, MADE).await;
    assert_eq!(fields(&refused), ["proofOfPossession"], "{refused}");
    for answer in [
        does(&owner, "registerAgent", json!({ "name": "none" }), MADE).await,
        does(
            &owner,
            "registerAgent",
            json!({ "name": "none", "generateKey": false }),
            MADE,
        )
        .await,
    ] {
        assert_eq!(fields(&answer), ["publicKey"], "{answer}");
        assert!(answer["privateKey"].is_null() && answer["agent"].is_null());
    }
    // Whose key is their own gets none back.
    let input = owner.registration("own").unwrap();
    let own = does(&owner, "registerAgent", input, MADE).await;
    assert_eq!(
        (&own["agent"]["status"], &own["privateKey"]),
        (&json!("VERIFIED"), &Value::Null)
    );
}
