//! Read or write? Decided from the action's own name.
//!
//! Whether an action only reads matters more to every detector than any model. The name is split
//! into words (`sendEmail`, `send_email` and `email:send` all hold `send`), and the most harmful
//! word decides. An unknown name counts as a write: a new verb must not look harmless.

use serde::{Deserialize, Serialize};

use crate::risk::RiskLevel;

/// What kind of action a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActionClass {
    /// Whether it changes something or sends something out.
    pub is_write: bool,
    /// The least risk it has, whatever its caller declares.
    pub risk: RiskLevel,
}

const READ: ActionClass = ActionClass { is_write: false, risk: RiskLevel::Low };
const CHANGE: ActionClass = ActionClass { is_write: true, risk: RiskLevel::Medium };
const EXPOSE: ActionClass = ActionClass { is_write: true, risk: RiskLevel::High };
const HARM: ActionClass = ActionClass { is_write: true, risk: RiskLevel::Critical };

/// Words that say an action only looks.
const READ_WORDS: &[&str] = &[
    "browse", "calculate", "check", "compare", "count", "describe", "download", "exists", "fetch",
    "filter", "find", "get", "head", "inspect", "list", "load", "look", "lookup", "observe",
    "peek", "ping", "preview", "query", "read", "retrieve", "scan", "search", "select", "show",
    "stat", "status", "summarize", "translate", "view", "watch",
];
/// Words that change something inside.
const CHANGE_WORDS: &[&str] = &[
    "add", "append", "assign", "attach", "book", "cancel", "copy", "create", "edit", "enable",
    "insert", "install", "join", "make", "mark", "merge", "modify", "move", "open", "order",
    "patch", "put", "rename", "replace", "reserve", "save", "schedule", "set", "start", "store",
    "subscribe", "tag", "toggle", "update", "upsert", "write",
];
/// Words that send something out or invite somebody in.
const EXPOSE_WORDS: &[&str] = &[
    "call", "email", "expose", "export", "forward", "invite", "mail", "message", "notify", "post",
    "publish", "push", "reply", "send", "share", "sms", "submit", "tweet", "upload", "webhook",
];
/// Words that destroy, pay, run code or change who may do what.
const HARM_WORDS: &[&str] = &[
    "authorize", "buy", "chmod", "chown", "delete", "destroy", "disable", "drop", "erase", "eval",
    "exec", "execute", "grant", "impersonate", "kill", "password", "pay", "payment", "permission",
    "purchase", "purge", "remove", "revoke", "root", "run", "shell", "spawn", "sudo", "transfer",
    "truncate", "uninstall", "wipe", "withdraw",
];
/// Nouns that say nothing about what is done; only a verb beside them does.
const VERB_FIRST: &[&str] = &["get", "read", "list", "search", "find", "query", "check", "show"];

/// The class of the action called `name`.
///
/// A leading reading verb wins over later nouns (`get_payment_status` reads); otherwise the most
/// harmful word decides, and a name without a known word is a write of medium risk.
#[must_use]
pub fn classify(name: &str) -> ActionClass {
    let mut found: Option<ActionClass> = None;
    for (index, word) in Words::new(name).enumerate() {
        if index == 0 && VERB_FIRST.iter().any(|v| word.is(v)) {
            return READ;
        }
        let Some(class) = class_of(&word) else { continue };
        found = Some(match found {
            Some(before) if before.risk >= class.risk => before,
            _ => class,
        });
    }
    found.unwrap_or(CHANGE)
}

fn class_of(word: &Word) -> Option<ActionClass> {
    let has = |words: &[&str]| words.iter().any(|w| word.is(w));
    if has(HARM_WORDS) {
        Some(HARM)
    } else if has(EXPOSE_WORDS) {
        Some(EXPOSE)
    } else if has(CHANGE_WORDS) {
        Some(CHANGE)
    } else if has(READ_WORDS) {
        Some(READ)
    } else {
        None
    }
}

/// One word of a name, compared without regard to case.
struct Word<'a>(&'a str);

impl Word<'_> {
    fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

/// Splits a name at separators and at camel-case humps, without allocating.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn new(name: &'a str) -> Self {
        Self { rest: name }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        self.rest = self.rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if self.rest.is_empty() {
            return None;
        }
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        while end < bytes.len()
            && bytes[end].is_ascii_alphanumeric()
            && !(bytes[end].is_ascii_uppercase() && bytes[end - 1].is_ascii_lowercase())
        {
            end += 1;
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Word(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_harmful_word_decides() {
        let cases = [
            ("files:read", false, RiskLevel::Low),
            ("get_payment_status", false, RiskLevel::Low),
            ("searchFiles", false, RiskLevel::Low),
            ("send_money", true, RiskLevel::High),
            ("email:send", true, RiskLevel::High),
            ("sendEmail", true, RiskLevel::High),
            ("db:delete", true, RiskLevel::Critical),
            ("update_password", true, RiskLevel::Critical),
            ("get-and-delete", false, RiskLevel::Low),
            ("reserve_hotel", true, RiskLevel::Medium),
            ("frobnicate", true, RiskLevel::Medium),
            ("__", true, RiskLevel::Medium),
        ];
        for (name, is_write, risk) in cases {
            assert_eq!(classify(name), ActionClass { is_write, risk }, "{name}");
        }
    }
}
