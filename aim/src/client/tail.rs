//! A subscription that goes on, whatever happens to its connection.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};

use super::{Client, fault, text};
use crate::failure::{Failure, Kind, kind_of};
use crate::out;

/// Pauses between attempts to connect again.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A server sends something now and then, if only a comment; silence for longer is a broken connection.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest event.
const EVENT_MAX: usize = 4 * 1024 * 1024;

/// What a subscription brings.
pub(crate) enum Heard {
    /// A fact.
    Fact(Value),
    /// The connection was broken before a first fact came: something may have been missed.
    Gap,
}

/// A subscription by server-sent events.
pub(crate) struct Tail<'a> {
    client: &'a Client,
    query: String,
    field: &'static str,
    after: Option<String>,
    open: Option<Events>,
    pause: Duration,
    began: bool,
}

struct Events {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    held: Vec<u8>,
}

impl<'a> Tail<'a> {
    /// Facts of the root field `field`, behind a cursor if there is one.
    pub(crate) fn of(
        client: &'a Client,
        field: &'static str,
        selection: &str,
        after: Option<String>,
    ) -> Self {
        let query = format!(
            "subscription($after: String) {{ {field}(after: $after) {{ cursor {selection} }} }}"
        );
        Self {
            client,
            query,
            field,
            after,
            open: None,
            pause: PAUSE,
            began: false,
        }
    }

    /// Connects, so that nothing is missed that happens from now on.
    pub(crate) async fn begin(&mut self) -> anyhow::Result<()> {
        let opened = connect(self.client, &self.query, self.after.as_deref()).await?;
        self.open = Some(opened);
        self.began = true;
        Ok(())
    }

    /// What comes next. It fails only for what another connection would not change.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Heard> {
        if !self.began {
            self.begin().await?;
        }
        loop {
            if self.open.is_none() {
                self.reconnect().await?;
                if self.after.is_none() {
                    return Ok(Heard::Gap);
                }
            }
            let Some(events) = &mut self.open else {
                continue;
            };
            match events.next().await {
                Ok(Some(mut payload)) => match fault(&payload) {
                    None => {
                        let fact = payload["data"][self.field].take();
                        self.after = text(&fact, "/cursor").or(self.after.take());
                        self.pause = PAUSE;
                        return Ok(Heard::Fact(fact));
                    }
                    // Of a token that ended meanwhile, or a reader that was too slow.
                    Some(failure) if goes_on(&failure) => self.broke(&failure),
                    Some(failure) => return Err(failure.into()),
                },
                Ok(None) => self.broke(&"the server ended the subscription"),
                Err(error) => self.broke(&format!("{error:#}")),
            }
        }
    }

    fn broke(&mut self, why: &dyn std::fmt::Display) {
        self.open = None;
        out::note(format!("the connection broke, going on: {why}"));
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
            match connect(self.client, &self.query, self.after.as_deref()).await {
                Ok(events) => {
                    self.open = Some(events);
                    return Ok(());
                }
                Err(error) if matches!(kind_of(&error), Kind::Unavailable | Kind::Busy) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

async fn connect(client: &Client, query: &str, after: Option<&str>) -> anyhow::Result<Events> {
    let body = json!({ "query": query, "variables": { "after": after } });
    let request = client
        .http
        .post(format!("{}/graphql", client.url))
        .bearer_auth(client.token().await?)
        .header("accept", "text/event-stream")
        .json(&body);
    let answer = request.send().await?;
    let kind = answer.headers().get("content-type");
    let is_stream = kind.is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
    if is_stream {
        return Ok(Events {
            bytes: answer.bytes_stream().boxed(),
            held: Vec::new(),
        });
    }
    let status = answer.status();
    let said: Value = answer.json().await.unwrap_or_default();
    let unknown = || Failure::answered("UNAVAILABLE", format!("the server answered {status}"));
    Err(fault(&said).unwrap_or_else(unknown).into())
}

/// Whether another connection is worth trying.
fn goes_on(failure: &Failure) -> bool {
    let again = ["SUBSCRIPTION_LAGGED", "UNAUTHENTICATED"];
    again.contains(&failure.code.as_str()) || matches!(failure.kind, Kind::Unavailable | Kind::Busy)
}

impl Events {
    /// The next payload; `None` when the server has said that there is no more.
    async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            while let Some(event) = self.take() {
                let (mut name, mut data) = ("", String::new());
                for line in event.lines() {
                    match line.split_once(':') {
                        Some(("event", value)) => name = value.trim(),
                        Some(("data", value)) => data.push_str(value.trim_start()),
                        _ => {}
                    }
                }
                match name {
                    "next" => return Ok(Some(serde_json::from_str(&data)?)),
                    "complete" => return Ok(None),
                    _ => {}
                }
            }
            let more = tokio::time::timeout(SILENCE, self.bytes.next()).await;
            match more {
                Ok(Some(bytes)) => self.held.extend_from_slice(&bytes?),
                Ok(None) => anyhow::bail!("the connection ended"),
                Err(_) => anyhow::bail!("nothing was heard for {} s", SILENCE.as_secs()),
            }
            anyhow::ensure!(self.held.len() <= EVENT_MAX, "an event is too long");
        }
    }

    /// An event that has come whole.
    fn take(&mut self) -> Option<String> {
        let end = self.held.windows(2).position(|it| it == b"\n\n")? + 2;
        let event: Vec<u8> = self.held.drain(..end).collect();
        Some(String::from_utf8_lossy(&event).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &'static [&'static str]) -> Events {
        let chunks = chunks
            .iter()
            .map(|it| Ok(bytes::Bytes::from_static(it.as_bytes())));
        Events {
            bytes: futures::stream::iter(chunks).boxed(),
            held: Vec::new(),
        }
    }

    #[tokio::test]
    async fn events_come_whole_however_they_are_cut() {
        let mut heard = events(&[
            ":\n\nevent: ne",
            "xt\ndata: {\"a\":",
            "1}\n",
            "\nevent: next\ndata: {\"a\":2}\n\n",
            "event: complete\ndata:\n\n",
        ]);
        assert_eq!(heard.next().await.unwrap(), Some(json!({ "a": 1 })));
        assert_eq!(heard.next().await.unwrap(), Some(json!({ "a": 2 })));
        assert_eq!(heard.next().await.unwrap(), None);
        assert!(heard.next().await.is_err(), "the stream is over");
    }
}
