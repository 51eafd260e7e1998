//! Role: one graphql-transport-ws connection, in one task.
//!
//! Guarantees: close codes and message order as the protocol document says; every buffer is
//! bounded: when the client does not read, its input is not read either, and a subscription that
//! has more to say ends with `SUBSCRIPTION_LAGGED`; the connection ends when its identity expires
//! (4403) or its peer stays silent.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_graphql::{Executor, ServerError, parser::types::OperationType};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::{
    FutureExt, Sink, StreamExt,
    future::BoxFuture,
    stream::{self, AbortHandle, AbortRegistration, Abortable, BoxStream, SelectAll},
};
use http::request::Parts;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{
    Shared,
    auth::{AuthError, Authenticate},
    connect::{Connected, connect},
    document::PreparedRequest,
    error::{ErrorCode, Reply},
    execute::{self, Step},
    limits::{MAX_OPERATIONS_PER_SOCKET, MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES, MAX_SILENT_PINGS},
    messages::{self, ClientMessage, Close},
    params::Params,
};

/// Time for the closing handshake; afterwards the socket is dropped.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Bytes of a close reason: a control frame holds 125, two of them the code.
const MAX_CLOSE_REASON_BYTES: usize = 123;

/// How far the connection is.
enum Phase<A: Authenticate> {
    /// Before `connection_init`; `None` once the parts are taken.
    Opened(Option<Box<Parts>>),
    Authenticating(BoxFuture<'static, Result<Connected<A>, AuthError>>),
    Ready(Connected<A>),
}

/// What an operation has to say.
struct OperationEvent {
    id: Arc<str>,
    kind: EventKind,
}

enum EventKind {
    Next(Reply),
    Failed(Reply),
    /// The result of a query or mutation.
    Once(Reply),
    Done,
}

/// What woke the session.
enum Wake<A: Authenticate> {
    Input(Option<Result<Message, axum::Error>>),
    Operation(OperationEvent),
    Authenticated(Result<Connected<A>, AuthError>),
    Timer,
    Ended,
    Broken,
}

/// Why a session ends.
enum End {
    /// The peer left.
    Gone,
    /// We close.
    Close(Close, String),
}

impl End {
    fn close(code: Close, reason: impl Into<String>) -> Self {
        Self::Close(code, reason.into())
    }
}

/// One connection.
pub(crate) struct Session<E, A: Authenticate> {
    shared: Arc<Shared<E, A>>,
    socket: WebSocket,
    phase: Phase<A>,
    operations: SelectAll<BoxStream<'static, OperationEvent>>,
    active: HashMap<Arc<str>, AbortHandle>,
    queue: VecDeque<Message>,
    queued_bytes: usize,
    timer: Pin<Box<Sleep>>,
    init_until: Option<Instant>,
    expires: Option<Instant>,
    ended: BoxFuture<'static, ()>,
    /// When a connection without an operation ends.
    idle_until: Instant,
    next_ping: Instant,
    silent_pings: u32,
}

impl<E: Executor, A: Authenticate> Session<E, A> {
    pub(crate) fn new(shared: Arc<Shared<E, A>>, socket: WebSocket, parts: Parts) -> Self {
        let now = Instant::now();
        let timing = shared.config.timing;
        Self {
            shared,
            socket,
            phase: Phase::Opened(Some(Box::new(parts))),
            operations: SelectAll::new(),
            active: HashMap::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            timer: Box::pin(sleep_until(now + timing.init)),
            init_until: Some(now + timing.init),
            expires: None,
            ended: std::future::pending().boxed(),
            idle_until: now + timing.idle,
            next_ping: now + timing.ping,
            silent_pings: 0,
        }
    }

    /// Runs the connection to its end.
    pub(crate) async fn run(mut self) {
        let end = if self.socket.protocol().is_none() {
            End::close(Close::ProtocolNotAcceptable, "Subprotocol not acceptable")
        } else {
            loop {
                let wake = std::future::poll_fn(|cx| self.poll_wake(cx)).await;
                if let Err(end) = self.handle(wake) {
                    break end;
                }
            }
        };
        // Operations stop before the closing handshake, not after it.
        self.operations.clear();
        if let End::Close(code, reason) = end {
            close(self.socket, code, &reason).await;
        }
    }

    fn handle(&mut self, wake: Wake<A>) -> Result<(), End> {
        match wake {
            Wake::Input(input) => {
                self.silent_pings = 0;
                self.input(input)
            }
            Wake::Operation(event) => {
                self.event(event);
                Ok(())
            }
            Wake::Authenticated(result) => self.authenticated(result),
            Wake::Timer => self.timer(),
            Wake::Ended => Err(session_ended()),
            Wake::Broken => Err(End::Gone),
        }
    }

    /// Writes what is queued, then waits for whatever comes first.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Wake<A>> {
        if self.poll_write(cx).is_err() {
            return Poll::Ready(Wake::Broken);
        }
        if let Phase::Authenticating(future) = &mut self.phase
            && let Poll::Ready(result) = future.poll_unpin(cx)
        {
            return Poll::Ready(Wake::Authenticated(result));
        }
        if self.ended.poll_unpin(cx).is_ready() {
            return Poll::Ready(Wake::Ended);
        }
        if !self.is_queue_full()
            && let Poll::Ready(input) = self.socket.poll_next_unpin(cx)
        {
            return Poll::Ready(Wake::Input(input));
        }
        if !self.operations.is_empty()
            && let Poll::Ready(Some(event)) = self.operations.poll_next_unpin(cx)
        {
            return Poll::Ready(Wake::Operation(event));
        }
        let wake_at = self.wake_at();
        if self.timer.deadline() != wake_at {
            self.timer.as_mut().reset(wake_at);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Wake::Timer)
    }

    /// Hands queued messages to the socket while it takes them, and flushes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), axum::Error> {
        let mut socket = Pin::new(&mut self.socket);
        while !self.queue.is_empty() {
            match socket.as_mut().poll_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Ok(()),
            }
            if let Some(message) = self.queue.pop_front() {
                self.queued_bytes = self.queued_bytes.saturating_sub(size(&message));
                socket.as_mut().start_send(message)?;
            }
        }
        match socket.as_mut().poll_flush(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn wake_at(&self) -> Instant {
        let mut at = self.next_ping;
        let idle = self.active.is_empty().then_some(self.idle_until);
        for deadline in [self.init_until, self.expires, idle].into_iter().flatten() {
            at = at.min(deadline);
        }
        at
    }

    fn is_queue_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUED_MESSAGES || self.queued_bytes >= MAX_QUEUED_BYTES
    }

    fn push(&mut self, message: Message) {
        self.queued_bytes += size(&message);
        self.queue.push_back(message);
    }

    fn send(&mut self, text: String) {
        self.push(Message::Text(text.into()));
    }

    fn timer(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.init_until.is_some_and(|until| until <= now) {
            return Err(End::close(
                Close::InitTimeout,
                "Connection initialisation timeout",
            ));
        }
        if self.expires.is_some_and(|until| until <= now) {
            return Err(End::close(
                Close::Forbidden,
                "Forbidden: the session expired",
            ));
        }
        if self.active.is_empty() && self.idle_until <= now {
            return Err(End::close(Close::GoingAway, "no operation for too long"));
        }
        if self.next_ping <= now {
            if self.silent_pings >= MAX_SILENT_PINGS {
                return Err(End::close(Close::GoingAway, "no answer to pings"));
            }
            self.silent_pings += 1;
            self.next_ping = now + self.shared.config.timing.ping;
            self.push(Message::Ping(bytes::Bytes::new()));
        }
        Ok(())
    }

    fn input(&mut self, input: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match input {
            None | Some(Ok(Message::Close(_))) => Err(End::Gone),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => {
                Err(End::close(Close::InvalidMessage, "message is not text"))
            }
            Some(Ok(Message::Text(text))) => {
                let message = ClientMessage::parse(&text)
                    .map_err(|reason| End::close(Close::InvalidMessage, reason))?;
                self.message(message)
            }
            Some(Err(error)) if error.to_string().starts_with("Space limit exceeded") => {
                Err(End::close(Close::MessageTooBig, "message is too big"))
            }
            Some(Err(_)) => Err(End::close(Close::ProtocolError, "websocket protocol error")),
        }
    }

    fn message(&mut self, message: ClientMessage<'_>) -> Result<(), End> {
        match message {
            ClientMessage::Init(payload) => self.init(payload),
            ClientMessage::Ping(payload) => {
                self.send(messages::pong(payload));
                Ok(())
            }
            ClientMessage::Pong => Ok(()),
            ClientMessage::Complete { id } => {
                self.end(id.as_ref());
                Ok(())
            }
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, payload.get()),
        }
    }

    fn init(&mut self, payload: Option<serde_json::Value>) -> Result<(), End> {
        let parts = match &mut self.phase {
            Phase::Opened(parts) => parts.take(),
            Phase::Authenticating(_) | Phase::Ready(_) => None,
        };
        let Some(parts) = parts else {
            return Err(End::close(
                Close::TooManyInits,
                "Too many initialisation requests",
            ));
        };
        self.init_until = None;
        let shared = Arc::clone(&self.shared);
        self.phase = Phase::Authenticating(Box::pin(async move {
            timeout(
                shared.config.timing.execution,
                connect(&shared, &parts, payload),
            )
            .await
            .unwrap_or_else(|_| {
                Err(AuthError::new(
                    ErrorCode::Timeout,
                    "authentication timed out",
                ))
            })
        }));
        Ok(())
    }

    fn authenticated(&mut self, result: Result<Connected<A>, AuthError>) -> Result<(), End> {
        let connected = result.map_err(|error| match error.code {
            ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::Timeout => {
                End::close(Close::InternalError, error.to_server_error().message)
            }
            ErrorCode::RateLimited => End::close(Close::TryAgainLater, error.message),
            _ => End::close(Close::Forbidden, format!("Forbidden: {}", error.message)),
        })?;
        self.expires = self.shared.config.deadline(connected.identity.expires_at);
        self.ended = self.shared.authenticator.ended(&connected.identity);
        self.idle_until = Instant::now() + self.shared.config.timing.idle;
        self.phase = Phase::Ready(connected);
        self.send(messages::ack());
        Ok(())
    }

    fn subscribe(&mut self, id: Arc<str>, payload: &str) -> Result<(), End> {
        let Phase::Ready(connected) = &self.phase else {
            return Err(End::close(Close::Unauthorized, "Unauthorized"));
        };
        if self.active.contains_key(&id) {
            let reason = format!("Subscriber for {id} already exists");
            return Err(End::close(Close::DuplicateOperation, reason));
        }
        let params = Params::from_json(payload.as_bytes())
            .map_err(|error| End::close(Close::InvalidMessage, error.message))?;
        if self.active.len() >= MAX_OPERATIONS_PER_SOCKET {
            self.send(messages::error(&id, &[too_many_operations()]));
            return Ok(());
        }
        let prepared = match self.shared.prepare(&connected.caller, params) {
            Ok(prepared) => prepared,
            Err(errors) => {
                self.send(messages::error(&id, &errors));
                return Ok(());
            }
        };
        let PreparedRequest {
            kind, mut request, ..
        } = prepared;
        request.data = self.shared.authenticator.data(&connected.identity, kind);
        let (handle, registration) = AbortHandle::new_pair();
        let operation_id = Arc::clone(&id);
        let kinds: BoxStream<'static, EventKind> = if kind == OperationType::Subscription {
            execute::subscription(&self.shared.executor, request)
                .map(|step| match step {
                    Step::Next(reply) => EventKind::Next(reply),
                    Step::Failed(reply) => EventKind::Failed(reply),
                })
                .boxed()
        } else {
            let shared = Arc::clone(&self.shared);
            let limit = shared.config.timing.execution;
            let once = async move { execute::once(&shared.executor, request, limit).await };
            stream::once(once.map(EventKind::Once)).boxed()
        };
        self.operations
            .push(operation(operation_id, kinds, registration));
        self.active.insert(id, handle);
        Ok(())
    }

    fn event(&mut self, OperationEvent { id, kind }: OperationEvent) {
        match kind {
            EventKind::Next(reply) => {
                if self.is_queue_full() {
                    self.end(&id);
                    self.send(messages::error(&id, &[lagged()]));
                } else {
                    self.send(messages::next(&id, &reply));
                }
            }
            EventKind::Once(reply) if reply.data.is_some() => {
                self.send(messages::next(&id, &reply));
            }
            EventKind::Once(reply) | EventKind::Failed(reply) => {
                self.end(&id);
                self.send(messages::error(&id, &reply.errors));
            }
            EventKind::Done => {
                self.end(&id);
                self.send(messages::complete(&id));
            }
        }
    }

    /// Ends an operation without a `complete`.
    fn end(&mut self, id: &str) {
        if let Some(operation) = self.active.remove(id) {
            operation.abort();
        }
        self.idle_until = Instant::now() + self.shared.config.timing.idle;
    }
}

/// An operation's events. Aborting also suppresses `Done`, so the id may be used again at once.
fn operation(
    id: Arc<str>,
    kinds: BoxStream<'static, EventKind>,
    registration: AbortRegistration,
) -> BoxStream<'static, OperationEvent> {
    let kinds = kinds.chain(stream::once(std::future::ready(EventKind::Done)));
    Abortable::new(
        kinds.map(move |kind| OperationEvent {
            id: Arc::clone(&id),
            kind,
        }),
        registration,
    )
    .boxed()
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

fn session_ended() -> End {
    End::close(Close::Forbidden, "Forbidden: the session has ended")
}

fn lagged() -> ServerError {
    ErrorCode::SubscriptionLagged
        .error("the client reads too slowly: subscribe again with `after:` the last cursor")
}

fn too_many_operations() -> ServerError {
    ErrorCode::RateLimited.error(format!(
        "the connection has {MAX_OPERATIONS_PER_SOCKET} operations, the most it may have: complete \
         one"
    ))
}

/// Sends the close frame and waits for the peer's, so that unread input does not reset the
/// connection before the peer saw the code.
async fn close(mut socket: WebSocket, code: Close, reason: &str) {
    let cut = reason.floor_char_boundary(MAX_CLOSE_REASON_BYTES);
    let frame = CloseFrame {
        code: code as u16,
        reason: reason[..cut].into(),
    };
    let handshake = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    if timeout(CLOSING_TIME, handshake).await.is_err() {
        tracing::debug!(?code, "websocket peer did not close");
    }
}
