//! Apache Kafka without containers: one KRaft node on the system's Java.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::cache::{self, tail};
use crate::guarded::{Guarded, Start};
use crate::poll::block_until;
use crate::port::free_port;

/// The release that is tested against; it runs on Java 17.
const VERSION: &str = "4.1.1";

/// Kafka's own logging interface has no output without it.
const LOG4J: &str = "2.25.2";

const MAVEN_PLUGIN: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// A node formats its folder for one cluster; any 16 bytes in base64 name it.
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// A loaded machine takes ten times the usual few seconds.
const READY: Duration = Duration::from_secs(90);

/// Somebody else may take a free port before the broker does.
const TRIES: usize = 3;

/// The whole broker in at most 512 MB of heap; it starts faster with the small collector.
const JAVA: [&str; 3] = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC"];

/// A broker on 127.0.0.1. Topics are made when first used, with four partitions. Dropping it
/// ends it.
#[derive(Debug)]
pub struct Kafka {
    libraries: PathBuf,
    home: TempDir,
    bootstrap: String,
    starts: u32,
    broker: Option<Guarded>,
}

impl Kafka {
    /// A new broker without topics. The very first call on a machine downloads Kafka (43 MB).
    ///
    /// # Errors
    /// When Java or, the first time, Maven is missing, or the broker does not get ready within
    /// 90 s (with its log).
    pub fn start() -> anyhow::Result<Self> {
        let libraries = cache::folder(&format!("kafka-{VERSION}"), download)?;
        let home = tempfile::Builder::new().prefix("aim-kafka-").tempdir()?;
        let mut made = Self {
            libraries,
            home,
            bootstrap: String::new(),
            starts: 0,
            broker: None,
        };
        for attempt in 1.. {
            made.format()?;
            match made.start_again() {
                Ok(()) => break,
                Err(error) if attempt == TRIES => return Err(error),
                Err(_) => fs::remove_dir_all(made.home.path().join("data"))?,
            }
        }
        Ok(made)
    }

    /// The broker shared by all tests of this process, started by the first and ended with the
    /// process. Tests keep apart by the names of their topics and groups.
    ///
    /// # Errors
    /// As [`Kafka::start`]; all callers get the error of the first.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// `host:port` for clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Stops the broker in order.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.end("TERM")
    }

    /// Kills the broker, as a crash does.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.end("KILL")
    }

    /// Starts a stopped broker: same port, same data. Nothing happens to a running one.
    ///
    /// # Errors
    /// When it does not get ready within 90 s (with its log).
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.broker.is_some() {
            return Ok(());
        }
        self.starts += 1;
        let log = self.home.path().join(format!("log-{}", self.starts));
        let classes = self.libraries.join("*");
        let (settings, logging) = (self.settings(), self.logging());
        let mut words = vec![OsStr::new("java")];
        words.extend(JAVA.map(OsStr::new));
        words.extend([&*logging, OsStr::new("-cp"), classes.as_os_str()]);
        words.extend([OsStr::new("kafka.Kafka"), settings.as_os_str()]);
        let start = Start {
            words,
            last: "KILL",
            clean: Some(self.home.path()),
        };
        let output = File::create(&log)?;
        let mut command = start.command();
        command
            .current_dir(self.home.path())
            .stderr(output.try_clone()?)
            .stdout(output);
        let mut broker = Guarded::spawn(&start, command)?;
        block_until("Kafka", READY, || {
            if let Some(code) = broker.exited()? {
                anyhow::bail!("Kafka ended with code {code}");
            }
            let started = fs::read_to_string(&log)?.contains("Kafka Server started");
            Ok(started.then_some(()))
        })
        .with_context(|| format!("log of Kafka:\n{}", tail(&log)))?;
        self.broker = Some(broker);
        Ok(())
    }

    fn end(&mut self, signal: &str) -> anyhow::Result<()> {
        if let Some(mut broker) = self.broker.take() {
            broker.end(signal)?;
        }
        Ok(())
    }

    fn settings(&self) -> PathBuf {
        self.home.path().join("server.properties")
    }

    fn logging(&self) -> std::ffi::OsString {
        let mut option = std::ffi::OsString::from("-Dlog4j2.configurationFile=");
        option.push(self.home.path().join("log4j2.properties"));
        option
    }

    /// Writes the settings for free ports and an empty data folder.
    fn format(&mut self) -> anyhow::Result<()> {
        let (port, controller) = (free_port()?, free_port()?);
        self.bootstrap = format!("127.0.0.1:{port}");
        let home = self.home.path();
        fs::write(
            self.settings(),
            settings(port, controller, &home.join("data")),
        )?;
        fs::write(home.join("log4j2.properties"), LOGGING)?;
        let output = Command::new("java")
            // The tool lives for a second: not worth the better compiler.
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg(self.logging())
            .arg("-cp")
            .arg(self.libraries.join("*"))
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(self.settings())
            .output()
            .context("Java is not installed; on Debian: apt-get install default-jre-headless")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(
            output.status.success(),
            "Kafka cannot format its folder: {said}"
        );
        Ok(())
    }
}

/// A single node: each internal topic has one replica, and groups need not wait for members. After
/// a crash it can register again only when its old session has lapsed, so sessions are short.
fn settings(port: u16, controller: u16, data: &Path) -> String {
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=2
"
    )
}

const LOGGING: &str = "rootLogger.level=info
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
";

/// Lets Maven resolve Kafka and a logger for it into `folder`.
fn download(folder: &Path) -> anyhow::Result<()> {
    let dependency = |group, name, version| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let dependencies = [
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
        dependency("org.apache.logging.log4j", "log4j-core", LOG4J),
    ];
    let project = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>aim</groupId><artifactId>kafka</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}</dependencies></project>",
        dependencies.concat()
    );
    fs::write(folder.join("pom.xml"), project)?;
    let output = Command::new("mvn")
        .args([
            "-q",
            "-B",
            MAVEN_PLUGIN,
            "-DincludeScope=runtime",
            "-DoutputDirectory=.",
        ])
        .current_dir(folder)
        .output()
        .context("Maven is not installed; on Debian: apt-get install maven")?;
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(
        output.status.success(),
        "Maven cannot fetch Kafka {VERSION}: {said}"
    );
    Ok(())
}
