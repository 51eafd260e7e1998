//! What a server says of itself, in one form that has one digest.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::digest::canonical_sha256;

/// Most tools, prompts, templates and resources of one manifest.
pub const ITEMS_MAX: usize = 2_000;
/// Most bytes of a manifest as JSON.
pub const MANIFEST_MAX_BYTES: usize = 1024 * 1024;
/// Longest name of a part, in bytes; those of resources are URIs.
const NAME_MAX: usize = 1024;

/// A part of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpPart {
    /// The server as a whole: its instructions.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A template of resources, named by its URI template.
    ResourceTemplate,
    /// A resource, named by its URI.
    Resource,
}

impl McpPart {
    /// Members that count; all others are let go.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &[
                "title",
                "description",
                "inputSchema",
                "outputSchema",
                "annotations",
            ],
            Self::Prompt => &["title", "description", "arguments"],
            Self::Resource | Self::ResourceTemplate => {
                &["label", "title", "description", "mimeType"]
            }
            Self::Server => &[],
        }
    }

    /// Whether it is pinned. Resources are what a server has, not what it does: they come and go.
    #[must_use]
    pub const fn is_pinned(self) -> bool {
        !matches!(self, Self::Resource)
    }
}

/// A tool, prompt, template or resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct McpItem {
    /// What it is.
    pub part: McpPart,
    /// Its name; the URI of resources.
    pub name: String,
    /// What is said of it: title, description, schemas, annotations.
    #[serde(default)]
    pub definition: Map<String, Value>,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct McpManifest {
    /// The version of the protocol that was agreed on.
    pub protocol_version: String,
    /// What the server calls itself.
    pub server_name: String,
    /// Its version.
    pub server_version: String,
    /// What it tells models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Its parts, by kind and name.
    pub items: Vec<McpItem>,
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not what a manifest looks like.
    #[error("is no manifest: {0}")]
    Malformed(String),
    /// More than is looked at.
    #[error("has {0} items; at most {ITEMS_MAX} are taken")]
    TooMany(usize),
    /// More than is kept.
    #[error("has more than {MANIFEST_MAX_BYTES} bytes as JSON")]
    TooLarge,
    /// A model would see two of one name.
    #[error("has two items of kind `{0:?}` named `{1}`")]
    Duplicate(McpPart, String),
    /// A name that is none.
    #[error("has a name of {0} bytes; between 1 and {NAME_MAX} are taken")]
    Name(usize),
}

impl McpItem {
    /// SHA-256 of its canonical JSON (RFC 8785): kind, name and what is said of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // Strings, numbers that JSON carried in and maps with string keys always have a JSON form.
        canonical_sha256(self).unwrap_or_default()
    }

    /// A text of it.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.definition.get(field).and_then(Value::as_str)
    }
}

impl McpManifest {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`ManifestError`] naming what is wrong.
    pub fn parse(value: Value) -> Result<Self, ManifestError> {
        let read: Self =
            serde_json::from_value(value).map_err(|it| ManifestError::Malformed(it.to_string()))?;
        read.check()
    }

    /// Brings it into its one form: what does not count is let go, items are in order.
    ///
    /// # Errors
    /// [`ManifestError`] when it is too large, or has two items of one kind and name.
    pub fn check(mut self) -> Result<Self, ManifestError> {
        if self.items.len() > ITEMS_MAX {
            return Err(ManifestError::TooMany(self.items.len()));
        }
        for item in &mut self.items {
            let length = item.name.len();
            if length == 0 || length > NAME_MAX {
                return Err(ManifestError::Name(length));
            }
            let fields = item.part.fields();
            item.definition
                .retain(|field, value| fields.contains(&field.as_str()) && !value.is_null());
        }
        self.items.retain(|item| item.part != McpPart::Server);
        self.items
            .sort_by(|a, b| (a.part, &a.name).cmp(&(b.part, &b.name)));
        let twice = self
            .items
            .windows(2)
            .find(|pair| pair[0].part == pair[1].part && pair[0].name == pair[1].name);
        if let Some(pair) = twice {
            return Err(ManifestError::Duplicate(pair[0].part, pair[0].name.clone()));
        }
        self.instructions = self.instructions.filter(|text| !text.is_empty());
        let bytes = serde_json::to_vec(&self).map_or(usize::MAX, |it| it.len());
        if bytes > MANIFEST_MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        Ok(self)
    }

    /// SHA-256 over the instructions and the digests of all parts that are pinned. The server's own name
    /// and version and that of the protocol are not in it: a release that changes no tool changes nothing.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let pinned = self.items.iter().filter(|item| item.part.is_pinned());
        let items: Vec<Value> = pinned
            .map(|item| json!([item.part, item.name, hex(&item.digest())]))
            .collect();
        let whole = json!({ "instructions": self.instructions, "items": items });
        canonical_sha256(&whole).unwrap_or_default()
    }

    /// Its digest, in hexadecimal digits.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        hex(&self.digest())
    }

    /// The part of this kind and name.
    #[must_use]
    pub fn item(&self, part: McpPart, name: &str) -> Option<&McpItem> {
        let at = self
            .items
            .binary_search_by(|item| (item.part, item.name.as_str()).cmp(&(part, name)));
        at.ok().and_then(|at| self.items.get(at))
    }

    /// The names of its tools.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        let tools = self.items.iter().filter(|item| item.part == McpPart::Tool);
        tools.map(|item| item.name.as_str())
    }
}

impl McpItem {
    /// Its digest, in hexadecimal digits.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        hex(&self.digest())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "given as it is written")]
    pub(crate) fn manifest(items: Value) -> McpManifest {
        McpManifest::parse(json!({
            "protocolVersion": "2025-11-25", "serverName": "weather", "serverVersion": "1",
            "items": items,
        }))
        .unwrap()
    }

    pub(crate) fn tool(name: &str, description: &str) -> Value {
        json!({ "part": "TOOL", "name": name, "definition": {
            "description": description, "inputSchema": { "type": "object" } } })
    }

    #[test]
    fn order_and_spelling_do_not_count() {
        let one = manifest(json!([tool("a", "first"), tool("b", "second")]));
        let other = manifest(json!([
            tool("b", "second"),
            { "part": "TOOL", "name": "a", "definition": {
                "inputSchema": { "type": "object" }, "description": "first", "title": null,
                "_meta": { "of": "no account" } } },
            { "part": "RESOURCE", "name": "file:///today", "definition": {} },
        ]));
        assert_eq!(one.digest(), other.digest());
        let changed = manifest(json!([tool("a", "first!"), tool("b", "second")]));
        assert_ne!(one.digest(), changed.digest());
        assert_eq!(one.items[1].digest(), changed.items[1].digest());
        assert_eq!(one.digest_hex().len(), 64);
    }

    #[test]
    fn the_digest_of_a_tool_can_be_computed_by_others() {
        let one = manifest(json!([tool("a", "first")]));
        // SHA-256 of the text below, by another program.
        let text = concat!(
            r#"{"definition":{"description":"first","inputSchema":{"type":"object"}},"#,
            r#""name":"a","part":"TOOL"}"#
        );
        use sha2::{Digest, Sha256};
        assert_eq!(one.items[0].digest()[..], Sha256::digest(text)[..]);
    }

    #[test]
    fn what_is_too_much_or_said_twice_is_refused() {
        let read = |items: Vec<Value>| {
            McpManifest::parse(json!({
                "protocolVersion": "1", "serverName": "", "serverVersion": "", "items": items,
            }))
        };
        let twice = read(vec![tool("a", "x"), tool("a", "y")]);
        assert_eq!(
            twice,
            Err(ManifestError::Duplicate(McpPart::Tool, "a".to_owned()))
        );
        let many = (0..=ITEMS_MAX).map(|at| tool(&at.to_string(), "x"));
        assert_eq!(
            read(many.collect()),
            Err(ManifestError::TooMany(ITEMS_MAX + 1))
        );
        let large = tool("a", &"x".repeat(MANIFEST_MAX_BYTES));
        assert_eq!(read(vec![large]), Err(ManifestError::TooLarge));
        assert_eq!(read(vec![tool("", "x")]), Err(ManifestError::Name(0)));
        let strange = json!({ "part": "TOOL", "name": "a", "else": 1 });
        assert!(matches!(
            read(vec![strange]),
            Err(ManifestError::Malformed(_))
        ));
    }
}
