//! Joining an organization: by invitation, or by asking and being let in. Never by an address alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use crate::fleet::{PASSWORD, add_person, text};
use crate::house::{FRESH, House, PATIENCE, by, good, mistake};

const OTHER: [&str; 2] = [
    "INSERT INTO organizations (id, name, slug, settings, created_at)
        SELECT randomblob(16), 'Other', 'other', settings, created_at FROM organizations",
    "UPDATE users SET organization_id = (SELECT id FROM organizations WHERE slug = 'other')
        WHERE email = 'foreigner@test.local'",
];

async fn invites(house: &House, email: &str, role: &str) -> Value {
    let input = json!({ "email": email, "role": role });
    let payload = house.admin("inviteUser", "invitation { id status role }", input);
    payload.await.unwrap()
}

async fn accepts(house: &House, token: &str) -> Value {
    let input = json!({ "token": token, "name": "Anna", "password": FRESH });
    let payload = house.nobody("acceptInvitation", "user { email role name }", input);
    payload.await.unwrap()
}

async fn registers(house: &House, slug: &str, email: &str) {
    let input = json!({ "organizationSlug": slug, "email": email, "name": "Bert" });
    let payload = house.nobody("registerAccount", "isRequested", input).await;
    good(&payload.unwrap());
}

async fn confirms(house: &House, token: &str) -> Value {
    let input = json!({ "token": token, "password": FRESH });
    let payload = house.nobody("confirmRegistration", "isPending", input);
    payload.await.unwrap()
}

async fn opens(house: &House, domain: Option<&str>) {
    let input = json!({ "isRegistrationOpen": true, "registrationDomain": domain });
    let selection = "joinSettings { isRegistrationOpen registrationDomain }";
    good(
        &house
            .admin("changeJoinSettings", selection, input)
            .await
            .unwrap(),
    );
}

async fn registrations(house: &House) -> Value {
    let query = "{ registrations(first: 10) { totalCount nodes { id email name status } } }";
    let mut answer = house.owner.ask(query, json!({})).await.unwrap();
    answer["registrations"].take()
}

async fn is_in(house: &House, email: &str, password: &str) -> bool {
    let answer = house.sign_in(email, password).await.unwrap();
    answer["data"]["signIn"]["session"]["accessToken"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_good_once_for_the_address_that_it_was_sent_to() {
    let house = House::new().await.unwrap();
    let invited = invites(&house, "Anna@Example.org", "MANAGER").await;
    good(&invited);
    assert_eq!(invited["invitation"]["status"], "OPEN");
    let letter = house
        .mail
        .mail_to("anna@example.org", 0, PATIENCE)
        .await
        .unwrap();
    assert!(
        letter["text"]
            .as_str()
            .unwrap()
            .contains("\"Default\" as MANAGER"),
        "{letter}"
    );
    let token = house.code("anna@example.org", 0).await.unwrap();
    let joined = accepts(&house, &token).await;
    good(&joined);
    let anna = json!({ "email": "anna@example.org", "role": "MANAGER", "name": "Anna" });
    assert_eq!(joined["user"], anna);
    assert!(is_in(&house, "anna@example.org", FRESH).await);
    let again = accepts(&house, &token).await;
    assert_eq!(mistake(&again), ("INVALID", "token"), "{again}");
    let known = invites(&house, "anna@example.org", "VIEWER").await;
    assert_eq!(mistake(&known).0, "CONFLICT", "{known}");
    let query = "{ invitations(first: 5) { nodes { email status } }
        auditEntries(first: 9, filter: { action: \"invitation.accept\" }) { totalCount } }";
    let listed = house.owner.ask(query, json!({})).await.unwrap();
    assert_eq!(listed["invitations"]["nodes"][0]["status"], "ACCEPTED");
    assert_eq!(listed["auditEntries"]["totalCount"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_replaced_and_old_invitations_let_nobody_in() {
    let house = House::new().await.unwrap();
    let invited = invites(&house, "a@example.org", "VIEWER").await;
    let revoked = house.code("a@example.org", 0).await.unwrap();
    let input = json!({ "invitationId": invited["invitation"]["id"], "reason": "a mistake" });
    let payload = house.admin("revokeInvitation", "invitation { status }", input.clone());
    let payload = payload.await.unwrap();
    good(&payload);
    assert_eq!(payload["invitation"]["status"], "REVOKED");
    let again = house
        .admin("revokeInvitation", "invitation { status }", input)
        .await;
    assert_eq!(mistake(&again.unwrap()).0, "CONFLICT");

    good(&invites(&house, "b@example.org", "VIEWER").await);
    let replaced = house.code("b@example.org", 0).await.unwrap();
    good(&invites(&house, "b@example.org", "MEMBER").await);
    let newest = house.code("b@example.org", 1).await.unwrap();

    good(&invites(&house, "c@example.org", "VIEWER").await);
    let old = house.code("c@example.org", 0).await.unwrap();
    house
        .sql("UPDATE invitations SET expires_at = created_at WHERE email = 'c@example.org'")
        .await
        .unwrap();
    for token in [&revoked, &replaced, &old] {
        let refused = accepts(&house, token).await;
        assert_eq!(mistake(&refused), ("INVALID", "token"), "{refused}");
    }
    let joined = accepts(&house, &newest).await;
    assert_eq!(joined["user"]["role"], "MEMBER", "{joined}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_more_than_they_have_or_reaches_into_another_organization() {
    let house = House::new().await.unwrap();
    add_person(&house.aim, "boss@test.local", "ADMIN")
        .await
        .unwrap();
    let boss = house
        .owner
        .sign_in(&house.aim, "boss@test.local")
        .await
        .unwrap();
    let input = json!({ "email": "x@example.org", "role": "OWNER" });
    let refused = by(&boss, "inviteUser", "invitation { id }", input)
        .await
        .unwrap();
    assert_eq!(mistake(&refused), ("INVALID", "role"), "{refused}");

    add_person(&house.aim, "foreigner@test.local", "OWNER")
        .await
        .unwrap();
    for statement in OTHER {
        house.sql(statement).await.unwrap();
    }
    let foreigner = house
        .owner
        .sign_in(&house.aim, "foreigner@test.local")
        .await
        .unwrap();
    // That the address has an account elsewhere is said to nobody but its owner.
    let input = json!({ "email": "boss@test.local", "role": "VIEWER" });
    let invited = by(&foreigner, "inviteUser", "invitation { id }", input)
        .await
        .unwrap();
    good(&invited);
    let token = house.code("boss@test.local", 0).await.unwrap();
    let taken = accepts(&house, &token).await;
    assert_eq!(mistake(&taken).0, "CONFLICT", "{taken}");
    let id = &invited["invitation"]["id"];
    let input = json!({ "invitationId": id, "reason": "not theirs" });
    let unknown = house
        .admin("revokeInvitation", "invitation { id }", input)
        .await;
    assert_eq!(mistake(&unknown.unwrap()).0, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_let_in_by_an_administrator_only() {
    let house = House::new().await.unwrap();
    let email = "bert@example.org";
    opens(&house, None).await;
    registers(&house, "default", email).await;
    let token = house.code(email, 0).await.unwrap();
    assert_eq!(
        registrations(&house).await["totalCount"],
        0,
        "not shown to be theirs"
    );
    let weak = json!({ "token": token, "password": "short" });
    let weak = house
        .nobody("confirmRegistration", "isPending", weak)
        .await
        .unwrap();
    assert_eq!(mistake(&weak), ("INVALID", "password"), "{weak}");
    good(&confirms(&house, &token).await);
    assert_eq!(
        mistake(&confirms(&house, &token).await),
        ("INVALID", "token")
    );
    assert!(!is_in(&house, email, FRESH).await, "nobody has let them in");
    let told = house
        .mail
        .mail_to("admin@aim.local", 0, PATIENCE)
        .await
        .unwrap();
    assert!(told["text"].as_str().unwrap().contains(email), "{told}");

    let pending = registrations(&house).await;
    let bert = json!({ "email": email, "name": "Bert", "status": "PENDING" });
    let mut found = pending["nodes"][0].clone();
    let id = text(&found, "/id").unwrap();
    found.as_object_mut().unwrap().remove("id");
    assert_eq!(found, bert);
    let input = json!({ "registrationId": id, "role": "MEMBER" });
    let selection = "registration { status }";
    let approved = house
        .admin("approveRegistration", selection, input.clone())
        .await
        .unwrap();
    good(&approved);
    assert_eq!(approved["registration"]["status"], "APPROVED");
    assert!(is_in(&house, email, FRESH).await);
    let again = house
        .admin("approveRegistration", selection, input)
        .await
        .unwrap();
    assert_eq!(mistake(&again).0, "CONFLICT", "{again}");
    let welcome = house.mail.mail_to(email, 1, PATIENCE).await.unwrap();
    assert_eq!(welcome["subject"], "Welcome to Default");
    house.settled().await.unwrap();
    // Asking again tells the owner of the address, and nobody else, that it has an account.
    registers(&house, "default", email).await;
    let known = house.mail.mail_to(email, 2, PATIENCE).await.unwrap();
    assert!(
        known["text"].as_str().unwrap().contains("has an account"),
        "{known}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_stays_out() {
    let house = House::new().await.unwrap();
    opens(&house, None).await;
    registers(&house, "default", "bert@example.org").await;
    let token = house.code("bert@example.org", 0).await.unwrap();
    good(&confirms(&house, &token).await);
    let id = registrations(&house).await["nodes"][0]["id"].clone();
    let input = json!({ "registrationId": id, "reason": "nobody knows them" });
    let rejected = house.admin(
        "rejectRegistration",
        "registration { status reason }",
        input,
    );
    let rejected = rejected.await.unwrap();
    good(&rejected);
    let outcome = json!({ "status": "REJECTED", "reason": "nobody knows them" });
    assert_eq!(rejected["registration"], outcome);
    let told = house
        .mail
        .mail_to("bert@example.org", 1, PATIENCE)
        .await
        .unwrap();
    assert!(
        !told["text"].as_str().unwrap().contains("nobody knows"),
        "{told}"
    );
    assert!(!is_in(&house, "bert@example.org", FRESH).await);
    let input = json!({ "registrationId": id, "role": "VIEWER" });
    let late = house
        .admin("approveRegistration", "registration { id }", input)
        .await;
    assert_eq!(mistake(&late.unwrap()).0, "CONFLICT");
}

/// The reference gave a domain to whoever registered first with an address of it.
#[tokio::test(flavor = "multi_thread")]
async fn domain_takeover_by_registering_first_gives_nothing() {
    let house = House::new().await.unwrap();
    add_person(&house.aim, "foreigner@test.local", "OWNER")
        .await
        .unwrap();
    for statement in OTHER {
        house.sql(statement).await.unwrap();
    }
    // One organization says that only its own domain may ask. That gives it nobody of the domain.
    opens(&house, Some("acme.example")).await;
    registers(&house, "other", "first@acme.example").await;
    registers(&house, "default", "x@evil.example").await;
    registers(&house, "default", "x@acme.example.evil.example").await;
    registers(&house, "default", "first@acme.example").await;
    let token = house.code("first@acme.example", 0).await.unwrap();
    good(&confirms(&house, &token).await);
    assert!(!is_in(&house, "first@acme.example", FRESH).await);
    let pending = registrations(&house).await;
    assert_eq!(pending["totalCount"], 1, "{pending}");
    assert_eq!(pending["nodes"][0]["status"], "PENDING");
    // An address of the domain has no part in an organization that is named by another slug.
    let foreigner = house
        .owner
        .sign_in(&house.aim, "foreigner@test.local")
        .await
        .unwrap();
    let query = "{ registrations(first: 5) { totalCount } invitations(first: 5) { totalCount } }";
    let none = foreigner.ask(query, json!({})).await.unwrap();
    assert_eq!(none["registrations"]["totalCount"], 0);
    let id = &pending["nodes"][0]["id"];
    let input = json!({ "registrationId": id, "role": "OWNER" });
    let unknown = by(
        &foreigner,
        "approveRegistration",
        "registration { id }",
        input,
    )
    .await;
    assert_eq!(mistake(&unknown.unwrap()).0, "NOT_FOUND");
    let strangers = house.mail.mails().unwrap();
    assert!(
        strangers
            .iter()
            .all(|mail| !mail["to"][0].as_str().unwrap().contains("evil"))
    );
    assert!(is_in(&house, "admin@aim.local", PASSWORD).await);
}
