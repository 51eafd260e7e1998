//! Traces: which span a request or an event is, and who is told when it has ended.
//!
//! Guarantee: telling never waits and never fails; a sink that cannot keep up drops. The context is known
//! in the task of the request alone: facts take it where they are made, whoever writes them.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use aim_domain::trace::{SpanId, TraceContext, TraceId};
use chrono::{DateTime, Utc};

use crate::App;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Works in a span: the facts that `work` makes belong to it.
pub async fn scope<F: Future>(context: TraceContext, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// The span that this task works in.
#[must_use]
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that is answered.
    Server,
    /// An event that is processed.
    Consumer,
}

/// What is said of a span: few different values, nothing that a person wrote, no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanValue {
    /// A text of the program's own.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&str> for SpanValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What a span was; names by OpenTelemetry's semantic conventions.
#[derive(Debug, Clone)]
pub struct SpanStory {
    /// What was done, in general.
    pub name: String,
    /// What it stands for.
    pub kind: SpanKind,
    /// What is said of it.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// Whether it failed, and not by the caller's mistake.
    pub has_failed: bool,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    /// The span in its trace.
    pub context: TraceContext,
    /// The span above; none for the first of a trace.
    pub parent: Option<SpanId>,
    /// When it began.
    pub start: DateTime<Utc>,
    /// When it ended.
    pub end: DateTime<Utc>,
    /// What it was.
    pub story: SpanStory,
}

/// Who is told of spans.
pub trait SpanSink: Debug + Send + Sync {
    /// Takes a span, or drops it: never waits.
    fn take(&self, span: EndedSpan);
}

/// A span under way.
#[derive(Debug, Clone, Copy)]
pub struct OpenSpan {
    /// The span in its trace.
    pub context: TraceContext,
    parent: Option<SpanId>,
    /// When it began.
    pub start: DateTime<Utc>,
}

/// Who is told, and of how many of the traces that begin here.
#[derive(Debug)]
pub(crate) struct Tracing {
    sink: Arc<dyn SpanSink>,
    /// Numbers below it are kept, of 63 bits that are even random; see `TraceIdRatioBased` in
    /// OpenTelemetry's specification of samplers: all processes decide alike.
    bound: u64,
}

impl App {
    /// With somebody who is told of spans, and the share of traces that begin here and are kept, 0 to 1.
    #[must_use]
    pub fn tracing(self, sink: Arc<dyn SpanSink>, share: f64) -> Self {
        let all = 1_u64 << 63;
        // Saturates: below 0 is 0.
        let bound = (share.min(1.0) * all as f64) as u64;
        let tracing = Some(Tracing { sink, bound });
        Self { tracing, ..self }
    }

    /// A span below one that somebody else began, where it is kept and there is who is told.
    #[must_use]
    pub fn open_span(&self, above: TraceContext) -> Option<OpenSpan> {
        (self.tracing.is_some() && above.is_sampled).then(|| OpenSpan {
            context: above.child(SpanId::new(rand::random())),
            parent: Some(above.span),
            start: self.clock.now(),
        })
    }

    /// The first span of a new trace, where there is who is told and the trace is one of those kept.
    #[must_use]
    pub fn open_trace(&self) -> Option<OpenSpan> {
        let tracing = self.tracing.as_ref()?;
        let trace = TraceId::new(rand::random());
        // The lower half without its last bit.
        let number = trace.number() as u64 >> 1;
        (number < tracing.bound).then(|| OpenSpan {
            context: TraceContext {
                trace,
                span: SpanId::new(rand::random()),
                is_sampled: true,
            },
            parent: None,
            start: self.clock.now(),
        })
    }

    /// Tells of a span that ends now.
    pub fn close_span(&self, open: OpenSpan, story: SpanStory) {
        if let Some(tracing) = &self.tracing {
            tracing.sink.take(EndedSpan {
                context: open.context,
                parent: open.parent,
                start: open.start,
                end: self.clock.now().max(open.start),
                story,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_context_is_known_in_its_own_task_alone() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        let context = TraceContext::parse(text).unwrap();
        assert_eq!(current(), None);
        let (inside, elsewhere) = scope(context, async {
            tokio::task::yield_now().await;
            let elsewhere = tokio::spawn(async { current() });
            (current(), elsewhere.await.unwrap())
        })
        .await;
        assert_eq!((inside, elsewhere), (Some(context), None));
        assert_eq!(current(), None);
    }
}
