//! A collector of OpenTelemetry's that takes spans over HTTP, and that can hang.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A span as it came.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first of a trace.
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) service: String,
    pub(crate) ends_after_it_starts: bool,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Told>,
    /// Header fields of the last request, as text.
    head: String,
    requests: usize,
}

/// A collector on 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    /// One that takes what comes.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::listen(true).await
    }

    /// One that reads and never answers.
    pub(crate) async fn hanging() -> anyhow::Result<Self> {
        Self::listen(false).await
    }

    async fn listen(answers: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, &state, answers).await.ok() });
            }
        });
        Ok(Self { url, state, task })
    }

    /// The spans of a trace, in the order in which they came.
    pub(crate) fn of(&self, trace: &str) -> Vec<Told> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of = state.spans.iter().filter(|span| span.trace == trace);
        of.cloned().collect()
    }

    /// Every trace that came, with its number of spans.
    pub(crate) fn traces(&self) -> BTreeMap<String, usize> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut traces = BTreeMap::new();
        for span in &state.spans {
            *traces.entry(span.trace.clone()).or_default() += 1;
        }
        traces
    }

    /// Number of requests, and the last one's head.
    pub(crate) fn asked(&self) -> (usize, String) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.requests, state.head.clone())
    }
}

/// One request of a connection; it is closed behind the answer.
async fn serve(mut stream: TcpStream, state: &Mutex<State>, answers: bool) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if let Some(whole) = parse(&bytes) {
            break whole;
        }
        let mut chunk = [0; 4_096];
        let count = stream.read(&mut chunk).await?;
        anyhow::ensure!(count > 0, "it ended too early");
        bytes.extend_from_slice(&chunk[..count]);
    };
    let spans = told(ExportTraceServiceRequest::decode(&body[..])?);
    {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        state.head = head;
        state.spans.extend(spans);
    }
    if !answers {
        // Until the caller has had enough.
        let mut more = [0; 1];
        while stream.read(&mut more).await? > 0 {}
        return Ok(());
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
        content-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// Head and body of a whole request; none while some of it is missing.
fn parse(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    let body = bytes.get(end + 4..end + 4 + length?)?;
    Some((head, body.to_vec()))
}

fn told(request: ExportTraceServiceRequest) -> Vec<Told> {
    let mut all = Vec::new();
    for resource in request.resource_spans {
        let about = resource.resource.unwrap_or_default().attributes;
        let service = texts(about).remove("service.name").unwrap_or_default();
        let spans = resource.scope_spans.into_iter().flat_map(|it| it.spans);
        all.extend(spans.map(|span| one(span, &service)));
    }
    all
}

fn one(span: Span, service: &str) -> Told {
    Told {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind(),
        ends_after_it_starts: span.start_time_unix_nano <= span.end_time_unix_nano,
        name: span.name,
        attributes: texts(span.attributes),
        service: service.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let pairs = attributes.into_iter().map(|it| {
        let value = match it.value.and_then(|value| value.value) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (it.key, value)
    });
    pairs.collect()
}
