//! Forms as programs and browsers send them: every parameter at most once.

use axum::http::header;
use axum::http::request::Parts;

/// What is wrong with a form, for whoever sent it.
#[derive(Debug)]
pub(crate) struct FormError(pub(crate) String);

/// The parameters of a request.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Result<Self, FormError> {
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            let words = "send `application/x-www-form-urlencoded`".to_owned();
            return Err(FormError(words));
        }
        Ok(Self::parse(body))
    }

    /// Those of a query.
    pub(crate) fn of_query(parts: &Parts) -> Self {
        Self::parse(parts.uri.query().unwrap_or_default().as_bytes())
    }

    fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    pub(crate) fn one(&self, name: &str) -> Result<Option<String>, FormError> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        let first = found.next().map(|(_, value)| value.clone());
        match found.next() {
            None => Ok(first),
            Some(_) => Err(FormError(format!("`{name}` comes twice"))),
        }
    }

    /// The same; nothing for what is left out.
    pub(crate) fn text(&self, name: &str) -> Result<String, FormError> {
        Ok(self.one(name)?.unwrap_or_default())
    }
}
