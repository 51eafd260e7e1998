//! Certificates by signing request, and the revocation list that they name: made with the `openssl`
//! command, judged by it and by what rustls judges with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aim_domain::certificate::spiffe_id;
use aim_tests::{AimConfig, AimProcess, free_port, wait_for};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use webpki::{Error, ExpirationPolicy};

use crate::certificates::{Given, issue, list_at};
use crate::fleet::{Agent, Owner, now, text};

const PATIENCE: Duration = Duration::from_secs(30);

/// What `openssl` prints in this folder, and whether it is content.
fn try_openssl(folder: &Path, line: &str) -> (bool, String) {
    let mut command = Command::new("openssl");
    let command = command.args(line.split(' ')).current_dir(folder);
    let output = command.env_remove("http_proxy").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn openssl(folder: &Path, line: &str) -> String {
    let (fine, said) = try_openssl(folder, line);
    assert!(fine, "openssl {line}: {said}");
    said
}

/// A key of this kind and a request for it.
fn request(folder: &Path, kind: &str, name: &str) -> String {
    openssl(folder, &format!("genpkey -algorithm {kind} -out tls.key"));
    let line = format!("req -new -key tls.key -subj /CN=whoever -addext {name} -out tls.csr");
    openssl(folder, &line);
    std::fs::read_to_string(folder.join("tls.csr")).unwrap()
}

const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";

/// A server that knows its public URL, and an agent of it.
async fn scene() -> (AimProcess, Owner, Agent, String) {
    let port = free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let aim = AimConfig::new()
        .env("PORT", port.to_string())
        .env("AIM_PUBLIC_URL", format!("{url}/"))
        .start()
        .unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &[]).await.unwrap();
    let id = spiffe_id(owner.organization, agent.uuid());
    (aim, owner, agent, format!("subjectAltName=URI:{id}"))
}

fn refusal(issued: &Value) -> String {
    let error = &issued["userErrors"][0];
    assert_eq!(error["field"], json!(["signingRequest"]), "{issued}");
    assert!(issued["certificate"].is_null(), "{issued}");
    error["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_for_tls_alone_gets_a_certificate_that_openssl_and_rustls_believe() {
    let (aim, owner, agent, name) = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = format!("{}/v1/organizations/{}", aim.base_url(), owner.organization);
    for (kind, shown) in [(P256, "id-ecPublicKey"), ("ED25519", "ED25519")] {
        let asked = request(folder, kind, &name);
        let issued = issue(
            &agent,
            json!({ "signingRequest": asked, "lifeSeconds": 600 }),
        )
        .await;
        assert_eq!(issued["userErrors"], json!([]), "{issued}");
        let given = Given::read(&issued);
        assert_eq!(given.names(), [spiffe_id(owner.organization, agent.uuid())]);
        let list = list_at(aim.base_url(), &owner).await;
        let verdict = |at| given.check_by(&given.authority, &list, at, ExpirationPolicy::Enforce);
        assert_eq!(verdict(now()), Ok(()), "{kind}");
        let late = given.check(&given.authority, &list, now() + TimeDelta::seconds(601));
        assert!(matches!(late, Err(Error::CertExpired { .. })), "{late:?}");

        for part in ["certificate", "authority"] {
            let pem = text(&issued, &format!("/certificate/{part}")).unwrap();
            std::fs::write(folder.join(format!("{part}.pem")), pem).unwrap();
        }
        let said = openssl(folder, "x509 -in certificate.pem -noout -text");
        for part in [
            format!("URI:{authority}/crl.der"),
            format!("Public Key Algorithm: {shown}"),
            format!("Subject: CN = {}", agent.name),
            "X509v3 Authority Key Identifier".to_owned(),
        ] {
            assert!(said.contains(&part), "no `{part}` in {said}");
        }
        // It is the key's: the public halves are the same.
        let own = openssl(folder, "pkey -in tls.key -pubout");
        assert_eq!(
            openssl(folder, "x509 -in certificate.pem -noout -pubkey"),
            own
        );
        // It goes and gets the list from where the certificate says.
        let verify = "verify -x509_strict -purpose sslclient -crl_check -crl_download -CAfile \
                      authority.pem certificate.pem";
        assert!(openssl(folder, verify).contains("certificate.pem: OK"));
    }
}

#[tokio::test]
async fn the_list_that_certificates_name_is_signed_numbered_and_ends_them() {
    let (aim, owner, agent, name) = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let asked = request(folder, P256, &name);
    let issued = issue(&agent, json!({ "signingRequest": asked })).await;
    for part in ["certificate", "authority"] {
        let pem = text(&issued, &format!("/certificate/{part}")).unwrap();
        std::fs::write(folder.join(format!("{part}.pem")), pem).unwrap();
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!(
        "{}/v1/organizations/{}/crl.der",
        aim.base_url(),
        owner.organization
    );
    let fetch = async || {
        let answer = http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/pkix-crl");
        let cached = answer.headers()["cache-control"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(cached.starts_with("public, max-age="), "{cached}");
        std::fs::write(folder.join("list.der"), answer.bytes().await.unwrap()).unwrap();
        let line = "crl -inform DER -in list.der -CAfile authority.pem -verify -text -noout";
        let said = openssl(folder, line);
        assert!(said.contains("verify OK"), "{said}");
        said
    };
    let line = |said: &str, name: &str| -> String {
        let found = said.lines().find_map(|it| it.trim().strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {said}"))
            .trim()
            .to_owned()
    };
    let number = |said: &str| {
        let rest = said.split("X509v3 CRL Number:").nth(1).unwrap();
        let rest = rest.trim().trim_start_matches("0x");
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        u64::from_str_radix(&digits, 16).unwrap()
    };
    let time = |text: &str| {
        let text = text.replace("GMT", "+0000");
        DateTime::parse_from_str(&text, "%b %e %H:%M:%S %Y %z").unwrap()
    };
    let first = fetch().await;
    let (since, until) = (line(&first, "Last Update:"), line(&first, "Next Update:"));
    assert_eq!(time(&until) - time(&since), TimeDelta::hours(1));
    assert!(first.contains("No Revoked Certificates"), "{first}");

    let key = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let key = owner.ask(key, json!({ "id": agent.id })).await.unwrap();
    let key = text(&key, "/agent/keys/nodes/0/id").unwrap();
    let query = "mutation($input: RevokeAgentKeyInput!) { revokeAgentKey(input: $input) {
        userErrors { code } } }";
    let input = json!({ "keyId": key, "reason": "stolen" });
    owner.ask(query, json!({ "input": input })).await.unwrap();
    let ended = fetch().await;
    let serial = text(&issued, "/certificate/serial").unwrap().to_uppercase();
    assert!(
        ended.contains(&serial) && ended.contains("Key Compromise"),
        "{ended}"
    );
    let newer = || async { Ok((number(&fetch().await) > number(&first)).then_some(())) };
    wait_for("a newer number", PATIENCE, newer).await.unwrap();
    let verify = "verify -crl_check -crl_download -CAfile authority.pem certificate.pem";
    let (fine, said) = try_openssl(folder, verify);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn a_request_that_proves_too_little_or_asks_too_much_is_refused_by_name() {
    let (_aim, owner, agent, name) = scene().await;
    let other = owner.register("other", &[]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let own = request(folder, P256, &name);
    let asks = async |agent: &Agent, pem: &str| {
        refusal(&issue(agent, json!({ "signingRequest": pem })).await)
    };
    // Overheard, it is of no use to anybody else.
    let theirs = asks(&other, &own).await;
    let wanted = spiffe_id(owner.organization, other.uuid());
    assert!(theirs.contains(&wanted), "{theirs}");
    for (what, kind, names, words) in [
        ("RSA", "RSA", name.clone(), "P-256"),
        (
            "another curve",
            "EC -pkeyopt ec_paramgen_curve:P-384",
            name.clone(),
            "P-256",
        ),
        (
            "a host",
            P256,
            format!("{name},DNS:bank.example"),
            "no other",
        ),
        (
            "no id",
            P256,
            "subjectAltName=DNS:bank.example".to_owned(),
            "spiffe://",
        ),
        (
            "an authority",
            P256,
            format!("{name} -addext basicConstraints=CA:TRUE"),
            "authority",
        ),
    ] {
        let pem = request(folder, kind, &names);
        let said = asks(&agent, &pem).await;
        assert!(said.contains(words), "{what}: {said}");
    }
    // Another's signature under the same words.
    let (one, two) = (request(folder, P256, &name), request(folder, P256, &name));
    let der = |pem: &str| crate::certificates::der(pem).to_vec();
    let (mut mixed, two) = (der(&one), der(&two));
    let end = mixed.len() - 20;
    mixed[end..].copy_from_slice(&two[two.len() - 20..]);
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mixed);
    let mixed =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
    let said = asks(&agent, &mixed).await;
    assert!(said.contains("not signed by the key"), "{said}");
    for (pem, words) in [
        (String::new(), "PEM"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----".into(),
            "PEM",
        ),
        ("A".repeat(9_000), "8192"),
    ] {
        let said = asks(&agent, &pem).await;
        assert!(said.contains(words), "{said}");
    }
    // A stopped agent gets none, however good its request.
    owner.revoke(&agent).await.unwrap();
    let query = "mutation($input: IssueAgentCertificateInput!) {
        issueAgentCertificate(input: $input) { certificate { serial } userErrors { code } } }";
    let variables = json!({ "input": { "signingRequest": own } });
    let body = json!({ "query": query, "variables": variables }).to_string();
    let answer = agent
        .post(&agent.sign(body.into_bytes(), now()))
        .await
        .unwrap();
    assert!(answer.body["data"].is_null(), "{}", answer.body);
}
