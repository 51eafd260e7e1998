//! The spans of events that belong to traces.
//!
//! An event without a trace costs a look at one field. A span ends once what its event came to is
//! written; a batch that is read again begins its spans anew.

use std::collections::HashMap;

use aim_app::App;
use aim_app::trace::{OpenSpan, SpanKind, SpanStory, SpanValue};
use aim_domain::anomaly::Finding;
use aim_domain::id::EventId;
use aim_domain::trace::TraceContext;
use aim_eventlog::Topic;
use chrono::{DateTime, Utc};

use crate::batch::Step;

/// The spans of a batch.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    open: Vec<(Topic, OpenSpan)>,
    /// Where what is said of a finding belongs, by the event that it was found in.
    pub(crate) traces: HashMap<EventId, TraceContext>,
}

impl Spans {
    /// Notes the span of a step that was learned from, for what was found as well.
    pub(crate) fn note(
        &mut self,
        app: &App,
        step: &Step,
        findings: &[Finding],
        since: DateTime<Utc>,
    ) {
        let Some(trace) = step.trace else {
            return;
        };
        let open = app.open_span(trace);
        let open = open.map(|mut open| {
            open.start = since;
            open
        });
        // Where nobody is told of spans, what follows belongs to the span above.
        let context = open.map_or(trace, |open| open.context);
        self.open
            .extend(open.map(|open| (step.partition.topic, open)));
        let found = findings.iter().map(|finding| (finding.event, context));
        self.traces.extend(found);
    }

    pub(crate) fn take_open(&mut self) -> Vec<(Topic, OpenSpan)> {
        std::mem::take(&mut self.open)
    }
}

/// Tells of spans whose events are applied.
pub(crate) fn close(app: &App, spans: Vec<(Topic, OpenSpan)>, log: &str) {
    for (topic, open) in spans {
        let story = SpanStory {
            name: format!("process {}", topic.name()),
            kind: SpanKind::Consumer,
            attributes: vec![
                ("messaging.system", log.into()),
                ("messaging.operation.name", "process".into()),
                ("messaging.operation.type", "process".into()),
                ("messaging.destination.name", SpanValue::from(topic.name())),
            ],
            has_failed: false,
        };
        app.close_span(open, story);
    }
}
