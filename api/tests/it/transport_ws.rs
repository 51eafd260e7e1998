//! graphql-transport-ws: close codes, message order and limits, over real sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aim_api::transport::{RateLimits, TransportConfig};
use axum::Router;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::toy::{app, config, limited};

/// Longer than any test needs; a hanging server fails instead of blocking the run.
const PATIENCE: Duration = Duration::from_secs(20);

struct Client(WebSocketStream<TcpStream>);

async fn connect(
    config: TransportConfig,
    protocol: Option<&'static str>,
    origin: Option<&'static str>,
) -> Result<Client, tungstenite::Error> {
    let address = listen(app(config)).await;
    dial(address, protocol, origin).await.map(Client)
}

/// Serves on a free port.
async fn listen(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn dial(
    address: SocketAddr,
    protocol: Option<&'static str>,
    origin: Option<&'static str>,
) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let mut request = format!("ws://{address}/graphql")
        .into_client_request()
        .expect("valid");
    for (name, value) in [
        (header::SEC_WEBSOCKET_PROTOCOL, protocol),
        (header::ORIGIN, origin),
    ] {
        if let Some(value) = value {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
    }
    let socket = TcpStream::connect(address).await.expect("listening");
    let (socket, response) = client_async(request, socket).await?;
    let agreed = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    assert_eq!(
        agreed.map(HeaderValue::as_bytes),
        protocol.map(str::as_bytes)
    );
    Ok(socket)
}

impl Client {
    async fn open(config: TransportConfig) -> Self {
        connect(config, Some("graphql-transport-ws"), None)
            .await
            .expect("accepted")
    }

    /// Connected and acknowledged.
    async fn ready(config: TransportConfig) -> Self {
        let mut client = Self::open(config).await;
        client.send(json!({ "type": "connection_init" })).await;
        assert_eq!(client.next().await, json!({ "type": "connection_ack" }));
        client
    }

    async fn raw(&mut self, message: Message) {
        self.0.send(message).await.expect("sent");
    }

    async fn send(&mut self, message: Value) {
        self.raw(Message::text(message.to_string())).await;
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    async fn next_frame(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .expect("the server answers")
            .expect("the socket is open")
            .expect("a frame")
    }

    /// The next message; pings in between are skipped.
    async fn next(&mut self) -> Value {
        loop {
            match self.next_frame().await {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// The code the server closes with; messages before are skipped.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next_frame().await {
                return frame.expect("has a code").code.into();
            }
        }
    }
}

#[tokio::test]
async fn broken_rules_have_their_close_codes() {
    let init = json!({ "type": "connection_init" });
    let run =
        json!({ "id": "1", "type": "subscribe", "payload": { "query": "subscription{silence}" } });
    let no_query = json!({ "id": "1", "type": "subscribe", "payload": {} });
    let bad = json!({ "type": "connection_init", "payload": { "token": "bad" } });
    let down = json!({ "type": "connection_init", "payload": { "token": "down" } });
    for (messages, code) in [
        (vec![run.clone()], 4401),
        (vec![json!({ "type": "nonsense" })], 4400),
        (vec![json!("text")], 4400),
        (vec![init.clone(), no_query], 4400),
        (vec![init.clone(), init.clone()], 4429),
        (vec![init.clone(), run.clone(), run], 4409),
        (vec![bad], 4403),
        (vec![down], 4500),
    ] {
        let mut client = Client::open(config()).await;
        for message in &messages {
            client.send(message.clone()).await;
            if *message == init && messages.len() > 1 && messages[1] != init {
                assert_eq!(client.next().await["type"], "connection_ack");
            }
        }
        assert_eq!(client.closed().await, code, "{messages:?}");
    }
}

#[tokio::test]
async fn binary_and_oversized_messages_close_the_socket() {
    let mut client = Client::ready(config()).await;
    client.raw(Message::binary(vec![1])).await;
    assert_eq!(client.closed().await, 4400);
    let mut client = Client::ready(config()).await;
    client.raw(Message::text(" ".repeat(64 * 1024 + 1))).await;
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn silence_before_init_is_closed() {
    let mut config = config();
    config.timing.init = Duration::from_millis(50);
    let mut client = Client::open(config).await;
    assert_eq!(client.closed().await, 4408);
}

#[tokio::test]
async fn other_protocols_and_origins_are_refused() {
    let mut client = connect(config(), None, None)
        .await
        .expect("upgraded, then closed");
    assert_eq!(client.closed().await, 4406);
    let refused = connect(
        config(),
        Some("graphql-transport-ws"),
        Some("https://evil.example"),
    );
    match refused.await.err() {
        Some(tungstenite::Error::Http(response)) => {
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
        }
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test]
async fn expired_sessions_are_closed() {
    let mut client = Client::open(config()).await;
    client
        .send(json!({ "type": "connection_init", "payload": { "token": "brief" } }))
        .await;
    assert_eq!(client.next().await["type"], "connection_ack");
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn silent_peers_are_closed() {
    let mut config = config();
    config.timing.ping = Duration::from_millis(20);
    let mut client = Client::ready(config).await;
    // Reading frames would answer the pings, so look at the socket only after they are due.
    tokio::time::timeout(PATIENCE, async {
        while !matches!(client.0.get_ref().readable().await, Ok(())) {}
        let mut seen = vec![0; 64];
        while client.0.get_ref().peek(&mut seen).await.expect("peek") < 8 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("closes");
    assert_eq!(client.closed().await, 1001);
}

#[tokio::test]
async fn operations_run_in_protocol_order() {
    let mut client = Client::ready(config()).await;
    client
        .subscribe("s", "subscription { ticks(count: 2) }")
        .await;
    for n in 0..2 {
        let payload = json!({ "data": { "ticks": n } });
        assert_eq!(
            client.next().await,
            json!({ "id": "s", "type": "next", "payload": payload })
        );
    }
    assert_eq!(
        client.next().await,
        json!({ "id": "s", "type": "complete" })
    );

    for (query, data) in [
        ("{ hello }", json!({ "hello": "world" })),
        ("mutation { set(value: 5) }", json!({ "set": 5 })),
        ("{ who }", json!({ "who": "anonymous" })),
    ] {
        client.subscribe("s", query).await;
        assert_eq!(client.next().await["payload"]["data"], data);
        assert_eq!(client.next().await["type"], "complete");
    }
}

#[tokio::test]
async fn errors_end_their_operation_only() {
    let mut client = Client::ready(config()).await;
    for (query, code) in [
        ("{ missing }", "BAD_USER_INPUT"),
        ("subscription { broken }", "INTERNAL"),
        ("{ panics }", "INTERNAL"),
        ("mutation($v: Int!) { set(value: $v) }", "BAD_USER_INPUT"),
    ] {
        client.subscribe("e", query).await;
        let message = client.next().await;
        assert_eq!(message["type"], "error", "{query}: {message}");
        assert_eq!(
            message["payload"][0]["extensions"]["code"], code,
            "{query}: {message}"
        );
    }
    client.subscribe("e", "subscription { lags }").await;
    assert_eq!(client.next().await["type"], "next");
    let message = client.next().await;
    assert_eq!(
        message["payload"][0]["extensions"]["code"],
        "SUBSCRIPTION_LAGGED"
    );
    // No `complete` after `error`, and the id is free again.
    client.subscribe("e", "{ hello }").await;
    assert_eq!(client.next().await["type"], "next");
}

#[tokio::test]
async fn completed_ids_are_free_at_once_and_pings_are_answered() {
    let mut client = Client::ready(config()).await;
    for _ in 0..3 {
        client.subscribe("s", "subscription { silence }").await;
        client.send(json!({ "id": "s", "type": "complete" })).await;
    }
    client
        .send(json!({ "id": "unknown", "type": "complete" }))
        .await;
    client.send(json!({ "type": "pong" })).await;
    client
        .send(json!({ "type": "ping", "payload": { "n": 1 } }))
        .await;
    assert_eq!(
        client.next().await,
        json!({ "type": "pong", "payload": { "n": 1 } })
    );
}

#[tokio::test]
async fn operations_per_connection_are_limited() {
    let mut client = Client::ready(config()).await;
    for n in 0..65 {
        client
            .subscribe(&n.to_string(), "subscription { silence }")
            .await;
    }
    let message = client.next().await;
    assert_eq!(
        (&message["id"], &message["type"]),
        (&json!("64"), &json!("error"))
    );
    assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn slow_clients_lose_the_subscription_not_the_connection() {
    let mut client = Client::ready(config()).await;
    client.subscribe("flood", "subscription { flood }").await;
    // The server writes until the socket and the queue are full. Wait for that without reading.
    let mut seen = vec![0; 64 * 1024];
    let started = Instant::now();
    while client.0.get_ref().peek(&mut seen).await.expect("peek") < seen.len() {
        assert!(started.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    let mut events = 0;
    let last = loop {
        let message = client.next().await;
        if message["type"] != "next" {
            break message;
        }
        events += 1;
        // The server's turn: a reader that is faster than it would never be too slow.
        tokio::task::yield_now().await;
    };
    assert!(events > 0);
    assert_eq!(last["type"], "error");
    assert_eq!(
        last["payload"][0]["extensions"]["code"],
        "SUBSCRIPTION_LAGGED"
    );
    client.subscribe("next", "{ hello }").await;
    assert_eq!(client.next().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn bombs_are_refused_over_websockets() {
    let mut client = Client::ready(config()).await;
    let mut bomb = String::from("{list{...f0}}");
    for i in 0..16 {
        bomb.push_str(&format!("fragment f{i} on Node{{...f{0} ...f{0}}}", i + 1));
    }
    bomb.push_str("fragment f16 on Node{id}");
    let started = Instant::now();
    client.subscribe("b", &bomb).await;
    let message = client.next().await;
    let took = started.elapsed();
    assert_eq!(
        message["payload"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX",
        "{message}"
    );
    assert!(took < Duration::from_millis(100), "took {took:?}");
}

#[tokio::test]
async fn a_connection_without_an_operation_ends_and_one_with_does_not() {
    let mut config = config();
    config.timing.idle = Duration::from_millis(300);
    let mut client = Client::ready(config.clone()).await;
    assert_eq!(client.closed().await, 1001);
    let mut busy = Client::ready(config).await;
    busy.subscribe("1", "subscription { silence }").await;
    let quiet = tokio::time::timeout(Duration::from_secs(1), busy.0.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    busy.send(json!({ "id": "1", "type": "complete" })).await;
    assert_eq!(busy.closed().await, 1001);
}

#[tokio::test]
async fn operations_on_a_connection_are_charged() {
    let limits = RateLimits {
        anonymous: 3,
        ..RateLimits::default()
    };
    let address = listen(limited(config(), limits)).await;
    let socket = dial(address, Some("graphql-transport-ws"), None).await;
    let mut client = Client(socket.expect("accepted"));
    client.send(json!({ "type": "connection_init" })).await;
    assert_eq!(client.next().await["type"], "connection_ack");
    for id in ["1", "2"] {
        client.subscribe(id, "{ hello }").await;
        assert_eq!(client.next().await["type"], "next");
        assert_eq!(client.next().await["type"], "complete");
    }
    client.subscribe("3", "{ hello }").await;
    let refused = client.next().await;
    assert_eq!(refused["type"], "error", "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn an_actor_has_the_most_streams_that_it_may() {
    let mut config = config();
    config.streams_per_actor = 1;
    let app = app(config);
    let address = listen(app).await;
    let open = async |token: &str| {
        let mut client = Client(
            dial(address, Some("graphql-transport-ws"), None)
                .await
                .expect("accepted"),
        );
        let payload = json!({ "token": token });
        client
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        client
    };
    let mut first = open("anna").await;
    assert_eq!(first.next().await["type"], "connection_ack");
    assert_eq!(open("anna").await.closed().await, 1013);
    assert_eq!(open("bert").await.next().await["type"], "connection_ack");
    drop(first);
    // The server learns of it in its own time.
    let started = Instant::now();
    loop {
        let mut again = open("anna").await;
        if let Message::Text(_) = again.next_frame().await {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "still counted");
    }
}
