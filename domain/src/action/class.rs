//! Read or write? Decided from the action's own name.
//!
//! Whether an action only reads matters more to every detector than any model. The name is split
//! into clauses (`db:get_payment` and `get_and_delete` have two each) and those into words
//! (`sendEmail` and `send_email` both hold `send`). The most harmful clause decides. An unknown name
//! counts as a write: a new verb must not look harmless.

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt};
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

pub(super) const READ: ActionClass = ActionClass {
    is_write: false,
    risk: RiskLevel::Low,
};
pub(super) const CHANGE: ActionClass = ActionClass {
    is_write: true,
    risk: RiskLevel::Medium,
};
pub(super) const EXPOSE: ActionClass = ActionClass {
    is_write: true,
    risk: RiskLevel::High,
};
const HARM: ActionClass = ActionClass {
    is_write: true,
    risk: RiskLevel::Critical,
};

/// Words that say an action only looks.
const READ_WORDS: &[&str] = &[
    "browse",
    "calculate",
    "check",
    "compare",
    "count",
    "describe",
    "download",
    "exists",
    "fetch",
    "filter",
    "find",
    "get",
    "head",
    "inspect",
    "list",
    "load",
    "look",
    "lookup",
    "observe",
    "peek",
    "ping",
    "preview",
    "query",
    "read",
    "retrieve",
    "scan",
    "search",
    "select",
    "show",
    "stat",
    "status",
    "summarize",
    "translate",
    "view",
    "watch",
];
/// Words that change something inside.
const CHANGE_WORDS: &[&str] = &[
    "accept",
    "add",
    "alter",
    "append",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "book",
    "cancel",
    "change",
    "clear",
    "click",
    "close",
    "commit",
    "configure",
    "copy",
    "create",
    "edit",
    "enable",
    "import",
    "insert",
    "install",
    "join",
    "lock",
    "make",
    "mark",
    "merge",
    "modify",
    "move",
    "open",
    "order",
    "patch",
    "pause",
    "pin",
    "put",
    "register",
    "reject",
    "release",
    "rename",
    "replace",
    "reschedule",
    "reserve",
    "reset",
    "restart",
    "restore",
    "resume",
    "rotate",
    "save",
    "schedule",
    "set",
    "start",
    "stop",
    "store",
    "subscribe",
    "sync",
    "tag",
    "toggle",
    "unarchive",
    "unlock",
    "unpin",
    "unsubscribe",
    "update",
    "upgrade",
    "upsert",
    "write",
];
/// Words that send something out or invite somebody in.
const EXPOSE_WORDS: &[&str] = &[
    "broadcast",
    "call",
    "email",
    "export",
    "expose",
    "forward",
    "invite",
    "mail",
    "message",
    "notify",
    "post",
    "publish",
    "push",
    "reply",
    "send",
    "share",
    "sms",
    "submit",
    "tweet",
    "upload",
    "webhook",
];
/// Words that destroy, pay, run code or change who may do what.
const HARM_WORDS: &[&str] = &[
    "authorize",
    "ban",
    "buy",
    "chmod",
    "chown",
    "delete",
    "deploy",
    "destroy",
    "disable",
    "drop",
    "erase",
    "eval",
    "exec",
    "execute",
    "grant",
    "impersonate",
    "kill",
    "nuke",
    "overwrite",
    "password",
    "pay",
    "payment",
    "permission",
    "purchase",
    "purge",
    "remove",
    "revoke",
    "root",
    "run",
    "shell",
    "shutdown",
    "spawn",
    "sudo",
    "terminate",
    "transfer",
    "truncate",
    "uninstall",
    "wipe",
    "withdraw",
];
/// Reading words that are no verb, or not only one: at the start of a clause they decide nothing
/// about the words after them (`status_update` writes), at its end they may be what an unknown verb
/// is done to (`nuke_list`).
const READ_NOUNS: &[&str] = &["head", "look", "stat", "status"];
/// Reading words that are a verb wherever they stand (`inbox_read`, `hotelSearch`).
const READ_ANYWHERE: &[&str] = &[
    "browse",
    "describe",
    "download",
    "fetch",
    "find",
    "get",
    "inspect",
    "lookup",
    "read",
    "retrieve",
    "search",
    "summarize",
    "translate",
];
/// Words for acts that are things as well: as a whole part of a name (`email:list`, `read:email`)
/// they only say whose reading it is.
const THINGS: &[&str] = &[
    "book",
    "call",
    "email",
    "mail",
    "message",
    "order",
    "payment",
    "permission",
    "post",
    "schedule",
    "sms",
    "store",
    "tag",
    "tweet",
    "webhook",
];
/// Acts that are no things: at the end of a clause (`find_replace`) they are a second verb.
const ONLY_ACTS: &[&str] = &[
    "create",
    "delete",
    "destroy",
    "erase",
    "execute",
    "insert",
    "modify",
    "overwrite",
    "pay",
    "purge",
    "remove",
    "replace",
    "revoke",
    "send",
    "upsert",
    "wipe",
    "write",
];
/// Words between two verbs.
const CONJUNCTIONS: &[&str] = &["also", "and", "or", "plus", "then"];

/// The class of the action called `name`.
///
/// In each clause a leading reading verb wins over later nouns (`get_payment_status` reads);
/// otherwise its most harmful word decides. The most harmful clause decides for the name, and a name
/// without a known word is a write of medium risk.
#[must_use]
pub fn classify(name: &str) -> ActionClass {
    known_class(name).unwrap_or(CHANGE)
}

/// What the words of a name say; `None` when none of them is known.
pub(super) fn known_class(name: &str) -> Option<ActionClass> {
    let mut found = Found::default();
    let mut clause = Clause::default();
    let mut words = Words::new(name);
    while let Some((gap, word)) = words.next_with_gap() {
        let word = word.meaning();
        let is_conjunction = word.is_conjunction;
        if is_conjunction || gap != Gap::Word {
            let is_part = gap == Gap::Part && !is_conjunction;
            found.add(&clause, is_part);
            clause = Clause {
                is_part,
                ..Clause::default()
            };
        }
        if !is_conjunction {
            clause.push(word);
        }
    }
    found.add(&clause, false);
    found.class()
}

/// What the clauses say.
#[derive(Default)]
struct Found {
    acts: Option<ActionClass>,
    /// What would be done if parts that are things were acts.
    things: Option<ActionClass>,
}

impl Found {
    /// `next_is_part`: a namespace's separator ends the clause.
    fn add(&mut self, clause: &Clause, next_is_part: bool) {
        let is_thing = clause.words == 1 && clause.is_thing && (clause.is_part || next_is_part);
        let side = if is_thing {
            &mut self.things
        } else {
            &mut self.acts
        };
        *side = worse(*side, clause.class());
    }

    fn class(&self) -> Option<ActionClass> {
        match self.acts {
            Some(READ) => Some(READ),
            acts => worse(acts, self.things),
        }
    }
}

/// The more harmful of two classes.
pub(super) fn worse_of(a: ActionClass, b: ActionClass) -> ActionClass {
    if b.risk > a.risk { b } else { a }
}

fn worse(a: Option<ActionClass>, b: Option<ActionClass>) -> Option<ActionClass> {
    match (a, b) {
        (Some(a), Some(b)) => Some(worse_of(a, b)),
        (a, b) => a.or(b),
    }
}

/// The words of a name up to a separator or a conjunction.
#[derive(Default)]
struct Clause {
    /// Whether it comes right after a namespace's separator.
    is_part: bool,
    words: usize,
    starts_reading: bool,
    /// Whether `in` or `out` after it makes another verb of the first word.
    starts_checking: bool,
    is_thing: bool,
    /// The class of the most harmful word.
    worst: Option<ActionClass>,
    /// Whether the last word is an act and never a thing.
    ends_acting: bool,
    /// Whether some word is unknown.
    has_unknown: bool,
    /// Whether a word reads wherever it stands.
    reads_anywhere: bool,
}

impl Clause {
    fn push(&mut self, word: Meaning) {
        if self.words == 0 {
            self.starts_reading = word.class == Some(READ) && !word.is_reading_noun;
            self.starts_checking = word.is_check;
            self.is_thing = word.is_thing;
        } else if self.words == 1 && self.starts_checking && word.is_in_or_out {
            self.starts_reading = false;
        }
        self.words += 1;
        self.has_unknown |= word.class.is_none();
        self.reads_anywhere |= word.reads_anywhere;
        self.ends_acting = word.is_only_act;
        self.worst = worse(self.worst, word.class);
    }

    /// What the clause says; `None` without a known word.
    fn class(&self) -> Option<ActionClass> {
        match self.worst {
            Some(_) if self.starts_reading && !self.ends_acting => Some(READ),
            Some(READ) if self.has_unknown && !self.reads_anywhere => Some(CHANGE),
            worst => worst,
        }
    }
}

/// What a word says wherever it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Meaning {
    class: Option<ActionClass>,
    is_reading_noun: bool,
    reads_anywhere: bool,
    is_thing: bool,
    is_only_act: bool,
    is_conjunction: bool,
    /// Makes another verb of `check`.
    is_in_or_out: bool,
    is_check: bool,
}

/// Every known word, [`padded`], with its meaning: names are classified for every event.
static MEANINGS: LazyLock<HashMap<[u8; WORD_MAX_BYTES], Meaning>> = LazyLock::new(|| {
    let mut all: HashMap<_, Meaning> = HashMap::new();
    let mut say = |words: &[&'static str], add: &dyn Fn(&mut Meaning)| {
        for word in words.iter().filter_map(|word| padded(word)) {
            add(all.entry(word).or_default());
        }
    };
    // The most harmful last: it decides.
    for (words, class) in [
        (READ_WORDS, READ),
        (CHANGE_WORDS, CHANGE),
        (EXPOSE_WORDS, EXPOSE),
        (HARM_WORDS, HARM),
    ] {
        say(words, &|meaning| meaning.class = Some(class));
    }
    say(READ_NOUNS, &|meaning| meaning.is_reading_noun = true);
    say(READ_ANYWHERE, &|meaning| meaning.reads_anywhere = true);
    say(THINGS, &|meaning| meaning.is_thing = true);
    say(ONLY_ACTS, &|meaning| meaning.is_only_act = true);
    say(CONJUNCTIONS, &|meaning| meaning.is_conjunction = true);
    say(&["in", "out"], &|meaning| meaning.is_in_or_out = true);
    say(&["check"], &|meaning| meaning.is_check = true);
    all
});

/// Longest known word, in bytes.
const WORD_MAX_BYTES: usize = 16;

/// A word in lower case, in as many bytes as the longest has; `None` when it is longer. No word has a zero.
fn padded(word: &str) -> Option<[u8; WORD_MAX_BYTES]> {
    let mut all = [0; WORD_MAX_BYTES];
    all.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
    all.make_ascii_lowercase();
    Some(all)
}

/// One word of a name, compared without regard to case.
struct Word<'a>(&'a str);

impl Word<'_> {
    fn meaning(&self) -> Meaning {
        let known = padded(self.0).and_then(|word| MEANINGS.get(&word));
        known.copied().unwrap_or_default()
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

/// What lies before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// A hump, `_`, `-` or a blank: the clause goes on.
    Word,
    /// A namespace's separator: `:`, `.`, `/` or `__`.
    Part,
    /// Anything else: a new clause.
    Clause,
}

impl<'a> Words<'a> {
    /// The next word and what lies before it.
    fn next_with_gap(&mut self) -> Option<(Gap, Word<'a>)> {
        let start = self
            .rest
            .trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let gap = self.rest.strip_suffix(start).unwrap_or_default();
        self.rest = start;
        let gap = match gap {
            "" | "_" | "-" | " " => Gap::Word,
            _ if gap.contains(|c| !matches!(c, ':' | '.' | '/' | '_' | '-' | ' ')) => Gap::Clause,
            _ => Gap::Part,
        };
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
        Some((gap, Word(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_word_is_found_in_any_case() {
        for (words, class) in [
            (READ_WORDS, READ),
            (CHANGE_WORDS, CHANGE),
            (EXPOSE_WORDS, EXPOSE),
            (HARM_WORDS, HARM),
        ] {
            for word in words {
                assert!(word.len() <= WORD_MAX_BYTES, "{word}");
                let found = Word(&word.to_uppercase()).meaning();
                assert_eq!(found.class, Some(class), "{word}");
            }
        }
        assert_eq!(Word(&"delete".repeat(10)).meaning().class, None);
    }

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
            ("get-and-delete", true, RiskLevel::Critical),
            ("reserve_hotel", true, RiskLevel::Medium),
            ("frobnicate", true, RiskLevel::Medium),
            ("__", true, RiskLevel::Medium),
            ("", true, RiskLevel::Medium),
        ];
        for (name, is_write, risk) in cases {
            assert_eq!(classify(name), ActionClass { is_write, risk }, "{name}");
        }
    }

    #[test]
    fn each_clause_is_judged() {
        let reads = [
            "db:get_payment",
            "mcp__github__get_pull_request",
            "GET /orders",
            "email:list",
            "read:email",
            "payment:get_status",
            "get_terms_and_conditions",
            "fetch_message",
            "describe-order",
            "inbox_read",
            "hotelSearch",
            "status",
            "list",
            "check_order",
        ];
        for name in reads {
            assert_eq!(classify(name), READ, "{name}");
        }
        let writes = [
            ("findOneAndDelete", HARM),
            ("get_or_create", CHANGE),
            ("read_and_email", EXPOSE),
            ("get+delete", HARM),
            ("get:delete", HARM),
            ("get/../delete", HARM),
            ("mcp__files__delete", HARM),
            ("find_replace", CHANGE),
            ("read_write", CHANGE),
            ("status_update", CHANGE),
            ("check_out_cart", CHANGE),
            ("nuke_list", HARM),
            ("frobnicate_list", CHANGE),
            ("email", EXPOSE),
            ("payment:refund", HARM),
            ("email:payment", HARM),
            ("and", CHANGE),
            ("and_and:and", CHANGE),
            ("\u{1f4a3}", CHANGE),
        ];
        for (name, class) in writes {
            assert_eq!(classify(name), class, "{name}");
        }
    }
}
