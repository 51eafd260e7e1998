//! What differs from what was approved, field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{McpItem, McpManifest, McpPart};
use super::{EXCERPT_MAX, excerpt};
use crate::anomaly::Severity;

/// Most differences that are told of one manifest; more tell nothing more.
const DRIFTS_MAX: usize = 200;
/// How deep schemas are compared member by member.
const DEPTH_MAX: usize = 10;

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpDriftKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpDrift {
    /// What became of the part.
    pub kind: McpDriftKind,
    /// What the part is.
    pub part: McpPart,
    /// Its name; empty for the server as a whole.
    pub name: String,
    /// The field that changed, such as `description` or `inputSchema.properties.city.type`; empty where
    /// the part is new or gone.
    pub field: String,
    /// What it said, shortened.
    pub before: Option<String>,
    /// What it says now, shortened.
    pub after: Option<String>,
}

impl McpDrift {
    /// How bad it is: what a model reads and obeys is worse than what people read.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match (self.kind, self.part) {
            (McpDriftKind::Removed, _) => Severity::Low,
            (McpDriftKind::Added, McpPart::Tool) => Severity::High,
            (McpDriftKind::Added, _) => Severity::Medium,
            (McpDriftKind::Changed, _) if self.field == "title" => Severity::Medium,
            (McpDriftKind::Changed, _) => Severity::High,
        }
    }

    /// It in a few words, such as "`description` of tool `add` changed".
    #[must_use]
    pub fn words(&self) -> String {
        let what = match self.part {
            McpPart::Server => "the server".to_owned(),
            McpPart::Tool => format!("tool `{}`", self.name),
            McpPart::Prompt => format!("prompt `{}`", self.name),
            McpPart::Resource => format!("resource `{}`", self.name),
            McpPart::ResourceTemplate => format!("resource template `{}`", self.name),
        };
        match self.kind {
            McpDriftKind::Added => format!("{what} is new"),
            McpDriftKind::Removed => format!("{what} is gone"),
            McpDriftKind::Changed => format!("`{}` of {what} changed", self.field),
        }
    }
}

/// What of `observed` is not as `pinned`, worst first.
#[must_use]
pub fn drifts(pinned: &McpManifest, observed: &McpManifest) -> Vec<McpDrift> {
    let mut found = Vec::new();
    let text = |said: &Option<String>| said.clone().map(Value::String);
    let (before, after) = (text(&pinned.instructions), text(&observed.instructions));
    compare(
        &mut found,
        (McpPart::Server, ""),
        "instructions",
        before.as_ref(),
        after.as_ref(),
        0,
    );
    for item in observed.items.iter().filter(|it| it.part.is_pinned()) {
        match pinned.item(item.part, &item.name) {
            Some(before) => compare_items(&mut found, before, item),
            None => found.push(whole(McpDriftKind::Added, item)),
        }
    }
    for item in pinned.items.iter().filter(|it| it.part.is_pinned()) {
        if observed.item(item.part, &item.name).is_none() {
            found.push(whole(McpDriftKind::Removed, item));
        }
    }
    found.sort_by_key(|drift| std::cmp::Reverse(drift.severity()));
    found.truncate(DRIFTS_MAX);
    found
}

fn whole(kind: McpDriftKind, item: &McpItem) -> McpDrift {
    let said = item.text("description").map(|it| excerpt(it, EXCERPT_MAX));
    let (before, after) = match kind {
        McpDriftKind::Removed => (said, None),
        _ => (None, said),
    };
    McpDrift {
        kind,
        part: item.part,
        name: item.name.clone(),
        field: String::new(),
        before,
        after,
    }
}

fn compare_items(found: &mut Vec<McpDrift>, before: &McpItem, after: &McpItem) {
    if before.digest() == after.digest() {
        return;
    }
    let of = (after.part, after.name.as_str());
    for (field, value) in &before.definition {
        let now = after.definition.get(field);
        compare(found, of, field, Some(value), now, 0);
    }
    for (field, value) in &after.definition {
        if !before.definition.contains_key(field) {
            compare(found, of, field, None, Some(value), 0);
        }
    }
}

fn compare(
    found: &mut Vec<McpDrift>,
    of: (McpPart, &str),
    field: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    depth: usize,
) {
    // Enough to look at, whatever else there is.
    if before == after || found.len() > 4 * DRIFTS_MAX {
        return;
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after)
        && depth < DEPTH_MAX
    {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let path = format!("{field}.{key}");
            compare(found, of, &path, old.get(key), new.get(key), depth + 1);
        }
        return;
    }
    found.push(McpDrift {
        kind: McpDriftKind::Changed,
        part: of.0,
        name: of.1.to_owned(),
        field: excerpt(field, EXCERPT_MAX),
        before: before.map(shown),
        after: after.map(shown),
    });
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => excerpt(text, EXCERPT_MAX),
        other => excerpt(&other.to_string(), EXCERPT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::{manifest, tool};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_changed_description_is_named_with_before_and_after() {
        let pinned = manifest(json!([tool("add", "adds"), tool("sub", "subtracts")]));
        let now = manifest(json!([
            tool("add", "adds, and reads your mail"),
            tool("sub", "subtracts")
        ]));
        let found = drifts(&pinned, &now);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].words(), "`description` of tool `add` changed");
        assert_eq!(found[0].before.as_deref(), Some("adds"));
        assert_eq!(found[0].after.as_deref(), Some("adds, and reads your mail"));
        assert_eq!(found[0].severity(), Severity::High);
        assert_eq!(drifts(&pinned, &pinned), []);
    }

    #[test]
    fn schemas_are_compared_member_by_member() {
        let with = |kind: &str| {
            manifest(
                json!([{ "part": "TOOL", "name": "add", "definition": { "inputSchema": {
                "type": "object", "properties": { "a": { "type": kind } } } } }]),
            )
        };
        let found = drifts(&with("number"), &with("string"));
        assert_eq!(found[0].field, "inputSchema.properties.a.type");
        assert_eq!(found[0].before.as_deref(), Some("number"));
    }

    #[test]
    fn new_tools_are_worse_than_lost_ones_and_resources_come_and_go() {
        let pinned = manifest(json!([tool("old", "was here")]));
        let now = manifest(json!([
            tool("new", "is here"),
            { "part": "RESOURCE", "name": "file:///a", "definition": {} },
        ]));
        let found: Vec<_> = drifts(&pinned, &now).iter().map(McpDrift::words).collect();
        assert_eq!(found, ["tool `new` is new", "tool `old` is gone"]);
    }

    #[test]
    fn what_nobody_sees_is_made_visible() {
        let pinned = manifest(json!([tool("add", "adds")]));
        let now = manifest(json!([tool("add", "adds\u{200b}\u{e0041}")]));
        let found = drifts(&pinned, &now);
        assert_eq!(found[0].after.as_deref(), Some("adds\\u{200b}\\u{e0041}"));
    }
}
