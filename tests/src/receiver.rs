//! Somebody who takes requests over HTTP, and answers as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::poll::wait_for;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With this status and text.
    Status(u16, String),
    /// With a redirect to there.
    Redirect(String),
    /// Never.
    Silence,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The target of its request line.
    pub path: String,
    /// Its header fields, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

#[derive(Debug)]
struct State {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    otherwise: Reply,
}

/// A receiver on 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// One that answers everything with 200.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State {
            received: Vec::new(),
            next: VecDeque::new(),
            otherwise: Reply::Status(200, String::new()),
        }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A caller that goes away in the middle is none of our business.
                tokio::spawn(async move { serve(stream, &state).await.ok() });
            }
        });
        Ok(Self { url, state, task })
    }

    /// `http://127.0.0.1:PORT/hook`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the requests after those of [`Receiver::next`] are answered.
    pub fn answer(&self, reply: Reply) {
        self.with(|state| state.otherwise = reply);
    }

    /// How the next requests are answered.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.with(|state| state.next.extend(replies));
    }

    /// What came, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.with(|state| state.received.clone())
    }

    /// Waits for the request number `index` (from 0 on).
    ///
    /// # Errors
    /// When it does not come within `timeout`.
    pub async fn request(&self, index: usize, timeout: Duration) -> anyhow::Result<Received> {
        let what = format!("request {index}");
        wait_for(&what, timeout, || async {
            Ok(self.received().into_iter().nth(index))
        })
        .await
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request of a connection; it is closed behind the answer.
async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let received = loop {
        if let Some(received) = parse(&bytes) {
            break received;
        }
        let mut chunk = [0; 4_096];
        let count = stream.read(&mut chunk).await?;
        anyhow::ensure!(count > 0, "it ended too early");
        bytes.extend_from_slice(&chunk[..count]);
    };
    let reply = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.received.push(received);
        state
            .next
            .pop_front()
            .unwrap_or_else(|| state.otherwise.clone())
    };
    let answer = match reply {
        Reply::Silence => {
            // Until the caller has had enough.
            let mut more = [0; 1];
            while stream.read(&mut more).await? > 0 {}
            return Ok(());
        }
        Reply::Status(status, text) => format!(
            "HTTP/1.1 {status} As Asked\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        ),
        Reply::Redirect(to) => format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
    };
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// A whole request; none while some of it is missing.
fn parse(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    let headers: BTreeMap<_, _> = lines.filter_map(pair).collect();
    let length = headers.get("content-length")?.parse::<usize>().ok()?;
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(Received {
        path,
        headers,
        body: String::from_utf8_lossy(body).into_owned(),
    })
}
