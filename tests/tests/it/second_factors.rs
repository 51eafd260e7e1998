//! Second factors: asked for, good once, throttled, and of no use to whoever reads the database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::fleet::{Owner, PASSWORD, add_person, now};
use crate::house::{ADMIN, FRESH, House, PATIENCE, by, good, mistake};

const STEP: u64 = 30;

/// An authenticator that has the secret of a person.
pub(crate) struct Authenticator {
    pub(crate) secret: String,
    pub(crate) codes: Vec<String>,
}

impl Authenticator {
    /// The code of a time step from now on.
    pub(crate) fn code(&self, steps: u64) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let totp = Builder::new()
            .with_secret(secret)
            .with_account_name("x")
            .build()
            .unwrap();
        let now = u64::try_from(now().timestamp()).unwrap();
        totp.generate(now + steps * STEP).to_string()
    }

    /// Sets a second factor up for a person.
    pub(crate) async fn of(person: &Owner) -> Self {
        Self::with(person, json!({ "password": PASSWORD })).await
    }

    /// The same for somebody who has to show more than a password.
    pub(crate) async fn with(person: &Owner, input: Value) -> Self {
        let selection = "secondFactor { secret uri }";
        let begun = by(person, "enrollSecondFactor", selection, input)
            .await
            .unwrap();
        good(&begun);
        let secret = begun["secondFactor"]["secret"].as_str().unwrap().to_owned();
        let uri = begun["secondFactor"]["uri"].as_str().unwrap();
        assert!(
            uri.starts_with("otpauth://totp/AIM") && uri.contains(&secret),
            "{uri}"
        );
        let mut made = Self {
            secret,
            codes: Vec::new(),
        };
        let input = json!({ "code": made.code(0) });
        let done = by(person, "confirmSecondFactor", "recoveryCodes", input)
            .await
            .unwrap();
        good(&done);
        made.codes = serde_json::from_value(done["recoveryCodes"].clone()).unwrap();
        assert_eq!(made.codes.len(), 10);
        made
    }
}

async fn challenge(house: &House, email: &str, password: &str) -> String {
    let input = json!({ "email": email, "password": password });
    let selection = "session { accessToken } challenge { token }";
    let answer = house.nobody("signIn", selection, input).await.unwrap();
    assert!(answer["session"].is_null(), "{answer}");
    answer["challenge"]["token"].as_str().unwrap().to_owned()
}

async fn completes(house: &House, challenge: &str, code: &str) -> Value {
    let input = json!({ "challenge": challenge, "code": code });
    house
        .anybody("completeSignIn", "session { user { email } }", input)
        .await
        .unwrap()
}

fn is_in(answer: &Value) -> bool {
    answer["data"]["completeSignIn"]["session"]["user"]["email"].is_string()
}

fn wrong(answer: &Value) -> (&str, &str) {
    mistake(&answer["data"]["completeSignIn"])
}

/// As if a few steps had passed: codes that were used may be used again.
async fn time_passes(house: &House) {
    house
        .sql("UPDATE second_factors SET last_step = 0")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_asks_for_a_code_that_is_good_once() {
    let house = House::new().await.unwrap();
    let input = json!({ "password": "not the password" });
    let refused = by(
        &house.owner,
        "enrollSecondFactor",
        "secondFactor { uri }",
        input,
    )
    .await;
    assert_eq!(mistake(&refused.unwrap()), ("INVALID", "password"));
    let input = json!({ "password": PASSWORD });
    let begun = by(
        &house.owner,
        "enrollSecondFactor",
        "secondFactor { uri }",
        input.clone(),
    );
    good(&begun.await.unwrap());
    let early = house.sign_in(ADMIN, PASSWORD).await.unwrap();
    assert!(
        early["data"]["signIn"]["session"].is_object(),
        "it is not confirmed: {early}"
    );
    let input = json!({ "code": "000000" });
    let refused = by(&house.owner, "confirmSecondFactor", "recoveryCodes", input)
        .await
        .unwrap();
    assert_eq!(mistake(&refused), ("INVALID", "code"), "{refused}");

    let authenticator = Authenticator::of(&house.owner).await;
    let open = challenge(&house, ADMIN, PASSWORD).await;
    for code in ["", "000000", "abc", &"9".repeat(70), &authenticator.code(0)] {
        // The last one confirmed the factor; it is used.
        let answer = completes(&house, &open, code).await;
        assert_eq!(wrong(&answer), ("INVALID", "code"), "{code}: {answer}");
    }
    let answer = completes(&house, &open, &authenticator.code(1)).await;
    assert_eq!(
        wrong(&answer),
        ("INVALID", "challenge"),
        "too many attempts: {answer}"
    );
    let open = challenge(&house, ADMIN, PASSWORD).await;
    let code = authenticator.code(1);
    let answer = completes(&house, &open, &code).await;
    assert!(is_in(&answer), "{answer}");
    let again = completes(&house, &open, &authenticator.codes[0]).await;
    assert_eq!(wrong(&again), ("INVALID", "challenge"), "{again}");
    let replayed = challenge(&house, ADMIN, PASSWORD).await;
    let replayed = completes(&house, &replayed, &code).await;
    assert_eq!(wrong(&replayed), ("INVALID", "code"), "{replayed}");
    let state = house
        .owner
        .ask("{ secondFactor { isOn recoveryCodeCount } }", json!({}))
        .await;
    let on = json!({ "isOn": true, "recoveryCodeCount": 10 });
    assert_eq!(state.unwrap()["secondFactor"], on);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_good_once_however_it_is_written() {
    let house = House::new().await.unwrap();
    let authenticator = Authenticator::of(&house.owner).await;
    let sloppy = authenticator.codes[0].to_uppercase().replace('-', " ");
    for (code, is_good) in [(&sloppy, true), (&authenticator.codes[0], false)] {
        let open = challenge(&house, ADMIN, PASSWORD).await;
        let answer = completes(&house, &open, code).await;
        assert_eq!(is_in(&answer), is_good, "{answer}");
    }
    let input = json!({ "code": authenticator.codes[1] });
    let renewed = by(&house.owner, "renewRecoveryCodes", "recoveryCodes", input)
        .await
        .unwrap();
    good(&renewed);
    let fresh = renewed["recoveryCodes"][0].as_str().unwrap();
    for (code, is_good) in [(authenticator.codes[2].as_str(), false), (fresh, true)] {
        let open = challenge(&house, ADMIN, PASSWORD).await;
        let answer = completes(&house, &open, code).await;
        assert_eq!(is_in(&answer), is_good, "{answer}");
    }
    let input = json!({ "password": PASSWORD, "code": renewed["recoveryCodes"][1] });
    let off = by(&house.owner, "disableSecondFactor", "isDisabled", input)
        .await
        .unwrap();
    good(&off);
    let plain = house.sign_in(ADMIN, PASSWORD).await.unwrap();
    assert!(plain["data"]["signIn"]["session"].is_object(), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_throttled_and_the_owner_is_not_locked_out_for_ever() {
    let house = House::new().await.unwrap();
    let authenticator = Authenticator::of(&house.owner).await;
    let open = challenge(&house, ADMIN, PASSWORD).await;
    for _ in 0..5 {
        completes(&house, &open, "000000").await;
    }
    let open = challenge(&house, ADMIN, PASSWORD).await;
    let locked = completes(&house, &open, &authenticator.code(1)).await;
    assert_eq!(
        locked["errors"][0]["extensions"]["code"], "RATE_LIMITED",
        "{locked}"
    );
    let recovered = completes(&house, &open, &authenticator.codes[0]).await;
    assert!(is_in(&recovered), "{recovered}");
    house
        .sql("UPDATE second_factors SET locked_until = created_at")
        .await
        .unwrap();
    let open = challenge(&house, ADMIN, PASSWORD).await;
    let answer = completes(&house, &open, &authenticator.code(1)).await;
    assert!(is_in(&answer), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_of_no_use_to_whoever_reads_the_database() {
    let house = House::new().await.unwrap();
    let authenticator = Authenticator::of(&house.owner).await;
    let raw = Secret::try_from_base32(&authenticator.secret).unwrap();
    let mut hidden = vec![
        authenticator.secret.clone().into_bytes(),
        raw.as_bytes().to_vec(),
    ];
    hidden.extend(
        authenticator
            .codes
            .iter()
            .map(|code| code.clone().into_bytes()),
    );
    let plain = authenticator.codes.iter().map(|code| code.replace('-', ""));
    hidden.extend(plain.map(String::into_bytes));
    for file in std::fs::read_dir(house.aim.data()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in &hidden {
            let mut windows = bytes.windows(secret.len());
            assert!(!windows.any(|window| window == secret.as_slice()));
        }
    }
    let log = house.aim.log();
    assert!(!log.contains(&authenticator.secret) && !log.contains(&authenticator.codes[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_not_a_way_around_the_second_factor() {
    let house = House::new().await.unwrap();
    let authenticator = Authenticator::of(&house.owner).await;
    let half = challenge(&house, ADMIN, PASSWORD).await;
    let input = json!({ "email": ADMIN });
    good(
        &house
            .nobody("requestPasswordReset", "isRequested", input)
            .await
            .unwrap(),
    );
    let token = house.code(ADMIN, 0).await.unwrap();
    let input = json!({ "token": token, "newPassword": FRESH });
    good(
        &house
            .nobody("resetPassword", "user { id }", input)
            .await
            .unwrap(),
    );
    let late = completes(&house, &half, &authenticator.code(1)).await;
    assert_eq!(
        wrong(&late),
        ("INVALID", "challenge"),
        "begun with the old password: {late}"
    );
    let open = challenge(&house, ADMIN, FRESH).await;
    time_passes(&house).await;
    assert!(is_in(
        &completes(&house, &open, &authenticator.code(1)).await
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_takes_a_lost_factor_off_and_that_is_seen() {
    let house = House::new().await.unwrap();
    for (email, role) in [("m@test.local", "MEMBER"), ("boss@test.local", "ADMIN")] {
        add_person(&house.aim, email, role).await.unwrap();
    }
    let member = house
        .owner
        .sign_in(&house.aim, "m@test.local")
        .await
        .unwrap();
    let boss = house
        .owner
        .sign_in(&house.aim, "boss@test.local")
        .await
        .unwrap();
    Authenticator::of(&member).await;
    Authenticator::of(&house.owner).await;
    let id = async |person: &Owner| {
        let viewer = "{ viewer { ... on User { id } } }";
        person.ask(viewer, json!({})).await.unwrap()["viewer"]["id"].clone()
    };
    let input = json!({ "userId": id(&house.owner).await, "reason": "a trick" });
    let above = by(&boss, "resetSecondFactor", "user { id }", input)
        .await
        .unwrap();
    assert_eq!(mistake(&above).0, "CONFLICT", "{above}");
    let input = json!({ "userId": id(&member).await, "reason": "their telephone drowned" });
    let selection = "user { email }";
    let done = by(&boss, "resetSecondFactor", selection, input.clone())
        .await
        .unwrap();
    good(&done);
    let again = by(&boss, "resetSecondFactor", selection, input)
        .await
        .unwrap();
    assert_eq!(mistake(&again).0, "CONFLICT", "{again}");
    let ended = member.ask("{ organization { id } }", json!({})).await;
    assert!(ended.unwrap_err().to_string().contains("UNAUTHENTICATED"));
    let plain = house.sign_in("m@test.local", PASSWORD).await.unwrap();
    assert!(plain["data"]["signIn"]["session"].is_object(), "{plain}");
    let told = house
        .mail
        .mail_to("m@test.local", 0, PATIENCE)
        .await
        .unwrap();
    assert_eq!(told["subject"], "Your second factor was taken off");
    let query = "{ auditEntries(first: 1, filter: { action: \"user.reset-second-factor\" }) {
        nodes { reason } } }";
    let entry = house.owner.ask(query, json!({})).await.unwrap();
    assert_eq!(
        entry["auditEntries"]["nodes"][0]["reason"],
        "their telephone drowned"
    );
}
