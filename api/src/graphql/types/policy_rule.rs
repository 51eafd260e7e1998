//! When policies match.

use aim_domain::policy::{AddressPattern, Rule, TimeWindow as Window};
use async_graphql::SimpleObject;

use super::super::enums::{
    AnomalyKind, DayOfWeek, McpConcern, PolicyRuleKind, RateWindow, RiskLevel, Severity,
    TimeWindowSide,
};

/// When a policy matches; what belongs to its kind is there, all else is null.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyRule {
    /// What it looks at.
    kind: PolicyRuleKind,
    /// Patterns of resources or hosts that are fine.
    allowed: Option<Vec<String>>,
    /// By the hour of the week.
    time: Option<PolicyTimeRule>,
    /// By where the request comes from.
    network: Option<PolicyNetworkRule>,
    /// By trust.
    trust: Option<PolicyTrustRule>,
    /// From this risk on.
    risk: Option<RiskLevel>,
    /// What is written in Cedar.
    cedar: Option<String>,
    /// What may be wrong with the MCP server.
    mcp_server: Option<Vec<McpConcern>>,
    /// What detectors find.
    finding: Option<PolicyFindingRule>,
    /// How much is too much.
    rate: Option<PolicyRateRule>,
}

/// What detectors find.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyFindingRule {
    /// Of which kinds; none is every kind.
    kinds: Vec<AnomalyKind>,
    /// At least so bad.
    severity: Severity,
}

/// How much is too much.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyRateRule {
    /// In which span of time, by the time of the events.
    window: RateWindow,
    /// As many actions are fine.
    most: u32,
}

/// Hours of the week in a time zone.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyTimeRule {
    /// IANA name of the zone.
    zone: String,
    /// Which hours.
    windows: Vec<TimeWindow>,
    /// On which side of them it matches.
    side: TimeWindowSide,
}

/// A part of some days.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct TimeWindow {
    /// The days on which it begins; none is every day.
    days: Vec<DayOfWeek>,
    /// When it begins, as `08:30`.
    from: String,
    /// When it ends, that not included; not later than it begins is on the next day.
    to: String,
}

/// Where requests may come from.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyNetworkRule {
    /// The only addresses that are fine; none is all.
    allow: Vec<String>,
    /// Addresses that are not, whatever is allowed.
    deny: Vec<String>,
}

/// A limit of trust.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyTrustRule {
    /// It matches below this, 0 to 1.
    least: f64,
    /// Whether it matches agents that have no score yet.
    is_with_unscored: bool,
}

impl PolicyRule {
    const fn of(kind: PolicyRuleKind) -> Self {
        Self {
            kind,
            allowed: None,
            time: None,
            network: None,
            trust: None,
            risk: None,
            cedar: None,
            mcp_server: None,
            finding: None,
            rate: None,
        }
    }
}

impl PolicyNetworkRule {
    fn of(allow: Vec<AddressPattern>, deny: Vec<AddressPattern>) -> Self {
        let texts = |all: Vec<AddressPattern>| all.into_iter().map(Into::into).collect();
        Self {
            allow: texts(allow),
            deny: texts(deny),
        }
    }
}

impl From<Rule> for PolicyRule {
    fn from(rule: Rule) -> Self {
        let patterns = |all: Vec<aim_domain::capability::Pattern>| {
            Some(all.iter().map(|it| it.as_str().to_owned()).collect())
        };
        match rule {
            Rule::Always {} => Self::of(PolicyRuleKind::Always),
            Rule::CapabilityViolation {} => Self::of(PolicyRuleKind::CapabilityViolation),
            Rule::ResourceOutside { allowed } => Self {
                allowed: patterns(allowed),
                ..Self::of(PolicyRuleKind::ResourceOutside)
            },
            Rule::HostOutside { allowed } => Self {
                allowed: patterns(allowed),
                ..Self::of(PolicyRuleKind::HostOutside)
            },
            Rule::Time {
                zone,
                windows,
                when,
            } => Self {
                time: Some(PolicyTimeRule {
                    zone: zone.name().to_owned(),
                    windows: windows.iter().map(TimeWindow::of).collect(),
                    side: when.into(),
                }),
                ..Self::of(PolicyRuleKind::Time)
            },
            Rule::Network { allow, deny } => Self {
                network: Some(PolicyNetworkRule::of(allow, deny)),
                ..Self::of(PolicyRuleKind::Network)
            },
            Rule::TrustBelow {
                least,
                with_unscored,
            } => Self {
                trust: Some(PolicyTrustRule {
                    least: least.as_fraction(),
                    is_with_unscored: with_unscored,
                }),
                ..Self::of(PolicyRuleKind::TrustBelow)
            },
            Rule::McpServer { concerns } => Self {
                mcp_server: Some(concerns.into_iter().map(Into::into).collect()),
                ..Self::of(PolicyRuleKind::McpServer)
            },
            Rule::RiskFrom { risk } => Self {
                risk: Some(risk.into()),
                ..Self::of(PolicyRuleKind::RiskFrom)
            },
            Rule::Cedar { text } => Self {
                cedar: Some(text.into()),
                ..Self::of(PolicyRuleKind::Cedar)
            },
            Rule::Finding { kinds, severity } => Self {
                finding: Some(PolicyFindingRule {
                    kinds: kinds.into_iter().map(Into::into).collect(),
                    severity: severity.into(),
                }),
                ..Self::of(PolicyRuleKind::Finding)
            },
            Rule::RateAbove { window, most } => Self {
                rate: Some(PolicyRateRule {
                    window: window.into(),
                    most,
                }),
                ..Self::of(PolicyRuleKind::RateAbove)
            },
        }
    }
}

impl TimeWindow {
    fn of(window: &Window) -> Self {
        Self {
            days: window.days().iter().map(|day| (*day).into()).collect(),
            from: window.from(),
            to: window.to(),
        }
    }
}
