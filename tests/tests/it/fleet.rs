//! A signed-in administrator and the agents that they registered.

use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::name::AgentName;
use aim_domain::signature::{
    HttpRequest, SecretKey, SignatureHeaders, sign_event, sign_possession, sign_request,
};
use aim_tests::AimProcess;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::{Value, json};
use uuid::Uuid;

/// What [`Owner::of`] changes the one-time password to.
pub(crate) const PASSWORD: &str = "a password of tests only";

const VERIFY: &str = "mutation($input: VerifyActionInput!) { verifyAction(input: $input) {
    verification { id decision risk reasons { code message } }
    userErrors { code message field } } }";

/// The time, for what clients stamp.
#[expect(
    clippy::disallowed_methods,
    reason = "a test of processes is itself a client with a clock"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The person who may do everything.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) organization: OrganizationId,
}

impl Owner {
    /// Signs in with the one-time password that `aim` printed, and changes it.
    pub(crate) async fn of(aim: &AimProcess) -> anyhow::Result<Self> {
        let mut owner = Self {
            // A connection each: a restart of the server must not show in the next request.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .build()?,
            url: aim.base_url().to_owned(),
            token: aim.take_over(PASSWORD).await?,
            organization: OrganizationId::from_uuid(Uuid::nil()),
        };
        let answer = owner.ask("{ organization { uuid } }", json!({})).await?;
        owner.organization = text(&answer, "/organization/uuid")?.parse()?;
        Ok(owner)
    }

    /// Another person of the organization, a manager, signed in.
    pub(crate) async fn add_manager(&self, aim: &AimProcess, name: &str) -> anyhow::Result<Self> {
        let email = format!("{name}@test.local");
        add_person(aim, &email, "MANAGER").await?;
        self.sign_in(aim, &email).await
    }

    /// Another person, whose password is [`PASSWORD`].
    pub(crate) async fn sign_in(&self, aim: &AimProcess, email: &str) -> anyhow::Result<Self> {
        let mut person = Self {
            http: self.http.clone(),
            url: self.url.clone(),
            token: aim.sign_in(email, PASSWORD).await?,
            organization: self.organization,
        };
        let answer = person.ask("{ organization { uuid } }", json!({})).await?;
        person.organization = text(&answer, "/organization/uuid")?.parse()?;
        Ok(person)
    }

    /// The input that registers an agent. Its key follows from its name.
    pub(crate) fn registration(&self, name: &str) -> anyhow::Result<Value> {
        let key = key_of(name);
        let created = now().timestamp();
        let proof = sign_possession(self.organization, &AgentName::parse(name)?, &key, created);
        let proof = json!({ "created": created, "signature": STANDARD.encode(proof.signature) });
        Ok(json!({
            "name": name,
            "agentType": "LLM_AGENT",
            "publicKey": key.public_key().to_base64url(),
            "proofOfPossession": proof,
        }))
    }

    /// The `data` of an answer without errors.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.url));
        let request = request.bearer_auth(&self.token).json(&body);
        let mut answer: Value = request.send().await?.json().await?;
        anyhow::ensure!(answer.get("errors").is_none(), "{answer}");
        Ok(answer["data"].take())
    }

    /// Registers an agent and gives it grants. Its key follows from its name.
    pub(crate) async fn register(&self, name: &str, grants: &[&str]) -> anyhow::Result<Agent> {
        let key = key_of(name);
        let query = "mutation($input: RegisterAgentInput!) { registerAgent(input: $input) {
            agent { id } userErrors { code message field } } }";
        let input = self.registration(name)?;
        let answer = self.ask(query, json!({ "input": input })).await?;
        let id = text(&answer, "/registerAgent/agent/id")?;
        for capability in grants {
            let query = "mutation($input: GrantCapabilityInput!) { grantCapability(input: $input) {
                grant { id } userErrors { message } } }";
            let input = json!({ "agentId": id, "capability": capability });
            let answer = self.ask(query, json!({ "input": input })).await?;
            text(&answer, "/grantCapability/grant/id")?;
        }
        Ok(Agent {
            key,
            ..self.agent(name, &id)
        })
    }

    /// A registered agent, with the key that follows from its name.
    pub(crate) fn agent(&self, name: &str, id: &str) -> Agent {
        Agent {
            http: self.http.clone(),
            url: self.url.clone(),
            id: id.to_owned(),
            name: name.to_owned(),
            key: key_of(name),
        }
    }

    /// What the agent is now: `status`, `trust { score }`.
    pub(crate) async fn look(&self, agent: &Agent) -> anyhow::Result<Value> {
        let query = "query($id: ID!) { agent(id: $id) { status trust { score sampleCount } } }";
        let mut answer = self.ask(query, json!({ "id": agent.id })).await?;
        Ok(answer["agent"].take())
    }

    /// Sends lines of [`Agent::line`].
    pub(crate) async fn send(&self, lines: String) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}/v1/events", self.url));
        let answer = request.bearer_auth(&self.token).body(lines).send().await?;
        let status = answer.status();
        anyhow::ensure!(status == 202, "{status}: {}", answer.text().await?);
        Ok(())
    }

    /// Counts of everything that a request can leave behind.
    pub(crate) async fn counts(&self) -> anyhow::Result<Value> {
        let query = "{
            streamTotals { appliedCount duplicateCount deadLetterCount }
            agents(first: 1) { totalCount }
            verifications(first: 1) { totalCount }
            anomalies(first: 1) { totalCount }
            alerts(first: 1) { totalCount }
            auditEntries(first: 1) { totalCount } }";
        self.ask(query, json!({})).await
    }

    /// Ends an agent's identity.
    pub(crate) async fn revoke(&self, agent: &Agent) -> anyhow::Result<()> {
        let query = "mutation($input: RevokeAgentInput!) { revokeAgent(input: $input) {
            agent { status } userErrors { message } } }";
        let input = json!({ "agentId": agent.id, "reason": "its host was taken over" });
        let answer = self.ask(query, json!({ "input": input })).await?;
        anyhow::ensure!(
            answer["revokeAgent"]["agent"]["status"] == "REVOKED",
            "{answer}"
        );
        Ok(())
    }
}

/// A key that is another one for each name.
pub(crate) fn key_of(name: &str) -> SecretKey {
    SecretKey::from_seed(&seed_of(name))
}

/// What that key is made of.
pub(crate) fn seed_of(name: &str) -> [u8; 32] {
    let mut seed = [7; 32];
    for (place, byte) in seed.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    seed
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// Whether it refuses to believe who sent the request, for this reason.
    pub(crate) fn is_refused_for(&self, reason: &str) -> bool {
        let error = &self.body["errors"][0];
        let message = error["message"].as_str().unwrap_or_default();
        self.body["data"].is_null()
            && error["extensions"]["code"] == "UNAUTHENTICATED"
            && message.starts_with(&format!("{reason}: "))
    }

    /// Decision and codes of its reasons.
    pub(crate) fn decision(&self) -> (&str, Vec<&str>) {
        let verification = &self.body["data"]["verifyAction"]["verification"];
        let reasons = verification["reasons"].as_array().into_iter().flatten();
        let codes = reasons
            .filter_map(|reason| reason["code"].as_str())
            .collect();
        (verification["decision"].as_str().unwrap_or_default(), codes)
    }
}

/// A request as signed; tests break one part of it.
pub(crate) struct Signed {
    pub(crate) headers: SignatureHeaders,
    pub(crate) body: Vec<u8>,
}

/// A registered agent with its key.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) key: SecretKey,
}

impl Agent {
    /// The plain id within its global one.
    pub(crate) fn uuid(&self) -> AgentId {
        let text = URL_SAFE_NO_PAD.decode(&self.id).unwrap_or_default();
        let text = String::from_utf8(text).unwrap_or_default();
        let uuid = text.split_once(':').and_then(|(_, it)| it.parse().ok());
        AgentId::from_uuid(uuid.unwrap_or_default())
    }

    /// The same agent with another key.
    pub(crate) fn with_key(&self, key: SecretKey) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    pub(crate) fn key_id(&self) -> String {
        self.key.public_key().thumbprint()
    }

    /// Signs a request of these bytes as of `created`.
    pub(crate) fn sign(&self, body: Vec<u8>, created: DateTime<Utc>) -> Signed {
        let request = HttpRequest {
            method: "POST",
            scheme: "http",
            authority: self.url.trim_start_matches("http://"),
            path: "/graphql",
            query: None,
            headers: &[],
        };
        let nonce = Uuid::now_v7().simple().to_string();
        let created = created.timestamp();
        let headers = sign_request(&request, &body, &self.key, &self.key_id(), &nonce, created);
        Signed { headers, body }
    }

    /// Signs a request to verify an action, now.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write the value in place"
    )]
    pub(crate) fn sign_verify(&self, input: Value) -> Signed {
        let body = json!({ "query": VERIFY, "variables": { "input": input } });
        self.sign(body.to_string().into_bytes(), now())
    }

    pub(crate) async fn post(&self, signed: &Signed) -> anyhow::Result<Answer> {
        self.post_to(&self.url, signed).await
    }

    /// Sends it to another node than the one it was signed for.
    pub(crate) async fn post_to(&self, node: &str, signed: &Signed) -> anyhow::Result<Answer> {
        answer(self.request(node, signed)).await
    }

    /// Sends it with more header fields than are signed.
    pub(crate) async fn post_with(
        &self,
        signed: &Signed,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let request = self.request(&self.url, signed);
        let request = more.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        answer(request).await
    }

    fn request(&self, node: &str, signed: &Signed) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{node}/graphql"))
            .header("host", self.url.trim_start_matches("http://"))
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .header("content-digest", &signed.headers.content_digest)
            .header("signature-input", &signed.headers.signature_input)
            .header("signature", &signed.headers.signature)
            .body(signed.body.clone())
    }

    /// Asks whether it may do something.
    pub(crate) async fn verify(&self, input: Value) -> anyhow::Result<Answer> {
        self.post(&self.sign_verify(input)).await
    }

    /// An event that says it did `action` at `time`.
    pub(crate) fn event(&self, action: &str, time: DateTime<Utc>) -> String {
        self.event_on(action, "/data/report.csv", time)
    }

    /// An event that says it did `action` to `resource` at `time`.
    pub(crate) fn event_on(&self, action: &str, resource: &str, time: DateTime<Utc>) -> String {
        let event = json!({
            "specversion": "1.0",
            "id": Uuid::now_v7().to_string(),
            "source": format!("urn:aim:agent:{}", self.name),
            "type": "aim.action.performed.v1",
            "time": time.to_rfc3339_opts(SecondsFormat::Micros, true),
            "data": {
                "action": action,
                "resource": resource,
                "arguments": {},
                "outcome": "ok",
            },
        });
        event.to_string()
    }

    /// A line of `/v1/events`: the event with this agent's signature.
    pub(crate) fn line(&self, event: &str) -> String {
        let signature = sign_event(&self.key, &self.key_id(), event.as_bytes()).to_string();
        format!("{}\n", json!({ "event": event, "signature": signature }))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let body = answer.json().await?;
    Ok(Answer { status, body })
}

/// The text at a place of an answer.
pub(crate) fn text(answer: &Value, place: &str) -> anyhow::Result<String> {
    let found = answer.pointer(place).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no text at {place} in {answer}"))?
        .to_owned())
}

/// There is no mutation that makes people yet. Their password is [`PASSWORD`].
pub(crate) async fn add_person(aim: &AimProcess, email: &str, role: &str) -> anyhow::Result<()> {
    let statement = format!(
        "INSERT INTO users (id, organization_id, email, name, role, password_hash,
            must_change_password, token_generation, created_at, updated_at)
        SELECT randomblob(16), organization_id, '{email}', 'somebody', '{role}', password_hash, 0,
            0, created_at, updated_at FROM users WHERE email = 'admin@aim.local'"
    );
    database_of(aim)
        .await?
        .execute_unprepared(&statement)
        .await?;
    Ok(())
}

/// The file of a server on SQLite, for what has no mutation.
pub(crate) async fn database_of(aim: &AimProcess) -> anyhow::Result<DatabaseConnection> {
    let file = aim.data().join("aim.db");
    Ok(Database::connect(format!("sqlite://{}", file.display())).await?)
}
