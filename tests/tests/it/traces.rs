//! One trace id from a request or a fleet's event to the finding, and spans at a collector.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aim_tests::{AimConfig, AimProcess, Kafka, Postgres, wait_for};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::collector::{Collector, Told};
use crate::fleet::{Agent, Owner, database_of, now};
use crate::metrics::scrape;

const PATIENCE: Duration = Duration::from_secs(60);
/// Attempts without a grant until a finding raises an alert.
const ATTEMPTS: usize = 5;
const ASKED: &str = "0af7651916cd43dd8448eb211c80319c";
const REPORTED: &str = "1bf7651916cd43dd8448eb211c80319c";
const UNSAMPLED: &str = "2cf7651916cd43dd8448eb211c80319c";
const LAST: &str = "3df7651916cd43dd8448eb211c80319c";
const ABOVE: &str = "b7ad6b7169203331";
const ANOMALIES: &str = "query($agent: ID!) {
    anomalies(first: 100, filter: { agentId: $agent }) { nodes { severity traceId eventId } } }";

/// A server with a collector.
struct Scene {
    aim: AimProcess,
    owner: Owner,
    collector: Collector,
    database: DatabaseConnection,
    /// What spans call the event log.
    log: &'static str,
}

impl Scene {
    async fn on_sqlite() -> Self {
        let collector = Collector::start().await.unwrap();
        let aim = told(&collector).start().unwrap();
        let database = database_of(&aim).await.unwrap();
        Self::of(aim, collector, database, "aim").await
    }

    async fn on_kafka() -> Self {
        let url = Postgres::shared().unwrap().fresh_database().unwrap();
        let prefix = format!("traces-{}-", Uuid::now_v7().simple());
        let collector = Collector::start().await.unwrap();
        let config = told(&collector)
            .database(url.clone())
            .kafka(Kafka::shared().unwrap().bootstrap(), &prefix);
        let aim = config.start().unwrap();
        let database = Database::connect(url).await.unwrap();
        Self::of(aim, collector, database, "kafka").await
    }

    async fn of(
        aim: AimProcess,
        collector: Collector,
        database: DatabaseConnection,
        log: &'static str,
    ) -> Self {
        let owner = Owner::of(&aim).await.unwrap();
        Self {
            aim,
            owner,
            collector,
            database,
            log,
        }
    }

    /// The traces of what was found of an agent, once something bad was.
    async fn findings(&self, agent: &Agent) -> Vec<Option<String>> {
        let found = || async {
            let asked = self.owner.ask(ANOMALIES, json!({ "agent": agent.id }));
            let nodes = asked.await?["anomalies"]["nodes"].take();
            let nodes = nodes.as_array().cloned().unwrap_or_default();
            let is_bad = nodes.iter().any(|node| node["severity"] == "HIGH");
            Ok(is_bad.then_some(nodes))
        };
        let nodes = wait_for("the finding", PATIENCE, found).await.unwrap();
        let traces = nodes.iter().map(|node| node["traceId"].as_str());
        traces.map(|trace| trace.map(str::to_owned)).collect()
    }

    /// The `traceparent` of every fact of a type about an agent, oldest first.
    async fn facts(&self, agent: &Agent, event_type: &str) -> Vec<Option<String>> {
        let statement = Statement::from_string(
            self.database.get_database_backend(),
            format!(
                "SELECT payload FROM event_log WHERE event_type = '{event_type}' ORDER BY position"
            ),
        );
        let rows = self.database.query_all_raw(statement).await.unwrap();
        let events = rows.iter().map(|row| {
            let payload: Vec<u8> = row.try_get("", "payload").unwrap();
            serde_json::from_slice::<Value>(&payload).unwrap()
        });
        let own = events.filter(|event| event["subject"] == agent.uuid().to_string());
        own.map(|event| event["traceparent"].as_str().map(str::to_owned))
            .collect()
    }

    /// The spans of a trace, once there are so many of each kind.
    async fn spans(&self, trace: &str, servers: usize, consumers: usize) -> (Vec<Told>, Vec<Told>) {
        let came = || async {
            let of_kind = |kind| {
                let all = self.collector.of(trace).into_iter();
                all.filter(|span| span.kind == kind).collect::<Vec<_>>()
            };
            let (server, consumer) = (of_kind(SpanKind::Server), of_kind(SpanKind::Consumer));
            let is_all = server.len() >= servers && consumer.len() >= consumers;
            Ok(is_all.then_some((server, consumer)))
        };
        let all = wait_for("the spans", PATIENCE, came).await.unwrap();
        assert_eq!((all.0.len(), all.1.len()), (servers, consumers), "{all:?}");
        for span in all.0.iter().chain(&all.1) {
            assert!(span.ends_after_it_starts, "{span:?}");
            assert_eq!(span.service, "aim");
        }
        all
    }
}

/// A server that tells of traces that others began alone, soon.
fn told(collector: &Collector) -> AimConfig {
    AimConfig::new()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=of-tests")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("AIM_OTLP_SAMPLE_RATIO", "0")
}

fn ids(spans: &[Told]) -> BTreeSet<String> {
    spans.iter().map(|span| span.id.clone()).collect()
}

/// The span in a `traceparent` of this trace.
fn span_of(traceparent: Option<&String>, trace: &str) -> String {
    let text = traceparent.unwrap();
    let span = text.strip_prefix(&format!("00-{trace}-")).unwrap();
    span.strip_suffix("-01").unwrap().to_owned()
}

async fn attempt(agent: &Agent, traceparent: &str) {
    let input = json!({ "action": "payments:transfer", "resource": "/bank" });
    let signed = agent.sign_verify(input);
    let headers = [("traceparent", traceparent)];
    let answer = agent.post_with(&signed, &headers).await.unwrap();
    assert_eq!(answer.decision(), ("DENIED", vec!["CAPABILITY_MISSING"]));
}

async fn from_request_to_finding(scene: &Scene) {
    let agent = scene.owner.register("asker", &["files:read"]).await;
    let agent = agent.unwrap();
    for _ in 0..ATTEMPTS {
        attempt(&agent, &format!("00-{ASKED}-{ABOVE}-01")).await;
    }
    let findings = scene.findings(&agent).await;
    assert!(findings.iter().all(|it| it.as_deref() == Some(ASKED)));
    let (servers, consumers) = scene.spans(ASKED, ATTEMPTS, ATTEMPTS).await;
    for span in &servers {
        assert_eq!((&*span.parent, &*span.name), (ABOVE, "POST /graphql"));
        let said = json!({ "http.request.method": "POST", "http.route": "/graphql",
            "http.response.status_code": "200" });
        assert_eq!(json!(span.attributes), said);
    }
    for span in &consumers {
        assert_eq!(span.name, "process aim.events");
        let said = json!({ "messaging.system": scene.log, "messaging.operation.name": "process",
            "messaging.operation.type": "process", "messaging.destination.name": "aim.events" });
        assert_eq!(json!(span.attributes), said);
    }
    let parents: BTreeSet<String> = consumers.iter().map(|it| it.parent.clone()).collect();
    assert_eq!(parents, ids(&servers));
    let decisions = scene.facts(&agent, "aim.verification.recorded.v1").await;
    let decided = decisions.iter().map(|it| span_of(it.as_ref(), ASKED));
    assert_eq!(decided.collect::<BTreeSet<_>>(), ids(&servers));
    for event_type in ["aim.anomaly.detected.v1", "aim.alert.raised.v1"] {
        let facts = scene.facts(&agent, event_type).await;
        assert!(!facts.is_empty(), "{event_type}");
        for fact in facts {
            let span = span_of(fact.as_ref(), ASKED);
            assert!(ids(&consumers).contains(&span), "{event_type} {span}");
        }
    }
}

async fn from_event_to_finding(scene: &Scene) {
    let agent = scene.owner.register("reporter", &["files:read"]).await;
    let agent = agent.unwrap();
    let lines = (0..ATTEMPTS).map(|_| {
        let event = agent.event("payments:transfer", now());
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["traceparent"] = json!(format!("00-{REPORTED}-{ABOVE}-01"));
        agent.line(&event.to_string())
    });
    scene.owner.send(lines.collect()).await.unwrap();
    let findings = scene.findings(&agent).await;
    assert!(findings.iter().all(|it| it.as_deref() == Some(REPORTED)));
    let (_, consumers) = scene.spans(REPORTED, 0, ATTEMPTS).await;
    for span in &consumers {
        assert_eq!((&*span.parent, &*span.name), (ABOVE, "process aim.actions"));
    }
    let facts = scene.facts(&agent, "aim.anomaly.detected.v1").await;
    assert_eq!(facts.len(), findings.len());
    for fact in facts {
        let span = span_of(fact.as_ref(), REPORTED);
        assert!(ids(&consumers).contains(&span), "{span}");
    }
}

/// What is not sampled goes on, and nobody is told; what cannot be read is none.
async fn what_is_not_sampled(scene: &Scene) {
    let agent = scene.owner.register("unseen", &[]).await.unwrap();
    let unsampled = format!("00-{UNSAMPLED}-{ABOVE}-00");
    attempt(&agent, &unsampled).await;
    for unreadable in [
        "00-garbage".to_owned(),
        "x".repeat(8_000),
        unsampled.to_uppercase(),
    ] {
        attempt(&agent, &unreadable).await;
    }
    agent
        .verify(json!({ "action": "files:read" }))
        .await
        .unwrap();
    let decisions = scene.facts(&agent, "aim.verification.recorded.v1").await;
    assert_eq!(decisions, [Some(unsampled), None, None, None, None]);
    // Behind it comes one that is told of.
    attempt(&agent, &format!("00-{LAST}-{ABOVE}-01")).await;
    scene.spans(LAST, 1, 1).await;
    assert_eq!(scene.collector.of(UNSAMPLED).len(), 0);
    let traces = scene.collector.traces();
    let known = [ASKED, REPORTED, LAST];
    let own = traces.keys().filter(|it| !known.contains(&it.as_str()));
    assert_eq!(own.count(), 0, "{traces:?}");
}

async fn whole(mut scene: Scene) {
    from_request_to_finding(&scene).await;
    from_event_to_finding(&scene).await;
    what_is_not_sampled(&scene).await;
    let (_, head) = scene.collector.asked();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("api-key: of-tests"), "{head}");
    assert!(!scene.aim.log().contains("of-tests"));
    let counted = || async {
        let metrics = scrape(&scene.aim).await?;
        let sent = metrics.get("aim_spans_total{outcome=\"SENT\"}");
        let came: usize = scene.collector.traces().values().sum();
        Ok((sent.copied() == Some(came as f64)).then_some(()))
    };
    wait_for("the spans in the metrics", PATIENCE, counted)
        .await
        .unwrap();
    assert_eq!(scene.aim.stop().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_from_request_to_finding_on_sqlite() {
    whole(Scene::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_from_request_to_finding_on_postgresql_and_kafka() {
    whole(Scene::on_kafka().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_delays_neither_answers_nor_the_end() {
    let collector = Collector::hanging().await.unwrap();
    let config = told(&collector).env("AIM_OTLP_SAMPLE_RATIO", "1");
    let mut aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let agent = owner.register("hurried", &["files:read"]).await.unwrap();
    let asked = || async { Ok((collector.asked().0 > 0).then_some(())) };
    wait_for("a request that hangs", PATIENCE, asked)
        .await
        .unwrap();
    let begin = Instant::now();
    for _ in 0..20 {
        let answer = agent.verify(json!({ "action": "files:read" })).await;
        assert_eq!(answer.unwrap().decision().0, "ALLOWED");
    }
    // Each would take five seconds if it waited for the collector.
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(aim.stop().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_begin_here_and_are_sent_before_the_end() {
    let collector = Collector::start().await.unwrap();
    let config = AimConfig::new()
        .env("AIM_OTLP_ENDPOINT", format!("{}/", collector.url))
        .env("OTEL_SERVICE_NAME", "aim of tests")
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    let mut aim = config.start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    scrape(&aim).await.unwrap();
    let health = owner.http.get(format!("{}/health/live", aim.base_url()));
    health.send().await.unwrap();
    let lost = owner.http.get(format!("{}/no/such/page", aim.base_url()));
    lost.header("x", "y").send().await.unwrap();
    owner.register("root", &["files:read"]).await.unwrap();
    assert_eq!(collector.asked().0, 0);
    assert_eq!(aim.stop().unwrap(), 0);
    let traces = collector.traces();
    let spans = traces.keys().flat_map(|trace| collector.of(trace));
    let spans: Vec<Told> = spans.collect();
    let names: BTreeSet<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["GET", "POST /graphql"].into());
    for span in &spans {
        assert_eq!((&*span.parent, &*span.service), ("", "aim of tests"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_the_trace_still_reaches_the_finding() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let collector = Collector::start().await.unwrap();
    let database = database_of(&aim).await.unwrap();
    let agent = owner.register("plain", &["files:read"]).await.unwrap();
    let scene = Scene {
        aim,
        owner,
        collector,
        database,
        log: "aim",
    };
    let traceparent = format!("00-{ASKED}-{ABOVE}-01");
    for _ in 0..ATTEMPTS {
        attempt(&agent, &traceparent).await;
    }
    let findings = scene.findings(&agent).await;
    assert!(findings.iter().all(|it| it.as_deref() == Some(ASKED)));
    for event_type in ["aim.verification.recorded.v1", "aim.anomaly.detected.v1"] {
        let facts = scene.facts(&agent, event_type).await;
        assert!(facts.iter().all(|it| it.as_ref() == Some(&traceparent)));
    }
    assert_eq!(scene.collector.asked().0, 0);
}
