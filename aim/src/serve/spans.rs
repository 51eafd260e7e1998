//! Spans on their way to a collector, by OTLP over HTTP.
//!
//! Guarantee: a collector that is away or hangs slows nothing and stops nothing. It costs at most
//! [`QUEUE`] spans in memory, one thread that waits, and [`FINISH`] at the end of the process; what does not
//! fit is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aim_app::App;
use aim_app::trace::{EndedSpan, SpanKind, SpanSink, SpanValue};
use anyhow::Context;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks,
    SpanProcessor,
};
use reqwest::Url;
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use crate::config::Config;

/// Most spans that wait to be sent, and are being sent.
const QUEUE: usize = 2_048;
/// How long a collector may take to answer, and how long it is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the process waits at its end for what is not sent.
const FINISH: Duration = Duration::from_secs(3);
/// Most bytes of an answer that are read: it says at most how many spans were refused.
const ANSWER_MAX: usize = 64 * 1024;

/// Has them told of, where there is who sends them.
pub(super) fn told(app: App, spans: Option<&Arc<Spans>>, share: f64) -> App {
    match spans {
        Some(spans) => app.tracing(Arc::clone(spans) as Arc<dyn SpanSink>, share),
        None => app,
    }
}

/// Hands spans to OpenTelemetry's batches.
#[derive(Debug)]
pub(super) struct Spans {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    scope: InstrumentationScope,
}

impl Spans {
    /// What sends spans; `None` where no collector is set. Within a runtime, which sends.
    pub(super) fn of(config: &Config) -> anyhow::Result<Option<Arc<Self>>> {
        if config.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .build()?;
        let runtime = Handle::current();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { http, runtime })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector(&config.otlp_endpoint)?)
            .with_timeout(PATIENCE)
            .build()
            .context("`otlp_endpoint`")?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Counted {
            exporter,
            waiting: Arc::clone(&waiting),
            is_away: AtomicBool::new(false),
        };
        let limits = BatchConfigBuilder::default().with_max_queue_size(QUEUE);
        let mut batches = BatchSpanProcessor::new(counted, limits.build());
        batches.set_resource(&resource());
        let scope = InstrumentationScope::builder("aim").with_version(env!("CARGO_PKG_VERSION"));
        Ok(Some(Arc::new(Self {
            batches,
            waiting,
            scope: scope.build(),
        })))
    }

    /// Sends what waits, within a time limit.
    pub(super) async fn finish(self: Arc<Self>) {
        let ended = tokio::task::spawn_blocking(move || self.batches.shutdown_with_timeout(FINISH));
        match ended.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "spans were not all sent"),
            Err(error) => tracing::warn!(%error, "spans were not all sent"),
        }
    }
}

impl SpanSink for Spans {
    fn take(&self, span: EndedSpan) {
        // OpenTelemetry's own queue is as long, so that it never drops what it does not tell of.
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= QUEUE {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            count("DROPPED", 1);
            return;
        }
        self.batches.on_end(data(span, &self.scope));
    }
}

fn count(outcome: &'static str, spans: usize) {
    metrics::counter!("aim_spans_total", "outcome" => outcome).increment(spans as u64);
}

/// Where traces go: below the endpoint, as OpenTelemetry's specification of OTLP says.
fn collector(endpoint: &str) -> anyhow::Result<String> {
    let url =
        Url::parse(endpoint).context("`otlp_endpoint` is no URL; give `https://host:4318`")?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "`otlp_endpoint` begins with `{}`; give `https://host:4318`",
        url.scheme()
    );
    anyhow::ensure!(
        is_plain && url.query().is_none() && url.fragment().is_none(),
        "`otlp_endpoint` holds more than a host and a path; give credentials in \
         OTEL_EXPORTER_OTLP_HEADERS"
    );
    Ok(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
}

/// Who we are, for the collector: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` count.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::from_static_str("service.name"));
    let name = name.filter(|it| !it.as_str().starts_with("unknown_service"));
    Resource::builder()
        .with_service_name(name.unwrap_or_else(|| Value::from("aim")))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// A span in the SDK's words.
fn data(span: EndedSpan, scope: &InstrumentationScope) -> SpanData {
    let attributes = span.story.attributes.into_iter().map(|(key, value)| {
        let value = match value {
            SpanValue::Text(text) => Value::from(text),
            SpanValue::Number(number) => Value::from(number),
        };
        KeyValue::new(key, value)
    });
    let (trace, own) = (span.context.trace.number(), span.context.span.number());
    let parent = span.parent.map_or(SpanId::INVALID, |it| it.number().into());
    SpanData {
        span_context: SpanContext::new(
            trace.into(),
            own.into(),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent,
        parent_span_is_remote: span.parent.is_some(),
        span_kind: match span.story.kind {
            SpanKind::Server => opentelemetry::trace::SpanKind::Server,
            SpanKind::Consumer => opentelemetry::trace::SpanKind::Consumer,
        },
        name: span.story.name.into(),
        start_time: SystemTime::from(span.start),
        end_time: SystemTime::from(span.end),
        attributes: attributes.collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if span.story.has_failed {
            Status::error("")
        } else {
            Status::Unset
        },
        instrumentation_scope: scope.clone(),
    }
}

/// Sends, and counts what became of it.
#[derive(Debug)]
struct Counted {
    exporter: opentelemetry_otlp::SpanExporter,
    waiting: Arc<AtomicUsize>,
    /// Whether the last attempt failed: that it does is logged once.
    is_away: AtomicBool,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        self.waiting.fetch_sub(spans, Ordering::AcqRel);
        let was_away = self.is_away.swap(sent.is_err(), Ordering::AcqRel);
        match &sent {
            Ok(()) => count("SENT", spans),
            Err(error) => {
                count("LOST", spans);
                if !was_away {
                    tracing::warn!(%error, "the collector of spans does not take them");
                }
            }
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The client of the exporter, whose thread has no reactor: requests are sent on the runtime.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http.clone();
        // Also what begins the request wants the runtime's timers.
        let answer = async move { read(http.execute(request).await).await };
        self.runtime.spawn(answer).await?
    }
}

/// An answer, read up to a limit.
async fn read(answer: reqwest::Result<reqwest::Response>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = answer.map_err(reqwest::Error::without_url)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(format!("the answer has more than {ANSWER_MAX} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut read = Response::new(body.freeze());
    *read.status_mut() = answer.status();
    *read.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_endpoint() {
        for (endpoint, wanted) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            (
                "https://otlp.example/x/",
                "https://otlp.example/x/v1/traces",
            ),
        ] {
            assert_eq!(collector(endpoint).unwrap(), wanted);
        }
        for (endpoint, said) in [
            ("localhost:4318", "`localhost`"),
            ("collector", "no URL"),
            ("grpc://collector:4317", "`grpc`"),
            (
                "https://me:secret@otlp.example",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
            (
                "https://otlp.example?key=secret",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
        ] {
            let error = collector(endpoint).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
