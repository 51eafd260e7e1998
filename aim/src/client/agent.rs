//! An agent's own connection: HTTP/1.1, signed requests, as lean as a load generator needs it.

use aim_domain::clock::Clock;
use aim_domain::signature::{HttpRequest, SecretKey, sign_request};
use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::clock::SystemClock;

/// The mutation that everything is about.
pub(crate) const VERIFY: &str = "mutation Verify($input: VerifyActionInput!) { verifyAction(input: $input) { verification { id decision reasons { code message } } userErrors { code message field } } }";

/// A connection of one agent.
pub(crate) struct AgentClient {
    authority: String,
    key: SecretKey,
    key_id: String,
    sender: SendRequest<Full<Bytes>>,
}

impl AgentClient {
    /// Connects to `url`, which is plain HTTP.
    pub(crate) async fn connect(url: &str, key: SecretKey) -> anyhow::Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .context("agents connect by plain http:// here; put a proxy in front for TLS")?
            .trim_end_matches('/')
            .to_owned();
        let stream = TcpStream::connect(&authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its end shows at the next request.
        tokio::spawn(connection);
        let key_id = key.public_key().thumbprint();
        Ok(Self {
            authority,
            key,
            key_id,
            sender,
        })
    }

    /// Sends a signed GraphQL request; the whole answer.
    pub(crate) async fn graphql(&mut self, body: Vec<u8>) -> anyhow::Result<Value> {
        let nonce = Uuid::from_u128(rand::random()).simple().to_string();
        let created = SystemClock.now().timestamp();
        let request = HttpRequest {
            method: "POST",
            scheme: "http",
            authority: &self.authority,
            path: "/graphql",
            query: None,
            headers: &[],
        };
        let signed = sign_request(&request, &body, &self.key, &self.key_id, &nonce, created);
        let request = http::Request::post("/graphql")
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json")
            .header("content-digest", signed.content_digest)
            .header("signature-input", signed.signature_input)
            .header("signature", signed.signature)
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }

    /// Asks whether an action is allowed; the answer's `verifyAction`.
    pub(crate) async fn verify(&mut self, input: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": VERIFY, "variables": { "input": input } });
        let mut answer = self.graphql(serde_json::to_vec(&body)?).await?;
        anyhow::ensure!(answer.get("errors").is_none(), "{}", answer["errors"]);
        Ok(answer["data"]["verifyAction"].take())
    }
}
