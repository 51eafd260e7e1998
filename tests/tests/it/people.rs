//! People and their tokens, as tests of credentials use them.

use aim_tests::{AimConfig, AimProcess};
use serde_json::{Value, json};

use crate::fleet::{Owner, PASSWORD, text};

/// What a session is asked for.
pub(crate) const SESSION: &str = "session { id accessToken refreshToken user { email } }";

/// Access and refresh token of a session.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) session: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    /// Those in the payload at `place` of an answer.
    pub(crate) fn in_answer(answer: &Value, place: &str) -> anyhow::Result<Self> {
        let part = |name: &str| text(answer, &format!("{place}/session/{name}"));
        Ok(Self {
            session: part("id")?,
            access: part("accessToken")?,
            refresh: part("refreshToken")?,
        })
    }
}

/// The whole answer to signing in.
pub(crate) async fn try_sign_in(aim: &AimProcess, email: &str, password: &str) -> Value {
    let query =
        format!("mutation($input: SignInInput!) {{ signIn(input: $input) {{ {SESSION} }} }}");
    let input = json!({ "email": email, "password": password });
    let answer = aim.graphql(&query, json!({ "input": input }), None).await;
    answer.unwrap_or_else(|error| json!({ "failed": format!("{error:#}") }))
}

/// A session of the person whose password is [`PASSWORD`].
pub(crate) async fn sign_in(aim: &AimProcess, email: &str) -> anyhow::Result<Tokens> {
    Tokens::in_answer(&try_sign_in(aim, email, PASSWORD).await, "/data/signIn")
}

/// The whole answer to exchanging a refresh token.
pub(crate) async fn try_refresh(aim: &AimProcess, token: &str) -> anyhow::Result<Value> {
    let query = format!(
        "mutation($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{ {SESSION} }} }}"
    );
    let input = json!({ "input": { "refreshToken": token } });
    aim.graphql(&query, input, None).await
}

/// The next tokens.
pub(crate) async fn refresh(aim: &AimProcess, token: &str) -> anyhow::Result<Tokens> {
    Tokens::in_answer(&try_refresh(aim, token).await?, "/data/refreshSession")
}

/// The code of the first error of an answer.
pub(crate) fn code(answer: &Value) -> &str {
    let code = answer.pointer("/errors/0/extensions/code");
    code.and_then(Value::as_str).unwrap_or("none")
}

/// `none` when whoever shows this is believed, else the code that refuses.
pub(crate) async fn believed(aim: &AimProcess, bearer: &str) -> anyhow::Result<String> {
    let answer = aim.graphql(
        "{ agents(first: 1) { totalCount } }",
        json!({}),
        Some(bearer),
    );
    Ok(code(&answer.await?).to_owned())
}

/// Actions of the audit trail on an object, newest first.
pub(crate) async fn audited(owner: &Owner, object: &str) -> anyhow::Result<Value> {
    let query = "query($object: String!) { auditEntries(first: 20, filter: { objectId: $object }) {
        nodes { action } } }";
    let mut answer = owner.ask(query, json!({ "object": object })).await?;
    Ok(answer["auditEntries"]["nodes"].take())
}

/// The plain id in a global one.
pub(crate) fn plain(id: &str) -> anyhow::Result<String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id)?;
    let text = String::from_utf8(bytes)?;
    Ok(text.rsplit(':').next().unwrap_or_default().to_owned())
}

/// What a person made for programs.
pub(crate) struct Made {
    pub(crate) api_key: String,
    pub(crate) secret: String,
    pub(crate) sdk_token: String,
}

/// An API key that may all that programs can be given, and an SDK token.
pub(crate) async fn made_by(owner: &Owner) -> anyhow::Result<Made> {
    let all = json!([
        "READ",
        "REGISTER_AGENT",
        "MANAGE_AGENTS",
        "MANAGE_CAPABILITIES",
        "MANAGE_ALERTS",
        "AUDIT",
        "KILL_SWITCH",
        "INGEST_EVENTS",
        "MANAGE_MODELS",
        "READ_POLICIES",
        "MANAGE_POLICIES",
        "REGISTER_MCP_SERVERS",
        "REPORT_MCP_SERVERS",
        "REPORT_AGENTS",
        "MANAGE_MCP_SERVERS",
    ]);
    made_with(owner, all).await
}

/// The same with these permissions.
pub(crate) async fn made_with(owner: &Owner, permissions: Value) -> anyhow::Result<Made> {
    let query = "mutation($key: CreateApiKeyInput!, $token: CreateSdkTokenInput!) {
        createApiKey(input: $key) { created { secret apiKey { id } } userErrors { message } }
        createSdkToken(input: $token) { created { sdkToken { id } } userErrors { message } } }";
    let input = json!({ "name": "a program", "permissions": permissions });
    let answer = owner
        .ask(query, json!({ "key": input, "token": input }))
        .await?;
    Ok(Made {
        api_key: text(&answer, "/createApiKey/created/apiKey/id")?,
        secret: text(&answer, "/createApiKey/created/secret")?,
        sdk_token: text(&answer, "/createSdkToken/created/sdkToken/id")?,
    })
}

/// The id of the person with this e-mail address.
pub(crate) async fn user_id(owner: &Owner, email: &str) -> anyhow::Result<String> {
    let query = "{ users(first: 100) { nodes { id email } } }";
    let answer = owner.ask(query, json!({})).await?;
    let all = answer["users"]["nodes"].as_array().into_iter().flatten();
    let mut found = all.filter(|user| user["email"] == email);
    let user = found.next().unwrap_or(&Value::Null);
    text(user, "/id")
}

/// Two processes on one database that believe each other's access tokens.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub(crate) fn two_nodes(database: &str) -> [AimProcess; 2] {
    ["all", "api"].map(|role| {
        let node = AimConfig::new().database(database).role(role);
        let node = node.env("JWT_SECRET", "a secret of tests that two nodes share");
        node.start()
            .unwrap_or_else(|error| panic!("{role}: {error:#}"))
    })
}
