//! What the server of a tool says of it: annotations of the Model Context Protocol.
//!
//! They are the word of a server that nobody vouches for, so that they may make an action look worse
//! than its name says, and better only where the name says nothing at all.

use serde::{Deserialize, Serialize};

use super::class::{CHANGE, EXPOSE, READ, known_class, worse_of};
use super::{ActionClass, classify};

/// Names of arguments that carry something into a system or out of it: an action that takes one does
/// more than look, whatever is said of it.
const WRITE_ARGUMENTS: &[&str] = &[
    "amount",
    "attachment",
    "attachments",
    "bcc",
    "body",
    "cc",
    "command",
    "content",
    "contents",
    "data",
    "iban",
    "message",
    "patch",
    "payload",
    "recipient",
    "recipients",
    "script",
    "text",
    "to",
    "value",
];

/// Annotations of a tool (Model Context Protocol, 2025-06-18, `ToolAnnotations`), as far as they say
/// what it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolAnnotations {
    /// It changes nothing.
    #[serde(rename = "readOnlyHint")]
    pub read_only: Option<bool>,
    /// What it changes may be lost.
    #[serde(rename = "destructiveHint")]
    pub destructive: Option<bool>,
    /// Doing it again changes nothing more. Says nothing of whether it writes.
    #[serde(rename = "idempotentHint")]
    pub idempotent: Option<bool>,
    /// It has to do with things outside.
    #[serde(rename = "openWorldHint")]
    pub open_world: Option<bool>,
}

/// The class of the action called `name`, with what its server says of it and the names of its
/// arguments.
///
/// A tool that is said to destroy writes at high risk at least. One that is said to only read is
/// believed where no word of its name is known and no argument looks like one of a write; otherwise
/// the name decides.
#[must_use]
pub fn classify_annotated<'a>(
    name: &str,
    annotations: &ToolAnnotations,
    mut arguments: impl Iterator<Item = &'a str>,
) -> ActionClass {
    let class = match known_class(name) {
        None if annotations.read_only == Some(true) && !arguments.any(is_of_a_write) => READ,
        None => CHANGE,
        Some(_) => classify(name),
    };
    if annotations.destructive == Some(true) {
        worse_of(class, EXPOSE)
    } else {
        class
    }
}

fn is_of_a_write(argument: &str) -> bool {
    let mut known = WRITE_ARGUMENTS.iter();
    known.any(|known| argument.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::RiskLevel;

    #[test]
    fn annotations_raise_and_hardly_lower() {
        let (no, read, harm) = (
            "{}",
            r#"{"readOnlyHint":true}"#,
            r#"{"destructiveHint":true}"#,
        );
        let both = r#"{"readOnlyHint":true,"destructiveHint":true}"#;
        let mild = r#"{"readOnlyHint":false,"destructiveHint":false,"title":"x"}"#;
        let cases: [(&str, &str, &[&str], bool, RiskLevel); 17] = [
            ("get_file", no, &[], false, RiskLevel::Low),
            ("get_file", read, &["body"], false, RiskLevel::Low),
            ("get_file", harm, &[], true, RiskLevel::High),
            ("get_file", both, &[], true, RiskLevel::High),
            ("get_file", mild, &[], false, RiskLevel::Low),
            ("delete_file", read, &[], true, RiskLevel::Critical),
            ("delete_file", harm, &[], true, RiskLevel::Critical),
            ("delete_file", mild, &[], true, RiskLevel::Critical),
            ("send_mail", read, &[], true, RiskLevel::High),
            ("frobnicate", no, &[], true, RiskLevel::Medium),
            ("frobnicate", mild, &[], true, RiskLevel::Medium),
            ("frobnicate", read, &[], false, RiskLevel::Low),
            (
                "frobnicate",
                read,
                &["path", "depth"],
                false,
                RiskLevel::Low,
            ),
            (
                "frobnicate",
                read,
                &["path", "Content"],
                true,
                RiskLevel::Medium,
            ),
            ("frobnicate", read, &["recipient"], true, RiskLevel::Medium),
            ("frobnicate", both, &[], true, RiskLevel::High),
            // A known word beside the unknown one: the name decides.
            ("frobnicate_list", read, &[], true, RiskLevel::Medium),
        ];
        for (name, annotations, arguments, is_write, risk) in cases {
            let hints: ToolAnnotations = serde_json::from_str(annotations).unwrap();
            let class = classify_annotated(name, &hints, arguments.iter().copied());
            let expected = ActionClass { is_write, risk };
            assert_eq!(class, expected, "{name} {annotations} {arguments:?}");
        }
    }

    #[test]
    fn no_annotation_makes_less_of_a_name_that_is_known() {
        let all = [None, Some(false), Some(true)];
        for name in [
            "get_file",
            "update_task",
            "send_mail",
            "db:delete",
            "payment:refund",
        ] {
            for (read_only, destructive) in all.iter().flat_map(|a| all.map(|b| (*a, b))) {
                let hints = ToolAnnotations {
                    read_only,
                    destructive,
                    ..ToolAnnotations::default()
                };
                let class = classify_annotated(name, &hints, std::iter::empty());
                let by_name = classify(name);
                assert!(class.risk >= by_name.risk && class.is_write >= by_name.is_write);
            }
        }
    }
}
