//! Passkeys as a second factor, with a real authenticator in software.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::browser_logins as logins;
use crate::fleet::{Owner, PASSWORD, database_of, text};
use crate::house::{ADMIN, by, good, mistake, mutation};
use crate::second_factors::Authenticator;

const SITE: &str = "https://aim.passkeys.example";
const MEMBER: &str = "member@test.local";
const FOREIGNER: &str = "foreigner@test.local";

/// One server on SQLite, or two on PostgreSQL, where what one begins the other ends.
struct Scene {
    nodes: Vec<AimProcess>,
    database: DatabaseConnection,
    owner: Owner,
}

impl Scene {
    async fn on_sqlite() -> Self {
        let node = AimConfig::new().env("AIM_PUBLIC_URL", SITE);
        let nodes = vec![node.start().unwrap()];
        let database = database_of(&nodes[0]).await.unwrap();
        let owner = Owner::of(&nodes[0]).await.unwrap();
        Self::with(nodes, database, owner).await
    }

    async fn on_postgresql() -> Self {
        let url = Postgres::shared().unwrap().fresh_database().unwrap();
        let node = |role: &str| {
            let node = AimConfig::new().database(&url).role(role);
            let node = node.env("JWT_SECRET", "a secret of tests that two nodes share");
            node.env("AIM_PUBLIC_URL", SITE).start().unwrap()
        };
        let nodes = vec![node("all"), node("api")];
        let database = Database::connect(&url).await.unwrap();
        let owner = Owner::of(&nodes[0]).await.unwrap();
        Self::with(nodes, database, owner).await
    }

    /// A colleague of the owner's, and somebody of another organization.
    async fn with(nodes: Vec<AimProcess>, database: DatabaseConnection, owner: Owner) -> Self {
        let new_id = match database.get_database_backend() {
            DbBackend::Postgres => "gen_random_uuid()",
            _ => "randomblob(16)",
        };
        let organization = format!(
            "INSERT INTO organizations (id, name, slug, settings, created_at)
            SELECT {new_id}, 'Other', 'other', settings, created_at FROM organizations"
        );
        let person = |email: &str| {
            format!(
                "INSERT INTO users (id, organization_id, email, name, role, password_hash,
                must_change_password, token_generation, created_at, updated_at)
                SELECT {new_id}, organization_id, '{email}', 'somebody', 'OWNER', password_hash,
                must_change_password, 0, created_at, updated_at FROM users WHERE email = '{ADMIN}'"
            )
        };
        let moved = format!(
            "UPDATE users SET organization_id = (SELECT id FROM organizations
            WHERE slug = 'other') WHERE email = '{FOREIGNER}'"
        );
        for statement in [organization, person(MEMBER), person(FOREIGNER), moved] {
            database.execute_unprepared(&statement).await.unwrap();
        }
        Self {
            nodes,
            database,
            owner,
        }
    }

    async fn person(&self, email: &str) -> Owner {
        self.owner.sign_in(&self.nodes[0], email).await.unwrap()
    }

    /// The payload of a mutation by nobody, at the first node or the last.
    async fn nobody(&self, node: &AimProcess, name: &str, selection: &str, input: Value) -> Value {
        let query = mutation(name, selection);
        let input = json!({ "input": input });
        let mut answer = node.graphql(&query, input, None).await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"][name].take()
    }

    /// A sign-in with the right password; whether a passkey can finish it, and its challenge.
    async fn half_done(&self, email: &str) -> (bool, String) {
        let input = json!({ "email": email, "password": PASSWORD });
        let selection = "session { accessToken } challenge { token hasPasskey }";
        let answer = self.nobody(&self.nodes[0], "signIn", selection, input);
        let answer = answer.await;
        assert!(answer["session"].is_null(), "{answer}");
        let challenge = &answer["challenge"];
        let token = text(challenge, "/token").unwrap();
        (challenge["hasPasskey"] == true, token)
    }

    /// What a page is told that asks for a passkey in a sign-in.
    async fn asks(&self, challenge: &str) -> Value {
        let input = json!({ "challenge": challenge });
        let node = &self.nodes[0];
        let mut begun = self
            .nobody(node, "beginPasskeySignIn", "options", input)
            .await;
        good(&begun);
        begun["options"].take()
    }

    /// Finishes a sign-in at the other node.
    async fn completes(&self, challenge: &str, proof: &str, shown: &Value) -> Value {
        let input = json!({ "challenge": challenge, proof: shown });
        let node = self.nodes.last().unwrap();
        let selection = "session { user { email } }";
        self.nobody(node, "completeSignIn", selection, input).await
    }

    /// A whole sign-in with a passkey.
    async fn signs_in(&self, browser: &mut Browser, email: &str) -> Value {
        let (has_passkey, challenge) = self.half_done(email).await;
        assert!(has_passkey);
        let shown = browser.get(&self.asks(&challenge).await).await.unwrap();
        self.completes(&challenge, "passkey", &shown).await
    }

    async fn sql(&self, statement: &str) {
        let done = self.database.execute_unprepared(statement).await;
        done.unwrap();
    }
}

fn is_in(payload: &Value) -> bool {
    payload["session"]["user"]["email"].is_string()
}

/// What a page is told that makes a passkey.
async fn begins(person: &Owner, proof: Value) -> Value {
    let mut input = json!({ "password": PASSWORD });
    input
        .as_object_mut()
        .unwrap()
        .extend(proof.as_object().unwrap().clone());
    by(person, "beginPasskeyRegistration", "options", input)
        .await
        .unwrap()
}

async fn finishes(person: &Owner, name: &str, credential: &Value) -> Value {
    let input = json!({ "name": name, "credential": credential });
    let selection = "passkey { id name createdAt lastUsedAt } recoveryCodes";
    by(person, "finishPasskeyRegistration", selection, input)
        .await
        .unwrap()
}

/// A person's first passkey: its id, and the recovery codes.
async fn first_passkey(person: &Owner, browser: &mut Browser) -> (String, Vec<String>) {
    let begun = begins(person, json!({})).await;
    good(&begun);
    let made = browser.create(&begun["options"]).await.unwrap();
    let done = finishes(person, "the blue key", &made).await;
    good(&done);
    assert_eq!(done["passkey"]["name"], "the blue key", "{done}");
    assert!(done["passkey"]["lastUsedAt"].is_null(), "{done}");
    let codes: Vec<String> = serde_json::from_value(done["recoveryCodes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (text(&done, "/passkey/id").unwrap(), codes)
}

async fn checks(person: &Owner, browser: &mut Browser) -> Value {
    let query = "mutation { beginPasskeyCheck { options userErrors { code message } } }";
    let begun = person.ask(query, json!({})).await.unwrap();
    let options = &begun["beginPasskeyCheck"]["options"];
    browser.get(options).await.unwrap()
}

async fn a_life(scene: Scene) {
    let owner = &scene.owner;
    let mut browser = Browser::at(SITE);
    let wrong = json!({ "password": "not the password" });
    let refused = by(owner, "beginPasskeyRegistration", "options", wrong);
    let refused = refused.await.unwrap();
    assert_eq!(mistake(&refused), ("INVALID", "password"), "{refused}");
    let (id, codes) = first_passkey(owner, &mut browser).await;
    let state = "{ secondFactor { isOn confirmedAt passkeyCount recoveryCodeCount } }";
    let state = owner.ask(state, json!({})).await.unwrap();
    let on = json!({ "isOn": true, "confirmedAt": null, "passkeyCount": 1,
        "recoveryCodeCount": 10 });
    assert_eq!(state["secondFactor"], on);

    // From now on it is asked for; it, or a recovery code, is taken.
    let done = scene.signs_in(&mut browser, ADMIN).await;
    assert!(is_in(&done), "{done}");
    let (_, challenge) = scene.half_done(ADMIN).await;
    let refused = scene.completes(&challenge, "code", &json!("000000")).await;
    assert_eq!(mistake(&refused), ("INVALID", "code"), "{refused}");
    let done = scene.completes(&challenge, "code", &json!(codes[0])).await;
    assert!(is_in(&done), "{done}");
    let list = "{ passkeys { id name createdAt lastUsedAt } }";
    let listed = owner.ask(list, json!({})).await.unwrap();
    assert_eq!(listed["passkeys"][0]["id"], id, "{listed}");
    assert!(listed["passkeys"][0]["lastUsedAt"].is_string(), "{listed}");

    // Another one needs one of those that are there; codes that are left stay good.
    let mut second = Browser::at(SITE);
    let refused = begins(owner, json!({})).await;
    assert_eq!(mistake(&refused), ("INVALID", "code"), "{refused}");
    let shown = checks(owner, &mut browser).await;
    let begun = begins(owner, json!({ "passkey": shown })).await;
    good(&begun);
    let again = browser.create(&begun["options"]).await;
    assert!(
        again.is_err(),
        "an authenticator keeps one passkey of a person"
    );
    let made = second.create(&begun["options"]).await.unwrap();
    let done = finishes(owner, "the red key", &made).await;
    good(&done);
    assert!(done["recoveryCodes"].is_null(), "{done}");
    let red = text(&done, "/passkey/id").unwrap();
    assert!(is_in(&scene.signs_in(&mut second, ADMIN).await));

    let input = json!({ "passkeyId": red, "name": "the green key" });
    let renamed = by(owner, "renamePasskey", "passkey { name }", input);
    let renamed = renamed.await.unwrap();
    assert_eq!(renamed["passkey"]["name"], "the green key", "{renamed}");

    the_end_of_both(&scene, [(id, browser), (red, second)]).await;
}

/// The last one takes the recovery codes with it.
async fn the_end_of_both(scene: &Scene, both: [(String, Browser); 2]) {
    let owner = &scene.owner;
    for (passkey, mut keys) in both {
        let input = json!({ "passkeyId": passkey, "password": PASSWORD, "code": "000000" });
        let refused = by(owner, "removePasskey", "passkey { id }", input);
        let refused = refused.await.unwrap();
        assert_eq!(mistake(&refused), ("INVALID", "code"), "{refused}");
        let shown = checks(owner, &mut keys).await;
        let input = json!({ "passkeyId": passkey, "password": PASSWORD, "passkey": shown });
        let gone = by(owner, "removePasskey", "passkey { id }", input);
        good(&gone.await.unwrap());
    }
    let state = "{ secondFactor { isOn passkeyCount recoveryCodeCount } }";
    let state = owner.ask(state, json!({})).await.unwrap();
    let off = json!({ "isOn": false, "passkeyCount": 0, "recoveryCodeCount": 0 });
    assert_eq!(state["secondFactor"], off);
    scene.person(ADMIN).await;

    let trail = "{ auditEntries(first: 20, filter: { objectType: \"passkey\" }) {
        nodes { action } } }";
    let trail = owner.ask(trail, json!({})).await.unwrap();
    let actions = trail["auditEntries"]["nodes"].as_array().unwrap();
    let actions: Vec<&str> = actions
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    let (made, gone) = ("passkey.register", "passkey.remove");
    assert_eq!(actions, [gone, gone, "passkey.rename", made, made]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_used_renamed_and_removed_on_sqlite() {
    a_life(Scene::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_used_renamed_and_removed_on_two_nodes_with_postgresql() {
    a_life(Scene::on_postgresql().await).await;
}

/// Tries an answer in a new sign-in, where it must be refused with these words.
async fn refused(scene: &Scene, email: &str, shown: &Value, words: &str) {
    let (_, challenge) = scene.half_done(email).await;
    let answer = scene.completes(&challenge, "passkey", shown).await;
    is_refused(&answer, words);
}

fn is_refused(answer: &Value, words: &str) {
    assert_eq!(mistake(answer), ("INVALID", "passkey"), "{answer}");
    let message = answer["userErrors"][0]["message"].as_str().unwrap();
    assert!(message.contains(words), "`{words}` is not in {answer}");
}

const NOT_GOOD: &str = "a challenge that is not good";

async fn attacks(scene: Scene) {
    let owner = &scene.owner;
    let member = scene.person(MEMBER).await;
    let foreigner = scene.person(FOREIGNER).await;
    let (mut mine, mut hers, mut theirs) =
        (Browser::at(SITE), Browser::at(SITE), Browser::at(SITE));
    let (id, _) = first_passkey(owner, &mut mine).await;
    first_passkey(&member, &mut hers).await;
    first_passkey(&foreigner, &mut theirs).await;

    // A replayed answer: in the same sign-in, which is over, and in another.
    let (_, challenge) = scene.half_done(ADMIN).await;
    let shown = mine.get(&scene.asks(&challenge).await).await.unwrap();
    assert!(is_in(&scene.completes(&challenge, "passkey", &shown).await));
    let again = scene.completes(&challenge, "passkey", &shown).await;
    assert_eq!(mistake(&again), ("INVALID", "challenge"), "{again}");
    refused(&scene, ADMIN, &shown, NOT_GOOD).await;

    // A wrong answer uses the challenge up, too; another one of the same sign-in can be asked for.
    let (_, challenge) = scene.half_done(ADMIN).await;
    let options = scene.asks(&challenge).await;
    let mut elsewhere = mine.moved_to("https://evil.aim.passkeys.example");
    let shown = elsewhere.get(&options).await.unwrap();
    let answer = scene.completes(&challenge, "passkey", &shown).await;
    is_refused(&answer, "another origin");
    let shown = mine.get(&options).await.unwrap();
    let answer = scene.completes(&challenge, "passkey", &shown).await;
    is_refused(&answer, NOT_GOOD);
    let mut parent = scene.asks(&challenge).await;
    parent["rpId"] = json!("passkeys.example");
    let shown = mine.get(&parent).await.unwrap();
    let answer = scene.completes(&challenge, "passkey", &shown).await;
    is_refused(&answer, "another host");

    // A forged signature, and an answer that is none.
    let mut shown = mine.get(&scene.asks(&challenge).await).await.unwrap();
    let (_, half_done) = scene.half_done(MEMBER).await;
    let options = scene.asks(&half_done).await;
    let mut other = hers.clone().get(&options).await.unwrap();
    shown["response"]["signature"] = other["response"]["signature"].take();
    let answer = scene.completes(&challenge, "passkey", &shown).await;
    is_refused(&answer, "signature");
    for nonsense in [
        json!({}),
        json!([]),
        json!("x"),
        json!({ "id": "x".repeat(20_000) }),
    ] {
        refused(&scene, ADMIN, &nonsense, "").await;
    }

    // Too late.
    let (_, challenge) = scene.half_done(ADMIN).await;
    let shown = mine.get(&scene.asks(&challenge).await).await.unwrap();
    let past = "UPDATE passkey_ceremonies SET expires_at = created_at";
    scene.sql(past).await;
    let answer = scene.completes(&challenge, "passkey", &shown).await;
    is_refused(&answer, NOT_GOOD);

    let people = [&member, &foreigner];
    others(&scene, &id, people, (mine, hers, theirs)).await;
}

/// Another person's challenge, of the same organization and of another, and their passkeys.
async fn others(scene: &Scene, id: &str, people: [&Owner; 2], keys: (Browser, Browser, Browser)) {
    let owner = &scene.owner;
    let (mut mine, mut hers, mut theirs) = keys;
    for (email, browser) in [(MEMBER, &mut hers), (FOREIGNER, &mut theirs)] {
        let (_, own) = scene.half_done(email).await;
        let shown = browser.get(&scene.asks(&own).await).await.unwrap();
        refused(scene, ADMIN, &shown, NOT_GOOD).await;
        assert!(is_in(&scene.completes(&own, "passkey", &shown).await));
    }
    // A challenge for a signed-in person is not one for signing in.
    let shown = checks(owner, &mut mine).await;
    refused(scene, ADMIN, &shown, NOT_GOOD).await;
    // Another's passkey is none of one's own.
    let input = json!({ "passkeyId": id, "name": "mine now" });
    for person in people {
        let stolen = by(person, "renamePasskey", "passkey { id }", input.clone());
        assert_eq!(mistake(&stolen.await.unwrap()).0, "NOT_FOUND");
        let input = json!({ "passkeyId": id, "password": PASSWORD, "code": "000000" });
        let stolen = by(person, "removePasskey", "passkey { id }", input);
        assert_eq!(mistake(&stolen.await.unwrap()).0, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_replayed_foreign_late_or_forged_are_refused_on_sqlite() {
    attacks(Scene::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_replayed_foreign_late_or_forged_are_refused_on_postgresql() {
    attacks(Scene::on_postgresql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_authenticator_is_refused_and_audited() {
    let scene = Scene::on_sqlite().await;
    let mut mine = Browser::at(SITE);
    first_passkey(&scene.owner, &mut mine).await;
    let mut copy = mine.clone();
    for _ in 0..2 {
        assert!(is_in(&scene.signs_in(&mut mine, ADMIN).await));
    }
    let answer = scene.signs_in(&mut copy, ADMIN).await;
    is_refused(&answer, "copied");
    let trail = "{ auditEntries(first: 9, filter: { action: \"passkey.refuse-copy\" }) {
        nodes { actorType reason } } }";
    let trail = scene.owner.ask(trail, json!({})).await.unwrap();
    let entries = trail["auditEntries"]["nodes"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{trail}");
    assert!(
        is_in(&scene.signs_in(&mut mine, ADMIN).await),
        "the owner goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_registered_once_with_its_own_answer_only() {
    let scene = Scene::on_sqlite().await;
    let (owner, member) = (&scene.owner, scene.person(MEMBER).await);
    let wrong = |answer: &Value, field: &str| {
        assert_eq!(mistake(answer), ("INVALID", field), "{answer}");
    };
    let begun = begins(owner, json!({})).await;
    let mut browser = Browser::at(SITE);
    let made = browser.create(&begun["options"]).await.unwrap();
    wrong(&finishes(owner, " ", &made).await, "name");
    wrong(&finishes(owner, &"x".repeat(101), &made).await, "name");
    wrong(
        &finishes(owner, "a key", &json!({ "id": 1 })).await,
        "credential",
    );
    // Somebody else's challenge, and the same one twice.
    wrong(&finishes(&member, "a key", &made).await, "credential");
    let done = finishes(owner, "a key", &made).await;
    good(&done);
    wrong(&finishes(owner, "a key", &made).await, "credential");
    // At a page elsewhere.
    let begun = begins(&member, json!({})).await;
    let mut elsewhere = Browser::at("https://evil.aim.passkeys.example");
    let made = elsewhere.create(&begun["options"]).await.unwrap();
    wrong(&finishes(&member, "a key", &made).await, "credential");
    // Too late.
    let begun = begins(&member, json!({})).await;
    let made = Browser::at(SITE).create(&begun["options"]).await.unwrap();
    scene
        .sql("UPDATE passkey_ceremonies SET expires_at = created_at")
        .await;
    wrong(&finishes(&member, "a key", &made).await, "credential");
    // No more than ten.
    let codes: Vec<String> = serde_json::from_value(done["recoveryCodes"].clone()).unwrap();
    for code in &codes[..9] {
        let begun = begins(owner, json!({ "code": code })).await;
        good(&begun);
        let made = Browser::at(SITE).create(&begun["options"]).await.unwrap();
        good(&finishes(owner, "another key", &made).await);
    }
    let full = begins(owner, json!({ "code": codes[9] })).await;
    assert_eq!(mistake(&full).0, "CONFLICT", "{full}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_of_its_host_an_installation_says_so() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let refused = begins(&owner, json!({})).await;
    assert_eq!(mistake(&refused).0, "CONFLICT", "{refused}");
    let message = refused["userErrors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`public_url`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_by_time_and_passkeys_stand_beside_each_other() {
    let scene = Scene::on_sqlite().await;
    let owner = &scene.owner;
    let mut browser = Browser::at(SITE);
    let (id, codes) = first_passkey(owner, &mut browser).await;
    let input = json!({ "password": PASSWORD });
    let refused = by(owner, "enrollSecondFactor", "secondFactor { uri }", input);
    let refused = refused.await.unwrap();
    assert_eq!(mistake(&refused), ("INVALID", "code"), "{refused}");
    let input = json!({ "password": PASSWORD, "code": codes[0] });
    let both = json!({ "password": PASSWORD, "code": codes[1], "passkey": {} });
    let refused = by(owner, "enrollSecondFactor", "secondFactor { uri }", both);
    assert_eq!(mistake(&refused.await.unwrap()), ("INVALID", "passkey"));
    let authenticator = Authenticator::with(owner, input).await;
    assert!(is_in(&scene.signs_in(&mut browser, ADMIN).await));
    let (_, challenge) = scene.half_done(ADMIN).await;
    let code = json!(authenticator.code(1));
    let done = scene.completes(&challenge, "code", &code).await;
    assert!(is_in(&done), "{done}");

    // Recovery codes stay until the last of the two is gone.
    let shown = checks(owner, &mut browser).await;
    let input = json!({ "password": PASSWORD, "passkey": shown });
    let off = by(owner, "disableSecondFactor", "isDisabled", input);
    good(&off.await.unwrap());
    let state = "{ secondFactor { isOn confirmedAt passkeyCount recoveryCodeCount } }";
    let now = owner.ask(state, json!({})).await.unwrap();
    let on = json!({ "isOn": true, "confirmedAt": null, "passkeyCount": 1,
        "recoveryCodeCount": 10 });
    assert_eq!(now["secondFactor"], on);
    let input = json!({ "password": PASSWORD, "code": authenticator.codes[0] });
    let none = by(owner, "disableSecondFactor", "isDisabled", input);
    assert_eq!(mistake(&none.await.unwrap()).0, "CONFLICT");
    let shown = checks(owner, &mut browser).await;
    let input = json!({ "passkey": shown });
    let renewed = by(owner, "renewRecoveryCodes", "recoveryCodes", input);
    let renewed = renewed.await.unwrap();
    let fresh = &renewed["recoveryCodes"][0];
    let input = json!({ "passkeyId": id, "password": PASSWORD, "code": fresh });
    let gone = by(owner, "removePasskey", "passkey { id }", input);
    good(&gone.await.unwrap());
    let now = owner.ask(state, json!({})).await.unwrap();
    let off = json!({ "isOn": false, "confirmedAt": null, "passkeyCount": 0,
        "recoveryCodeCount": 0 });
    assert_eq!(now["secondFactor"], off);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_takes_lost_passkeys_off() {
    let scene = Scene::on_sqlite().await;
    let member = scene.person(MEMBER).await;
    first_passkey(&member, &mut Browser::at(SITE)).await;
    let viewer = "{ viewer { ... on User { id } } }";
    let viewer = member.ask(viewer, json!({})).await.unwrap();
    let input = json!({ "userId": viewer["viewer"]["id"], "reason": "the key is in the lake" });
    let reset = by(&scene.owner, "resetSecondFactor", "user { id }", input);
    good(&reset.await.unwrap());
    let ended = member.ask("{ passkeys { id } }", json!({})).await;
    assert!(ended.unwrap_err().to_string().contains("UNAUTHENTICATED"));
    let again = scene.person(MEMBER).await;
    let listed = again.ask("{ passkeys { id } }", json!({})).await.unwrap();
    assert_eq!(listed["passkeys"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_login_takes_a_passkey() {
    let scene = Scene::on_sqlite().await;
    let mut keys = Browser::at(SITE);
    first_passkey(&scene.owner, &mut keys).await;
    let base = scene.nodes[0].base_url();
    let mut browser = logins::Browser::new(base);
    let page = browser.get(&logins::page_of(base, &[])).await;
    let page = browser.sign_in(&page, ADMIN).await;
    page.says("Use a passkey");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    let page = browser.post("factor", &page, &[("passkey", "{}")]).await;
    assert_eq!(page.status, 400, "{}", page.body);
    let asked = page.between("data-options=\"", "\"");
    let asked: Value = serde_json::from_str(&asked.replace("&quot;", "\"")).unwrap();
    let shown = keys.get(&asked).await.unwrap().to_string();
    let page = browser.post("factor", &page, &[("passkey", &shown)]).await;
    page.says("asks to sign in as you");
    let page = browser.answers(&page, "approve").await;
    assert!(page.onward().contains("code="), "{}", page.body);
}
