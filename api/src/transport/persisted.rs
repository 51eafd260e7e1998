//! Role: documents that are named by the SHA-256 of their text instead of being sent.
//!
//! Two ways: automatic persisted queries (a client sends a document with its hash once, and the hash
//! from then on), and trusted documents (only those of a file are executed at all).
//! Guarantees: a document is remembered only under its own hash and only once it was found valid;
//! memory is bounded.

use std::{collections::HashMap, fmt, sync::Arc};

use async_graphql::ServerError;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    error::ErrorCode,
    limits::{MAX_TRUSTED_DOCUMENTS, PERSISTED_CACHE_BYTES},
    params::Params,
};

/// The SHA-256 of a document's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DocumentHash([u8; 32]);

impl DocumentHash {
    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits, also behind `sha256:`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The only documents that are executed.
#[derive(Debug, Clone, Default)]
pub struct TrustedDocuments(HashMap<DocumentHash, Arc<str>>);

/// The formats of a file: hash → text, or the manifest of Apollo's tools.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Manifest { operations: Vec<Entry> },
    Map(HashMap<String, String>),
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    body: String,
}

impl TrustedDocuments {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it: no JSON of a known format, none or too many, a hash that is not that
    /// of its text.
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(json).map_err(|_| {
            "is neither an object of hash → document nor a manifest with `operations`".to_owned()
        })?;
        let pairs: Vec<(String, String)> = match file {
            File::Map(map) => map.into_iter().collect(),
            File::Manifest { operations } => {
                operations.into_iter().map(|it| (it.id, it.body)).collect()
            }
        };
        if pairs.is_empty() || pairs.len() > MAX_TRUSTED_DOCUMENTS {
            let found = pairs.len();
            return Err(format!(
                "has {found} documents; give 1 to {MAX_TRUSTED_DOCUMENTS}"
            ));
        }
        let of_pair = |(name, text): (String, String)| {
            let hash = DocumentHash::of(&text);
            if DocumentHash::parse(&name) == Some(hash) {
                Ok((hash, Arc::from(text)))
            } else {
                Err(format!("names a document `{name}` whose SHA-256 is {hash}"))
            }
        };
        pairs
            .into_iter()
            .map(of_pair)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Each document with its hash.
    pub fn iter(&self) -> impl Iterator<Item = (DocumentHash, &str)> {
        self.0.iter().map(|(hash, text)| (*hash, text.as_ref()))
    }
}

/// The documents that are known by their hashes.
pub(crate) enum Persisted {
    /// Those that clients sent before.
    Automatic(Cache<DocumentHash, Arc<str>>),
    /// Those of the file, and no others.
    Trusted(TrustedDocuments),
}

impl Persisted {
    pub(crate) fn new(trusted: Option<TrustedDocuments>) -> Self {
        trusted.map_or_else(|| Self::Automatic(automatic()), Self::Trusted)
    }

    /// Puts the document's text into `params`; the hash, when the document is to be remembered once
    /// it turns out to be valid.
    pub(crate) fn resolve(&self, params: &mut Params) -> Result<Option<DocumentHash>, ServerError> {
        match self {
            Self::Trusted(known) => known.resolve(params).map(|()| None),
            Self::Automatic(known) => resolve(known, params),
        }
    }

    pub(crate) fn remember(&self, hash: DocumentHash, text: &str) {
        if let Self::Automatic(known) = self {
            known.insert(hash, Arc::from(text));
        }
    }
}

impl TrustedDocuments {
    fn resolve(&self, params: &mut Params) -> Result<(), ServerError> {
        let hash = match params.hash {
            Some(hash) => hash,
            None => DocumentHash::of(&params.query),
        };
        let Some(text) = self.0.get(&hash) else {
            tracing::info!(%hash, "refused a document that is not trusted");
            return Err(ErrorCode::Forbidden.error(
                "only trusted documents are executed, and this is none of them: add it to the \
                 file of trusted documents",
            ));
        };
        if params.query.is_empty() {
            text.as_ref().clone_into(&mut params.query);
        }
        is_of(&params.query, hash)
    }
}

fn resolve(
    known: &Cache<DocumentHash, Arc<str>>,
    params: &mut Params,
) -> Result<Option<DocumentHash>, ServerError> {
    let Some(hash) = params.hash else {
        return Ok(None);
    };
    if !params.query.is_empty() {
        return is_of(&params.query, hash).map(|()| Some(hash));
    }
    // The message is what clients look for before they send the document itself.
    let text = known
        .get(&hash)
        .ok_or_else(|| ErrorCode::PersistedQueryNotFound.error("PersistedQueryNotFound"))?;
    text.as_ref().clone_into(&mut params.query);
    Ok(None)
}

fn is_of(text: &str, hash: DocumentHash) -> Result<(), ServerError> {
    if DocumentHash::of(text) == hash {
        return Ok(());
    }
    Err(ErrorCode::BadUserInput
        .error("`sha256Hash` is not the SHA-256 of `query`: send the hash of its exact bytes"))
}

fn automatic() -> Cache<DocumentHash, Arc<str>> {
    Cache::builder()
        .max_capacity(PERSISTED_CACHE_BYTES)
        .weigher(|_, text: &Arc<str>| {
            u32::try_from(text.len())
                .unwrap_or(u32::MAX)
                .saturating_add(128)
        })
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::error::code_of;

    const TEXT: &str = "{ hello }";

    fn params(query: &str, hash: Option<DocumentHash>) -> Params {
        Params {
            query: query.to_owned(),
            hash,
            ..Params::default()
        }
    }

    #[test]
    fn hashes_are_read_and_written() {
        let hash = DocumentHash::of("");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash.to_string(), text);
        assert_eq!(DocumentHash::parse(&format!("sha256:{text}")), Some(hash));
        for bad in [
            "",
            "sha256:",
            &text[1..],
            &text.replace('e', "g"),
            &text.replace("e3", "é"),
        ] {
            assert_eq!(DocumentHash::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_document_is_known_once_it_was_remembered() {
        let known = Persisted::new(None);
        let hash = DocumentHash::of(TEXT);
        let code = |outcome: Result<_, ServerError>| outcome.err().and_then(|it| code_of(&it));
        let unknown = known.resolve(&mut params("", Some(hash)));
        assert_eq!(code(unknown), Some(ErrorCode::PersistedQueryNotFound));
        let first = known.resolve(&mut params(TEXT, Some(hash)));
        assert_eq!(first.unwrap(), Some(hash));
        known.remember(hash, TEXT);
        let mut again = params("", Some(hash));
        assert_eq!(known.resolve(&mut again).unwrap(), None);
        assert_eq!(again.query, TEXT);
        let foreign = known.resolve(&mut params("{ other }", Some(hash)));
        assert_eq!(code(foreign), Some(ErrorCode::BadUserInput));
    }

    #[test]
    fn only_trusted_documents_pass() {
        let hash = DocumentHash::of(TEXT);
        let file = format!("{{\"sha256:{hash}\":\"{TEXT}\"}}");
        let known = Persisted::new(Some(TrustedDocuments::parse(&file).unwrap()));
        for (query, hash, passes) in [
            (TEXT, None, true),
            (TEXT, Some(hash), true),
            ("", Some(hash), true),
            ("{hello}", None, false),
            ("{hello}", Some(hash), false),
            ("{hello}", Some(DocumentHash::of("{hello}")), false),
            ("", Some(DocumentHash::of("{hello}")), false),
        ] {
            let mut params = params(query, hash);
            assert_eq!(
                known.resolve(&mut params).is_ok(),
                passes,
                "{query} {hash:?}"
            );
            assert!(!passes || params.query == TEXT);
        }
    }

    #[test]
    fn files_have_two_formats_and_are_checked() {
        let hash = DocumentHash::of(TEXT);
        let manifest = format!(
            r#"{{"format":"apollo-persisted-query-manifest","version":1,"operations":
            [{{"id":"{hash}","name":"a","type":"query","body":"{TEXT}"}}]}}"#
        );
        let read = TrustedDocuments::parse(&manifest).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [(hash, TEXT)]);
        for (bad, says) in [
            ("[]", "neither"),
            ("{}", "has 0 documents"),
            (r#"{"abc":"{ hello }"}"#, "names a document `abc`"),
        ] {
            let said = TrustedDocuments::parse(bad).unwrap_err();
            assert!(said.contains(says), "{bad}: {said}");
        }
    }
}
