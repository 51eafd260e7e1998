//! What people are told of a fact: a few plain words, without secrets.
//!
//! What agents wrote is kept apart from our own words, so that each way to people can show it as text
//! and as nothing else: no link, no mention, no mark-up.

use aim_domain::access_review::{AccessReviewChanged, AccessReviewStatus};
use aim_domain::agent::AgentStatus;
use aim_domain::anomaly::Severity;
use aim_domain::compliance::ReportKept;
use aim_domain::event::{AgentChange, AlertRaised, Fact, OrganizationChange, VerificationRecorded};
use aim_domain::id::AgentId;
use aim_domain::risk::RiskLevel;
use aim_domain::verification::Decision;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mail::Words;

/// Longest value that is shown, in characters.
const VALUE_MAX_CHARS: usize = 300;

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Our own words.
    pub(crate) title: String,
    /// Labels of ours, each with a value that somebody else may have written.
    pub(crate) facts: Vec<(String, String)>,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What is told once: no two notices of a target have the same.
    #[serde(skip)]
    pub(crate) key: String,
    /// The agent that it is about, whose name is looked up.
    #[serde(skip)]
    pub(crate) agent: Option<AgentId>,
}

impl Notice {
    pub(crate) fn new(title: impl Into<String>, severity: Severity, key: String) -> Self {
        Self {
            title: title.into(),
            facts: Vec::new(),
            severity,
            key,
            agent: None,
        }
    }

    pub(crate) fn about(mut self, agent: AgentId) -> Self {
        self.agent = Some(agent);
        self
    }

    pub(crate) fn with(mut self, label: &str, value: impl Into<String>) -> Self {
        self.facts.push((label.to_owned(), value.into()));
        self
    }

    /// What people are told of a fact; most are not for people.
    pub(crate) fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::AlertRaised(alert) => Some(raised(alert)),
            Fact::VerificationRecorded(it) if it.decision == Decision::PendingApproval => {
                Some(waits(it))
            }
            Fact::AgentChanged(changed) => {
                of_agent(&changed.change).map(|notice| notice.about(changed.agent))
            }
            Fact::OrganizationChanged(changed) => of_organization(&changed.change),
            Fact::AccessReviewChanged(review) => Some(of_review(review)),
            Fact::ReportKept(report) => Some(of_report(report)),
            _ => None,
        }
    }

    /// One for a try.
    pub(crate) fn test(severity: Severity, target: &str) -> Self {
        let notice = Self::new("This is a test", severity, String::new());
        notice.with("Notification target", target)
    }

    /// One for a flood of others.
    pub(crate) fn digest(severity: Severity) -> Self {
        let title = "There were more notices than are sent one by one";
        let notice = Self::new(title, severity, String::new());
        notice.with(
            "Where",
            "the lists of alerts, verifications and agents have them all",
        )
    }

    /// As the body of a request to a channel that takes Slack's messages. Values stand in code spans,
    /// where nothing has a meaning.
    pub(crate) fn slack(&self) -> String {
        let mut text = format!("*{}* ({:?})", slack_text(&self.title), self.severity);
        for (label, value) in &self.facts {
            let value = slack_text(&one_line(value)).replace('`', "'");
            text.push_str(&format!("\n{}: `{value}`", slack_text(label)));
        }
        serde_json::json!({ "text": text, "unfurl_links": false, "unfurl_media": false })
            .to_string()
    }

    /// As a letter in plain text.
    pub(crate) fn letter(&self) -> Words {
        let mut body = format!("{} ({:?}).\n", self.title, self.severity);
        for (label, value) in &self.facts {
            body.push_str(&format!("\n{label}:\n    {}\n", unlinked(&one_line(value))));
        }
        body.push_str(
            "\nYour organization has a notification target with this address; an administrator can \
             change it.\n\n-- \nSent by AIM. Answers to this letter are not read.\n",
        );
        Words {
            subject: format!("AIM: {}", self.title),
            body: Zeroizing::new(body),
        }
    }
}

fn raised(alert: &AlertRaised) -> Notice {
    let key = format!("alert:{}:{:?}", alert.alert, alert.severity);
    Notice::new("An alert was raised", alert.severity, key)
        .with("What", &alert.summary)
        .about(alert.agent)
}

fn waits(it: &VerificationRecorded) -> Notice {
    let severity = match it.risk {
        RiskLevel::Low => Severity::Low,
        RiskLevel::Medium => Severity::Medium,
        RiskLevel::High => Severity::High,
        RiskLevel::Critical => Severity::Critical,
    };
    let key = format!("approval:{}", it.verification);
    let notice = Notice::new("An action waits for approval", severity, key)
        .with("Action", it.action.as_str())
        .about(it.agent);
    match &it.resource {
        Some(resource) => notice.with("Resource", resource.as_str()),
        None => notice,
    }
}

fn of_agent(change: &AgentChange) -> Option<Notice> {
    match change {
        AgentChange::Status { to, reason, .. } => {
            let severity = match to {
                AgentStatus::Quarantined => Severity::Critical,
                AgentStatus::Suspended | AgentStatus::Revoked => Severity::Medium,
                AgentStatus::Pending | AgentStatus::Verified => return None,
            };
            let title = format!("An agent is {}", format!("{to:?}").to_lowercase());
            let notice = Notice::new(title, severity, String::new());
            Some(match reason {
                Some(reason) => notice.with("Why", reason),
                None => notice,
            })
        }
        AgentChange::KillSwitch { to: Some(switch) } => Some(
            Notice::new(
                "The kill switch of an agent was engaged",
                Severity::High,
                String::new(),
            )
            .with("Why", &switch.reason),
        ),
        _ => None,
    }
}

fn of_report(report: &ReportKept) -> Notice {
    let key = format!("report:{}", report.report);
    Notice::new("A compliance report was made", Severity::Low, key)
        .with("Framework", aim_domain::code::text(&report.framework))
        .with(
            "Period from",
            report.period_start.format("%Y-%m-%d").to_string(),
        )
        .with("Checks that lack nothing", report.met.to_string())
        .with("Checks that something lacks", report.not_met.to_string())
        .with("SHA-256 of its CSV", &report.csv_sha256)
}

fn of_review(review: &AccessReviewChanged) -> Notice {
    let title = match review.status {
        AccessReviewStatus::Open if review.unanswered > 0 => "An access review has begun",
        AccessReviewStatus::Open => "Everything of an access review is answered",
        AccessReviewStatus::Closed => "An access review was closed",
    };
    Notice::new(title, Severity::Low, String::new())
        .with("Review", &review.name)
        .with(
            "Due",
            review.due_at.format("%Y-%m-%d %H:%M UTC").to_string(),
        )
        .with(
            "Without an answer",
            format!("{} of {}", review.unanswered, review.items),
        )
}

fn of_organization(change: &OrganizationChange) -> Option<Notice> {
    match change {
        OrganizationChange::KillSwitch { to: Some(switch) } => {
            let title = "The kill switch of all agents was engaged";
            let notice = Notice::new(title, Severity::Critical, String::new());
            Some(notice.with("Why", &switch.reason))
        }
        OrganizationChange::AuditStopped { reason } => {
            let title = "The audit log stands still";
            let notice = Notice::new(title, Severity::Critical, String::new());
            Some(notice.with("Why", reason))
        }
        _ => None,
    }
}

/// One line of bounded length, without what could change how the rest is read.
fn one_line(value: &str) -> String {
    let kept = value.chars().take(VALUE_MAX_CHARS).map(|c| match c {
        c if c.is_control() => ' ',
        // Marks that turn the direction of what follows, and what has no width.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => ' ',
        c => c,
    });
    let kept: String = kept.collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Slack gives these three characters a meaning, mentions and links among them.
fn slack_text(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// Readers of letters make links of what looks like one.
fn unlinked(text: &str) -> String {
    text.replace("://", ":/ /").replace("www.", "www .")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_wrote_is_text_and_nothing_else() {
        let hostile = "<!channel> `x` <https://evil.example|ok>\r\n*b* & \u{202e}txt";
        let notice = Notice::new("A title", Severity::High, String::new()).with("What", hostile);
        let sent: serde_json::Value = serde_json::from_str(&notice.slack()).unwrap();
        let text = sent["text"].as_str().unwrap();
        let line = "What: `&lt;!channel&gt; 'x' &lt;https://evil.example|ok&gt; *b* &amp; txt`";
        assert_eq!(text.lines().nth(1), Some(line));
        assert_eq!(text.lines().count(), 2);
        let letter = notice.letter();
        assert!(!letter.body.contains("https://"), "{}", *letter.body);
        assert!(letter.body.contains("*b* & txt\n"));
        assert_eq!(letter.subject, "AIM: A title");
    }

    #[test]
    fn long_values_are_cut() {
        let notice = Notice::new("A title", Severity::Low, String::new());
        let notice = notice.with("What", "x".repeat(10_000));
        assert!(notice.slack().len() < 500);
    }
}
