//! Agent tokens: got by a signed request, bound to a key, attenuated, dead with what they came from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_domain::signature::{HttpRequest, SecretKey, content_digest, sign_request};
use aim_tests::{AimConfig, AimProcess, Postgres, wait_for};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

use crate::fleet::{Agent, Owner, key_of, now, text};

const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const VERIFY: &str =
    "mutation($input: VerifyActionInput!) { verifyAction(input: $input) {
    verification { id decision reasons { code } } userErrors { code } } }";

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// SHA-256 in base64url, out of a field that has it in base64.
fn hash(text: &str) -> String {
    let field = content_digest(text.as_bytes());
    let digest = field.trim_start_matches("sha-256=").trim_matches(':');
    URL_SAFE_NO_PAD.encode(STANDARD.decode(digest).unwrap())
}

fn sign(key: &SecretKey, header: &Value, claims: &Value) -> String {
    let head = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(head.as_bytes()));
    format!("{head}.{signature}")
}

pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Somebody who has a token and the key that it is bound to.
#[derive(Clone)]
pub(crate) struct Bearer {
    http: reqwest::Client,
    pub(crate) url: String,
    key: SecretKey,
}

impl Bearer {
    pub(crate) fn of(agent: &Agent, key: SecretKey) -> Self {
        Self {
            http: agent.http.clone(),
            url: agent.url.clone(),
            key,
        }
    }

    fn header(&self) -> Value {
        let x = self.key.public_key().to_base64url();
        json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } })
    }

    fn claims(&self, path: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": Uuid::now_v7().to_string(), "htm": "POST", "htu": format!("{}{path}", self.url),
            "iat": now().timestamp(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(hash(token));
        }
        claims
    }

    pub(crate) fn proof(&self, path: &str, token: Option<&str>) -> String {
        sign(&self.key, &self.header(), &self.claims(path, token))
    }

    /// Asks for a token by a signed request.
    pub(crate) async fn exchange(&self, agent: &Agent, form: &str, proof: &str) -> (u16, Value) {
        let answer = self.request(agent, form, proof).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn request(
        &self,
        agent: &Agent,
        form: &str,
        proof: &str,
    ) -> reqwest::Response {
        let host = self.url.trim_start_matches("http://");
        let request = HttpRequest {
            method: "POST",
            scheme: "http",
            authority: host,
            path: "/v1/token",
            query: None,
            headers: &[],
        };
        let nonce = Uuid::now_v7().simple().to_string();
        let id = agent.key.public_key().thumbprint();
        let created = now().timestamp();
        let signed = sign_request(&request, form.as_bytes(), &agent.key, &id, &nonce, created);
        let request = self
            .http
            .post(format!("{}/v1/token", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-digest", signed.content_digest)
            .header("signature-input", signed.signature_input)
            .header("signature", signed.signature)
            .header("dpop", proof)
            .body(form.to_owned());
        request.send().await.unwrap()
    }

    pub(crate) async fn token(&self, agent: &Agent, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&scope={scope}");
        let proof = self.proof("/v1/token", None);
        let (status, answer) = self.exchange(agent, &form, &proof).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["token_type"], "DPoP");
        text(&answer, "/access_token").unwrap()
    }

    pub(crate) async fn post(
        &self,
        node: &str,
        body: &Value,
        scheme: &str,
        token: &str,
        proof: &str,
    ) -> Value {
        let request = self
            .http
            .post(format!("{node}/graphql"))
            .header("host", self.url.trim_start_matches("http://"))
            .header("authorization", format!("{scheme} {token}"))
            .header("dpop", proof)
            .json(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn asks(&self, token: &str, action: &str, resource: &str) -> String {
        let input = json!({ "input": { "action": action, "resource": resource } });
        let body = json!({ "query": VERIFY, "variables": input });
        let proof = self.proof("/graphql", Some(token));
        let answer = self.post(&self.url, &body, "DPoP", token, &proof).await;
        said(&answer)
    }
}

/// Decision and reasons, or the code in front of the error's message.
pub(crate) fn said(answer: &Value) -> String {
    if let Some(message) = answer.pointer("/errors/0/message").and_then(Value::as_str) {
        return message.split(':').next().unwrap().to_owned();
    }
    let made = &answer["data"]["verifyAction"]["verification"];
    let reasons = made["reasons"].as_array().unwrap().iter();
    let reasons: Vec<_> = reasons.map(|it| it["code"].as_str().unwrap()).collect();
    format!(
        "{} {}",
        made["decision"].as_str().unwrap(),
        reasons.join(" ")
    )
}

async fn scene() -> (AimProcess, Owner, Agent, Bearer) {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner
        .register("reader", &["files:*", "mail:read"])
        .await
        .unwrap();
    let bearer = Bearer::of(&agent, key_of("ephemeral"));
    (aim, owner, agent, bearer)
}

#[tokio::test]
async fn a_token_is_good_for_its_limits_and_signed_by_a_published_key() {
    let (aim, _owner, agent, bearer) = scene().await;
    let token = bearer.token(&agent, "files:read").await;
    let claims = part(&token, 1);
    assert_eq!(claims["sub"], json!(agent.uuid()), "{claims}");
    assert_eq!(claims["aud"], json!(aim.base_url()));
    assert_eq!(claims["cap"], json!([{ "capability": "files:read" }]));
    assert_eq!(
        claims["cnf"]["jkt"],
        json!(bearer.key.public_key().thumbprint())
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    // Anybody can check it with the published keys.
    let get = async |path: &str| -> Value {
        let url = format!("{}{path}", aim.base_url());
        bearer
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let keys = get("/.well-known/jwks.json").await;
    let jwk = &keys["keys"][0];
    assert_eq!(part(&token, 0)["kid"], jwk["kid"]);
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    assert!(jwk.get("d").is_none(), "{jwk}");
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    key.verify_strict(head.as_bytes(), &signature).unwrap();
    let metadata = get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata["issuer"], claims["iss"]);
    assert_eq!(
        metadata["token_endpoint"],
        json!(format!("{}/v1/token", aim.base_url()))
    );
    let resource = get("/.well-known/oauth-protected-resource").await;
    assert_eq!(resource["authorization_servers"], json!([claims["iss"]]));
    assert_eq!(resource["dpop_bound_access_tokens_required"], true);

    assert_eq!(
        bearer.asks(&token, "files:read", "/x").await,
        "ALLOWED CAPABILITY_GRANTED"
    );
    assert_eq!(
        bearer.asks(&token, "mail:read", "/x").await,
        "DENIED TOKEN_LIMITED"
    );
    let missing = bearer.asks(&token, "db:query", "/x").await;
    assert_eq!(missing, "DENIED CAPABILITY_MISSING TOKEN_LIMITED");
    // It is for actions, not for looking around, and not for more tokens.
    let body = json!({ "query": "{ agents { totalCount } }" });
    let proof = bearer.proof("/graphql", Some(&token));
    let answer = bearer
        .post(&bearer.url, &body, "DPoP", &token, &proof)
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "{answer}"
    );
}

#[tokio::test]
async fn nothing_wider_than_the_grants_is_given() {
    let (_aim, owner, agent, bearer) = scene().await;
    let ask = async |form: &str| {
        let proof = bearer.proof("/v1/token", None);
        let (status, answer) = bearer.exchange(&agent, form, &proof).await;
        (
            status,
            answer["error"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let own = "grant_type=client_credentials";
    for (form, error) in [
        ("grant_type=password", "unsupported_grant_type"),
        ("", "unsupported_grant_type"),
        (&format!("{own}&scope=db:query"), "invalid_scope"),
        (&format!("{own}&scope=*"), "invalid_scope"),
        (
            &format!("{own}&scope=files:read&scope=files:write"),
            "invalid_request",
        ),
        (&format!("{own}&audience="), "invalid_target"),
        (&format!("{own}&expires_in=3601"), "invalid_request"),
        (&format!("{own}&expires_in=-1"), "invalid_request"),
    ] {
        assert_eq!(ask(form).await, (400, error.to_owned()), "{form}");
    }
    // A token for a narrower one: never wider, never longer, never somebody else's.
    let exchange = |token: &str, rest: &str| {
        format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
             &subject_token_type=urn:ietf:params:oauth:token-type:access_token{rest}"
        )
    };
    let token = bearer.token(&agent, "files:*").await;
    let proof = bearer.proof("/v1/token", None);
    let form = exchange(
        &token,
        "&scope=files:read&expires_in=3600&audience=https://mcp.example",
    );
    let (status, answer) = bearer.exchange(&agent, &form, &proof).await;
    assert_eq!(status, 200, "{answer}");
    let narrow = text(&answer, "/access_token").unwrap();
    let (before, after) = (part(&token, 1), part(&narrow, 1));
    assert_eq!(after["cap"], json!([{ "capability": "files:read" }]));
    assert_eq!(after["aud"], "https://mcp.example");
    assert!(after["exp"].as_i64() <= before["exp"].as_i64());
    // It is for another audience, so that it is nothing here.
    assert_eq!(
        bearer.asks(&narrow, "files:read", "/x").await,
        "TOKEN_UNKNOWN"
    );
    for widened in ["mail:read", "*"] {
        let form = exchange(&token, &format!("&scope={widened}"));
        assert_eq!(ask(&form).await, (400, "invalid_scope".to_owned()));
    }
    let other = owner.register("other", &["files:*"]).await.unwrap();
    let proof = bearer.proof("/v1/token", None);
    let (status, answer) = bearer.exchange(&other, &exchange(&token, ""), &proof).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (400, Some("unauthorized_client")),
        "{answer}"
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn a_token_is_nothing_without_a_fresh_proof_of_its_key() {
    let (_aim, owner, agent, bearer) = scene().await;
    let token = bearer.token(&agent, "files:read").await;
    let input = json!({ "input": { "action": "files:read" } });
    let body = json!({ "query": VERIFY, "variables": input });
    let ask = async |scheme: &str, token: &str, proof: &str| {
        said(&bearer.post(&bearer.url, &body, scheme, token, proof).await)
    };
    let thief = Bearer::of(&agent, key_of("thief"));
    let with = |edit: &dyn Fn(&mut Value, &mut Value)| {
        let (mut header, mut claims) = (bearer.header(), bearer.claims("/graphql", Some(&token)));
        edit(&mut header, &mut claims);
        sign(&bearer.key, &header, &claims)
    };
    let old = now().timestamp() - 120;
    let cases: Vec<(&str, String)> = vec![
        ("no proof", String::new()),
        ("another key", thief.proof("/graphql", Some(&token))),
        ("another path", bearer.proof("/v1/token", Some(&token))),
        (
            "another method",
            with(&|_, claims| claims["htm"] = json!("GET")),
        ),
        ("no token's hash", bearer.proof("/graphql", None)),
        ("another token's hash", bearer.proof("/graphql", Some("x"))),
        ("old", with(&|_, claims| claims["iat"] = json!(old))),
        (
            "from the future",
            with(&|_, claims| claims["iat"] = json!(old + 300)),
        ),
        ("short jti", with(&|_, claims| claims["jti"] = json!("1"))),
        (
            "another type",
            with(&|header, _| header["typ"] = json!("JWT")),
        ),
        (
            "no algorithm",
            with(&|header, _| header["alg"] = json!("none")),
        ),
        (
            "a private key",
            with(&|header, _| header["jwk"]["d"] = json!("AA")),
        ),
        (
            "a key of others",
            with(&|header, _| {
                header["jwk"]["x"] = json!(key_of("thief").public_key().to_base64url());
            }),
        ),
        (
            "a weak key",
            with(&|header, _| {
                header["jwk"]["x"] = json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
            }),
        ),
    ];
    for (name, proof) in cases {
        assert_eq!(ask("DPoP", &token, &proof).await, "PROOF_INVALID", "{name}");
    }
    // Stolen, it is no bearer token; and a person's token is no agent's.
    let good = bearer.proof("/graphql", Some(&token));
    let as_bearer = bearer
        .post(&bearer.url, &body, "Bearer", &token, &good)
        .await;
    assert_eq!(
        as_bearer["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    let proof = bearer.proof("/graphql", Some(&owner.token));
    assert_eq!(ask("DPoP", &owner.token, &proof).await, "TOKEN_UNKNOWN");
    let mut forged: Vec<&str> = token.split('.').collect();
    let wide = encode(&{
        let mut claims = part(&token, 1);
        claims["cap"] = json!([{ "capability": "*" }]);
        claims
    });
    forged[1] = &wide;
    let forged = forged.join(".");
    let proof = bearer.proof("/graphql", Some(&forged));
    assert_eq!(ask("DPoP", &forged, &proof).await, "TOKEN_UNKNOWN");
    assert_eq!(
        ask("DPoP", &token, &good).await,
        "ALLOWED CAPABILITY_GRANTED"
    );
    assert_eq!(ask("DPoP", &token, &good).await, "NONCE_REPLAYED");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_good_on_every_node_and_end_with_their_key_everywhere() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let config = AimConfig::new()
        .database(&url)
        .env("JWT_SECRET", "a secret of tests only, and a long one");
    let first = config.clone().start().unwrap();
    let second = config.clone().role("api").start().unwrap();
    let owner = Owner::of(&first).await.unwrap();
    let agent = owner.register("reader", &["files:read"]).await.unwrap();
    let bearer = Bearer::of(&agent, key_of("ephemeral"));
    let token = bearer.token(&agent, "files:read").await;
    let body = json!({ "query": VERIFY, "variables": { "input": { "action": "files:read" } } });
    let proof = bearer.proof("/graphql", Some(&token));
    // The second node is sent what was meant for the first: what the proof names is the host field's.
    let there = bearer
        .post(second.base_url(), &body, "DPoP", &token, &proof)
        .await;
    assert_eq!(said(&there), "ALLOWED CAPABILITY_GRANTED", "{there}");
    let here = bearer
        .post(first.base_url(), &body, "DPoP", &token, &proof)
        .await;
    assert_eq!(
        said(&here),
        "NONCE_REPLAYED",
        "the proof was used on the other node"
    );

    let query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let answer = owner.ask(query, json!({ "id": agent.id })).await.unwrap();
    let key = text(&answer, "/agent/keys/nodes/0/id").unwrap();
    let query = "mutation($input: RevokeAgentKeyInput!) { revokeAgentKey(input: $input) {
        userErrors { code } } }";
    let input = json!({ "input": { "keyId": key, "reason": "a test" } });
    owner.ask(query, input).await.unwrap();
    for node in [first.base_url(), second.base_url()] {
        let dead = || async {
            let proof = bearer.proof("/graphql", Some(&token));
            let answer = bearer.post(node, &body, "DPoP", &token, &proof).await;
            Ok((said(&answer) == "DENIED KEY_REVOKED").then_some(()))
        };
        wait_for("the token to end with its key", PATIENCE, dead)
            .await
            .unwrap();
    }
}
