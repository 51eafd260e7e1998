//! Which entries of public catalogues a kind of anomaly points at.
//!
//! A finding is a sign, not a proof: the entries say what a person should think of first. Ids and
//! names are those of MITRE ATLAS 2026.09 and of the OWASP Top 10 for Agentic Applications 2026;
//! `domain/tests/data/catalogues.json` pins them, and a test compares.

use crate::anomaly::AnomalyKind;

/// An entry of a catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogueEntry {
    /// Its id, such as `AML.T0053` or `ASI02`.
    pub id: &'static str,
    /// Its official name.
    pub name: &'static str,
}

const fn entry(id: &'static str, name: &'static str) -> CatalogueEntry {
    CatalogueEntry { id, name }
}

const VALID_ACCOUNTS: CatalogueEntry = entry("AML.T0012", "Valid Accounts");
const RESOURCE_CONSUMPTION: CatalogueEntry = entry("AML.T0034.002", "Agentic Resource Consumption");
const TOOL_INVOCATION: CatalogueEntry = entry("AML.T0053", "AI Agent Tool Invocation");
const EXFILTRATION: CatalogueEntry =
    entry("AML.T0086", "Exfiltration via AI Agent Tool Invocation");
const RUG_PULL: CatalogueEntry = entry("AML.T0109", "AI Supply Chain Rug Pull");
const TOOL_POISONING: CatalogueEntry = entry("AML.T0110", "AI Agent Tool Poisoning");

const GOAL_HIJACK: CatalogueEntry = entry("ASI01", "Agent Goal Hijack");
const TOOL_MISUSE: CatalogueEntry = entry("ASI02", "Tool Misuse and Exploitation");
const PRIVILEGE_ABUSE: CatalogueEntry = entry("ASI03", "Identity and Privilege Abuse");
const SUPPLY_CHAIN: CatalogueEntry = entry("ASI04", "Agentic Supply Chain Vulnerabilities");
const CASCADING_FAILURES: CatalogueEntry = entry("ASI08", "Cascading Failures");
const ROGUE_AGENTS: CatalogueEntry = entry("ASI10", "Rogue Agents");

impl AnomalyKind {
    /// The techniques of MITRE ATLAS it is a sign of, by id; none where no technique fits.
    #[must_use]
    pub const fn atlas_techniques(self) -> &'static [CatalogueEntry] {
        match self {
            Self::RateSpike | Self::DeedBurst => &[RESOURCE_CONSUMPTION, TOOL_INVOCATION],
            Self::OffHours | Self::RhythmBreak | Self::NewCountry | Self::ImpossibleTravel => {
                &[VALID_ACCOUNTS]
            }
            Self::FirstSeenWrite
            | Self::FirstSeenResource
            | Self::CapabilityDrift
            | Self::UnusualSequence
            | Self::WideSpread
            | Self::BehaviourDrift
            | Self::CombinedSigns
            | Self::ModelRisk => &[TOOL_INVOCATION],
            Self::NewDomain | Self::VolumeSpike => &[EXFILTRATION],
            Self::McpDrift => &[RUG_PULL, TOOL_POISONING],
            Self::McpPoisonedText | Self::McpShadowedTool => &[TOOL_POISONING],
            Self::FailureBurst
            | Self::PolicyAlert
            | Self::PolicyQuarantine
            | Self::PolicyWatched => &[],
        }
    }

    /// The risks of the OWASP Top 10 for Agentic Applications it is a sign of, by id.
    #[must_use]
    pub const fn owasp_agentic(self) -> &'static [CatalogueEntry] {
        match self {
            Self::RateSpike | Self::DeedBurst => &[TOOL_MISUSE, ROGUE_AGENTS],
            Self::OffHours | Self::RhythmBreak => &[PRIVILEGE_ABUSE, ROGUE_AGENTS],
            Self::FirstSeenWrite
            | Self::FirstSeenResource
            | Self::UnusualSequence
            | Self::VolumeSpike
            | Self::NewDomain => &[GOAL_HIJACK, TOOL_MISUSE],
            Self::WideSpread | Self::PolicyAlert | Self::PolicyQuarantine | Self::PolicyWatched => {
                &[TOOL_MISUSE]
            }
            Self::BehaviourDrift | Self::CombinedSigns => &[GOAL_HIJACK, ROGUE_AGENTS],
            Self::CapabilityDrift => &[GOAL_HIJACK, PRIVILEGE_ABUSE],
            Self::FailureBurst => &[CASCADING_FAILURES],
            Self::NewCountry | Self::ImpossibleTravel => &[PRIVILEGE_ABUSE],
            Self::ModelRisk => &[TOOL_MISUSE, ROGUE_AGENTS],
            Self::McpDrift | Self::McpShadowedTool => &[TOOL_MISUSE, SUPPLY_CHAIN],
            Self::McpPoisonedText => &[GOAL_HIJACK, SUPPLY_CHAIN],
        }
    }
}

/// What several kinds point at together: each entry once, by id.
#[must_use]
pub fn entries_of(
    kinds: &[AnomalyKind],
    of: impl Fn(AnomalyKind) -> &'static [CatalogueEntry],
) -> Vec<CatalogueEntry> {
    let mut entries: Vec<_> = kinds.iter().flat_map(|kind| of(*kind)).copied().collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}
