//! Signing in at a real issuer of OpenID Connect, and what becomes of answers that must not be
//! believed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Issuer, MailSecurity, MailServer, free_port, wait_until};
use serde_json::{Value, json};

use crate::browser_logins::{self as logins, ended, told};
use crate::cli::Cli;
use crate::fleet::{Owner, PASSWORD};
use crate::house::{ADMIN, PATIENCE, by, good, mailing, mistake, mutation};

/// A server, an issuer that it trusts, and its administrator.
struct Scene {
    aim: AimProcess,
    issuer: Issuer,
    owner: Owner,
    mail: MailServer,
}

/// Where a browser was sent, and what it has been given to keep.
#[derive(Default)]
struct Browser {
    cookies: HashMap<(String, String), String>,
}

struct Page {
    status: u16,
    location: Option<String>,
    body: String,
}

impl Browser {
    async fn get(&mut self, url: &str) -> Page {
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let http = reqwest::Client::builder().no_proxy();
        let http = http
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let own = self.cookies.iter().filter(|((of, _), _)| *of == origin);
        let own: Vec<String> = own
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let answer = http
            .get(url)
            .header("cookie", own.join("; "))
            .send()
            .await
            .unwrap();
        for line in answer.headers().get_all("set-cookie") {
            let (pair, _) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies
                .insert((origin.clone(), name.to_owned()), value.to_owned());
        }
        let location = answer.headers().get("location");
        let location = location.map(|it| it.to_str().unwrap().to_owned());
        let location = location.map(|to| match to.starts_with('/') {
            true => format!("{origin}{to}"),
            false => to,
        });
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        Page {
            status,
            location,
            body,
        }
    }
}

impl Scene {
    async fn new(more: &str) -> Self {
        let port = free_port().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let issuer = Issuer::start(&format!("{url}/auth/oidc/callback")).unwrap();
        let provider = format!(
            "[{{name=\"corp\", issuer=\"{}\", client_id=\"{}\", client_secret=\"{}\", \
             private_network=true{more}}}]",
            issuer.url(),
            Issuer::CLIENT_ID,
            Issuer::CLIENT_SECRET
        );
        let mail = MailServer::start(MailSecurity::None).unwrap();
        let config = mailing(&mail, AimConfig::new())
            .env("PORT", port.to_string())
            .env("AIM_PUBLIC_URL", &url)
            .env("AIM_OIDC", provider);
        let aim = config.start().unwrap();
        let owner = Owner::of(&aim).await.unwrap();
        Self {
            aim,
            issuer,
            owner,
            mail,
        }
    }

    /// Goes to the issuer; where it sends the browser back to.
    async fn go(&self, browser: &mut Browser) -> String {
        let start = format!("{}/auth/oidc/start?provider=corp", self.aim.base_url());
        self.walk(browser, &start).await
    }

    /// Follows redirects from here until one leads back.
    async fn walk(&self, browser: &mut Browser, start: &str) -> String {
        let mut page = browser.get(start).await;
        for _ in 0..10 {
            let to = page.location.clone();
            let to = to.unwrap_or_else(|| panic!("{}: {}", page.status, page.body));
            if to.starts_with(self.aim.base_url()) {
                return to;
            }
            page = browser.get(&to).await;
        }
        panic!("sent around");
    }

    /// The whole way: what the way back answers.
    async fn sign_in(&self) -> (u16, Value) {
        let mut browser = Browser::default();
        let back = self.go(&mut browser).await;
        let page = browser.get(&back).await;
        (
            page.status,
            serde_json::from_str(&page.body).unwrap_or_default(),
        )
    }

    /// The ticket of somebody whom nobody here is linked to.
    async fn ticket(&self) -> String {
        let (status, body) = self.sign_in().await;
        assert_eq!(status, 200, "{body}");
        body["ticket"]
            .as_str()
            .unwrap_or_else(|| panic!("{body}"))
            .to_owned()
    }

    async fn completes(&self, challenge: &Value) -> Value {
        let query = mutation("completeSignIn", "session { user { email role } }");
        let input = json!({ "input": { "challenge": challenge } });
        let mut answer = self.aim.graphql(&query, input, None).await.unwrap();
        answer["data"]["completeSignIn"]["session"]["user"].take()
    }

    async fn links(&self) -> Value {
        let input = json!({ "ticket": self.ticket().await, "password": PASSWORD });
        by(
            &self.owner,
            "linkIdentity",
            "identity { id issuer subject }",
            input,
        )
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_identity_signs_in_and_an_unlinked_one_does_not() {
    let scene = Scene::new("").await;
    let wrong = json!({ "ticket": scene.ticket().await, "password": "not the password" });
    let refused = by(&scene.owner, "linkIdentity", "identity { id }", wrong)
        .await
        .unwrap();
    assert_eq!(mistake(&refused), ("INVALID", "password"), "{refused}");
    let linked = scene.links().await;
    good(&linked);
    assert_eq!(linked["identity"]["subject"], "anna");
    assert_eq!(linked["identity"]["issuer"], scene.issuer.url());
    let (status, body) = scene.sign_in().await;
    assert_eq!((status, &body["needsCode"]), (200, &json!(false)), "{body}");
    let user = scene.completes(&body["challenge"]).await;
    assert_eq!(user, json!({ "email": ADMIN, "role": "OWNER" }));
    assert!(
        scene.completes(&body["challenge"]).await.is_null(),
        "good once"
    );
    let input = json!({ "identityId": linked["identity"]["id"] });
    good(
        &by(&scene.owner, "unlinkIdentity", "identity { id }", input)
            .await
            .unwrap(),
    );
    scene.ticket().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_signs_in_with_a_browser() {
    let scene = Scene::new("").await;
    good(&scene.links().await);
    let base = scene.aim.base_url();
    let cli = Cli::new().unwrap();
    let mut login = cli.start(&["login", "--browser", "--url", base]).unwrap();
    let url = told(&login, "open this:\n\n  ", "\n").await;
    let mut browser = logins::Browser::new(base);
    let page = browser.get(&url).await;
    let to = page.between("href=\"/auth/oidc/start?", "\"");
    let mut issued = Browser::default();
    let (name, value) = browser.cookie.split_once('=').unwrap();
    let key = (base.to_owned(), name.to_owned());
    issued.cookies.insert(key, value.to_owned());
    let back = scene
        .walk(&mut issued, &format!("{base}/auth/oidc/start?{to}"))
        .await;
    let page = issued.get(&back).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = logins::Page::of(page.status, page.body);
    page.says("asks to sign in as you");
    let page = browser.answers(&page, "approve").await;
    browser.get(&page.onward()).await;
    ended(&mut login).await;
    let who = cli.json(&["whoami"]).await.unwrap();
    assert_eq!(who["viewer"]["email"], ADMIN, "{who}");
}

/// Whoever controls an issuer says any address there; the account of that address is not theirs.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_alone_links_nobody() {
    let scene = Scene::new(", organization=\"default\", role=\"MEMBER\"").await;
    for (sub, email, is_verified) in [("eve", ADMIN, true), ("mallory", "m@corp.example", false)] {
        let account = json!({ "sub": sub, "email": email, "email_verified": is_verified });
        scene
            .issuer
            .tell(&json!({ "account": account }))
            .await
            .unwrap();
        scene.ticket().await;
    }
    let account = json!({ "sub": "bert", "email": "bert@corp.example", "email_verified": true });
    scene
        .issuer
        .tell(&json!({ "account": account }))
        .await
        .unwrap();
    let (_, body) = scene.sign_in().await;
    let user = scene.completes(&body["challenge"]).await;
    assert_eq!(
        user,
        json!({ "email": "bert@corp.example", "role": "MEMBER" })
    );
    // The same subject with another address is the same person here.
    let account = json!({ "sub": "bert", "email": ADMIN, "email_verified": true });
    scene
        .issuer
        .tell(&json!({ "account": account }))
        .await
        .unwrap();
    let (_, body) = scene.sign_in().await;
    let user = scene.completes(&body["challenge"]).await;
    assert_eq!(user["email"], "bert@corp.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_with_an_identity() {
    let scene = Scene::new("").await;
    let input = json!({ "email": "carl@example.org", "role": "MANAGER" });
    good(
        &by(&scene.owner, "inviteUser", "invitation { id }", input)
            .await
            .unwrap(),
    );
    let letter = scene
        .mail
        .mail_to("carl@example.org", 0, PATIENCE)
        .await
        .unwrap();
    let link = letter["text"].as_str().unwrap();
    assert!(link.contains(&format!(
        "{}/accept-invitation#token=",
        scene.aim.base_url()
    )));
    let query = mutation("acceptInvitation", "user { email }");
    let token = aim_tests::code_of(&letter);
    let ticket = scene.ticket().await;
    let input = json!({ "input": { "token": token, "name": "Carl", "ticket": ticket } });
    let answer = scene.aim.graphql(&query, input, None).await.unwrap();
    good(&answer["data"]["acceptInvitation"]);
    let (_, body) = scene.sign_in().await;
    let user = scene.completes(&body["challenge"]).await;
    assert_eq!(
        user,
        json!({ "email": "carl@example.org", "role": "MANAGER" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_that_was_not_begun_in_this_browser_leads_nowhere() {
    let scene = Scene::new("").await;
    let mut browser = Browser::default();
    let back = scene.go(&mut browser).await;
    let fresh = Browser::default().get(&back).await;
    assert_eq!(fresh.status, 401, "another browser: {}", fresh.body);
    let mut other = Browser::default();
    scene.go(&mut other).await;
    let mixed = other.get(&back).await;
    assert_eq!(mixed.status, 401, "another state: {}", mixed.body);
    let wrong = back.replace("state=", "state=x");
    let mut again = Browser::default();
    let own = scene.go(&mut again).await;
    assert_eq!(
        again.get(&own.replace("state=", "state=x")).await.status,
        401
    );
    assert_eq!(browser.get(&wrong).await.status, 401);
    // The code of one sign-in in the way back of another: PKCE.
    let (mut one, mut two) = (Browser::default(), Browser::default());
    let (first, second) = (scene.go(&mut one).await, scene.go(&mut two).await);
    let code = |url: &str| {
        let (_, rest) = url.split_once("code=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let swapped = second.replace(&code(&second), &code(&first));
    assert_eq!(two.get(&swapped).await.status, 401, "another code");
    // An answer that names another issuer (RFC 9207).
    let own = scene.go(&mut one).await;
    assert!(own.contains("iss="), "{own}");
    let (before, _) = own.split_once("&iss=").unwrap();
    let mixed = one
        .get(&format!("{before}&iss=https%3A%2F%2Fevil.example"))
        .await;
    assert_eq!(mixed.status, 401, "{}", mixed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_forged_or_meant_for_others_are_not_believed() {
    let scene = Scene::new("").await;
    good(&scene.links().await);
    for mode in [
        "none", "hs256", "secret", "nonce", "audience", "issuer", "late", "forged", "redirect",
    ] {
        scene.issuer.tell(&json!({ "mode": mode })).await.unwrap();
        let (status, body) = scene.sign_in().await;
        assert_eq!(status, 401, "{mode}: {body}");
        assert!(
            body["challenge"].is_null() && body["ticket"].is_null(),
            "{mode}: {body}"
        );
    }
    let asked = scene.issuer.tell(&json!({ "mode": "" })).await.unwrap();
    assert_eq!(asked["internal"], 0, "a redirect was followed");
    let (status, body) = scene.sign_in().await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_for_a_short_time() {
    let scene = Scene::new("").await;
    let mut browser = Browser::default();
    let back = scene.go(&mut browser).await;
    let kept = browser.cookies.clone();
    assert_eq!(browser.get(&back).await.status, 200);
    browser.cookies = kept;
    assert_eq!(browser.get(&back).await.status, 401, "the same code again");
    scene
        .issuer
        .tell(&json!({ "mode": "expired" }))
        .await
        .unwrap();
    let back = scene.go(&mut browser).await;
    let began = Instant::now();
    let over = || async { began.elapsed() > Duration::from_secs(3) };
    wait_until("the code's end", PATIENCE, over).await.unwrap();
    assert_eq!(browser.get(&back).await.status, 401, "an old code");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_issuer_are_found() {
    let scene = Scene::new("").await;
    good(&scene.links().await);
    for _ in 0..2 {
        scene.issuer.tell(&json!({ "rotate": true })).await.unwrap();
        // It is asked again at most every two seconds.
        let signed_in = || async { scene.sign_in().await.0 == 200 };
        wait_until("the new keys", PATIENCE, signed_in)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_states_and_tokens_are_not_in_the_log() {
    let scene = Scene::new("").await;
    let mut browser = Browser::default();
    let back = scene.go(&mut browser).await;
    let page = browser.get(&back).await;
    let body: Value = serde_json::from_str(&page.body).unwrap();
    let log = scene.aim.log();
    let (_, query) = back.split_once('?').unwrap();
    for pair in query.split('&').filter(|pair| !pair.starts_with("iss=")) {
        let (_, value) = pair.split_once('=').unwrap();
        assert!(!log.contains(value), "{pair}");
    }
    assert!(!log.contains(body["ticket"].as_str().unwrap()));
    assert!(!log.contains(Issuer::CLIENT_SECRET));
}
