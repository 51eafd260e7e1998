//! A client of the server: people's tokens, agents' signatures.

mod agent;
mod session;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use aim_domain::clock::Clock;
use aim_domain::id::OrganizationId;
use aim_domain::name::AgentName;
use aim_domain::signature::{SecretKey, sign_possession};

pub(crate) use agent::{AgentClient, VERIFY};
use session::Session;

use crate::cli::Target;
use crate::clock::SystemClock;

/// A signed-in person.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
    session: Session,
    pub(crate) organization: OrganizationId,
}

/// An agent as registered.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    /// Global id.
    pub(crate) id: String,
    /// The plain one, as in events' keys.
    pub(crate) uuid: String,
}

impl Client {
    /// Signs in. The password must not be the one-time one any more.
    pub(crate) async fn sign_in(target: &Target) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        let url = target.url.trim_end_matches('/').to_owned();
        let session = Session::open(&http, &url, target).await?;
        anyhow::ensure!(
            !session.must_change,
            "this is the one-time password; choose another one first, as `aim demo` does"
        );
        Self::with_session(http, url, session).await
    }

    /// Signs in and replaces a one-time password by `new`; tells whether it did.
    pub(crate) async fn sign_in_first(target: &Target, new: &str) -> anyhow::Result<(Self, bool)> {
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        let url = target.url.trim_end_matches('/').to_owned();
        let mut session = Session::open(&http, &url, target).await?;
        let changes = session.must_change;
        if changes {
            let passwords = (target.password.as_str(), new);
            session = session.change_password(&http, &url, passwords).await?;
        }
        Ok((Self::with_session(http, url, session).await?, changes))
    }

    async fn with_session(
        http: reqwest::Client,
        url: String,
        session: Session,
    ) -> anyhow::Result<Self> {
        let token = session.access(&http, &url).await?;
        let answer = post(
            &http,
            &url,
            Some(&token),
            "{ organization { uuid } }",
            json!({}),
        )
        .await?;
        let organization = text(&answer, "/organization/uuid")
            .context("organization")?
            .parse()?;
        Ok(Self {
            http,
            url,
            session,
            organization,
        })
    }

    /// The person's access token, for a while.
    pub(crate) async fn token(&self) -> anyhow::Result<String> {
        self.session.access(&self.http, &self.url).await
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
        let proof = sign_possession(self.organization, &agent, key, created);
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

async fn post(
    http: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> anyhow::Result<Value> {
    let mut request = http
        .post(format!("{url}/graphql"))
        .json(&json!({ "query": query, "variables": variables }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut answer: Value = request.send().await?.json().await?;
    if let Some(errors) = answer.get("errors") {
        anyhow::bail!("{errors}");
    }
    Ok(answer["data"].take())
}

/// The text at a place in a JSON value.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
