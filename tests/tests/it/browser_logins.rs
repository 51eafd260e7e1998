//! The command line signs in as a person who answers in a browser; and what comes of codes that are
//! used twice, late, by others, and of forms that are not the browser's own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use aim_tests::{AimConfig, AimProcess, Postgres, wait_for, wait_until};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use crate::cli::{Cli, Running};
use crate::fleet::{Owner, PASSWORD, database_of};
use crate::house::ADMIN;
use crate::second_factors::Authenticator;

const PATIENCE: Duration = Duration::from_secs(60);
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:4711/callback";
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A browser: it keeps one cookie, and sends the forms that it was shown.
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) cookie: String,
    pub(crate) base: String,
}

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Page {
    pub(crate) fn of(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            headers: reqwest::header::HeaderMap::new(),
        }
    }

    /// What stands between these.
    pub(crate) fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self
            .body
            .split_once(before)
            .unwrap_or_else(|| panic!("{}", self.body));
        rest.split_once(after).unwrap().0.replace("&amp;", "&")
    }

    pub(crate) fn visit(&self) -> String {
        self.between("name=\"visit\" value=\"", "\"")
    }

    /// Where it goes on.
    pub(crate) fn onward(&self) -> String {
        self.between("content=\"0;url=", "\"")
    }

    pub(crate) fn says(&self, words: &str) {
        assert!(self.body.contains(words), "{words}: {}", self.body);
    }
}

impl Browser {
    pub(crate) fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            cookie: String::new(),
            base: base.to_owned(),
        }
    }

    pub(crate) async fn sent(&mut self, request: reqwest::RequestBuilder) -> Page {
        let answer = request.header("cookie", &self.cookie).send().await.unwrap();
        if let Some(line) = answer.headers().get("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(
                line.contains("HttpOnly") && line.contains("SameSite=Lax"),
                "{line}"
            );
            line.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        let request = self.http.get(url);
        self.sent(request).await
    }

    /// Sends the form of a page.
    pub(crate) async fn post(&mut self, step: &str, page: &Page, fields: &[(&str, &str)]) -> Page {
        let request = self.form(step, &page.visit(), fields);
        let request = request.header("origin", self.base.clone());
        self.sent(request).await
    }

    pub(crate) fn form(
        &self,
        step: &str,
        visit: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("visit", visit).extend_pairs(fields);
        self.http
            .post(format!("{}/auth/login/{step}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish())
    }

    /// Signs in on a page that asks who one is.
    pub(crate) async fn sign_in(&mut self, page: &Page, email: &str) -> Page {
        let who = [("email", email), ("password", PASSWORD)];
        self.post("password", page, &who).await
    }

    pub(crate) async fn answers(&mut self, page: &Page, answer: &str) -> Page {
        self.post("answer", page, &[("answer", answer)]).await
    }
}

/// What a command has said so far, once there are words of its between these.
pub(crate) async fn told(command: &Running, before: &str, after: &str) -> String {
    wait_for("what it says", PATIENCE, async || {
        let said = command.complaints()?;
        let rest = said.split_once(before).map(|(_, rest)| rest);
        let found = rest.and_then(|rest| rest.split_once(after));
        Ok(found.map(|(found, _)| found.to_owned()))
    })
    .await
    .unwrap()
}

pub(crate) async fn ended(command: &mut Running) {
    let is_over = || std::future::ready(!command.is_running().unwrap());
    wait_until("its end", PATIENCE, is_over).await.unwrap();
}

pub(crate) fn page_of(base: &str, change: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&format!("{base}/auth/authorize")).unwrap();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "aim-cli"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "a-state"),
        ("device", "laptop"),
    ] {
        let other = change.iter().find(|(changed, _)| *changed == name);
        let value = other.map_or(value, |(_, value)| value);
        url.query_pairs_mut().append_pair(name, value);
    }
    url.into()
}

pub(crate) async fn token(base: &str, fields: &[(&str, &str)]) -> Value {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "aim-cli")
        .extend_pairs(fields)
        .finish();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{base}/v1/token"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(body).send().await.unwrap();
    answer.json().await.unwrap()
}

pub(crate) async fn redeem(base: &str, code: &str, change: &[(&str, &str)]) -> Value {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
    ];
    let of = |(name, value)| {
        let other = change.iter().find(|(changed, _)| *changed == name);
        (name, other.map_or(value, |(_, value)| *value))
    };
    token(base, &fields.map(of)).await
}

/// The code of a person who approves.
pub(crate) async fn code_of(base: &str) -> String {
    let mut browser = Browser::new(base);
    let page = browser.get(&page_of(base, &[])).await;
    let page = browser.sign_in(&page, ADMIN).await;
    let page = browser.answers(&page, "approve").await;
    code_in(&page.onward())
}

fn code_in(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned()
}

pub(crate) async fn actions(owner: &Owner) -> Vec<String> {
    let query = "{ auditEntries(first: 50) { nodes { action } } }";
    let found = owner.ask(query, json!({})).await.unwrap();
    let nodes = found["auditEntries"]["nodes"].as_array().unwrap().clone();
    nodes
        .iter()
        .map(|it| it["action"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_here_signs_the_command_line_in() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let authenticator = Authenticator::of(&owner).await;
    let cli = Cli::new().unwrap();
    let mut login = cli
        .start(&["login", "--browser", "--url", aim.base_url()])
        .unwrap();
    let url = told(&login, "open this:\n\n  ", "\n").await;
    let mut browser = Browser::new(aim.base_url());
    let page = browser.get(&url).await;
    let wrong = [("email", ADMIN), ("password", "another password")];
    let wrong = browser.post("password", &page, &wrong).await;
    assert_eq!(wrong.status, 401);
    wrong.says("e-mail address or password is wrong");
    let page = browser.sign_in(&wrong, ADMIN).await;
    page.says("Second factor");
    let code = [("code", authenticator.codes[0].as_str())];
    let page = browser.post("factor", &page, &code).await;
    page.says("asks to sign in as you");
    page.says(ADMIN);
    let page = browser.answers(&page, "approve").await;
    let to = page.onward();
    // Somebody else on this machine, who does not know the state.
    let (other, _) = to.split_once("state=").unwrap();
    let stranger = browser.get(&format!("{other}state=other")).await;
    assert_eq!(stranger.status, 400);
    let back = browser.get(&to).await;
    assert_eq!(back.status, 200, "{}", back.body);
    ended(&mut login).await;
    let who = cli.json(&["whoami"]).await.unwrap();
    assert_eq!(who["viewer"]["email"], ADMIN, "{who}");
    let said = login.complaints().unwrap();
    assert!(!said.contains(&code_in(&to)), "{said}");
    assert!(actions(&owner).await.contains(&"login.approve".to_owned()));
    assert_eq!(cli.run(&["logout"]).await.unwrap().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_in_the_browser_is_told() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let cli = Cli::new().unwrap();
    let mut login = cli
        .start(&["login", "--browser", "--url", aim.base_url()])
        .unwrap();
    let url = told(&login, "open this:\n\n  ", "\n").await;
    let mut browser = Browser::new(aim.base_url());
    let page = browser.get(&url).await;
    let page = browser.sign_in(&page, ADMIN).await;
    let answered = browser.answers(&page, "deny").await;
    browser.get(&answered.onward()).await;
    ended(&mut login).await;
    let said = login.complaints().unwrap();
    assert!(
        said.contains("access_denied") && said.contains("aim login"),
        "{said}"
    );
    assert!(!cli.login("default").exists());
    assert!(actions(&owner).await.contains(&"login.deny".to_owned()));
    // The same page says nothing else afterwards.
    let again = browser.answers(&page, "approve").await;
    assert_eq!(again.status, 409, "{}", again.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_is_replaced_on_the_way() {
    let aim = AimConfig::new().start().unwrap();
    let once = aim.bootstrap().unwrap().password.clone();
    let mut browser = Browser::new(aim.base_url());
    let page = browser.get(&page_of(aim.base_url(), &[])).await;
    let who = [("email", ADMIN), ("password", once.as_str())];
    let page = browser.post("password", &page, &who).await;
    page.says("Choose a password");
    let early = browser.answers(&page, "approve").await;
    assert_eq!(early.status, 403, "{}", early.body);
    let change = [
        ("current", once.as_str()),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ];
    let page = browser.post("new-password", &page, &change).await;
    page.says("asks to sign in as you");
    let page = browser.answers(&page, "approve").await;
    let session = redeem(aim.base_url(), &code_in(&page.onward()), &[]).await;
    assert!(session["access_token"].is_string(), "{session}");
}

/// One server on SQLite, or two on PostgreSQL, where what one begins the other ends.
pub(crate) async fn on_sqlite() -> (Vec<AimProcess>, DatabaseConnection, Owner) {
    let aim = AimConfig::new().start().unwrap();
    let database = database_of(&aim).await.unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    (vec![aim], database, owner)
}

pub(crate) async fn on_postgresql() -> (Vec<AimProcess>, DatabaseConnection, Owner) {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let nodes = ["all", "api"].map(|role| {
        let node = AimConfig::new().database(&url).role(role);
        let node = node.env("JWT_SECRET", "a secret of tests that two nodes share");
        node.start().unwrap()
    });
    let database = sea_orm::Database::connect(&url).await.unwrap();
    let owner = Owner::of(&nodes[0]).await.unwrap();
    (nodes.into(), database, owner)
}

/// Who a node takes the holder of an access token for: a type, or the code of an error.
pub(crate) async fn who_is(base: &str, access: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{base}/graphql")).bearer_auth(access);
    let request = request.json(&json!({ "query": "{ viewer { __typename } }" }));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let known = answer.pointer("/data/viewer/__typename");
    let known = known.or_else(|| answer.pointer("/errors/0/extensions/code"));
    known.cloned().unwrap_or(answer)
}

/// Waits until every node knows that a session has ended.
pub(crate) async fn has_ended(nodes: &[AimProcess], access: &str) {
    for node in nodes {
        wait_until("the session's end", PATIENCE, async || {
            who_is(node.base_url(), access).await == "UNAUTHENTICATED"
        })
        .await
        .unwrap();
    }
}

async fn code_rules(
    (nodes, database, owner): (Vec<AimProcess>, DatabaseConnection, Owner),
) -> (String, DatabaseConnection) {
    let (a, b) = (nodes[0].base_url(), nodes[nodes.len() - 1].base_url());
    let code = code_of(a).await;
    let other = URL_SAFE_NO_PAD.encode([7; 32]);
    for change in [
        ("code_verifier", other.as_str()),
        ("code_verifier", CHALLENGE),
        ("code_verifier", ""),
        ("redirect_uri", "http://127.0.0.1:4712/callback"),
        ("redirect_uri", ""),
        ("code", other.as_str()),
        ("code", ""),
    ] {
        let refused = redeem(b, &code, &[change]).await;
        assert_eq!(refused["error"], "invalid_grant", "{change:?}: {refused}");
    }
    let elsewhere = [("grant_type", DEVICE_CODE), ("device_code", code.as_str())];
    assert_eq!(token(b, &elsewhere).await["error"], "invalid_grant");
    let session = redeem(b, &code, &[]).await;
    let access = session["access_token"].as_str().unwrap();
    assert_eq!(who_is(a, access).await, "User");
    // A second time without what belongs to it changes nothing; with it two hold it, and what the first
    // was given ends.
    let wrong = redeem(a, &code, &[("code_verifier", other.as_str())]).await;
    assert_eq!(wrong["error"], "invalid_grant");
    assert_eq!(who_is(a, access).await, "User");
    assert_eq!(redeem(a, &code, &[]).await["error"], "invalid_grant");
    has_ended(&nodes, access).await;
    let seen = actions(&owner).await;
    for action in ["login.refuse", "login.reuse-detected"] {
        assert!(seen.iter().any(|it| it == action), "{action}: {seen:?}");
    }

    // The same at one time.
    let code = code_of(a).await;
    let many = (0..6).map(|at| redeem(if at % 2 == 0 { a } else { b }, &code, &[]));
    let many = futures::future::join_all(many).await;
    let mut given = many.iter().filter_map(|it| it["access_token"].as_str());
    let (first, second) = (given.next().unwrap(), given.next());
    assert!(second.is_none(), "{many:?}");
    has_ended(&nodes, first).await;

    let late = code_of(a).await;
    expire(&database).await;
    assert_eq!(redeem(b, &late, &[]).await["error"], "invalid_grant");
    // Whoever signs out everywhere means what is on its way, too.
    let person = owner.sign_in(&nodes[0], ADMIN).await.unwrap();
    let going = code_of(a).await;
    let everywhere = "mutation { signOutEverywhere { endedCount userErrors { message } } }";
    person.ask(everywhere, json!({})).await.unwrap();
    assert_eq!(redeem(b, &going, &[]).await["error"], "invalid_grant");
    (code, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_whoever_asked() {
    let (code, database) = code_rules(on_sqlite().await).await;
    // Nothing that could be shown is kept.
    let rows = sea_orm::ConnectionTrait::query_all_raw(
        &database,
        sea_orm::Statement::from_string(
            sea_orm::DbBackend::Sqlite,
            "SELECT secret_hash AS kept FROM login_requests",
        ),
    );
    let rows = rows.await.unwrap();
    assert!(rows.len() > 3, "{rows:?}");
    for row in rows {
        let kept: String = row.try_get("", "kept").unwrap();
        assert!(kept != code && kept.len() == 64, "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_at_two_nodes_on_postgresql() {
    code_rules(on_postgresql().await).await;
}

pub(crate) async fn expire(database: &sea_orm::DatabaseConnection) {
    let statement = "UPDATE login_requests SET expires_at = created_at";
    sea_orm::ConnectionTrait::execute_unprepared(database, statement)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_command_line_asks_for_is_answered() {
    let aim = AimConfig::new().start().unwrap();
    let base = aim.base_url();
    for change in [
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://localhost:4711/callback"),
        (
            "redirect_uri",
            "http://127.0.0.1:4711@evil.example/callback",
        ),
        ("redirect_uri", "http://127.0.0.1:4711/elsewhere"),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("response_type", "token"),
        ("client_id", "another"),
        ("state", ""),
    ] {
        let page = Browser::new(base).get(&page_of(base, &[change])).await;
        assert_eq!(page.status, 400, "{change:?}: {}", page.body);
        assert!(!page.body.contains("evil.example"), "{}", page.body);
    }
    let device = "<script>alert(1)</script>";
    let mut browser = Browser::new(base);
    let page = browser.get(&page_of(base, &[("device", device)])).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("script-src"),
        "{policy}"
    );
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert!(!page.body.contains("<script"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_page_answers() {
    let aim = AimConfig::new().start().unwrap();
    let _owner = Owner::of(&aim).await.unwrap();
    let base = aim.base_url();
    let mut browser = Browser::new(base);
    let page = browser.get(&page_of(base, &[])).await;
    let page = browser.sign_in(&page, ADMIN).await;
    page.says("asks to sign in as you");
    let approve = [("answer", "approve")];
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = browser
            .form("answer", &page.visit(), &approve)
            .header(name, value);
        assert_eq!(browser.sent(request).await.status, 403, "{name}: {value}");
    }
    // The form in another browser, or in none.
    let mut other = Browser::new(base);
    let theirs = other.get(&page_of(base, &[])).await;
    assert_eq!(other.post("answer", &page, &approve).await.status, 401);
    assert_eq!(
        Browser::new(base)
            .post("answer", &page, &approve)
            .await
            .status,
        401
    );
    // Before anybody has signed in, and made up.
    assert_eq!(other.post("answer", &theirs, &approve).await.status, 401);
    for visit in ["", "x", &"A".repeat(5_000)] {
        let request = other.form("answer", visit, &approve);
        assert_eq!(other.sent(request).await.status, 401);
    }
    // None of it has used the person's own page up.
    let answered = browser.answers(&page, "approve").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(browser.answers(&page, "approve").await.status, 409);
}
