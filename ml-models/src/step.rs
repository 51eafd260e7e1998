//! What counts about one step of a run: its action, its target, and what its arguments tell.

use aim_domain::action::{classify, is_web_address, outside_hosts};

use crate::mark::mark;

/// Most bytes of the arguments that are looked at.
const TEXT_MAX_BYTES: usize = 8_192;
/// Most words and most hosts of the arguments that count.
const WORDS_MAX: usize = 64;
const HOSTS_MAX: usize = 16;
/// Bytes of the shortest word that counts.
const WORD_MIN_BYTES: usize = 3;

/// One step of a run. Names are kept as marks: nothing here can be read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub(crate) action: u64,
    /// The host of a web address, else the target without case.
    pub(crate) target: Option<u64>,
    /// Whether it changed something or sent something out.
    pub(crate) is_write: bool,
    pub(crate) is_web: bool,
    /// 0 for a read, to 1.
    pub(crate) risk: f64,
    pub(crate) target_hosts: Vec<u64>,
    /// Hosts that the arguments name besides those of the target.
    pub(crate) other_hosts: Vec<u64>,
    /// Action, target, hosts and words of the arguments, each once.
    pub(crate) words: Vec<u64>,
}

impl Step {
    /// A step by what is known of it; `arguments` are the values of its arguments, as text.
    #[must_use]
    pub fn new(action: &str, target: Option<&str>, arguments: &str) -> Self {
        let class = classify(action);
        let is_web = target.is_some_and(is_web_address);
        let target_hosts = hosts(target.unwrap_or_default());
        let arguments = &arguments[..arguments.floor_char_boundary(TEXT_MAX_BYTES)];
        let mut other_hosts = hosts(arguments);
        other_hosts.retain(|host| !target_hosts.contains(host));
        let action = mark(&[b"action", action.as_bytes()]);
        let target = target.map(|target| match target_hosts.first() {
            Some(host) if is_web => *host,
            _ => mark(&[b"target", target.to_lowercase().as_bytes()]),
        });
        let mut words = words(arguments);
        words.extend(target_hosts.iter().chain(&other_hosts).chain(&target));
        words.push(action);
        words.sort_unstable();
        words.dedup();
        Self {
            action,
            target,
            is_write: class.is_write || is_web,
            is_web,
            risk: if class.is_write {
                class.risk.weight()
            } else {
                0.0
            },
            target_hosts,
            other_hosts,
            words,
        }
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &u64> {
        self.target_hosts.iter().chain(&self.other_hosts)
    }
}

/// Marks of the hosts that a text names, `www.` or not, each once.
fn hosts(text: &str) -> Vec<u64> {
    let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{}|,;".contains(c);
    let mut hosts = Vec::new();
    for host in text.split(ends).flat_map(outside_hosts) {
        let host = host.strip_prefix("www.").unwrap_or(&host);
        let host = mark(&[b"host", host.as_bytes()]);
        if hosts.len() < HOSTS_MAX && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Marks of the words of a text: letters, digits and what holds an address together.
fn words(text: &str) -> Vec<u64> {
    let ends = |c: char| !(c.is_alphanumeric() || "@.-".contains(c));
    text.split(ends)
        .filter(|word| word.len() >= WORD_MIN_BYTES)
        .take(WORDS_MAX)
        .map(|word| mark(&[b"word", word.to_lowercase().as_bytes()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_address_is_known_by_its_host() {
        let plain = Step::new("get_webpage", Some("www.example.org"), "");
        let full = Step::new("get_webpage", Some("https://EXAMPLE.org/a?b=c"), "");
        assert_eq!(plain.target, full.target);
        assert!(plain.is_write && plain.is_web);
        assert_eq!(plain.risk, 0.0);
    }

    #[test]
    fn hosts_in_the_text_are_told_from_the_targets() {
        let step = Step::new(
            "send_email",
            Some("bob@corp.example"),
            "bob@corp.example see \"https://evil.example/x\" (or www.evil.example), mail a@b.example",
        );
        assert_eq!(step.target_hosts.len(), 1);
        assert_eq!(step.other_hosts.len(), 2);
    }

    #[test]
    fn reads_have_no_risk_and_huge_arguments_are_cut() {
        let long = "é".repeat(100_000) + &" https://a.example".repeat(10_000);
        let step = Step::new("read_file", Some("a.txt"), &long);
        assert!(!step.is_write && step.risk == 0.0);
        let many: String = (0..10_000)
            .map(|n| format!("h{n}.example x@h{n}.example "))
            .collect();
        let step = Step::new("post", None, &many);
        assert!(step.words.len() <= WORDS_MAX + HOSTS_MAX + 2);
        assert!(step.target.is_none() && step.is_write);
    }
}
