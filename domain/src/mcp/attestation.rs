//! What agents say they saw of a server, signed.
//!
//! A word of an agent weighs what a peer's rating weighs: half its trust when it was said, nothing without
//! a score. It fades with the time since the server was seen, half in twelve hours, and is over after
//! [`ATTESTATION_LIFE`]. Many words of one person's agents are one word: the strongest. What counts
//! together is `1 − Π(1 − wᵢ·rᵢ)` over the people behind the agents: the noisy-OR of independent witnesses
//! (Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, McpServerId, OrganizationId};

/// How long an attestation counts from when the server was seen.
pub const ATTESTATION_LIFE: TimeDelta = TimeDelta::hours(24);
/// How old what was seen may be when it is said.
const ATTESTATION_AGE_MAX: TimeDelta = TimeDelta::minutes(5);
/// How far an agent's clock may be ahead.
const ATTESTATION_SKEW: TimeDelta = TimeDelta::minutes(1);
/// Most names of tools in one statement.
pub const ATTESTED_TOOLS_MAX: usize = 2_000;
/// Longest name of a tool in a statement, in bytes.
pub const ATTESTED_TOOL_MAX: usize = 256;
/// In which a word fades to half of what it was.
const HALF_LIFE: TimeDelta = TimeDelta::hours(12);

/// What an agent saw of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpStatement {
    /// Whose agent and server.
    pub organization: OrganizationId,
    /// Who saw it.
    pub agent: AgentId,
    /// Which server.
    pub server: McpServerId,
    /// The digest of the manifest that it saw, in hexadecimal digits.
    pub digest: String,
    /// The names of the tools that it saw.
    pub tools: Vec<String>,
    /// How long the server took to answer.
    pub latency_ms: u32,
    /// When it saw that; whole seconds are signed.
    pub observed_at: DateTime<Utc>,
}

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It was seen too long ago.
    #[error("is more than {} min ago; attest what you see now", ATTESTATION_AGE_MAX.num_minutes())]
    Old,
    /// It is yet to be seen.
    #[error("is in the future; set the agent's clock")]
    Future,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed<'a> {
    agent: AgentId,
    digest: &'a str,
    latency_ms: u32,
    observed_at: i64,
    organization: OrganizationId,
    server: McpServerId,
    tools: &'a [String],
    r#type: &'static str,
}

impl McpStatement {
    /// What the agent signs: canonical JSON (RFC 8785).
    #[must_use]
    pub fn text(&self) -> String {
        let signed = Signed {
            agent: self.agent,
            digest: &self.digest,
            latency_ms: self.latency_ms,
            observed_at: self.observed_at.timestamp(),
            organization: self.organization,
            server: self.server,
            tools: &self.tools,
            r#type: "aim-mcp-attestation-v1",
        };
        // Strings and whole numbers always have a JSON form.
        serde_json_canonicalizer::to_string(&signed).unwrap_or_default()
    }

    /// Checks that it is fresh.
    ///
    /// # Errors
    /// [`StatementError`] when it is old, or of the future.
    pub fn check_time(&self, now: DateTime<Utc>) -> Result<(), StatementError> {
        if self.observed_at > now + ATTESTATION_SKEW {
            return Err(StatementError::Future);
        }
        if self.observed_at < now - ATTESTATION_AGE_MAX {
            return Err(StatementError::Old);
        }
        Ok(())
    }
}

/// The time at which a word of full weight would have to be said to be worth what this one is, at any
/// time: so the strongest of several words is the one with the latest. `None` is worth nothing.
#[must_use]
pub fn standing(weight: f64, observed_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a weight has at most four digits, so that this is some days"
    )]
    let micros = (weight.min(1.0).log2() * HALF_LIFE.as_seconds_f64() * 1e6) as i64;
    (weight > 0.0).then(|| observed_at + TimeDelta::microseconds(micros))
}

/// What a word of this standing is worth at a time: its weight, faded.
fn worth(standing: DateTime<Utc>, at: DateTime<Utc>) -> f64 {
    let age = (at - standing).as_seconds_f64().max(0.0);
    (-age / HALF_LIFE.as_seconds_f64()).exp2()
}

/// The strongest word of a person's agents that says the same of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpWord {
    /// The person who registered the agents.
    pub sponsor: String,
    /// Whether they saw what is approved.
    pub agrees: bool,
    /// How strong it is; `None` is without weight.
    pub standing: Option<DateTime<Utc>>,
}

/// How sure words together make, 0 to 1: that the server is what was approved, or that it is not.
#[must_use]
pub fn confidence<'a>(
    words: impl IntoIterator<Item = &'a McpWord>,
    agrees: bool,
    at: DateTime<Utc>,
) -> f64 {
    // In one order, so that the same words always give the same number.
    let mut strongest: BTreeMap<&str, f64> = BTreeMap::new();
    for word in words.into_iter().filter(|it| it.agrees == agrees) {
        let worth = word.standing.map_or(0.0, |it| worth(it, at));
        let best = strongest.entry(&word.sponsor).or_default();
        *best = best.max(worth);
    }
    1.0 - strongest.into_values().map(|it| 1.0 - it).product::<f64>()
}

/// What was known of the server of a call when it was made, in ten-thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpStanding {
    /// How sure others made that it is what was approved.
    pub attested: u16,
    /// How sure others made that it is not.
    pub contradicted: u16,
}

impl McpStanding {
    /// What the words of others come to for an agent of this person: nobody vouches for what they use
    /// themselves.
    #[must_use]
    pub fn of(words: &[McpWord], sponsor: &str, at: DateTime<Utc>) -> Self {
        let others = || words.iter().filter(|it| it.sponsor != sponsor);
        Self {
            attested: ten_thousandths(confidence(others(), true, at)),
            contradicted: ten_thousandths(confidence(others(), false, at)),
        }
    }

    /// Whether anything is known.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.attested > 0 || self.contradicted > 0
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 10,000 by the clamp"
)]
fn ten_thousandths(fraction: f64) -> u16 {
    (fraction.clamp(0.0, 1.0) * 10_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn word(sponsor: &str, weight: f64, hours: i64) -> McpWord {
        McpWord {
            sponsor: sponsor.to_owned(),
            agrees: true,
            standing: standing(weight, now() - TimeDelta::hours(hours)),
        }
    }

    #[test]
    fn words_count_by_weight_and_age_and_once_for_each_person() {
        for (words, wanted) in [
            (vec![], 0.0),
            (vec![word("a", 0.5, 0)], 0.5),
            (vec![word("a", 0.5, 12)], 0.25),
            (vec![word("a", 0.0, 0)], 0.0),
            // The example of `docs/mcp.md`: trust 0.8 now, and 0.6 twelve hours ago.
            (vec![word("a", 0.4, 0), word("b", 0.3, 12)], 0.49),
            (vec![word("a", 0.4, 0), word("a", 0.5, 0)], 0.5),
            (vec![word("a", 0.5, 24), word("a", 0.2, 0)], 0.2),
        ] {
            let found = confidence(&words, true, now());
            assert!((found - wanted).abs() < 1e-9, "{words:?}: {found}");
            assert!(confidence(&words, false, now()).abs() < 1e-9);
        }
        let army: Vec<_> = (0..1_000).map(|it| word("a", 0.45, it % 3)).collect();
        assert!((confidence(&army, true, now()) - 0.45).abs() < 1e-9);
    }

    #[test]
    fn nobody_vouches_for_what_they_use_themselves() {
        let mut words = [word("a", 0.5, 0), word("b", 0.4, 0), word("c", 0.2, 0)];
        words[2].agrees = false;
        let of = |sponsor| McpStanding::of(&words, sponsor, now());
        let standing = |attested, contradicted| McpStanding {
            attested,
            contradicted,
        };
        assert_eq!(of("a"), standing(4_000, 2_000));
        assert_eq!(of("b"), standing(5_000, 2_000));
        assert_eq!(of("c"), standing(7_000, 0));
        assert_eq!(of("d"), standing(7_000, 2_000));
        assert!(!McpStanding::of(&words[..1], "a", now()).is_known());
    }

    #[test]
    fn a_statement_has_one_text_and_is_fresh() {
        let mut said = McpStatement {
            organization: OrganizationId::from_uuid(Uuid::from_u128(1)),
            agent: AgentId::from_uuid(Uuid::from_u128(2)),
            server: McpServerId::from_uuid(Uuid::from_u128(3)),
            digest: "ab".to_owned(),
            tools: vec!["sub".to_owned(), "add".to_owned()],
            latency_ms: 12,
            observed_at: now(),
        };
        let wanted = concat!(
            r#"{"agent":"00000000-0000-0000-0000-000000000002","digest":"ab","latencyMs":12,"#,
            r#""observedAt":1728000000,"organization":"00000000-0000-0000-0000-000000000001","#,
            r#""server":"00000000-0000-0000-0000-000000000003","tools":["sub","add"],"#,
            r#""type":"aim-mcp-attestation-v1"}"#
        );
        assert_eq!(said.text(), wanted);
        for (seconds, wanted) in [
            (0, Ok(())),
            (-300, Ok(())),
            (-301, Err(StatementError::Old)),
            (60, Ok(())),
            (61, Err(StatementError::Future)),
        ] {
            said.observed_at = now() + TimeDelta::seconds(seconds);
            assert_eq!(said.check_time(now()), wanted, "{seconds}");
        }
    }
}
