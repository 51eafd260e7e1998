//! Certificates of agents' keys, checked as rustls checks them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aim_domain::certificate::spiffe_id;
use aim_tests::{AimConfig, AimProcess, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, UnixTime};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use crate::fleet::{Agent, Owner, database_of, now, text};

const PATIENCE: Duration = Duration::from_secs(30);
const ISSUE: &str = "mutation($input: IssueAgentCertificateInput!) {
    issueAgentCertificate(input: $input) { certificate {
        serial spiffeId notBefore notAfter certificate authority } userErrors { code field message } } }";

pub(crate) async fn issue(agent: &Agent, input: Value) -> Value {
    let body = json!({ "query": ISSUE, "variables": { "input": input } }).to_string();
    let request = agent.sign(body.into_bytes(), now());
    let mut answer = agent.post(&request).await.unwrap();
    assert!(answer.body["errors"].is_null(), "{}", answer.body);
    answer.body["data"]["issueAgentCertificate"].take()
}

pub(crate) fn der(pem: &str) -> CertificateDer<'static> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    CertificateDer::from(STANDARD.decode(body).unwrap())
}

/// A certificate, and the authority that signed it.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) own: CertificateDer<'static>,
    pub(crate) authority: CertificateDer<'static>,
    ends: DateTime<Utc>,
}

impl Given {
    pub(crate) async fn to(agent: &Agent) -> Self {
        Self::read(&issue(agent, json!({})).await)
    }

    pub(crate) fn read(issued: &Value) -> Self {
        let part = |name: &str| text(issued, &format!("/certificate/{name}")).unwrap();
        Self {
            own: der(&part("certificate")),
            authority: der(&part("authority")),
            ends: part("notAfter").parse().unwrap(),
        }
    }

    /// What rustls says of it at `at`, trusting `authority`, with a revocation list of it.
    pub(crate) fn check(
        &self,
        authority: &CertificateDer<'_>,
        list: &CertRevocationList<'_>,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.check_by(authority, list, at, ExpirationPolicy::Ignore)
    }

    /// The same, and whether a list that is past its next update is believed.
    pub(crate) fn check_by(
        &self,
        authority: &CertificateDer<'_>,
        list: &CertRevocationList<'_>,
        at: DateTime<Utc>,
        expiration: ExpirationPolicy,
    ) -> Result<(), Error> {
        let anchors = [anchor_from_trusted_cert(authority).unwrap()];
        let own = EndEntityCert::try_from(&self.own).unwrap();
        let seconds = Duration::from_secs(at.timestamp().try_into().unwrap());
        let lists = [list];
        let revocation = RevocationOptionsBuilder::new(&lists)
            .unwrap()
            .with_depth(RevocationCheckDepth::EndEntity)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(expiration)
            .build();
        let time = UnixTime::since_unix_epoch(seconds);
        let algorithms = [webpki::aws_lc_rs::ED25519];
        own.verify_for_usage(
            &algorithms,
            &anchors,
            &[],
            time,
            KeyUsage::client_auth(),
            Some(revocation),
            None,
        )
        .map(drop)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let own = EndEntityCert::try_from(&self.own).unwrap();
        own.valid_uri_names().map(str::to_owned).collect()
    }
}

async fn list_of(aim: &AimProcess, owner: &Owner) -> CertRevocationList<'static> {
    list_at(aim.base_url(), owner).await
}

/// The revocation list as one node has it now.
pub(crate) async fn list_at(node: &str, owner: &Owner) -> CertRevocationList<'static> {
    let url = format!("{node}/v1/organizations/{}/crl.der", owner.organization);
    let answer = owner.http.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/pkix-crl");
    let bytes = answer.bytes().await.unwrap();
    OwnedCertRevocationList::from_der(&bytes).unwrap().into()
}

#[tokio::test]
async fn a_certificate_is_good_for_its_agent_until_it_expires() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("reader", &[]).await.unwrap();
    let other = owner.register("other", &[]).await.unwrap();
    let given = Given::to(&agent).await;
    let list = list_of(&aim, &owner).await;
    let authority = given.authority.clone();
    assert_eq!(given.check(&authority, &list, now()), Ok(()));
    let left = given.ends - now();
    assert!(
        left.num_seconds() > 3_500 && left.num_seconds() <= 3_600,
        "{left}"
    );

    // The key is the agent's own, and the name nobody else's.
    let own = EndEntityCert::try_from(&given.own).unwrap();
    let spki = own.subject_public_key_info();
    assert!(spki.as_ref().ends_with(&agent.key.public_key().to_bytes()));
    assert_eq!(given.names(), [spiffe_id(owner.organization, agent.uuid())]);
    assert_ne!(
        given.names(),
        [spiffe_id(owner.organization, other.uuid())],
        "a wrong name"
    );
    let theirs = Given::to(&other).await;
    assert_eq!(
        theirs.names(),
        [spiffe_id(owner.organization, other.uuid())]
    );

    // Expired, and not good yet.
    let expired = given.check(
        &authority,
        &list,
        given.ends + chrono::TimeDelta::seconds(1),
    );
    assert!(
        matches!(expired, Err(Error::CertExpired { .. })),
        "{expired:?}"
    );
    let early = given.check(&authority, &list, now() - chrono::TimeDelta::hours(1));
    assert!(
        matches!(early, Err(Error::CertNotValidYet { .. })),
        "{early:?}"
    );
    for life in [0, 86_401] {
        let refused = issue(&agent, json!({ "lifeSeconds": life })).await;
        let error = &refused["userErrors"][0];
        assert_eq!(error["field"], json!(["lifeSeconds"]), "{refused}");
    }
    // The same authority signs the next one; it is there for everybody who verifies.
    assert_eq!(Given::to(&other).await.authority, authority);
    let path = format!("/v1/organizations/{}/authority.pem", owner.organization);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let url = format!("{}{path}", aim.base_url());
        http.get(url).send().await.unwrap()
    };
    assert_eq!(der(&get(&path).await.text().await.unwrap()), authority);
    for nobody in ["00000000-0000-0000-0000-000000000001", "x"] {
        let path = format!("/v1/organizations/{nobody}/authority.pem");
        assert_eq!(get(&path).await.status(), 404, "{nobody}");
    }
}

#[tokio::test]
async fn another_authority_vouches_for_nobody_here() {
    let (first, second) = (
        AimConfig::new().start().unwrap(),
        AimConfig::new().start().unwrap(),
    );
    let (ours, theirs) = (
        Owner::of(&first).await.unwrap(),
        Owner::of(&second).await.unwrap(),
    );
    let agent = ours.register("reader", &[]).await.unwrap();
    let twin = theirs.register("reader", &[]).await.unwrap();
    let (given, foreign) = (Given::to(&agent).await, Given::to(&twin).await);
    let list = list_of(&first, &ours).await;
    let wrong = given.check(&foreign.authority, &list, now());
    assert!(matches!(wrong, Err(Error::UnknownIssuer)), "{wrong:?}");
    // An agent's certificate signs nothing: it is no authority.
    let pretended = given.check(&given.own, &list, now());
    assert!(pretended.is_err());
    // Where the authority's key lies, it is sealed.
    let database = database_of(&first).await.unwrap();
    let sealed =
        "SELECT sealed FROM certificate_authorities UNION ALL SELECT sealed FROM server_keys";
    let rows = database
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, sealed))
        .await
        .unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let sealed: Vec<u8> = row.try_get("", "sealed").unwrap();
        // The prefix of an Ed25519 key in PKCS #8.
        let prefix = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
        assert!(!sealed.windows(prefix.len()).any(|window| window == prefix));
    }
}

#[tokio::test]
async fn a_certificate_is_revoked_with_its_key_and_held_with_its_agent() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let revoked = owner.register("revoked", &[]).await.unwrap();
    let held = owner.register("held", &[]).await.unwrap();
    let good = owner.register("good", &[]).await.unwrap();
    let mut given = Vec::new();
    for agent in [&revoked, &held, &good] {
        given.push(Given::to(agent).await);
    }
    let verdicts = async || {
        let list = list_of(&aim, &owner).await;
        let checks = given
            .iter()
            .map(|it| it.check(&it.authority, &list, now()).is_ok());
        checks.collect::<Vec<_>>()
    };
    assert_eq!(verdicts().await, [true, true, true]);
    let query = "query($id: ID!) { agent(id: $id) { keys { nodes { id } } } }";
    let answer = owner.ask(query, json!({ "id": revoked.id })).await.unwrap();
    let key = text(&answer, "/agent/keys/nodes/0/id").unwrap();
    let change = async |name: &str, input: Value| {
        let (head, rest) = name.split_at(1);
        let query = format!(
            "mutation($input: {}{rest}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}",
            head.to_uppercase()
        );
        let answer = owner.ask(&query, json!({ "input": input })).await.unwrap();
        assert_eq!(answer[name]["userErrors"], json!([]), "{answer}");
    };
    change(
        "revokeAgentKey",
        json!({ "keyId": key, "reason": "stolen" }),
    )
    .await;
    let because = json!({ "agentId": held.id, "reason": "a look at it" });
    change("suspendAgent", because.clone()).await;
    let list = list_of(&aim, &owner).await;
    let stolen = given[0].check(&given[0].authority, &list, now());
    assert!(matches!(stolen, Err(Error::CertRevoked)), "{stolen:?}");
    assert_eq!(verdicts().await, [false, false, true]);
    change("reinstateAgent", because).await;
    let again = || async { Ok((verdicts().await == [false, true, true]).then_some(())) };
    wait_for("the hold to end", PATIENCE, again).await.unwrap();
}
