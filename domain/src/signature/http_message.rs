//! HTTP Message Signatures (RFC 9421) on requests, with Ed25519.
//!
//! In two steps, because the key is looked up in between: [`SignedRequest::parse`] reads what the
//! request claims, [`SignedRequest::verify`] checks it with the key it names.

use chrono::{DateTime, Utc};
use sfv::{BareItem, Dictionary, InnerList, ListEntry, ListSerializer, Parser};

use super::{Profile, PublicKey, SignatureError, verify_content_digest};

/// A request as received.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, with the port unless it is the scheme's default.
    pub authority: &'a str,
    /// Path, from its `/` on.
    pub path: &'a str,
    /// Query without its `?`, if there is one.
    pub query: Option<&'a str>,
    /// Fields in order, names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What a request claims about its signature.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    components: InnerList,
    signature: Vec<u8>,
    /// The key it says it was signed with.
    pub key_id: String,
    /// The nonce it carries.
    pub nonce: String,
    /// When it says it was signed, in Unix seconds.
    pub created: i64,
    expires: Option<i64>,
    profile: Profile,
}

/// A request whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// When the signature becomes stale: how long its nonce must be remembered.
    pub stale_at: DateTime<Utc>,
}

impl HttpRequest<'_> {
    /// All values of a field, trimmed and joined by `, `; `None` when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let mut joined: Option<String> = None;
        for (_, value) in self.headers.iter().filter(|(n, _)| *n == name) {
            match &mut joined {
                None => joined = Some(value.trim().to_owned()),
                Some(text) => {
                    text.push_str(", ");
                    text.push_str(value.trim());
                }
            }
        }
        joined
    }

    /// The value of a covered component.
    fn component(&self, name: &str) -> Option<String> {
        let target = || match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        };
        Some(match name {
            "@method" => self.method.to_owned(),
            "@target-uri" => {
                format!(
                    "{}://{}{}",
                    self.scheme,
                    self.authority.to_ascii_lowercase(),
                    target()
                )
            }
            "@authority" => self.authority.to_ascii_lowercase(),
            "@scheme" => self.scheme.to_ascii_lowercase(),
            "@request-target" => target(),
            "@path" => self.path.to_owned(),
            "@query" => format!("?{}", self.query.unwrap_or("")),
            derived if derived.starts_with('@') => return None,
            field => return self.header(field),
        })
    }

    /// The signature base (RFC 9421, section 2.5) for covered `components`.
    ///
    /// # Errors
    /// [`SignatureError::ComponentUnknown`] when one is not in the request or not supported.
    pub(super) fn signature_base(&self, components: &InnerList) -> Result<String, SignatureError> {
        let unknown = |name: &str| SignatureError::ComponentUnknown(cut(name));
        let mut base = String::with_capacity(512);
        for item in &components.items {
            let BareItem::String(name) = &item.bare_item else {
                return Err(unknown("?"));
            };
            let name = name.as_str();
            if !item.params.is_empty() {
                return Err(unknown(name));
            }
            let value = self.component(name).ok_or_else(|| unknown(name))?;
            if value.contains(['\n', '\r']) {
                return Err(unknown(name));
            }
            for part in ["\"", name, "\": ", &value, "\n"] {
                base.push_str(part);
            }
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&serialize(components));
        Ok(base)
    }
}

/// The structured-field form of covered components with their parameters.
pub(super) fn serialize(components: &InnerList) -> String {
    let mut serializer = ListSerializer::new();
    serializer.members([&ListEntry::InnerList(components.clone())]);
    serializer.finish().unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn malformed(field: &'static str, detail: impl Into<String>) -> SignatureError {
    SignatureError::Malformed {
        field,
        detail: detail.into(),
    }
}

fn field(
    request: &HttpRequest<'_>,
    name: &'static str,
    profile: &Profile,
) -> Result<Dictionary, SignatureError> {
    let value = request.header(name).ok_or(SignatureError::Missing)?;
    if value.len() > profile.max_field_bytes {
        let detail = format!(
            "has {} bytes, at most {}",
            value.len(),
            profile.max_field_bytes
        );
        return Err(malformed(name, detail));
    }
    Parser::new(&value)
        .parse()
        .map_err(|error| malformed(name, error.to_string()))
}

impl SignedRequest {
    /// Reads the request's one signature.
    ///
    /// # Errors
    /// [`SignatureError`] when there is none, it cannot be read, or the profile refuses it.
    pub fn parse(request: &HttpRequest<'_>, profile: Profile) -> Result<Self, SignatureError> {
        let mut inputs = field(request, "signature-input", &profile)?;
        let signatures = field(request, "signature", &profile)?;
        if inputs.len() != 1 || signatures.len() != 1 {
            return Err(malformed("signature-input", "carry exactly one signature"));
        }
        let Some((label, entry)) = inputs.pop() else {
            return Err(SignatureError::Missing);
        };
        let ListEntry::InnerList(components) = entry else {
            return Err(malformed("signature-input", "is not a list of components"));
        };
        let Some(ListEntry::Item(signature)) = signatures.get(&label) else {
            return Err(malformed(
                "signature",
                "has another label than `signature-input`",
            ));
        };
        let BareItem::ByteSequence(signature) = &signature.bare_item else {
            return Err(malformed("signature", "is not a byte sequence"));
        };
        check_components(request, &components, &profile)?;
        let text = |name: &'static str| match components.params.get(name) {
            Some(BareItem::String(text)) => Ok(text.as_str().to_owned()),
            Some(_) => Err(malformed(
                "signature-input",
                format!("`{name}` is not a string"),
            )),
            None => Err(SignatureError::ParameterMissing(name)),
        };
        let time = |name: &'static str| match components.params.get(name) {
            Some(BareItem::Integer(seconds)) => Ok(Some(i64::from(*seconds))),
            Some(_) => Err(malformed(
                "signature-input",
                format!("`{name}` is not an integer"),
            )),
            None => Ok(None),
        };
        if components.params.contains_key("alg") && text("alg")? != "ed25519" {
            return Err(SignatureError::ParameterInvalid {
                name: "alg",
                value: cut(&text("alg")?),
                remedy: "leave it out or use `ed25519`",
            });
        }
        let nonce = text("nonce")?;
        let (least, most) = profile.nonce_length;
        if nonce.len() < least || nonce.len() > most {
            return Err(SignatureError::ParameterInvalid {
                name: "nonce",
                value: cut(&nonce),
                remedy: "use 16 to 128 random characters",
            });
        }
        Ok(Self {
            signature: signature.clone(),
            key_id: text("keyid")?,
            nonce,
            created: time("created")?.ok_or(SignatureError::ParameterMissing("created"))?,
            expires: time("expires")?,
            components,
            profile,
        })
    }

    /// Checks times, body and signature with the key it names.
    ///
    /// # Errors
    /// [`SignatureError`] of the first check that fails.
    pub fn verify(
        &self,
        request: &HttpRequest<'_>,
        body: &[u8],
        key: &PublicKey,
        now: DateTime<Utc>,
    ) -> Result<Verified, SignatureError> {
        let now = now.timestamp();
        let age = now.saturating_sub(self.created);
        let (limit, skew) = (self.profile.max_age_seconds, self.profile.max_skew_seconds);
        if age > limit {
            return Err(SignatureError::Stale { age, limit });
        }
        if age < -skew {
            return Err(SignatureError::Future {
                ahead: -age,
                limit: skew,
            });
        }
        if let Some(expires) = self.expires.filter(|expires| *expires < now) {
            return Err(SignatureError::Expired(now.saturating_sub(expires)));
        }
        if let Some(digest) = request.header("content-digest") {
            verify_content_digest(&digest, body)?;
        } else if !body.is_empty() {
            return Err(SignatureError::ComponentMissing("content-digest"));
        }
        let base = request.signature_base(&self.components)?;
        if !key.verify(base.as_bytes(), &self.signature) {
            return Err(SignatureError::Invalid);
        }
        // One second more than the limit: `created` was cut to whole seconds.
        let stale = self.created.saturating_add(limit).saturating_add(1);
        Ok(Verified {
            stale_at: DateTime::from_timestamp(stale, 0).unwrap_or(DateTime::<Utc>::MAX_UTC),
        })
    }
}

fn check_components(
    request: &HttpRequest<'_>,
    components: &InnerList,
    profile: &Profile,
) -> Result<(), SignatureError> {
    let covered = |name: &str| {
        components
            .items
            .iter()
            .any(|item| matches!(&item.bare_item, BareItem::String(text) if text.as_str() == name))
    };
    if components.items.len() > profile.max_components {
        return Err(malformed("signature-input", "covers too many components"));
    }
    // RFC 9421, section 2.5: no line of the signature base comes twice.
    for (at, item) in components.items.iter().enumerate() {
        if components.items[..at].contains(item) {
            return Err(malformed("signature-input", "covers a component twice"));
        }
    }
    if let Some(name) = profile.required.iter().find(|name| !covered(name)) {
        return Err(SignatureError::ComponentMissing(name));
    }
    let has_body = request
        .header("content-length")
        .is_some_and(|length| length != "0")
        || request.header("transfer-encoding").is_some()
        || request.header("content-digest").is_some();
    if profile.body_digest && has_body && !covered("content-digest") {
        return Err(SignatureError::ComponentMissing("content-digest"));
    }
    Ok(())
}
