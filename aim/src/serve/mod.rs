//! The composition root of a server process.

mod accounts;
pub(crate) mod audit_keys;
mod build;
mod lifecycle;
mod models;
mod secret;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use aim_api::{Authenticator, TrustedProxies, Vitals};
use aim_app::{App, AppConfig, IngestSink, McpNetworks};
use aim_domain::clock::Clock;
use aim_eventlog::{
    EventSource, KafkaConfig, KafkaSink, KafkaSource, Relay, SchemaRegistry, TableSink,
    TableSource, Topic, ensure_topics, ring_for_all,
};
use aim_store::{Backend, Store, StoreConfig};
use aim_stream::{Processor, StreamConfig};
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::profile::make_private;
use crate::clock::SystemClock;
use crate::commands::migrate;
use crate::config::{Config, Role};
use crate::out;
use audit_keys::KeyFiles;
use lifecycle::Lifecycle;
use spans::Spans;

/// How often keys are looked after: reminders, ends, use.
const KEY_ROUND: Duration = Duration::from_secs(10);
/// How often stale nonces are forgotten.
const NONCE_SWEEP: Duration = Duration::from_secs(60);
/// How often deliveries that other processes left are looked for.
const NOTIFICATION_LOOK: Duration = Duration::from_secs(1);
/// How often it is written down when API keys were used.
const CREDENTIAL_KEEPING: Duration = Duration::from_secs(30);

/// Bounds of the histograms of the stream's batches.
const BATCH_SECONDS: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0,
];
const BATCH_EVENTS: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0];

/// Runs a process until it is told to stop.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    make_private(&config.data_dir).context("data directory")?;
    let metrics = metrics()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let geo = Arc::new(config.geo()?);
    let url = config.database_url();
    let connections = config.database_connections;
    let store = Store::connect(&StoreConfig { url, connections }, Arc::clone(&clock)).await?;
    migrate::up(store.writer()).await.context("migrations")?;
    let kafka = config.kafka();
    if let Some(kafka) = &kafka {
        ensure_topics(kafka).await.context("kafka topics")?;
    }
    let ingest = ingest(&store, kafka.as_ref(), &clock)?;
    let mut life = Lifecycle::new()?;
    let app = App::new(
        store.clone(),
        Arc::clone(&clock),
        ingest,
        AppConfig::default(),
        life.tracker(),
        life.token(),
    );
    let app = app.with_models(Arc::new(models::Loader)).locating(geo);
    let networks = McpNetworks::parse(&config.mcp_networks)?;
    let app = app.reaching_mcp(networks);
    let app = app.attesting(config.enable_mcp_attestation);
    let app = app.with_accounts(accounts::of(&config)?);
    let app = app.reaching(config.outbound()?);
    let spans = Spans::of(&config)?;
    let app = spans::told(app, spans.as_ref(), config.otlp_share()?);
    let app = Arc::new(app);
    hear_others(&life, &store);
    let follower = Arc::clone(&app);
    life.spawn("follower", async move |stop| follower.follow(stop).await);
    if config.role.serves_api() {
        if let Some(first) = app.bootstrap().await? {
            out::line(
                json!({ "event": "bootstrap", "email": first.email, "password": first.password }),
            );
        }
        accounts::send_mails(&life, &app);
        follow_behind(&life, &app);
        keep_audit_log(&life, &app, &config)?;
        keep_house(&life, &app);
        if let Some(kafka) = &kafka {
            let sink = KafkaSink::gapless(kafka)?;
            let relay = Relay::new(
                store.writer().clone(),
                sink,
                store.wake().clone(),
                Arc::clone(&clock),
            );
            life.spawn("relay", async move |stop| relay.run(stop).await);
        }
    }
    if config.role.runs_stream() {
        run_stream(&life, &app, &store, &config)?;
    }
    let vitals = vitals(metrics, &config, &store);
    listen(&config, &app, vitals, &mut life).await?;
    drop(app);
    let ended = life.finish().await;
    if let Some(spans) = spans {
        spans.finish().await;
    }
    ended
}

/// Reads what happened, and learns from it.
fn run_stream(
    life: &Lifecycle,
    app: &Arc<App>,
    store: &Store,
    config: &Config,
) -> anyhow::Result<()> {
    let source = source(store, config.kafka().as_ref())?;
    let mut processor = Processor::new(Arc::clone(app), source, stream_config(store, config));
    if !config.schema_registry.is_empty() {
        let registry = SchemaRegistry::new(&config.schema_registry);
        let registry = registry.context("`schema_registry`")?;
        processor = processor.with_schemas(Arc::new(registry));
    }
    life.spawn("stream", async move |stop| processor.run(stop).await);
    Ok(())
}

/// What goes on beside requests: forgetting nonces, looking after keys and credentials.
fn keep_house(life: &Lifecycle, app: &Arc<App>) {
    let sweeper = Arc::clone(app);
    life.spawn("nonce sweeper", async move |stop| {
        sweeper.sweep_nonces(NONCE_SWEEP, stop).await;
    });
    let keeper = Arc::clone(app);
    life.spawn("key keeper", async move |stop| {
        keeper.keep_keys(KEY_ROUND, stop).await;
    });
    let keeper = Arc::clone(app);
    life.spawn("approval keeper", async move |stop| {
        keeper.expire_approvals(stop).await;
    });
    let keeper = Arc::clone(app);
    life.spawn("credential keeper", async move |stop| {
        keeper.keep_credentials(CREDENTIAL_KEEPING, stop).await;
    });
}

/// What follows the event log in its own time: writing what targets outside are to be told, sending
/// it, and counting what happens.
fn follow_behind(life: &Lifecycle, app: &Arc<App>) {
    let (writer, sender, counter) = (Arc::clone(app), Arc::clone(app), Arc::clone(app));
    life.spawn("notification writer", async move |stop| {
        writer.write_notifications(stop).await;
    });
    life.spawn("notification sender", async move |stop| {
        sender.send_notifications(NOTIFICATION_LOOK, stop).await;
    });
    let keeper = Arc::clone(app);
    life.spawn("report keeper", async move |stop| {
        keeper.keep_reports(stop).await;
    });
    life.spawn("counter", async move |stop| {
        counter.count_activity(stop).await;
    });
}

fn vitals(metrics: PrometheusHandle, config: &Config, store: &Store) -> Vitals {
    let build = build::build(config, store.backend());
    Vitals { metrics, build }
}

/// What `/metrics` answers from.
fn metrics() -> anyhow::Result<PrometheusHandle> {
    let histogram = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(histogram("aim_stream_batch_seconds"), &BATCH_SECONDS)
        .and_then(|all| {
            all.set_buckets_for_metric(histogram("aim_stream_batch_events"), &BATCH_EVENTS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics")
}

/// Where events that come over HTTP are appended.
fn ingest(
    store: &Store,
    kafka: Option<&KafkaConfig>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<IngestSink> {
    Ok(match kafka {
        Some(kafka) => Arc::new(KafkaSink::new(kafka)),
        None => {
            let (writer, wake) = (store.writer().clone(), store.wake().clone());
            Arc::new(TableSink::new(writer, Arc::clone(clock), wake))
        }
    })
}

/// Gives audit entries their indexes, and erases what is to be erased.
fn keep_audit_log(life: &Lifecycle, app: &Arc<App>, config: &Config) -> anyhow::Result<()> {
    let keys = KeyFiles::of(config);
    keys.ensure().context("the audit log's key")?;
    let (sequencer, keeper) = (Arc::clone(app), Arc::clone(app));
    life.spawn("audit sequencer", async move |stop| {
        sequencer.sequence_audit(Arc::new(keys), stop).await;
    });
    life.spawn("audit keeper", async move |stop| {
        keeper.keep_audit(stop).await;
    });
    Ok(())
}

/// On PostgreSQL other processes append to the event log too.
fn hear_others(life: &Lifecycle, store: &Store) {
    if store.backend() == Backend::Postgres {
        let store = store.clone();
        life.spawn("bell", async move |stop| {
            let pool = store.reader().get_postgres_connection_pool();
            ring_for_all(pool, store.wake(), stop).await;
        });
    }
}

fn stream_config(store: &Store, config: &Config) -> StreamConfig {
    let stream = match store.backend() {
        Backend::Sqlite => StreamConfig::default(),
        Backend::Postgres => StreamConfig::with_many_writers(),
    };
    StreamConfig {
        takes_unsigned: config.kafka_unsigned,
        log: config.kafka().map_or("aim", |_| "kafka"),
        ..stream
    }
}

fn source(store: &Store, kafka: Option<&KafkaConfig>) -> anyhow::Result<Box<dyn EventSource>> {
    Ok(match kafka {
        Some(kafka) => Box::new(KafkaSource::new(kafka, &Topic::ALL)?),
        None => Box::new(TableSource::new(
            store.reader().clone(),
            &Topic::ALL,
            store.wake(),
        )),
    })
}

/// Serves until the process is told to stop.
async fn listen(
    config: &Config,
    app: &Arc<App>,
    vitals: Vitals,
    life: &mut Lifecycle,
) -> anyhow::Result<()> {
    let router = if config.role.serves_api() {
        let secret = secret::jwt(config)?;
        let public = (!config.public_url.is_empty()).then_some(config.public_url.as_str());
        let auth =
            Authenticator::new(Arc::clone(app), &secret, public).map_err(anyhow::Error::msg)?;
        let proxies = TrustedProxies::parse(&config.trusted_proxies).map_err(anyhow::Error::msg)?;
        let auth = auth.behind(proxies);
        aim_api::router(app, auth, &config.api()?, vitals)?
    } else {
        aim_api::health_router(app, vitals)
    };
    let listener = TcpListener::bind((config.host.as_str(), config.port))
        .await
        .with_context(|| format!("cannot listen on {}:{}", config.host, config.port))?;
    let address = listener.local_addr()?;
    let role = match config.role {
        Role::All => "all",
        Role::Api => "api",
        Role::Stream => "stream",
    };
    out::line(json!({ "event": "ready", "url": format!("http://{address}"), "role": role }));
    life.serve(listener, router, config.server()).await
}
