//! Connections: how many there may be, and how long they may take.

use std::time::{Duration, Instant};

use aim_api::{ServerLimits, serve};
use axum::{Router, routing::get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Longer than any test needs.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";

async fn start(limits: ServerLimits) -> (std::net::SocketAddr, CancellationToken) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(async || "here"));
    tokio::spawn(serve(listener, router, limits, stop.clone()));
    (address, stop)
}

/// What comes until the end, or until nothing comes for `patience`.
async fn read(socket: &mut TcpStream, patience: Duration) -> Option<String> {
    let mut bytes = vec![0; 4096];
    let read = tokio::time::timeout(patience, socket.read(&mut bytes)).await;
    let count = read.ok()?.unwrap_or(0);
    Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

#[tokio::test]
async fn a_header_that_does_not_end_ends_the_connection() {
    let limits = ServerLimits {
        header_read: Duration::from_millis(300),
        ..ServerLimits::default()
    };
    let (address, _stop) = start(limits).await;
    let started = Instant::now();
    let mut slow = TcpStream::connect(address).await.expect("listening");
    slow.write_all(b"GET / HTTP/1.1\r\nx-slow: ")
        .await
        .expect("sent");
    let mut silent = TcpStream::connect(address).await.expect("listening");
    let mut idle = TcpStream::connect(address).await.expect("listening");
    idle.write_all(REQUEST).await.expect("sent");
    let answer = read(&mut idle, PATIENCE).await.expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for socket in [&mut slow, &mut silent, &mut idle] {
        let end = loop {
            match read(socket, PATIENCE).await {
                Some(text) if !text.is_empty() => assert!(!text.contains("200"), "{text}"),
                end => break end,
            }
        };
        assert_eq!(end.as_deref(), Some(""), "still open");
    }
    assert!(started.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_connection_beyond_the_most_waits_for_a_place() {
    let limits = ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    };
    let (address, _stop) = start(limits).await;
    let mut first = TcpStream::connect(address).await.expect("listening");
    first.write_all(REQUEST).await.expect("sent");
    assert!(
        read(&mut first, PATIENCE)
            .await
            .expect("answers")
            .contains("here")
    );
    let mut second = TcpStream::connect(address).await.expect("queued");
    second.write_all(REQUEST).await.expect("sent");
    assert_eq!(read(&mut second, Duration::from_millis(300)).await, None);
    drop(first);
    assert!(
        read(&mut second, PATIENCE)
            .await
            .expect("answers")
            .contains("here")
    );
}

#[tokio::test]
async fn headers_are_bounded() {
    let (address, _stop) = start(ServerLimits::default()).await;
    let many = "x: y\r\n".repeat(200);
    let large = format!("x: {}\r\n", "y".repeat(100 * 1024));
    for fields in [many, large] {
        let mut socket = TcpStream::connect(address).await.expect("listening");
        let request = format!("GET / HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
        // It may be refused before it was sent to its end.
        let _ = socket.write_all(request.as_bytes()).await;
        let answer = read(&mut socket, PATIENCE).await.expect("ends");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn stopping_ends_idle_connections() {
    let (address, stop) = start(ServerLimits::default()).await;
    let mut idle = TcpStream::connect(address).await.expect("listening");
    idle.write_all(REQUEST).await.expect("sent");
    assert!(
        read(&mut idle, PATIENCE)
            .await
            .expect("answers")
            .contains("here")
    );
    stop.cancel();
    assert_eq!(read(&mut idle, PATIENCE).await.as_deref(), Some(""));
}
