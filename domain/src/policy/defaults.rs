//! What a new organization begins with: worth having, but only watching, so that nobody is surprised.

use super::{DayOfWeek, Effect, PolicyScope, PolicyText, Rule, TimeWindow, WhenTime, Zone};
use crate::anomaly::Severity;
use crate::capability::Pattern;
use crate::risk::RiskLevel;
use crate::trust::TrustScore;

/// Resources that hold secrets, as far as their names tell.
const SECRETS: &[&str] = &[
    "*.pem",
    "*/.env",
    "*/.ssh/*",
    "*/.aws/*",
    "/etc/shadow",
    "*credentials*",
];

fn text(
    name: &str,
    description: &str,
    rule: Rule,
    effect: Effect,
    severity: Severity,
) -> PolicyText {
    PolicyText {
        name: name.to_owned(),
        description: description.to_owned(),
        rule,
        effect,
        severity,
        priority: 100,
        scope: PolicyScope::default(),
        approvers: 1,
        notify: Vec::new(),
    }
}

/// The policies of a new organization; all begin in `SHADOW`.
#[must_use]
pub fn defaults() -> Vec<PolicyText> {
    let trust = |least| Rule::TrustBelow {
        least: TrustScore::from_ten_thousandths(least),
        with_unscored: false,
    };
    let mut all = vec![
        text(
            "Ask a person for risky actions",
            "Actions of high or critical risk wait for a person.",
            Rule::RiskFrom {
                risk: RiskLevel::High,
            },
            Effect::RequireApproval,
            Severity::Medium,
        ),
        text(
            "Ask a person while trust is low",
            "Agents whose trust is below 0.5 wait for a person.",
            trust(5_000),
            Effect::RequireApproval,
            Severity::Medium,
        ),
        text(
            "Quarantine what is not trusted",
            "Agents whose trust is below 0.2 are stopped.",
            trust(2_000),
            Effect::Quarantine,
            Severity::Critical,
        ),
        text(
            "Tell of actions that nothing grants",
            "They are denied anyway; somebody should know.",
            Rule::CapabilityViolation {},
            Effect::Alert,
            Severity::High,
        ),
    ];
    if let Some(rule) = office_hours() {
        all.push(text(
            "Tell of work outside office hours",
            "Monday to Friday, 07:00 to 20:00, in UTC until somebody says otherwise.",
            rule,
            Effect::Alert,
            Severity::Medium,
        ));
    }
    let secrets: Result<_, _> = SECRETS.iter().map(|it| Pattern::resource(*it)).collect();
    all.push(PolicyText {
        scope: PolicyScope {
            resources: secrets.unwrap_or_default(),
            ..PolicyScope::default()
        },
        ..text(
            "Keep away from secrets",
            "Keys and passwords in files that are named as such.",
            Rule::Always {},
            Effect::Forbid,
            Severity::High,
        )
    });
    all
}

fn office_hours() -> Option<Rule> {
    let days = DayOfWeek::ALL[..5].to_vec();
    let window = TimeWindow::new(days, "07:00", "20:00").ok()?;
    Some(Rule::Time {
        zone: Zone::UTC,
        windows: vec![window],
        when: WhenTime::Outside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_organization_begins_with_is_sound() {
        let all = defaults();
        assert_eq!(all.len(), 6);
        for text in &all {
            assert_eq!(text.faults(), [], "{}", text.name);
        }
        assert_eq!(all[5].scope.resources.len(), SECRETS.len());
    }
}
