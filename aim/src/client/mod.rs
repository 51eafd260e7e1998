//! A client of the server: people's tokens, agents' signatures.

mod access;
mod agent;
pub(crate) mod noun;
pub(crate) mod oauth;
pub(crate) mod profile;
pub(crate) mod session;
pub(crate) mod tail;
pub(crate) mod target;

use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use aim_domain::clock::Clock;
use aim_domain::id::OrganizationId;
use aim_domain::name::AgentName;
use aim_domain::signature::{SecretKey, sign_possession};

use access::Access;
pub(crate) use agent::{AgentClient, VERIFY};
pub(crate) use target::Target;

use crate::clock::SystemClock;
use crate::failure::Failure;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// Somebody who is believed by a server: a person, or a program.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
    access: Access,
}

/// An agent as registered.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    /// Global id.
    pub(crate) id: String,
    /// The plain one, as in events' keys.
    pub(crate) uuid: String,
}

/// What requests are sent with.
pub(crate) fn connection() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().tcp_nodelay(true);
    Ok(builder.connect_timeout(CONNECT).build()?)
}

impl Client {
    /// A token to show, for a while.
    pub(crate) async fn token(&self) -> anyhow::Result<String> {
        self.access.token(&self.http, &self.url).await
    }

    /// The organization of whoever asks.
    pub(crate) async fn organization(&self) -> anyhow::Result<OrganizationId> {
        let answer = self.graphql("{ organization { uuid } }", json!({})).await?;
        let uuid = text(&answer, "/organization/uuid").context("organization")?;
        Ok(uuid.parse()?)
    }

    /// Runs an operation as the person; the `data` of the answer.
    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let token = self.token().await?;
        post(&self.http, &self.url, Some(&token), query, variables).await
    }

    /// Registers an agent, or finds the one of that name.
    pub(crate) async fn register(&self, name: &str, key: &SecretKey) -> anyhow::Result<Registered> {
        let created = SystemClock.now().timestamp();
        let agent = AgentName::parse(name)?;
        let organization = self.organization().await?;
        let proof = sign_possession(organization, &agent, key, created);
        let query = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) { agent { id uuid } userErrors { code message field } } }";
        let input = json!({
            "name": name,
            "agentType": "LLM_AGENT",
            "publicKey": key.public_key().to_base64url(),
            "proofOfPossession": { "created": created, "signature": STANDARD.encode(proof.signature) },
        });
        let answer = self.graphql(query, json!({ "input": input })).await?;
        if let Some(agent) = registered(&answer["registerAgent"]["agent"]) {
            return Ok(agent);
        }
        let found = "query($filter: AgentFilter) { agents(first: 1, filter: $filter) { nodes { id uuid keys { nodes { publicKey } } } } }";
        let filter = json!({ "filter": { "name": name } });
        let found = self.graphql(found, filter).await?;
        let agent = found
            .pointer("/agents/nodes/0")
            .cloned()
            .unwrap_or_default();
        let ours = key.public_key().to_base64url();
        let has_key = agent["keys"]["nodes"]
            .as_array()
            .is_some_and(|keys| keys.iter().any(|key| key["publicKey"] == ours));
        anyhow::ensure!(has_key, "agent `{name}` cannot be registered: {answer}");
        registered(&agent).context("agent id")
    }

    /// Grants a capability to an agent.
    pub(crate) async fn grant(&self, agent: &Registered, capability: &str) -> anyhow::Result<()> {
        let query = "mutation($input: GrantCapabilityInput!) { grantCapability(input: $input) { grant { id } userErrors { message } } }";
        let input = json!({ "agentId": agent.id, "capability": capability });
        let answer = self.graphql(query, json!({ "input": input })).await?;
        anyhow::ensure!(
            answer.pointer("/grantCapability/grant/id").is_some(),
            "`{capability}` cannot be granted: {answer}"
        );
        Ok(())
    }

    /// Sends signed events, as JSON lines of `{event, signature}`.
    pub(crate) async fn send_events(&self, lines: String) -> anyhow::Result<()> {
        let answer = self
            .http
            .post(format!("{}/v1/events", self.url))
            .bearer_auth(self.token().await?)
            .header("content-type", "application/x-ndjson")
            .body(lines)
            .send()
            .await?;
        let status = answer.status();
        anyhow::ensure!(
            status.is_success(),
            "events: {status}: {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Publishes a model that `signer`, base64url, has signed; the server's answer.
    pub(crate) async fn send_model(&self, bytes: Vec<u8>, signer: &str) -> anyhow::Result<Value> {
        let answer = self
            .http
            .post(format!("{}/v1/models", self.url))
            .bearer_auth(self.token().await?)
            .header("content-type", "application/octet-stream")
            .header("aim-signer-key", signer)
            .body(bytes)
            .send()
            .await?;
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap_or_default();
        let detail = answer["detail"].as_str().unwrap_or_default();
        anyhow::ensure!(status.is_success(), "publishing: {status}: {detail}");
        Ok(answer)
    }

    /// What became of fleets' actions so far: applied, duplicates, dead letters.
    pub(crate) async fn totals(&self) -> anyhow::Result<[u64; 3]> {
        let query = "{ streamTotals { appliedCount duplicateCount deadLetterCount } }";
        let answer = self.graphql(query, json!({})).await?;
        let count = |name: &str| answer["streamTotals"][name].as_u64().unwrap_or(0);
        Ok([
            count("appliedCount"),
            count("duplicateCount"),
            count("deadLetterCount"),
        ])
    }
}

/// One line of `/v1/events`.
pub(crate) fn event_line(event: &str, signature: &str) -> String {
    format!("{}\n", json!({ "event": event, "signature": signature }))
}

fn registered(agent: &Value) -> Option<Registered> {
    Some(Registered {
        id: text(agent, "/id")?,
        uuid: text(agent, "/uuid")?,
    })
}

pub(crate) async fn post(
    http: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> anyhow::Result<Value> {
    let mut request = http
        .post(format!("{url}/graphql"))
        .timeout(ANSWER)
        .json(&json!({ "query": query, "variables": variables }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let said = answer.text().await?;
    let Ok(mut answer) = serde_json::from_str::<Value>(&said) else {
        let message = format!("{url} answered {status}, and no JSON: is it an AIM server?");
        return Err(Failure::answered("UNAVAILABLE", message).into());
    };
    match fault(&answer) {
        Some(failure) => Err(failure.into()),
        None => Ok(answer["data"].take()),
    }
}

/// The first error of an answer.
pub(crate) fn fault(answer: &Value) -> Option<Failure> {
    let error = answer.get("errors")?.get(0)?;
    let code = text(error, "/extensions/code").unwrap_or_default();
    let message = text(error, "/message").unwrap_or_else(|| error.to_string());
    Some(Failure::answered(&code, message))
}

/// The text at a place in a JSON value.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
