//! Role: the GraphiQL page, from files in the binary.
//!
//! Guarantees: nothing is loaded from another host; scripts run only from the embedded files.

use axum::{body::Body, extract::Path, response::Response};
use http::{HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::respond::secured;

/// Styles may be inline, because the editor and its menus set their positions that way.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' \
     data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Vendored files carry their version in the name and never change.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Our own files change with the binary.
const FOR_AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

#[derive(RustEmbed)]
#[folder = "assets/graphiql/"]
struct Assets;

/// `GET /graphiql`
pub(crate) async fn page() -> Response {
    let mut response = serve("page.html");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /graphiql/{file}`
pub(crate) async fn asset(Path(file): Path<String>) -> Response {
    serve(&file)
}

fn serve(file: &str) -> Response {
    let Some(EmbeddedFile { data, .. }) = Assets::get(file) else {
        let mut response = Response::new(Body::from("not found"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return secured(response);
    };
    let mut response = Response::new(Body::from(data.into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type(file));
    headers.insert(
        header::CACHE_CONTROL,
        if is_versioned(file) {
            FOR_EVER
        } else {
            FOR_AN_HOUR
        },
    );
    secured(response)
}

fn content_type(file: &str) -> HeaderValue {
    HeaderValue::from_static(
        match file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        },
    )
}

fn is_versioned(file: &str) -> bool {
    file.as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_page_names_is_embedded() {
        let page = Assets::get("page.html").expect("page");
        let text = std::str::from_utf8(&page.data).expect("text");
        let names: Vec<_> = text
            .split('"')
            .filter_map(|it| it.strip_prefix("/graphiql/"))
            .collect();
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            assert!(Assets::get(name).is_some(), "{name}");
        }
        assert!(!text.contains("//"), "the page names another host");
    }

    #[test]
    fn only_vendored_files_are_cached_for_ever() {
        assert!(is_versioned("react-18.3.1.min.js"));
        assert!(!is_versioned("page.js"));
    }
}
