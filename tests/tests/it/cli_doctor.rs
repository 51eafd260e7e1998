//! Mistakes that are made on purpose, one at a time: `aim doctor` names each, and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use aim_tests::{AimConfig, Kafka, MailSecurity, MailServer, Postgres, mmdb};
use serde_json::{Value, json};

use crate::cli::{Cli, said};
use crate::fleet::PASSWORD;

/// A secret that nobody guesses.
const SECRET: &str = "q8Zr1mXv0sWk3tYb6uNc9dPe2fGh5jLa7oIx4RzT";

/// A person's machine, and the settings of the server on it.
struct Patient {
    cli: Cli,
    settings: Vec<(&'static str, String)>,
}

impl Patient {
    /// With a data directory as a server makes it.
    fn new() -> Self {
        let cli = Cli::new().unwrap();
        let data = cli.home().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        let settings = vec![
            ("AIM_DATA_DIR", data.display().to_string()),
            ("PORT", "0".to_owned()),
        ];
        Self { cli, settings }
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    fn file(&self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.cli.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    async fn migrated(self, words: &[&str]) -> Self {
        for direction in words {
            let mut command = self.cli.command(&["migrate", direction]);
            command.envs(self.settings.iter().cloned());
            let said = said(command).await.unwrap();
            assert_eq!(said.code, 0, "{said:?}");
        }
        self
    }

    /// Names of what is found.
    async fn found(&self, words: &[&str]) -> Vec<String> {
        let words = [&["doctor", "--output", "json"], words].concat();
        let mut command = self.cli.command(&words);
        command.envs(self.settings.iter().cloned());
        let said = said(command).await.unwrap();
        let found: Vec<Value> =
            serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        let is_bad = found.iter().any(|it| it["severity"] == "ERROR");
        assert_eq!(said.code, i32::from(is_bad), "{said:?}");
        for finding in &found {
            for part in ["what", "why", "remedy"] {
                assert!(
                    finding[part].as_str().is_some_and(|it| !it.is_empty()),
                    "{finding}"
                );
            }
        }
        let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
        found.iter().map(name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_wrong_are_named() {
    assert_eq!(Patient::new().found(&[]).await, [""; 0], "nothing is wrong");
    let fine = Patient::new()
        .set("JWT_SECRET", SECRET)
        .set("CORS_ORIGINS", "https://app.example")
        .set("AIM_PUBLIC_URL", "https://aim.example");
    assert_eq!(fine.found(&[]).await, [""; 0], "nothing is wrong");
    for (name, value, finding) in [
        ("JWT_SECRET", "short", "jwt-secret-weak"),
        (
            "JWT_SECRET",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "jwt-secret-weak",
        ),
        ("CORS_ORIGINS", "*", "cors-origins"),
        ("CORS_ORIGINS", "app.example", "cors-origins"),
        ("AIM_PUBLIC_URL", "http://aim.example", "public-url-not-tls"),
        ("AIM_PUBLIC_URL", "aim.example", "public-url-invalid"),
        ("AIM_TRUSTED_PROXIES", "the proxy", "networks-invalid"),
        (
            "AIM_GEO_DATABASE",
            "/nowhere/countries.mmdb",
            "geo-database-missing",
        ),
        ("AIM_SMTP_URL", "mail.example", "mail-settings"),
        ("AIM_HOST", "192.0.2.1", "address-unusable"),
        ("AIM_ROLE", "everything", "configuration-unreadable"),
    ] {
        let found = Patient::new().set(name, value).found(&[]).await;
        assert_eq!(found, [finding], "{name}={value}");
    }
    let own = Patient::new()
        .set("PORT", "18443")
        .set("AIM_PUBLIC_URL", "https://127.0.0.1:18443");
    assert_eq!(own.found(&[]).await, ["public-url-own-port"]);
    let old = Patient::new();
    let file = old.file("old.mmdb", 0o600, mmdb("GeoLite2-Country", &[]).unwrap());
    let old = old.set("AIM_GEO_DATABASE", file.display().to_string());
    assert_eq!(old.found(&[]).await, ["geo-database-old"]);
    let broken = Patient::new();
    let file = broken.file("broken.mmdb", 0o600, "no database");
    let broken = broken.set("AIM_GEO_DATABASE", file.display().to_string());
    assert_eq!(broken.found(&[]).await, ["geo-database-unreadable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_can_read_are_named() {
    let open = Patient::new();
    let data = open.cli.home().join("data");
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(open.found(&[]).await, ["data-dir-open"]);

    let open = Patient::new();
    open.file("data/jwt.key", 0o644, [7; 48]);
    assert_eq!(open.found(&[]).await, ["secret-open"]);

    let open = Patient::new();
    open.file("aim.toml", 0o644, format!("jwt_secret = \"{SECRET}\"\n"));
    assert_eq!(open.found(&[]).await, ["configuration-open"]);

    let open = Patient::new();
    open.file(".config/aim/keys/courier.pem", 0o640, "a key");
    assert_eq!(open.found(&[]).await, ["agent-key-open"]);
    let named = Patient::new();
    let key = named.file("elsewhere.pem", 0o644, "a key");
    assert_eq!(
        named.found(&["--key", &key.display().to_string()]).await,
        ["agent-key-open"]
    );

    let closed = Patient::new();
    closed.file("data/jwt.key", 0o600, [7; 48]);
    closed.file("aim.toml", 0o600, format!("jwt_secret = \"{SECRET}\"\n"));
    closed.file(".config/aim/keys/courier.pem", 0o600, "a key");
    assert_eq!(closed.found(&[]).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_are_not_ours_or_not_there_are_named() {
    let nowhere = "postgres://aim:hunter2@127.0.0.1:1/aim";
    let away = Patient::new()
        .set("DATABASE_URL", nowhere)
        .set("JWT_SECRET", SECRET);
    assert_eq!(away.found(&[]).await, ["database-unreachable"]);
    let mut shown = away.cli.command(&["doctor"]);
    shown.envs(away.settings.iter().cloned());
    let shown = said(shown).await.unwrap();
    assert!(
        !shown.out.contains("hunter2") && !shown.err.contains("hunter2"),
        "{shown:?}"
    );

    let fresh = Postgres::shared().unwrap().fresh_database().unwrap();
    let separate = Patient::new().set("DATABASE_URL", &fresh);
    assert_eq!(separate.found(&[]).await, ["jwt-secret-missing"]);
    let ours = Patient::new()
        .set("DATABASE_URL", &fresh)
        .set("JWT_SECRET", SECRET);
    let ours = ours.migrated(&["up"]).await;
    assert_eq!(ours.found(&[]).await, [""; 0]);
    let ours = ours.migrated(&["down"]).await;
    assert_eq!(ours.found(&[]).await, ["schema-old"]);

    let sqlite = Patient::new().migrated(&["up"]).await;
    assert_eq!(sqlite.found(&[]).await, [""; 0]);
    let database = sqlite.cli.home().join("data/aim.db");
    let change = |sql: &'static str| {
        let url = format!("sqlite://{}", database.display());
        async move {
            use sea_orm::ConnectionTrait;
            let open = sea_orm::Database::connect(url).await.unwrap();
            open.execute_unprepared(sql).await.unwrap();
            open.close().await.unwrap();
        }
    };
    change("INSERT INTO seaql_migrations VALUES ('m99999999_000001_from_tomorrow', 0)").await;
    assert_eq!(sqlite.found(&[]).await, ["schema-newer"]);
    change("DROP TABLE seaql_migrations").await;
    assert_eq!(sqlite.found(&[]).await, ["database-foreign"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_away_are_named() {
    let away = Patient::new().set("AIM_KAFKA_BROKERS", "127.0.0.1:1");
    assert_eq!(away.found(&[]).await, ["broker-unreachable"]);
    let brokers = Kafka::shared().unwrap().bootstrap();
    let prefix = format!("doctor-{}-", uuid::Uuid::now_v7().simple());
    let empty = Patient::new()
        .set("AIM_KAFKA_BROKERS", brokers)
        .set("AIM_KAFKA_PREFIX", &prefix);
    assert_eq!(empty.found(&[]).await, ["topics-missing"]);
    let mut aim = AimConfig::new().kafka(brokers, &prefix).start().unwrap();
    assert_eq!(empty.found(&[]).await, [""; 0], "a server has made them");
    aim.stop().unwrap();

    let away = Patient::new()
        .set("AIM_SMTP_URL", "smtp://127.0.0.1:1?tls=none")
        .set("AIM_SMTP_FROM", "aim@aim.example");
    assert_eq!(away.found(&[]).await, ["mail-unreachable"]);
    let mail = MailServer::start(MailSecurity::None).unwrap();
    let there = Patient::new()
        .set("AIM_SMTP_URL", mail.url())
        .set("AIM_SMTP_FROM", "aim@aim.example");
    assert_eq!(there.found(&[]).await, [""; 0]);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    answering(
        listener,
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    );
    let taken = Patient::new().set("PORT", port.to_string());
    assert_eq!(taken.found(&[]).await, ["port-in-use"]);
}

/// Answers every request with the same words, until the test ends.
fn answering(listener: std::net::TcpListener, answer: &'static str) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_servers_that_do_not_answer_are_named() {
    let mut aim = AimConfig::new().start().unwrap();
    aim.take_over(PASSWORD).await.unwrap();
    let port = aim.base_url().rsplit(':').next().unwrap().to_owned();
    // A server of ours on the port, a login that is good: nothing is wrong.
    let mut patient = Patient::new().set("PORT", port);
    patient.cli = Cli::signed_in(aim.base_url(), PASSWORD).await.unwrap();
    assert_eq!(patient.found(&[]).await, [""; 0]);

    let file = patient.cli.login("default");
    let kept = fs::read(&file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(patient.found(&[]).await, ["login-open"]);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    let mut login: Value = serde_json::from_slice(&kept).unwrap();
    login["refreshBy"] = json!("2020-01-01T00:00:00Z");
    fs::write(&file, login.to_string()).unwrap();
    assert_eq!(patient.found(&[]).await, ["login-expired"]);
    // Ended on the server, and not by the calendar.
    fs::write(&file, &kept).unwrap();
    assert_eq!(patient.cli.run(&["logout"]).await.unwrap().code, 0);
    patient.file(".config/aim/profiles/default.json", 0o600, "");
    let file = patient.cli.login("default");
    fs::write(&file, &kept).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(patient.found(&[]).await, ["login-expired"]);
    aim.stop().unwrap();
    assert_eq!(patient.found(&[]).await, ["server-unreachable"]);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    answering(
        listener,
        "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 2\r\n\r\nok",
    );
    assert_eq!(Patient::new().found(&["--url", &url]).await, ["clock-skew"]);
}
