//! A policy as somebody wrote it, checked as a whole: every wrong field is named at once.

use aim_domain::agent::AgentType;
use aim_domain::anomaly::{AnomalyKind, Severity};
use aim_domain::capability::Pattern;
use aim_domain::id::{AgentId, NotificationTargetId};
use aim_domain::mcp::McpConcern;
use aim_domain::policy::{
    AddressPattern, CedarRule, DayOfWeek, Effect, PolicyScope, PolicyText, RateWindow, Rule,
    TimeWindow, WhenTime, Zone,
};
use aim_domain::risk::RiskLevel;
use aim_domain::trust::TrustScore;

use crate::AppError;
use crate::error::FieldErrors;

/// What a policy shall say.
#[derive(Debug, Clone)]
pub struct PolicyDraft {
    /// Its name, unique in its organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// When it matches.
    pub rule: RuleDraft,
    /// What then happens.
    pub effect: Effect,
    /// How bad that is.
    pub severity: Severity,
    /// The higher is named first.
    pub priority: u16,
    /// Whom and what it is about.
    pub scope: ScopeDraft,
    /// How many different persons have to agree, where it asks for approval.
    pub approvers: u8,
    /// Who is told of what it decides and finds.
    pub notify: Vec<NotificationTargetId>,
}

/// Whom and what a policy is about.
#[derive(Debug, Clone, Default)]
pub struct ScopeDraft {
    /// These agents.
    pub agents: Vec<AgentId>,
    /// Agents of these kinds.
    pub agent_types: Vec<AgentType>,
    /// Agents that are filed under one of these.
    pub tags: Vec<String>,
    /// Actions like these.
    pub actions: Vec<String>,
    /// On resources like these.
    pub resources: Vec<String>,
}

/// When a policy matches.
#[derive(Debug, Clone)]
pub enum RuleDraft {
    /// Always.
    Always,
    /// The resource is none of these.
    ResourceOutside(Vec<String>),
    /// The resource names a host outside that is none of these.
    HostOutside(Vec<String>),
    /// By the hour of the week.
    Time {
        /// Whose hours.
        zone: String,
        /// Days, from, to.
        windows: Vec<(Vec<DayOfWeek>, String, String)>,
        /// In them or outside.
        when: WhenTime,
    },
    /// By where the request comes from.
    Network {
        /// The only addresses that are fine.
        allow: Vec<String>,
        /// Addresses that are not.
        deny: Vec<String>,
    },
    /// By trust, 0 to 1.
    TrustBelow {
        /// Below this.
        least: f64,
        /// Whether an agent counts that has no score yet.
        with_unscored: bool,
    },
    /// By risk.
    RiskFrom(RiskLevel),
    /// Nothing granted covers the action.
    CapabilityViolation,
    /// In Cedar.
    Cedar(String),
    /// It calls a tool of an MCP server with which one of these is wrong.
    McpServer(Vec<McpConcern>),
    /// What detectors find.
    Finding {
        /// Of these kinds; none is every kind.
        kinds: Vec<AnomalyKind>,
        /// At least so bad.
        severity: Severity,
    },
    /// More events than this.
    RateAbove {
        /// In which span of time.
        window: RateWindow,
        /// As many are fine.
        most: u32,
    },
    /// So many conditions, where exactly one is needed.
    Unclear(usize),
}

impl PolicyDraft {
    /// What it says, if all of it can be.
    pub(crate) fn check(self, errors: FieldErrors) -> Result<PolicyText, AppError> {
        let mut errors = errors;
        let scope = self.scope.check(&mut errors);
        let rule = self.rule.check(&mut errors);
        let text = PolicyText {
            name: self.name,
            description: self.description,
            // What is wrong with the rule is named already; the rest is checked all the same.
            rule: rule.unwrap_or(Rule::Always {}),
            effect: self.effect,
            severity: self.severity,
            priority: self.priority,
            scope,
            approvers: self.approvers,
            notify: self.notify,
        };
        for (field, message) in text.faults() {
            errors.add(&format!("text.{field}"), message);
        }
        errors.finish()?;
        Ok(text)
    }
}

impl ScopeDraft {
    fn check(self, errors: &mut FieldErrors) -> PolicyScope {
        PolicyScope {
            agents: self.agents,
            agent_types: self.agent_types,
            tags: self.tags,
            actions: all(
                errors,
                "text.scope.actions",
                self.actions,
                Pattern::capability,
            ),
            resources: all(
                errors,
                "text.scope.resources",
                self.resources,
                Pattern::resource,
            ),
        }
    }
}

impl RuleDraft {
    fn check(self, errors: &mut FieldErrors) -> Option<Rule> {
        Some(match self {
            Self::Unclear(many) => {
                errors.add(
                    "text.rule",
                    format!("has {many} conditions; give exactly one"),
                );
                return None;
            }
            Self::Always => Rule::Always {},
            Self::CapabilityViolation => Rule::CapabilityViolation {},
            Self::Cedar(text) => cedar(errors, text)?,
            Self::McpServer(concerns) => Rule::McpServer { concerns },
            Self::Finding { kinds, severity } => Rule::Finding { kinds, severity },
            Self::RateAbove { window, most } => Rule::RateAbove { window, most },
            Self::RiskFrom(risk) => Rule::RiskFrom { risk },
            Self::ResourceOutside(texts) => Rule::ResourceOutside {
                allowed: all(
                    errors,
                    "text.rule.resourceOutside",
                    texts,
                    Pattern::resource,
                ),
            },
            Self::HostOutside(texts) => {
                // Hosts have no case; patterns do.
                let texts = texts.iter().map(|it| it.to_lowercase()).collect();
                let field = "text.rule.hostOutside";
                let allowed = all(errors, field, texts, Pattern::resource);
                Rule::HostOutside { allowed }
            }
            Self::Time {
                zone,
                windows,
                when,
            } => {
                let window =
                    |(days, from, to): (Vec<_>, String, String)| TimeWindow::new(days, &from, &to);
                let windows = all(errors, "text.rule.time.windows", windows, window);
                let zone = errors.keep("text.rule.time.zone", Zone::parse(&zone))?;
                Rule::Time {
                    zone,
                    windows,
                    when,
                }
            }
            Self::Network { allow, deny } => Rule::Network {
                allow: all(
                    errors,
                    "text.rule.network.allow",
                    allow,
                    AddressPattern::parse,
                ),
                deny: all(
                    errors,
                    "text.rule.network.deny",
                    deny,
                    AddressPattern::parse,
                ),
            },
            Self::TrustBelow {
                least,
                with_unscored,
            } => Rule::TrustBelow {
                least: score(errors, least),
                with_unscored,
            },
        })
    }
}

fn score(errors: &mut FieldErrors, least: f64) -> TrustScore {
    if !(0.0..=1.0).contains(&least) {
        let message = format!("is {least}; give a number between 0 and 1");
        errors.add("text.rule.trust.least", message);
    }
    TrustScore::from_fraction(least)
}

fn cedar(errors: &mut FieldErrors, text: String) -> Option<Rule> {
    let field = "text.rule.cedar";
    let text = errors.keep(field, CedarRule::parse(text))?;
    errors.keep(field, text.check())?;
    Some(Rule::Cedar { text })
}

/// The good ones of a list; the bad ones are named with their place in it.
fn all<D, T, E: std::fmt::Display>(
    errors: &mut FieldErrors,
    field: &str,
    drafts: Vec<D>,
    read: impl Fn(D) -> Result<T, E>,
) -> Vec<T> {
    let drafts = drafts.into_iter().enumerate();
    let kept = drafts.filter_map(|(at, it)| errors.keep(&format!("{field}.{at}"), read(it)));
    kept.collect()
}
