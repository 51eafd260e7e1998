//! Role: the parameters of a GraphQL request, out of a JSON object or a query string.
//!
//! Guarantees: each parameter has its type or the request is refused, naming it; nesting is bounded
//! before any parser recurses; one object is one request, lists are refused.

use std::collections::BTreeMap;

use async_graphql::{ServerError, Variables};
use serde::Deserialize;
use serde_json::Value;

use super::{error::ErrorCode, limits::MAX_JSON_DEPTH, persisted::DocumentHash};

/// The parameters of a GraphQL request.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// The document; empty if only its hash was sent.
    pub query: String,
    /// The SHA-256 of the document, if it was sent.
    pub hash: Option<DocumentHash>,
    /// Which operation of the document; needed if it has several.
    pub operation_name: Option<String>,
    /// Values for the operation's variables.
    pub variables: Variables,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    document_id: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    extensions: Option<Extensions>,
}

type Extensions = BTreeMap<String, Value>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QueryString {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Params {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the parameter and the type it needs.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ServerError> {
        if nesting_exceeds(bytes, MAX_JSON_DEPTH) {
            return Err(refusal(format!(
                "the JSON nests deeper than {MAX_JSON_DEPTH} levels: flatten `variables`"
            )));
        }
        // A derived reader would take a list for an object's fields in their order.
        let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
        let fields = serde_json::from_slice::<Fields>(bytes)
            .ok()
            .filter(|_| is_object);
        let Some(fields) = fields else {
            return Err(explain(bytes));
        };
        let hash = hash(fields.document_id.as_deref(), fields.extensions.as_ref())?;
        if fields.query.is_none() && hash.is_none() {
            return Err(refusal(NO_QUERY));
        }
        Ok(Self {
            query: fields.query.unwrap_or_default(),
            hash,
            operation_name: fields.operation_name,
            variables: fields.variables,
        })
    }

    /// Reads the query string of a GET request.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the parameter and the type it needs.
    pub fn from_uri(uri: &http::Uri) -> Result<Self, ServerError> {
        let axum::extract::Query(fields) =
            axum::extract::Query::<QueryString>::try_from_uri(uri)
                .map_err(|_| refusal("the query string is malformed: send each parameter once"))?;
        let variables = match fields.variables.filter(|text| !text.is_empty()) {
            Some(text) => json_map(&text, "variables")?,
            None => Variables::default(),
        };
        let extensions = match fields.extensions.filter(|text| !text.is_empty()) {
            Some(text) => json_map::<Option<Extensions>>(&text, "extensions")?,
            None => None,
        };
        let hash = hash(fields.document_id.as_deref(), extensions.as_ref())?;
        if fields.query.is_none() && hash.is_none() {
            return Err(refusal(NO_QUERY));
        }
        let operation_name = fields.operation_name.filter(|name| !name.is_empty());
        Ok(Self {
            query: fields.query.unwrap_or_default(),
            hash,
            operation_name,
            variables,
        })
    }
}

const NO_QUERY: &str = "`query` is missing: send a GraphQL document";

/// The hash in `documentId`, or in the extension `persistedQuery`.
fn hash(
    document_id: Option<&str>,
    extensions: Option<&Extensions>,
) -> Result<Option<DocumentHash>, ServerError> {
    let hash_of = |text: Option<&str>, name: &str| {
        let hash = text.and_then(DocumentHash::parse);
        hash.map(Some).ok_or_else(|| {
            refusal(format!(
                "`{name}` is no SHA-256: send its 64 hexadecimal digits"
            ))
        })
    };
    if document_id.is_some() {
        return hash_of(document_id, "documentId");
    }
    match extensions.and_then(|it| it.get("persistedQuery")) {
        None | Some(Value::Null) => Ok(None),
        Some(persisted) if persisted["version"] == 1 => {
            hash_of(persisted["sha256Hash"].as_str(), "sha256Hash")
        }
        Some(_) => Err(refusal(
            "`persistedQuery` has no known version: send `\"version\": 1`",
        )),
    }
}

fn json_map<T: for<'de> Deserialize<'de>>(text: &str, name: &str) -> Result<T, ServerError> {
    if nesting_exceeds(text.as_bytes(), MAX_JSON_DEPTH) {
        return Err(refusal(format!(
            "`{name}` nests deeper than {MAX_JSON_DEPTH} levels"
        )));
    }
    serde_json::from_str(text).map_err(|_| refusal(format!("`{name}` is not a JSON object")))
}

/// Says what is wrong with JSON that could not be read; costs a second parse of a bad body.
fn explain(bytes: &[u8]) -> ServerError {
    let object = match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(object)) => object,
        Ok(Value::Array(_)) => return refusal("batches are off: send one request object"),
        Ok(_) => return refusal("the JSON is not an object: send one request object"),
        Err(error) => {
            return refusal(format!(
                "the JSON is malformed at line {} column {}",
                error.line(),
                error.column()
            ));
        }
    };
    match object.get("query") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(_) => return refusal("`query` is not a string: send a GraphQL document"),
    }
    for (name, remedy) in [("operationName", "a name"), ("documentId", "a hash")] {
        if !matches!(
            object.get(name),
            None | Some(Value::Null | Value::String(_))
        ) {
            return refusal(format!("`{name}` is not a string: send {remedy} or null"));
        }
    }
    for name in ["variables", "extensions"] {
        if !matches!(
            object.get(name),
            None | Some(Value::Null | Value::Object(_))
        ) {
            return refusal(format!("`{name}` is not an object: send a map or null"));
        }
    }
    refusal("the JSON repeats a parameter: send each once")
}

fn refusal(message: impl Into<String>) -> ServerError {
    ErrorCode::BadUserInput.error(message)
}

/// Whether brackets outside strings nest deeper than `limit`; the text need not be valid JSON.
pub(crate) fn nesting_exceeds(bytes: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_has_its_type() {
        for (body, expected) in [
            (
                r#"{"query":1}"#,
                "`query` is not a string: send a GraphQL document",
            ),
            (r"{}", "`query` is missing: send a GraphQL document"),
            (
                r#"{"query":"q","operationName":1}"#,
                "`operationName` is not a string: send a name or null",
            ),
            (
                r#"{"query":"q","variables":[]}"#,
                "`variables` is not an object: send a map or null",
            ),
            (
                r#"{"query":"q","extensions":"x"}"#,
                "`extensions` is not an object: send a map or null",
            ),
            (
                r#"[{"query":"q"}]"#,
                "batches are off: send one request object",
            ),
            (r#"["q"]"#, "batches are off: send one request object"),
            (
                r#"{"documentId":"abc"}"#,
                "`documentId` is no SHA-256: send its 64 hexadecimal digits",
            ),
            (
                r#"{"extensions":{"persistedQuery":{"version":1}}}"#,
                "`sha256Hash` is no SHA-256: send its 64 hexadecimal digits",
            ),
            (
                r#"{"extensions":{"persistedQuery":{"version":2}}}"#,
                "`persistedQuery` has no known version: send `\"version\": 1`",
            ),
            (
                r#"{"extensions":{"persistedQuery":[]}}"#,
                "`persistedQuery` has no known version: send `\"version\": 1`",
            ),
            (
                r#""q""#,
                "the JSON is not an object: send one request object",
            ),
            ("{\"query\"", "the JSON is malformed at line 1 column 8"),
            (
                r#"{"query":"a","query":"b"}"#,
                "the JSON repeats a parameter: send each once",
            ),
        ] {
            let error = Params::from_json(body.as_bytes()).expect_err(body);
            assert_eq!(error.message, expected);
        }
    }

    #[test]
    fn nulls_count_as_absent() {
        let body = br#"{"query":"q","operationName":null,"variables":null,"extensions":null}"#;
        let params = Params::from_json(body).expect("accepted");
        assert_eq!((params.operation_name, params.variables.len()), (None, 0));
    }

    #[test]
    fn nesting_is_counted_outside_strings() {
        assert!(!nesting_exceeds(br#"{"a":"[[[[\"[[["}"#, 1));
        assert!(nesting_exceeds(b"[[", 1));
        assert!(!nesting_exceeds(b"[][]", 1));
    }
}
