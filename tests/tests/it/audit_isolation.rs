//! One organization's log that was changed in the database stands still; the others go on, and it goes
//! on once it is what was signed again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, MailSecurity, MailServer, Postgres, wait_for};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use serde_json::{Value, json};

use crate::audit_log::{PATIENCE, good, sequenced, verdict};
use crate::fleet::{Agent, Owner, database_of};
use crate::house::mailing;

/// How a statement is said to either database: a new id, no, 32 bytes of noise.
struct Dialect {
    id: &'static str,
    no: &'static str,
    noise: &'static str,
}

const SQLITE: Dialect = Dialect {
    id: "randomblob(16)",
    no: "0",
    noise: "randomblob(32)",
};
const POSTGRES: Dialect = Dialect {
    id: "gen_random_uuid()",
    no: "false",
    noise: "decode(repeat('5a', 32), 'hex')",
};

const OURS: &str =
    "organization_id = (SELECT organization_id FROM users WHERE email = 'admin@aim.local')";

/// What is done to the log of one organization; `NOISE` and `ID` are the dialect's.
const TAMPERINGS: [(&str, &str); 6] = [
    (
        "tiles that were changed",
        "UPDATE audit_tiles SET hashes = NOISE WHERE OURS AND level = 0",
    ),
    (
        "tiles that are none",
        "UPDATE audit_tiles SET hashes = substr(hashes, 2) WHERE OURS",
    ),
    ("no tiles", "DELETE FROM audit_tiles WHERE OURS"),
    ("no checkpoints", "DELETE FROM audit_checkpoints WHERE OURS"),
    ("no size", "DELETE FROM audit_trees WHERE OURS"),
    (
        "a leaf where the next one goes",
        "INSERT INTO audit_leaves (organization_id, leaf_index, entry_id, leaf_hash)
            SELECT organization_id, size, ID, NOISE FROM audit_trees WHERE OURS",
    ),
];
const TABLES: [&str; 4] = [
    "audit_tiles",
    "audit_checkpoints",
    "audit_trees",
    "audit_leaves",
];

/// Two organizations on one server.
struct Two {
    aim: AimProcess,
    db: DatabaseConnection,
    dialect: Dialect,
    ours: (Owner, Agent),
    theirs: (Owner, Agent),
}

impl Two {
    async fn new(config: AimConfig, postgres: Option<&str>) -> Self {
        let aim = config.start().unwrap();
        let owner = Owner::of(&aim).await.unwrap();
        let (db, dialect) = match postgres {
            Some(url) => (Database::connect(url).await.unwrap(), POSTGRES),
            None => (database_of(&aim).await.unwrap(), SQLITE),
        };
        let Dialect { id, no, .. } = dialect;
        for statement in [
            format!("INSERT INTO organizations (id, name, slug, settings, created_at)
                SELECT {id}, 'Other', 'other', settings, created_at FROM organizations"),
            format!("INSERT INTO users (id, organization_id, email, name, role, password_hash,
                must_change_password, token_generation, created_at, updated_at)
                SELECT {id}, (SELECT id FROM organizations WHERE slug = 'other'), 'theirs@test.local',
                'somebody', 'OWNER', password_hash, {no}, 0, created_at, updated_at FROM users
                WHERE email = 'admin@aim.local'"),
        ] {
            db.execute_unprepared(&statement).await.unwrap();
        }
        let other = owner.sign_in(&aim, "theirs@test.local").await.unwrap();
        let agents = [
            owner.register("ours", &["files:read"]).await.unwrap(),
            other.register("theirs", &["files:read"]).await.unwrap(),
        ];
        let [own, their] = agents;
        Self {
            aim,
            db,
            dialect,
            ours: (owner, own),
            theirs: (other, their),
        }
    }

    /// A statement as this database says it.
    fn said(&self, statement: &str) -> String {
        statement
            .replace("OURS", OURS)
            .replace("NOISE", self.dialect.noise)
            .replace("ID,", &format!("{},", self.dialect.id))
    }

    async fn run(&self, statement: &str) {
        let statement = self.said(statement);
        self.db.execute_unprepared(&statement).await.unwrap();
    }

    /// Keeps the rows of our log aside, or puts them back.
    async fn keep(&self) {
        for table in TABLES {
            self.run(&format!("DROP TABLE IF EXISTS kept_{table}"))
                .await;
            self.run(&format!(
                "CREATE TABLE kept_{table} AS SELECT * FROM {table} WHERE OURS"
            ))
            .await;
        }
    }

    /// All at once: half of it may be what was signed already, and would grow.
    async fn restore(&self) {
        let tx = self.db.begin().await.unwrap();
        for table in TABLES {
            for statement in [
                format!("DELETE FROM {table} WHERE OURS"),
                format!("INSERT INTO {table} SELECT * FROM kept_{table}"),
            ] {
                tx.execute_unprepared(&self.said(&statement)).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    async fn stop(&self) -> Value {
        let query = "{ auditLog { stop { reason stoppedAt } } }";
        let mut answer = self.ours.0.ask(query, json!({})).await.unwrap();
        answer["auditLog"]["stop"].take()
    }

    async fn stands(&self, still: bool) -> Value {
        let look = || async {
            let stop = self.stop().await;
            Ok((stop.is_object() == still).then_some(stop))
        };
        wait_for("our log to stand or to go", PATIENCE, look)
            .await
            .unwrap()
    }
}

async fn decide((_, agent): &(Owner, Agent)) {
    let answer = agent.verify(json!({ "action": "files:read" })).await;
    assert_eq!(answer.unwrap().decision().0, "ALLOWED");
}

async fn gauge(aim: &AimProcess) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{}/metrics", aim.base_url())).send().await;
    let text = answer.unwrap().text().await.unwrap();
    let mut lines = text.lines();
    let line = lines.find(|it| it.starts_with("aim_audit_stopped_logs "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_changed_stops_no_other() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    for postgres in [None, Some(url.as_str())] {
        let config = match postgres {
            Some(url) => AimConfig::new().database(url),
            None => AimConfig::new(),
        };
        let two = Two::new(config, postgres).await;
        for (what, statement) in TAMPERINGS {
            sequenced(&two.ours.0).await;
            two.keep().await;
            two.run(statement).await;
            decide(&two.ours).await;
            let stop = two.stands(true).await;
            println!("{what}: {}", stop["reason"]);
            for _ in 0..3 {
                decide(&two.theirs).await;
                decide(&two.ours).await;
                sequenced(&two.theirs.0).await;
            }
            assert_eq!(two.stop().await, stop, "{what}");
            assert_eq!(gauge(&two.aim).await, "aim_audit_stopped_logs 1", "{what}");
            two.restore().await;
            two.stands(false).await;
            sequenced(&two.ours.0).await;
        }
        // Who writes that it stands, and from where on, passes nothing over.
        two.run(
            "INSERT INTO audit_stops (organization_id, position, reason, stopped_at)
                SELECT organization_id, 1000000000, 'nothing', created_at FROM users
                WHERE email = 'admin@aim.local'",
        )
        .await;
        decide(&two.ours).await;
        two.stands(false).await;
        sequenced(&two.ours.0).await;
        let log = two.aim.log();
        assert_eq!(log.matches("it stands still").count(), TAMPERINGS.len());
        let database = match postgres {
            Some(url) => url.to_owned(),
            None => crate::audit_log::url_of(&two.aim.data().join("aim.db")),
        };
        let organization = two.ours.0.organization.to_string();
        let of_ours = ["--database-url", &database, "--organization", &organization];
        let keys = good(&[&["key"][..], &of_ours].concat());
        let key = ["--key", keys.lines().next().unwrap()];
        let verdict = verdict(&[&of_ours[..], &key].concat());
        assert_eq!(verdict["isGood"], true, "{verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_told_that_their_log_was_changed() {
    let mail = MailServer::start(MailSecurity::StartTls).unwrap();
    let two = Two::new(mailing(&mail, AimConfig::new()), None).await;
    sequenced(&two.ours.0).await;
    two.keep().await;
    two.run(TAMPERINGS[0].1).await;
    decide(&two.ours).await;
    two.stands(true).await;
    let letter = mail.mail_to("admin@aim.local", 0, PATIENCE).await.unwrap();
    let text = letter.to_string();
    assert!(text.contains("Your audit log was changed"), "{text}");
    assert!(text.contains("aim audit verify"), "{text}");
    let database = crate::audit_log::url_of(&two.aim.data().join("aim.db"));
    let organization = two.ours.0.organization.to_string();
    let of_ours = ["--database-url", &database, "--organization", &organization];
    let keys = good(&[&["key"][..], &of_ours].concat());
    let key = ["--key", keys.lines().next().unwrap()];
    assert_eq!(verdict(&[&of_ours[..], &key].concat())["isGood"], false);
    two.restore().await;
    two.stands(false).await;
    // Whose log it is not hears nothing.
    let mails = mail.mails().unwrap();
    assert!(mails.iter().all(|it| it["to"][0] == "admin@aim.local"));
    // What happened is in the trail itself, with its index.
    sequenced(&two.ours.0).await;
    for action in ["audit.stop", "audit.resume"] {
        let query = format!(
            "{{ auditEntries(first: 1, filter: {{ action: \"{action}\" }}) {{ nodes {{ index reason }} }} }}"
        );
        let answer = two.ours.0.ask(&query, json!({})).await.unwrap();
        let entry = &answer["auditEntries"]["nodes"][0];
        assert!(
            entry["index"].is_u64() && entry["reason"].is_string(),
            "{answer}"
        );
    }
}
