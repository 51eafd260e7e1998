//! One request to a target.

use aim_domain::notification::WebhookSecret;
use aim_store::notification_deliveries::NotificationDelivery;
use aim_store::notification_targets::NotificationTarget;
use chrono::TimeDelta;
use futures::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use url::Url;

use crate::App;
use crate::notices::Notice;
use crate::notification_targets::{ADDRESS, SECRET};
use crate::send_notifications::message_id;

/// Bytes of an answer that are read; the rest is left.
const EXCERPT_BYTES: usize = 1_024;
/// The longest pause that a target may ask for.
const RETRY_AFTER_MAX: i64 = 12 * 3600;

/// What became of an attempt.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) status: Option<u16>,
    /// Why it failed; none when it was taken.
    pub(crate) error: Option<String>,
    pub(crate) excerpt: Option<String>,
    pub(crate) retry_after: Option<TimeDelta>,
    /// Whether another attempt would be the same.
    pub(crate) is_final: bool,
}

impl Carried {
    pub(crate) fn taken() -> Self {
        Self::default()
    }

    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    pub(crate) fn for_good(self) -> Self {
        Self {
            is_final: true,
            ..self
        }
    }
}

impl App {
    /// Sends an event by Standard Webhooks.
    pub(crate) async fn carry_webhook(
        &self,
        target: &NotificationTarget,
        delivery: &NotificationDelivery,
    ) -> Carried {
        let id = message_id(delivery.id);
        let timestamp = self.clock.now().timestamp();
        let body = delivery.payload.as_bytes();
        let signatures: Vec<String> = self
            .secrets_of(target)
            .iter()
            .map(|secret| secret.sign(&id, timestamp, body))
            .collect();
        if signatures.is_empty() {
            return Carried::failed("its secret cannot be opened; replace it");
        }
        let mut headers = HeaderMap::new();
        let values = [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.post(&target.address, headers, delivery.payload.clone())
            .await
    }

    /// Sends a message to a channel.
    pub(crate) async fn carry_message(
        &self,
        target: &NotificationTarget,
        delivery: &NotificationDelivery,
    ) -> Carried {
        let sealed = target.sealed_address.as_deref();
        let address = sealed.and_then(|sealed| self.unseal(target, ADDRESS, sealed));
        let address = address.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        let Some(address) = address else {
            return Carried::failed("its address cannot be opened; give it again");
        };
        let Ok(notice) = serde_json::from_str::<Notice>(&delivery.payload) else {
            return Carried::failed("it cannot be put into a message").for_good();
        };
        self.post(&address, HeaderMap::new(), notice.slack()).await
    }

    /// The secrets that requests are signed with now: the newest first, and the one before while that
    /// is used beside.
    fn secrets_of(&self, target: &NotificationTarget) -> Vec<WebhookSecret> {
        let now = self.clock.now();
        let before = target.previous_secret.as_deref();
        let before = before.filter(|_| target.previous_until.is_some_and(|until| now < until));
        let kept = [target.sealed_secret.as_deref(), before];
        let open = |sealed| self.unseal(target, SECRET, sealed).map(WebhookSecret::kept);
        kept.into_iter().flatten().filter_map(open).collect()
    }

    fn unseal(
        &self,
        target: &NotificationTarget,
        purpose: &str,
        sealed: &[u8],
    ) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let owner = target.id.as_uuid();
        self.sealer().ok()?.open(purpose, owner.as_bytes(), sealed)
    }

    async fn post(&self, address: &str, headers: HeaderMap, body: String) -> Carried {
        let Some(outbound) = &self.outbound else {
            return Carried::failed("this installation sends no requests");
        };
        let Ok(url) = Url::parse(address) else {
            return Carried::failed("its address is no URL");
        };
        let client = match outbound.client_for(&url) {
            Ok(client) => client,
            Err(error) => return Carried::failed(error.to_string()),
        };
        let request = client
            .post(url)
            .headers(headers)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "AIM-Notifications/1")
            .body(body);
        match request.send().await {
            Ok(answer) => read(answer).await,
            Err(error) => Carried::failed(why(error)),
        }
    }
}

async fn read(answer: reqwest::Response) -> Carried {
    let status = answer.status();
    let asked = answer.headers().get(RETRY_AFTER);
    let seconds = asked.and_then(|it| it.to_str().ok()?.parse::<i64>().ok());
    let retry_after = seconds.map(|it| TimeDelta::seconds(it.clamp(0, RETRY_AFTER_MAX)));
    let error = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!(
            "answered {}: redirects are not followed",
            status.as_u16()
        ))
    } else {
        Some(format!("answered {}", status.as_u16()))
    };
    let mut bytes = Vec::new();
    let mut chunks = answer.bytes_stream();
    // A body that does not come says nothing against what its status said.
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = EXCERPT_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..room.min(chunk.len())]);
        if bytes.len() >= EXCERPT_BYTES {
            break;
        }
    }
    Carried {
        status: Some(status.as_u16()),
        error,
        excerpt: (!bytes.is_empty()).then(|| printable(&bytes)),
        retry_after,
        is_final: false,
    }
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = text
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    shown.collect()
}

/// In words, without the URL, which may hold what nobody else shall read.
fn why(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    format!("no answer: {deepest}")
}
