//! A policy as its author writes it.

use aim_app::{PolicyDraft, RuleDraft, ScopeDraft};
use async_graphql::{Error, ID, InputObject};

use super::enums::{
    AgentType, AnomalyKind, DayOfWeek, McpConcern, PolicyEffect, RateWindow, RiskLevel, Severity,
    TimeWindowSide,
};
use super::id::parse_ids;

/// What a policy shall say.
#[derive(Debug, InputObject)]
pub(crate) struct PolicyTextInput {
    /// Its name, unique in your organization, at most 128 bytes.
    name: String,
    /// What it is for, at most 2,000 bytes.
    #[graphql(default)]
    description: String,
    /// When it matches.
    rule: PolicyRuleInput,
    /// What then happens.
    effect: PolicyEffect,
    /// How bad that is; of the alert, where there is one.
    severity: Severity,
    /// The higher is named first, 0 to 1,000. It changes no decision.
    #[graphql(default = 100)]
    priority: u16,
    /// Whom and what it is about; everything when left out.
    scope: Option<PolicyScopeInput>,
    /// How many different persons have to agree, where it asks for approval: 1 or 2. The strictest of
    /// all that match counts.
    #[graphql(default = 1)]
    approver_count: u8,
    /// Global ids of at most 10 notification targets that are told of what it denies, asks a person
    /// about and wants looked at while it is enforced, whatever else they hear of.
    #[graphql(default)]
    notification_target_ids: Vec<ID>,
}

/// Whom and what a policy is about. Each list that is not empty has to hold; one entry of it is enough.
#[derive(Debug, Default, InputObject)]
struct PolicyScopeInput {
    /// Global ids of agents.
    #[graphql(default)]
    agent_ids: Vec<ID>,
    /// Kinds of agents.
    #[graphql(default)]
    agent_types: Vec<AgentType>,
    /// Tags of agents; one of them is enough.
    #[graphql(default)]
    tags: Vec<String>,
    /// Patterns of actions, such as `files:*`.
    #[graphql(default)]
    actions: Vec<String>,
    /// Patterns of resources; an action that names no resource is not meant.
    #[graphql(default)]
    resources: Vec<String>,
}

/// When a policy matches: exactly one of these.
#[derive(Debug, InputObject)]
struct PolicyRuleInput {
    /// Always, within the scope. Only `true` says something.
    is_always: Option<bool>,
    /// When the resource is like none of these patterns, or none is named.
    resource_outside: Option<Vec<String>>,
    /// When the resource names a host outside that is like none of these patterns.
    host_outside: Option<Vec<String>>,
    /// By the hour of the week.
    time: Option<PolicyTimeRuleInput>,
    /// By where the request comes from.
    network: Option<PolicyNetworkRuleInput>,
    /// While trust is low.
    trust: Option<PolicyTrustRuleInput>,
    /// From this risk on.
    risk: Option<RiskLevel>,
    /// When nothing granted covers the action. Only `true` says something.
    is_capability_violation: Option<bool>,
    /// What Cedar denies (<https://www.cedarpolicy.com>), at most 4,096 bytes: what a `forbid` names, and
    /// where there is a `permit`, what none names. `docs/policies.md` has the schema.
    cedar: Option<String>,
    /// When the action calls a tool of an MCP server with which one of these is wrong.
    mcp_server: Option<Vec<McpConcern>>,
    /// When a detector finds something in an event: with `ALERT` or `QUARANTINE` only.
    finding: Option<PolicyFindingRuleInput>,
    /// When the agent does more than so much in a span of time: with `ALERT` or `QUARANTINE` only.
    rate: Option<PolicyRateRuleInput>,
}

/// What detectors find.
#[derive(Debug, InputObject)]
struct PolicyFindingRuleInput {
    /// Of which kinds; none is every kind. Not what policies say themselves.
    #[graphql(default)]
    kinds: Vec<AnomalyKind>,
    /// At least so bad.
    severity: Severity,
}

/// How much is too much.
#[derive(Debug, InputObject)]
struct PolicyRateRuleInput {
    /// In which span of time, by the time of the events.
    window: RateWindow,
    /// As many actions are fine, 0 to 4,294,967,294.
    most: u32,
}

/// Hours of the week in a time zone.
#[derive(Debug, InputObject)]
struct PolicyTimeRuleInput {
    /// IANA name of the zone, such as `Europe/Berlin`.
    zone: String,
    /// Which hours, at most 21 windows.
    windows: Vec<TimeWindowInput>,
    /// On which side of them it matches.
    side: TimeWindowSide,
}

/// A part of some days.
#[derive(Debug, InputObject)]
struct TimeWindowInput {
    /// The days on which it begins; none is every day.
    #[graphql(default)]
    days: Vec<DayOfWeek>,
    /// When it begins, as `08:30`.
    from: String,
    /// When it ends, that not included, up to `24:00`; before it begins is on the next day.
    to: String,
}

/// Where requests may come from: addresses, blocks such as `10.0.0.0/8`, or stars as in `192.168.*.*`.
#[derive(Debug, InputObject)]
struct PolicyNetworkRuleInput {
    /// The only addresses that are fine; none is all. What comes from nowhere known is not fine.
    #[graphql(default)]
    allow: Vec<String>,
    /// Addresses that are not, whatever is allowed.
    #[graphql(default)]
    deny: Vec<String>,
}

/// A limit of trust.
#[derive(Debug, InputObject)]
struct PolicyTrustRuleInput {
    /// It matches below this, 0 to 1.
    least: f64,
    /// Whether it matches agents that have no score yet.
    #[graphql(default)]
    is_with_unscored: bool,
}

impl PolicyTextInput {
    pub(crate) fn draft(self) -> Result<PolicyDraft, Error> {
        let scope = self.scope.unwrap_or_default();
        let told = &self.notification_target_ids;
        let told = parse_ids("NotificationTarget", "notificationTargetIds", told)?;
        let agents = parse_ids("Agent", "scope.agentIds", &scope.agent_ids)?;
        Ok(PolicyDraft {
            approvers: self.approver_count,
            notify: told,
            name: self.name,
            description: self.description,
            rule: self.rule.draft(),
            effect: self.effect.into(),
            severity: self.severity.into(),
            priority: self.priority,
            scope: ScopeDraft {
                agents,
                agent_types: scope.agent_types.into_iter().map(Into::into).collect(),
                tags: scope.tags,
                actions: scope.actions,
                resources: scope.resources,
            },
        })
    }
}

impl PolicyRuleInput {
    fn draft(self) -> RuleDraft {
        let yes = |said: Option<bool>| said.filter(|it| *it);
        let given = [
            yes(self.is_always).map(|_| RuleDraft::Always),
            self.resource_outside.map(RuleDraft::ResourceOutside),
            self.host_outside.map(RuleDraft::HostOutside),
            self.time.map(PolicyTimeRuleInput::draft),
            self.network.map(|it| RuleDraft::Network {
                allow: it.allow,
                deny: it.deny,
            }),
            self.trust.map(|it| RuleDraft::TrustBelow {
                least: it.least,
                with_unscored: it.is_with_unscored,
            }),
            self.risk.map(|it| RuleDraft::RiskFrom(it.into())),
            yes(self.is_capability_violation).map(|_| RuleDraft::CapabilityViolation),
            self.cedar.map(RuleDraft::Cedar),
            self.mcp_server
                .map(|all| RuleDraft::McpServer(all.into_iter().map(Into::into).collect())),
            self.finding.map(|it| RuleDraft::Finding {
                kinds: it.kinds.into_iter().map(Into::into).collect(),
                severity: it.severity.into(),
            }),
            self.rate.map(|it| RuleDraft::RateAbove {
                window: it.window.into(),
                most: it.most,
            }),
        ];
        let mut given: Vec<RuleDraft> = given.into_iter().flatten().collect();
        match (given.pop(), given.len()) {
            (Some(only), 0) => only,
            (last, more) => RuleDraft::Unclear(more + usize::from(last.is_some())),
        }
    }
}

impl PolicyTimeRuleInput {
    fn draft(self) -> RuleDraft {
        let windows = self.windows.into_iter().map(|window| {
            let days = window.days.into_iter().map(Into::into).collect();
            (days, window.from, window.to)
        });
        RuleDraft::Time {
            zone: self.zone,
            windows: windows.collect(),
            when: self.side.into(),
        }
    }
}
