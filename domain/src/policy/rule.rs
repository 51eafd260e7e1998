//! What a policy looks at.

use serde::{Deserialize, Serialize};

use super::cedar::{Answer, CedarScene};
use super::scope::any;
use super::window::is_inside;
use super::{
    ADDRESSES_MAX, AddressPattern, CedarError, CedarRule, PolicyContext, RateWindow, TimeWindow,
    WINDOWS_MAX, WhenTime, Zone,
};
use crate::action::outside_hosts;
use crate::anomaly::{AnomalyKind, Severity};
use crate::capability::Pattern;
use crate::mcp::McpConcern;
use crate::risk::RiskLevel;
use crate::trust::TrustScore;

/// Most patterns of one list of a rule.
pub const PATTERNS_MAX: usize = 100;
/// Most concerns of a rule; there are no more.
const CONCERNS_MAX: usize = 3;

/// When a policy matches, within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Rule {
    /// Always.
    Always {},
    /// The resource is none of these, or none is named.
    ResourceOutside {
        /// The ones that are fine.
        allowed: Vec<Pattern>,
    },
    /// The resource names a host outside that is none of these.
    HostOutside {
        /// The ones that are fine, in lower case.
        allowed: Vec<Pattern>,
    },
    /// By the hour of the week.
    Time {
        /// Whose hours.
        zone: Zone,
        /// Which hours.
        windows: Vec<TimeWindow>,
        /// In them or outside.
        when: WhenTime,
    },
    /// The request comes from somewhere it may not come from. An address that is not known is outside
    /// of what is allowed.
    Network {
        /// The only addresses that are fine; empty is all.
        #[serde(default)]
        allow: Vec<AddressPattern>,
        /// Addresses that are not, whatever is allowed.
        #[serde(default)]
        deny: Vec<AddressPattern>,
    },
    /// The agent's trust is low.
    TrustBelow {
        /// Below this.
        least: TrustScore,
        /// Whether an agent counts that has no score yet.
        #[serde(default)]
        with_unscored: bool,
    },
    /// The action is risky.
    RiskFrom {
        /// From this level on.
        risk: RiskLevel,
    },
    /// No grant and no delegation covers the action.
    CapabilityViolation {},
    /// Cedar denies it.
    Cedar {
        /// What is written in Cedar.
        text: CedarRule,
    },
    /// A detector found something in an event.
    Finding {
        /// Something of these kinds; empty is anything.
        #[serde(default)]
        kinds: Vec<AnomalyKind>,
        /// At least so bad.
        severity: Severity,
    },
    /// The agent does more than this in a span of time, counted by the time of its events.
    RateAbove {
        /// In which.
        window: RateWindow,
        /// As many are fine.
        most: u32,
    },
    /// The action calls a tool of an MCP server with which one of these is wrong.
    McpServer {
        /// What may be wrong.
        concerns: Vec<McpConcern>,
    },
}

/// Why a rule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It would say nothing.
    #[error("`{0}` is empty; name at least one")]
    Empty(&'static str),
    /// More than a decision should look at.
    #[error("`{0}` has {1} entries; use at most {2}")]
    TooMany(&'static str, usize, usize),
    /// It would wait for itself.
    #[error("`kinds` names what policies say themselves; name what detectors find")]
    OfPolicies,
    /// The Cedar of it says nothing that could be meant.
    #[error("`cedar` {0}")]
    Cedar(#[from] CedarError),
}

impl Rule {
    /// Checks what its parts cannot check themselves.
    ///
    /// # Errors
    /// [`RuleError`] when a list is too long, or empty where it must not be.
    pub fn check(&self) -> Result<(), RuleError> {
        let lists: &[(&'static str, usize, usize)] = match self {
            Self::ResourceOutside { allowed } | Self::HostOutside { allowed } => {
                &[("allowed", allowed.len(), PATTERNS_MAX)]
            }
            Self::Time { windows, .. } if windows.is_empty() => {
                return Err(RuleError::Empty("windows"));
            }
            Self::Time { windows, .. } => &[("windows", windows.len(), WINDOWS_MAX)],
            Self::Network { allow, deny } if allow.is_empty() && deny.is_empty() => {
                return Err(RuleError::Empty("allow"));
            }
            Self::Network { allow, deny } => &[
                ("allow", allow.len(), ADDRESSES_MAX),
                ("deny", deny.len(), ADDRESSES_MAX),
            ],
            Self::Cedar { text } => return Ok(text.check()?),
            Self::McpServer { concerns } if concerns.is_empty() => {
                return Err(RuleError::Empty("concerns"));
            }
            Self::McpServer { concerns } => &[("concerns", concerns.len(), CONCERNS_MAX)],
            Self::Finding { kinds, .. } if kinds.iter().any(|it| it.is_of_policies()) => {
                return Err(RuleError::OfPolicies);
            }
            Self::Finding { .. }
            | Self::RateAbove { .. }
            | Self::Always {}
            | Self::TrustBelow { .. }
            | Self::RiskFrom { .. }
            | Self::CapabilityViolation {} => &[],
        };
        match lists.iter().find(|(_, length, most)| length > most) {
            Some((name, length, most)) => Err(RuleError::TooMany(name, *length, *most)),
            None => Ok(()),
        }
    }

    /// Whether it matches; what cannot be evaluated does.
    #[must_use]
    pub fn matches(&self, context: &PolicyContext<'_>) -> bool {
        let asked = self.ask(context, &CedarScene::default());
        asked.unwrap_or(true)
    }

    /// How much it costs a decision, as a multiple of a built-in rule.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Cedar { text } => text.cost(),
            _ => 1,
        }
    }

    /// Whether it may look at where a request came from.
    pub(super) fn looks_at_address(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Cedar { text } => text.looks_at_address(),
            _ => false,
        }
    }

    /// Whether it matches, or why it cannot be evaluated. The scene is that of this context.
    pub(super) fn ask(
        &self,
        context: &PolicyContext<'_>,
        scene: &CedarScene,
    ) -> Result<bool, String> {
        Ok(match self {
            Self::Cedar { text } => match text.ask(context, scene) {
                Answer::Allowed => false,
                Answer::Denied(_) => true,
                Answer::Failed(why) => return Err(why),
            },
            Self::Always {} => true,
            Self::ResourceOutside { allowed } => {
                !context.resource.is_some_and(|it| any(allowed, it))
            }
            Self::HostOutside { allowed } => strange_host(allowed, context.resource).is_some(),
            Self::Time {
                zone,
                windows,
                when,
            } => is_inside(windows, *zone, context.at) == (*when == WhenTime::Inside),
            Self::Network { allow, deny } => match context.address {
                Some(address) => {
                    let within =
                        |list: &[AddressPattern]| list.iter().any(|it| it.contains(address));
                    within(deny) || !(allow.is_empty() || within(allow))
                }
                None => !allow.is_empty(),
            },
            Self::TrustBelow {
                least,
                with_unscored,
            } => context.trust.map_or(*with_unscored, |it| it < *least),
            Self::RiskFrom { risk } => context.risk >= *risk,
            Self::CapabilityViolation {} => !context.is_granted,
            Self::McpServer { concerns } => wrong_with(concerns, context).is_some(),
            // No action is asked about what comes after it.
            Self::Finding { .. } | Self::RateAbove { .. } => false,
        })
    }

    /// The fact it matched on and what would not have matched, for the agent too: a list of what is
    /// fine is not read out to whoever tries.
    #[must_use]
    pub fn explain(&self, context: &PolicyContext<'_>) -> String {
        self.explain_in(context, &CedarScene::default())
    }

    /// The same, with the scene of this context.
    pub(super) fn explain_in(&self, context: &PolicyContext<'_>, scene: &CedarScene) -> String {
        match self {
            Self::Always {} => "it is about this action; another action may be fine".to_owned(),
            Self::ResourceOutside { .. } => match context.resource {
                Some(resource) => format!("`{resource}` is none of the resources it lets through"),
                None => "no resource is named; name one that it lets through".to_owned(),
            },
            Self::HostOutside { allowed } => {
                let host = strange_host(allowed, context.resource).unwrap_or_default();
                format!("host `{host}` is none of those it lets through")
            }
            Self::Time { zone, when, .. } => {
                let (side, remedy) = match when {
                    WhenTime::Inside => ("within", "outside of them"),
                    WhenTime::Outside => ("outside of", "within them"),
                };
                let at = zone.words(context.at);
                format!("{at} is {side} its hours; ask {remedy}")
            }
            Self::Network { .. } => match context.address {
                Some(address) => format!(
                    "the request came from {address}; ask from a network that it lets through"
                ),
                None => "it is not known where the request came from".to_owned(),
            },
            Self::TrustBelow { least, .. } => {
                let least = least.as_fraction();
                match context.trust {
                    Some(trust) => {
                        let trust = trust.as_fraction();
                        format!("trust {trust:.4} is below {least:.4}")
                    }
                    None => format!("the agent has no trust score yet; it needs {least:.4}"),
                }
            }
            Self::RiskFrom { risk } => {
                format!("risk `{:?}` is not below `{risk:?}`", context.risk)
            }
            Self::CapabilityViolation {} => {
                format!("nothing granted covers `{}`; grant it", context.action)
            }
            Self::Cedar { text } => match text.ask(context, scene) {
                Answer::Allowed => String::new(),
                Answer::Denied(why) | Answer::Failed(why) => why,
            },
            Self::McpServer { concerns } => match (context.mcp, wrong_with(concerns, context)) {
                (Some(call), Some(concern)) => call.explain(concern),
                _ => "it calls no tool of an MCP server".to_owned(),
            },
            Self::Finding { .. } | Self::RateAbove { .. } => String::new(),
        }
    }
}

/// The first of the concerns that there is with the server that the action calls a tool of.
fn wrong_with(concerns: &[McpConcern], context: &PolicyContext<'_>) -> Option<McpConcern> {
    let call = context.mcp?;
    let mut concerns = concerns.iter().copied();
    concerns.find(|concern| call.is(*concern))
}

/// The first host that a resource names and that is not allowed.
fn strange_host(allowed: &[Pattern], resource: Option<&str>) -> Option<String> {
    outside_hosts(resource?).find(|host| !any(allowed, host))
}
