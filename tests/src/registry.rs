//! A schema registry without containers: Apicurio with its data in memory, which speaks the interface
//! of Confluent's.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cache::{self, tail};
use crate::guarded::{Guarded, Start};
use crate::poll::block_until;
use crate::port::free_port;

/// The newest release that runs on Java 17.
const VERSION: &str = "2.6.13.Final";

const MAVEN_PLUGIN: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack-dependencies";

/// A loaded machine takes ten times the usual few seconds.
const READY: Duration = Duration::from_secs(90);

/// It lives for a minute: the better compiler is not worth its memory.
const JAVA: [&str; 4] = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dquarkus.http.host=127.0.0.1",
];

/// A registry on 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    url: String,
    process: Guarded,
    _home: TempDir,
}

impl Registry {
    /// A new registry without schemas. The very first call on a machine downloads it (142 MB).
    ///
    /// # Errors
    /// When Java or, the first time, Maven is missing, or it does not get ready within 90 s (with
    /// its log).
    pub fn start() -> anyhow::Result<Self> {
        let folder = cache::folder(&format!("apicurio-registry-{VERSION}"), download)?;
        let home = tempfile::Builder::new().prefix("aim-registry-").tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let port = address.replace("127.0.0.1:", "-Dquarkus.http.port=");
        let program = folder.join(format!("apicurio-registry-app-{VERSION}-runner.jar"));
        let mut words = vec![OsStr::new("java")];
        words.extend(JAVA.map(OsStr::new));
        words.extend([port.as_ref(), OsStr::new("-jar"), program.as_os_str()]);
        let start = Start {
            words,
            last: "KILL",
            clean: Some(home.path()),
        };
        let log = home.path().join("log");
        let output = File::create(&log)?;
        let mut command = start.command();
        command
            .current_dir(home.path())
            .stderr(output.try_clone()?)
            .stdout(output);
        let mut process = Guarded::spawn(&start, command)?;
        block_until("the schema registry", READY, || {
            if let Some(code) = process.exited()? {
                anyhow::bail!("it ended with code {code}");
            }
            let started = fs::read_to_string(&log)?.contains("Listening on");
            Ok(started.then_some(()))
        })
        .with_context(|| format!("log of the schema registry:\n{}", tail(&log)))?;
        Ok(Self {
            url: format!("http://{address}/apis/ccompat/v7"),
            process,
            _home: home,
        })
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema of this type (`AVRO`, `PROTOBUF`, `JSON`), and returns its id.
    ///
    /// # Errors
    /// When the registry refuses it.
    pub async fn register(&self, subject: &str, kind: &str, schema: &str) -> anyhow::Result<u32> {
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let body = json!({ "schemaType": kind, "schema": schema });
        let sent = reqwest::Client::new().post(url).json(&body).send();
        let answer: Value = sent.await?.json().await?;
        let id = answer["id"].as_u64();
        let id = id.with_context(|| format!("the registry said {answer}"))?;
        Ok(u32::try_from(id)?)
    }

    /// Stops it from answering, or lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn set_paused(&mut self, paused: bool) -> anyhow::Result<()> {
        self.process.signal(if paused { "STOP" } else { "CONT" })
    }
}

/// Lets Maven unpack the program into `folder`.
fn download(folder: &Path) -> anyhow::Result<()> {
    let all = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>\
               </exclusions>";
    let project = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>aim</groupId><artifactId>registry</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies><dependency><groupId>io.apicurio</groupId>\
         <artifactId>apicurio-registry-app</artifactId><version>{VERSION}</version>\
         <type>tar.gz</type><classifier>all</classifier>{all}</dependency></dependencies></project>"
    );
    fs::write(folder.join("pom.xml"), project)?;
    let output = Command::new("mvn")
        .args(["-q", "-B", MAVEN_PLUGIN, "-DoutputDirectory=."])
        .current_dir(folder)
        .output()
        .context("Maven is not installed; on Debian: apt-get install maven")?;
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(
        output.status.success(),
        "Maven cannot fetch the schema registry {VERSION}: {said}"
    );
    Ok(())
}
