//! Role: the GraphiQL page: our own files from the binary, GraphiQL's and React's from a folder
//! that `scripts/graphiql` fills.
//!
//! Guarantees: nothing is loaded from another host; scripts run only from these files.

use std::path::PathBuf;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
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

/// What is taken from the folder; no other name reaches the disk.
const VENDORED: [&str; 4] = [
    "graphiql-3.0.0.min.css",
    "graphiql-3.0.0.min.js",
    "react-18.3.1.min.js",
    "react-dom-18.3.1.min.js",
];

/// Where GraphiQL's and React's files are, if they are.
pub(crate) type Folder = Option<PathBuf>;

/// `GET /graphiql`
pub(crate) async fn page(State(folder): State<Folder>) -> Response {
    if folder.is_none() {
        return not_found(
            "GraphiQL is not installed here: run `scripts/graphiql FOLDER` and set \
             AIM_GRAPHIQL_DIR to FOLDER; every other GraphQL client works with /graphql",
        );
    }
    let mut response = serve("page.html");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /graphiql/{file}`
pub(crate) async fn asset(State(folder): State<Folder>, Path(file): Path<String>) -> Response {
    match folder {
        Some(folder) if VENDORED.contains(&file.as_str()) => {
            match tokio::fs::read(folder.join(&file)).await {
                Ok(bytes) => found(&file, bytes),
                Err(_) => not_found("not found; fill the folder with `scripts/graphiql`"),
            }
        }
        _ => serve(&file),
    }
}

fn not_found(words: &'static str) -> Response {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = StatusCode::NOT_FOUND;
    secured(response)
}

fn serve(file: &str) -> Response {
    match Assets::get(file) {
        Some(EmbeddedFile { data, .. }) => found(file, data.into_owned()),
        None => not_found("not found"),
    }
}

fn found(file: &str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
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
    fn everything_the_page_names_is_served() {
        let page = Assets::get("page.html").expect("page");
        let text = std::str::from_utf8(&page.data).expect("text");
        let names: Vec<_> = text
            .split('"')
            .filter_map(|it| it.strip_prefix("/graphiql/"))
            .collect();
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            assert!(
                Assets::get(name).is_some() || VENDORED.contains(&name),
                "{name}"
            );
        }
        assert!(!text.contains("//"), "the page names another host");
    }

    #[test]
    fn only_vendored_files_are_cached_for_ever() {
        assert!(is_versioned("react-18.3.1.min.js"));
        assert!(!is_versioned("page.js"));
    }
}
