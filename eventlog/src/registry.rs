//! A schema registry with the interface of Confluent's (Apicurio, Karapace, Redpanda have it too).
//!
//! What an id means never changes, so that a schema is asked for once. That an id is unknown is not
//! kept: it may be registered a moment later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use quick_cache::sync::Cache;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use crate::schema::SCHEMA_MAX_BYTES;
use crate::{EventLogError, Refusal, Schema};

/// Schemas kept in memory; those used longest ago are asked for again.
const KEPT_MAX: usize = 1_000;
/// How long the registry may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Schemas that are asked for at the same time.
const AT_ONCE: usize = 8;
/// Most bytes of an answer: the schema as a text in JSON, where a byte may take six.
const ANSWER_MAX_BYTES: usize = 6 * SCHEMA_MAX_BYTES + 4_096;

/// What an id stands for; a refusal where nothing can be read by it.
pub type Known = Result<Arc<Schema>, Refusal>;

/// The registry, and what it has said.
pub struct SchemaRegistry {
    url: Url,
    client: Client,
    kept: Cache<u32, Known>,
}

impl std::fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("SchemaRegistry")
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

/// What the registry says of an id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    /// Left out for Avro.
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<serde::de::IgnoredAny>,
}

impl SchemaRegistry {
    /// The registry at this URL, such as `https://user:password@registry:8081`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`EventLogError::Registry`] when it is no URL of HTTP.
    pub fn new(url: &str) -> Result<Self, EventLogError> {
        let failed = |why: String| EventLogError::Registry(why);
        let mut url = Url::parse(url).map_err(|error| failed(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(failed(format!(
                "its URL begins with `{scheme}`; use `https`"
            )));
        }
        // What is joined to a path without it takes its last part away.
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            url,
            client,
            kept: Cache::new(KEPT_MAX),
        })
    }

    /// What an id stands for, where the registry has said so before.
    #[must_use]
    pub fn known(&self, id: u32) -> Option<Known> {
        self.kept.get(&id)
    }

    /// Asks what these ids stand for.
    ///
    /// # Errors
    /// [`EventLogError::Registry`] when it does not answer; asking again is safe.
    pub async fn ask(
        &self,
        ids: impl IntoIterator<Item = u32>,
    ) -> Result<HashMap<u32, Known>, EventLogError> {
        let asked = ids.into_iter().map(|id| async move {
            let known = self.fetch(id).await?;
            Ok::<_, EventLogError>((id, known))
        });
        // Collected first: the closure's future would have to be general over its lifetime.
        let asked: Vec<_> = asked.collect();
        stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn fetch(&self, id: u32) -> Result<Known, EventLogError> {
        let failed = |why: String| EventLogError::Registry(why);
        let refused = |why: &str| Err(Refusal::new("SCHEMA_UNKNOWN", format!("schema {id} {why}")));
        let url = self.url.join(&format!("schemas/ids/{id}"));
        let url = url.map_err(|error| failed(error.to_string()))?;
        let sent = self.client.get(url).send().await;
        let mut answer = sent.map_err(|error| failed(error.without_url().to_string()))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(refused("is not in the registry; register it")),
            status => return Err(failed(format!("it answers with {status}"))),
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| {
            let why = error.without_url().to_string();
            failed(why)
        })? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_MAX_BYTES {
                return Ok(self.keep(id, Err(unfit(id, "is too long"))));
            }
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
        if !answer.references.is_empty() {
            let why = "refers to others; register it whole";
            return Ok(self.keep(id, Err(unfit(id, why))));
        }
        let kind = answer.schema_type.as_deref().unwrap_or("AVRO");
        let schema = Schema::parse(kind, &answer.schema);
        let known = schema.map_err(|why| unfit(id, &format!("cannot be read by: {why}")));
        Ok(self.keep(id, known.map(Arc::new)))
    }

    fn keep(&self, id: u32, known: Known) -> Known {
        self.kept.insert(id, known.clone());
        known
    }
}

fn unfit(id: u32, why: &str) -> Refusal {
    Refusal::new("SCHEMA_UNFIT", format!("schema {id} {why}"))
}
