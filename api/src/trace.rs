//! The span of a request: below the one that its `traceparent` names, or the first of a new trace.
//!
//! Nothing of a request but its method and the template of its route is told: paths hold ids, queries
//! and headers may hold secrets.

use std::sync::Arc;

use aim_app::App;
use aim_app::trace::{OpenSpan, SpanKind, SpanStory, SpanValue, scope};
use aim_domain::trace::TraceContext;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

/// Answers a request in its span.
pub(crate) async fn request(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let brought = brought(request.headers());
    let open = match brought {
        Some(above) => app.open_span(above),
        None if is_watching(request.uri().path()) => None,
        None => app.open_trace(),
    };
    // Where no span of ours is told of, what follows belongs to the one above.
    let Some(context) = open.map(|open| open.context).or(brought) else {
        return next.run(request).await;
    };
    let mut telling = open.map(|open| Telling::of(app, open, &request));
    let response = scope(context, next.run(request)).await;
    if let Some(telling) = &mut telling {
        telling.status = Some(response.status().as_u16());
    }
    response
}

/// What a request says of its trace. Of several headers none is believed.
fn brought(headers: &HeaderMap) -> Option<TraceContext> {
    let mut all = headers.get_all("traceparent").iter();
    match (all.next(), all.next()) {
        (Some(one), None) => TraceContext::parse(one.to_str().ok()?),
        _ => None,
    }
}

/// What is asked for every few seconds to see how we are begins no traces.
fn is_watching(path: &str) -> bool {
    path == "/metrics" || path.starts_with("/health/")
}

/// A span that is told of when it is dropped, also when the caller has gone away.
struct Telling {
    app: Arc<App>,
    open: OpenSpan,
    method: &'static str,
    route: Option<MatchedPath>,
    status: Option<u16>,
}

impl Telling {
    fn of(app: Arc<App>, open: OpenSpan, request: &Request) -> Self {
        Self {
            app,
            open,
            method: known(request.method()),
            route: request.extensions().get().cloned(),
            status: None,
        }
    }

    fn story(&self) -> SpanStory {
        let route = self.route.as_ref().map(MatchedPath::as_str);
        let method = match self.method {
            OTHER => "HTTP",
            known => known,
        };
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes: Vec<(&'static str, SpanValue)> =
            vec![("http.request.method", self.method.into())];
        attributes.extend(route.map(|route| ("http.route", route.into())));
        let status = self.status.map(i64::from).map(SpanValue::Number);
        attributes.extend(status.map(|status| ("http.response.status_code", status)));
        SpanStory {
            name,
            kind: SpanKind::Server,
            attributes,
            has_failed: self.status.is_some_and(|status| status >= 500),
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.app.close_span(self.open, self.story());
    }
}

/// What a method is called that OpenTelemetry does not know.
const OTHER: &str = "_OTHER";

/// The method: anybody can make one up.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn one_header_that_can_be_read_is_believed() {
        let mut headers = HeaderMap::new();
        assert_eq!(brought(&headers), None);
        headers.insert("traceparent", HeaderValue::from_static(GOOD));
        assert_eq!(brought(&headers), TraceContext::parse(GOOD));
        headers.append("traceparent", HeaderValue::from_static(GOOD));
        assert_eq!(brought(&headers), None);
        let bytes = HeaderValue::from_bytes(&[0xff; 55]).unwrap();
        headers.insert("traceparent", bytes);
        assert_eq!(brought(&headers), None);
    }

    #[test]
    fn methods_that_are_made_up_are_one() {
        assert_eq!(known(&Method::POST), "POST");
        let made_up = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(known(&made_up), OTHER);
    }

    #[test]
    fn whoever_watches_begins_no_traces() {
        for (path, is) in [
            ("/metrics", true),
            ("/health/live", true),
            ("/graphql", false),
            ("/v1/events", false),
        ] {
            assert_eq!(is_watching(path), is, "{path}");
        }
    }
}
