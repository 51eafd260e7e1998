//! `aim bench bombs`: documents that would expand to something huge, over HTTP and over a websocket.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{histogram, ms};
use crate::view::View;

/// How long an answer may take before the server counts as brought down.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct BombsArgs {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Times that each is sent.
    #[arg(long, default_value_t = 50)]
    times: usize,
    #[command(flatten)]
    view: View,
}

/// Name and document of each.
fn bombs() -> Vec<(&'static str, String)> {
    let mut doubling = "{agents{nodes{...f0}}}".to_owned();
    for i in 0..20 {
        let next = i + 1;
        let _ = write!(doubling, "fragment f{i} on Agent{{...f{next} ...f{next}}}");
    }
    doubling.push_str("fragment f20 on Agent{id}");
    let chain: String = (0..300)
        .map(|i| format!("fragment f{i} on Agent{{...f{}}}", i + 1))
        .collect();
    let cycle = "{...a}fragment a on Query{...b}fragment b on Query{...a}";
    let aliases: String = (0..60).map(|i| format!("a{i}:__typename ")).collect();
    let directives = "@include(if:true)".repeat(60);
    let operations: String = (0..50)
        .map(|i| format!("query q{i}{{__typename}}"))
        .collect();
    let introspection = format!("{}{{name}}{}", "{fields{type".repeat(30), "}}".repeat(30));
    vec![
        ("fragments", doubling),
        (
            "fragment chain",
            format!("{{agents{{nodes{{...f0}}}}}}{chain}"),
        ),
        ("fragment cycle", cycle.to_owned()),
        ("aliases", format!("{{{aliases}}}")),
        ("root fields", format!("{{{}}}", "__typename ".repeat(60))),
        (
            "depth",
            format!("{}{{id}}{}", "{agent".repeat(90), "}".repeat(90)),
        ),
        ("unclosed depth", "{agent".repeat(2_000)),
        ("inline fragments", "{...".repeat(3_000)),
        (
            "directives",
            format!("{{viewer{directives}{{__typename}}}}"),
        ),
        ("tokens", format!("{{{}}}", "a ".repeat(2_000))),
        ("bytes", format!("{{__typename}}#{}", "x".repeat(20_000))),
        ("operations", operations),
        (
            "list",
            format!("{{agent(id:{}{}){{id}}}}", "[".repeat(300), "]".repeat(300)),
        ),
        ("type", format!("query($a:{}", "[".repeat(5_000))),
        (
            "pages",
            "{agents(first:100){nodes{a:trustHistory(first:100){score}b:trustHistory(first:100){score}}}}"
                .to_owned(),
        ),
        (
            "introspection",
            format!("{{__schema{{types{introspection}}}}}"),
        ),
    ]
}

/// Measures and prints; fails when one is executed.
pub(crate) async fn run(args: BombsArgs) -> anyhow::Result<()> {
    let url = args.url.trim_end_matches('/');
    let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let mut socket = open(url).await?;
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for (name, document) in bombs() {
        let (mut over_http, mut over_socket) = (histogram()?, histogram()?);
        let mut code = String::new();
        for number in 0..args.times {
            let start = Instant::now();
            let refused = post(&http, url, &document).await.context(name)?;
            record(&mut over_http, start);
            let start = Instant::now();
            let id = format!("{name} {number}");
            let also = subscribe(&mut socket, &id, &document).await.context(name)?;
            record(&mut over_socket, start);
            anyhow::ensure!(
                refused == also,
                "{name}: `{refused}` over HTTP, `{also}` otherwise"
            );
            code = refused;
        }
        let bytes = document.len();
        let figures = [&over_http, &over_socket].map(|it| [ms(it, 0.5), ms(it, 1.0)]);
        let mut row = vec![name.to_owned(), bytes.to_string(), code.clone()];
        row.extend(figures.as_flattened().iter().map(|it| format!("{it:.2}")));
        rows.push(row);
        let [[http_p50, http_max], [socket_p50, socket_max]] = figures;
        values.push(json!({
            "bomb": name, "bytes": bytes, "code": code, "httpP50Ms": http_p50,
            "httpMaxMs": http_max, "websocketP50Ms": socket_p50, "websocketMaxMs": socket_max,
        }));
    }
    let header = [
        "bomb",
        "bytes",
        "code",
        "http p50 ms",
        "max",
        "websocket p50 ms",
        "max",
    ];
    args.view.table(&header, &rows, &json!({ "bombs": values }));
    Ok(())
}

fn record(histogram: &mut Histogram<u64>, start: Instant) {
    let micros = start.elapsed().as_micros();
    histogram.saturating_record(micros.try_into().unwrap_or(u64::MAX));
}

/// The code of the first of `errors`; that there are some, and no data, is what a refusal is.
fn code(errors: &Value, data: Option<&Value>) -> anyhow::Result<String> {
    let code = errors.pointer("/0/extensions/code").and_then(Value::as_str);
    match (code, data) {
        (Some(code), None) => Ok(code.to_owned()),
        _ => anyhow::bail!("was not refused: {errors} {data:?}"),
    }
}

async fn post(http: &reqwest::Client, url: &str, document: &str) -> anyhow::Result<String> {
    let request = http
        .post(format!("{url}/graphql"))
        .header("accept", "application/graphql-response+json")
        .json(&json!({ "query": document }))
        .timeout(PATIENCE);
    let answer: Value = request.send().await?.json().await?;
    code(&answer["errors"], answer.get("data"))
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(url: &str) -> anyhow::Result<Socket> {
    let mut request = (url.replacen("http", "ws", 1) + "/graphql").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let init = json!({ "type": "connection_init" });
    socket.send(Message::text(init.to_string())).await?;
    Ok(socket)
}

async fn subscribe(socket: &mut Socket, id: &str, document: &str) -> anyhow::Result<String> {
    let payload = json!({ "query": document });
    let message = json!({ "type": "subscribe", "id": id, "payload": payload });
    socket.send(Message::text(message.to_string())).await?;
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await?;
        let message = next.context("the server closed the websocket")??;
        let Ok(text) = message.to_text() else {
            continue;
        };
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message["type"].as_str() {
            Some("error") if message["id"] == id => return code(&message["payload"], None),
            Some("next" | "complete") => anyhow::bail!("was not refused: {message}"),
            _ => {}
        }
    }
}
