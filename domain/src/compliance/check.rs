//! Checks, each a question that two numbers answer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most examples of what lacks something that an answer names.
const EXAMPLES_MAX: usize = 10;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckKind {
    /// People sign in with a second factor, or by an issuer.
    SecondFactor,
    /// People who are let in still come.
    PeopleActive,
    /// API keys end.
    ApiKeysEnd,
    /// Agents have shown that they have their keys.
    AgentsProven,
    /// Agents' keys end.
    AgentKeysEnd,
    /// Agents' keys are younger than a year.
    AgentKeysYoung,
    /// Grants are about something, not about everything.
    GrantsNarrow,
    /// Grants say why.
    GrantsExplained,
    /// Verified agents have a trust score.
    TrustKnown,
    /// At least one policy counts.
    PoliciesEnforced,
    /// Some actions wait for a person.
    HumanOversight,
    /// Alerts of high or critical severity are taken up within a day.
    AlertsTakenUp,
    /// Alerts of high or critical severity are resolved within a week.
    AlertsResolved,
    /// Entries of the audit log are under a signed checkpoint.
    AuditSigned,
    /// The audit log is what was signed.
    AuditUnbroken,
    /// Somebody else vouches for the audit log.
    AuditWitnessed,
    /// The audit log keeps contents for long enough.
    AuditKept,
    /// A person said lately that those who may get in shall.
    AccessReviewed,
}

impl CheckKind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::SecondFactor,
        Self::PeopleActive,
        Self::ApiKeysEnd,
        Self::AgentsProven,
        Self::AgentKeysEnd,
        Self::AgentKeysYoung,
        Self::GrantsNarrow,
        Self::GrantsExplained,
        Self::TrustKnown,
        Self::PoliciesEnforced,
        Self::HumanOversight,
        Self::AlertsTakenUp,
        Self::AlertsResolved,
        Self::AuditSigned,
        Self::AuditUnbroken,
        Self::AuditWitnessed,
        Self::AuditKept,
        Self::AccessReviewed,
    ];

    /// What has to be so, in one sentence.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::SecondFactor => {
                "everybody signs in with a second factor, a passkey or an identity of an issuer"
            }
            Self::PeopleActive => "everybody who may sign in did so within 90 days",
            Self::ApiKeysEnd => "every API key has an end",
            Self::AgentsProven => "every agent has proven that it has its key",
            Self::AgentKeysEnd => "every key of an agent has an end",
            Self::AgentKeysYoung => "no key of an agent is older than 365 days",
            Self::GrantsNarrow => "no grant is for every action",
            Self::GrantsExplained => "every grant says why it was given",
            Self::TrustKnown => "every verified agent has a trust score",
            Self::PoliciesEnforced => "at least one policy is enforced",
            Self::HumanOversight => {
                "some actions wait for a person, by risk or by an enforced policy"
            }
            Self::AlertsTakenUp => {
                "alerts of high or critical severity are acknowledged within 24 hours"
            }
            Self::AlertsResolved => {
                "alerts of high or critical severity are resolved within 7 days"
            }
            Self::AuditSigned => "audit entries are under a signed checkpoint within 10 minutes",
            Self::AuditUnbroken => "the audit log is what its checkpoints say",
            Self::AuditWitnessed => "the audit log has a witness who is somebody else",
            Self::AuditKept => "the audit log keeps its contents for long enough",
            Self::AccessReviewed => {
                "a person said lately of everybody and everything with access that it stays"
            }
        }
    }
}

/// How many there are, and how many lack what is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// There are so many.
    pub count: u64,
    /// So many of them lack it.
    pub lacking: u64,
    /// Some of those.
    pub examples: Vec<Uuid>,
}

impl Measured {
    /// Of one thing that is so, or is not.
    #[must_use]
    pub fn of_one(is_so: bool) -> Self {
        Self {
            count: 1,
            lacking: u64::from(!is_so),
            examples: Vec::new(),
        }
    }

    /// With at most ten examples.
    #[must_use]
    pub fn new(count: u64, lacking: u64, mut examples: Vec<Uuid>) -> Self {
        examples.truncate(EXAMPLES_MAX);
        Self {
            count,
            lacking,
            examples,
        }
    }
}

/// What the numbers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckOutcome {
    /// None lacks it.
    Met,
    /// Some do.
    NotMet,
    /// There is nothing that it is about.
    NotApplicable,
}

/// A check and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// What was asked.
    pub kind: CheckKind,
    /// What was counted.
    pub measured: Measured,
}

impl Measurement {
    /// What the numbers say.
    #[must_use]
    pub const fn outcome(&self) -> CheckOutcome {
        match (self.measured.count, self.measured.lacking) {
            (0, _) => CheckOutcome::NotApplicable,
            (_, 0) => CheckOutcome::Met,
            _ => CheckOutcome::NotMet,
        }
    }
}
