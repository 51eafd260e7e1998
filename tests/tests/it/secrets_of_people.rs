//! What people and their programs show, with everything logged, and none of it in the log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::AimConfig;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use totp_rs::Secret;

use crate::browser::Browser;
use crate::fleet::{PASSWORD, add_person, text};
use crate::house::{ADMIN, FRESH, House, by, good, mutation};
use crate::people::{Tokens, believed, made_by, refresh, sign_in};
use crate::second_factors::Authenticator;
use crate::secrets_in_logs::{none_is_in, spellings};

const SITE: &str = "https://aim.passkeys.example";
const MEMBER: &str = "member@test.local";

type Secrets = Vec<(&'static str, String)>;

/// An API key and an SDK token, shown rightly and once too often.
async fn programs(house: &House, secrets: &mut Secrets) {
    let made = made_by(&house.owner).await.unwrap();
    assert_eq!(believed(&house.aim, &made.secret).await.unwrap(), "none");
    secrets.push(("an API key", made.secret));
    let query = "mutation($input: CreateSdkTokenInput!) { createSdkToken(input: $input) {
        created { session { id accessToken refreshToken } } userErrors { message } } }";
    let input = json!({ "name": "a program", "permissions": ["READ"] });
    let answer = house.owner.ask(query, json!({ "input": input }));
    let answer = answer.await.unwrap();
    let program = Tokens::in_answer(&answer, "/createSdkToken/created").unwrap();
    assert_eq!(believed(&house.aim, &program.access).await.unwrap(), "none");
    let person = sign_in(&house.aim, ADMIN).await.unwrap();
    for first in [program, person] {
        let next = refresh(&house.aim, &first.refresh).await.unwrap();
        // A used one ends the session, which is told in the log.
        assert!(refresh(&house.aim, &first.refresh).await.is_err());
        for tokens in [first, next] {
            let signature = tokens.access.rsplit('.').next().unwrap().to_owned();
            secrets.push(("an access token", tokens.access));
            secrets.push(("the signature of an access token", signature));
            secrets.push(("a refresh token", tokens.refresh));
        }
    }
}

/// Codes by time and recovery codes, right and wrong.
async fn codes(house: &House, secrets: &mut Secrets) {
    add_person(&house.aim, MEMBER, "MEMBER").await.unwrap();
    let member = house.owner.sign_in(&house.aim, MEMBER).await.unwrap();
    let authenticator = Authenticator::of(&member).await;
    let input = json!({ "email": MEMBER, "password": PASSWORD });
    let begun = house.nobody("signIn", "challenge { token }", input);
    let challenge = text(&begun.await.unwrap(), "/challenge/token").unwrap();
    for code in ["000000", "abcd-efgh-jkmn-pqrs", &authenticator.codes[0]] {
        let input = json!({ "challenge": challenge, "code": code });
        let done = house.nobody("completeSignIn", "session { id }", input);
        done.await.unwrap();
    }
    secrets.push(("the challenge of a sign-in", challenge));
    secrets.push(("a wrong recovery code", "abcd-efgh-jkmn-pqrs".to_owned()));
    let raw = Secret::try_from_base32(&authenticator.secret).unwrap();
    let raw = spellings(raw.as_bytes()).into_iter();
    secrets.extend(raw.map(|it| ("the secret of codes by time", it)));
    secrets.push(("the secret of codes by time", authenticator.secret));
    for code in authenticator.codes {
        secrets.push(("a recovery code", code.replace('-', "")));
        secrets.push(("a recovery code", code));
    }
}

/// A challenge as a page gets it, and as bytes.
fn challenge_of(options: &Value, secrets: &mut Secrets) {
    let challenge = text(options, "/challenge").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&challenge).unwrap();
    let all = spellings(&bytes).into_iter().chain([challenge]);
    secrets.extend(all.map(|it| ("the challenge of a passkey", it)));
}

/// Passkeys, made and used: for a page elsewhere, rightly, and by a copied authenticator.
async fn passkeys(house: &House, secrets: &mut Secrets) {
    let owner = &house.owner;
    let mut browser = Browser::at(SITE);
    let input = json!({ "password": PASSWORD });
    let begun = by(owner, "beginPasskeyRegistration", "options", input);
    let begun = begun.await.unwrap();
    challenge_of(&begun["options"], secrets);
    let made = browser.create(&begun["options"]).await.unwrap();
    let input = json!({ "name": "a key", "credential": made });
    let made = by(owner, "finishPasskeyRegistration", "recoveryCodes", input);
    let made = made.await.unwrap();
    good(&made);
    let codes: Vec<String> = serde_json::from_value(made["recoveryCodes"].clone()).unwrap();
    secrets.extend(codes.into_iter().map(|it| ("a recovery code", it)));
    let elsewhere = browser.moved_to("https://evil.aim.passkeys.example");
    let copy = browser.clone();
    for mut page in [elsewhere, browser, copy] {
        let input = json!({ "email": ADMIN, "password": PASSWORD });
        let begun = house.nobody("signIn", "challenge { token }", input);
        let challenge = text(&begun.await.unwrap(), "/challenge/token").unwrap();
        let input = json!({ "challenge": challenge });
        let asked = house.nobody("beginPasskeySignIn", "options", input);
        let asked = asked.await.unwrap();
        challenge_of(&asked["options"], secrets);
        let shown = page.get(&asked["options"]).await.unwrap();
        let signature = text(&shown, "/response/signature").unwrap();
        secrets.push(("the signature of a passkey", signature));
        let input = json!({ "challenge": challenge, "passkey": shown });
        let done = house.nobody("completeSignIn", "session { id accessToken }", input);
        done.await.unwrap();
        secrets.push(("the challenge of a sign-in", challenge));
    }
}

/// Tokens that go by letter.
async fn letters(house: &House, secrets: &mut Secrets) {
    let input = json!({ "email": "guest@test.local", "role": "VIEWER" });
    let invited = house.admin("inviteUser", "invitation { id }", input);
    good(&invited.await.unwrap());
    let token = house.code("guest@test.local", 0).await.unwrap();
    let input = json!({ "token": token, "name": "Guest", "password": FRESH });
    let joined = house.nobody("acceptInvitation", "user { id }", input);
    good(&joined.await.unwrap());
    secrets.push(("the token of an invitation", token));
    let input = json!({ "email": "guest@test.local" });
    let asked = house.nobody("requestPasswordReset", "isRequested", input);
    good(&asked.await.unwrap());
    let token = house.code("guest@test.local", 1).await.unwrap();
    let another = "Quite-Another-Orchid-77";
    let input = json!({ "token": token, "newPassword": another });
    let reset = house.nobody("resetPassword", "user { id }", input);
    good(&reset.await.unwrap());
    secrets.push(("the token of a reset", token));
    secrets.push(("a new password", FRESH.to_owned()));
    secrets.push(("a new password", another.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_or_programs_show_is_logged() {
    let config = AimConfig::new()
        .env("AIM_LOG", "trace")
        .env("AIM_PUBLIC_URL", SITE);
    let house = House::with(config).await.unwrap();
    let mut secrets = vec![("a password", PASSWORD.to_owned())];
    programs(&house, &mut secrets).await;
    codes(&house, &mut secrets).await;
    passkeys(&house, &mut secrets).await;
    letters(&house, &mut secrets).await;
    let unknown = mutation("refreshSession", "session { id }");
    let input = json!({ "input": { "refreshToken": "aim_rt_no-such-token-of-anybody" } });
    house.aim.graphql(&unknown, input, None).await.unwrap();
    secrets.push((
        "a wrong refresh token",
        "aim_rt_no-such-token-of-anybody".to_owned(),
    ));
    none_is_in(&house.aim.log(), &secrets);
}
