//! Trying a draft on what is on record.

use aim_app::{BacktestChange as Change, BacktestPolicy, BacktestReport as Report};
use aim_domain::role::Permission;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context::{RequestContext, fault};
use super::super::enums::Decision;
use super::super::id::{global_id, parse_id};
use super::super::policy_input::PolicyTextInput;

/// A draft, and which decisions to try it on.
#[derive(Debug, InputObject)]
struct BacktestPolicyInput {
    /// What it says; it is tried as if it were enforced.
    text: PolicyTextInput,
    /// Global id of the policy that it would replace; it would come in addition when left out.
    replaces_policy_id: Option<ID>,
    /// Decisions from here on.
    from: DateTime<Utc>,
    /// Up to here, that not included.
    to: DateTime<Utc>,
    /// How many changed decisions to list, 0 to 1,000. They are all counted.
    #[graphql(default = 100)]
    first: u16,
    /// Global id of the verification behind which the list begins, to see the next ones.
    after: Option<ID>,
}

/// What a draft would have done to decisions on record.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PolicyBacktest {
    /// Decisions that were looked at.
    examined_count: u64,
    /// Of them the draft would have matched so many.
    matched_count: u64,
    /// Would have been denied, and were not.
    newly_denied_count: u64,
    /// Would have waited for a person, and did not.
    newly_pending_count: u64,
    /// Would have been allowed, and were not.
    newly_allowed_count: u64,
    /// Would have been the same.
    unchanged_count: u64,
    /// Cannot be told, because addresses are not kept; in none of the other counts but the first.
    undecided_count: u64,
    /// Decisions that would have been other ones, in the order they were made.
    changes: Vec<BacktestChange>,
    /// The time of the last decision that was looked at, when there was no time for all: go on from there.
    /// Null when all were.
    stopped_at: Option<DateTime<Utc>>,
    /// What was taken for granted because it is not on record.
    assumptions: Vec<&'static str>,
}

/// A decision that would have been another one.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct BacktestChange {
    /// Global id of the verification.
    verification_id: ID,
    /// What was decided, before any person answered.
    before: Decision,
    /// What would have been decided.
    after: Decision,
}

/// Said with every answer, so that nobody takes it for more than it is.
const ASSUMPTIONS: &[&str] = &[
    "agents had the type and the tags that they have now",
    "addresses are not kept: a network rule leaves what it is about undecided",
    "agents act as they did: an agent that the draft quarantines would not have asked again",
    "what replaces a policy is held against today's level of risk for approvals",
    "decisions are taken as they were, before any person answered; of policies that matched, the \
     first four of each mode and effect are on record",
];

impl From<Change> for BacktestChange {
    fn from(change: Change) -> Self {
        Self {
            verification_id: global_id("Verification", change.verification),
            before: change.before.into(),
            after: change.after.into(),
        }
    }
}

impl From<Report> for PolicyBacktest {
    fn from(report: Report) -> Self {
        Self {
            examined_count: report.examined,
            matched_count: report.matched,
            newly_denied_count: report.newly_denied,
            newly_pending_count: report.newly_pending,
            newly_allowed_count: report.newly_allowed,
            unchanged_count: report.unchanged,
            undecided_count: report.undecided,
            changes: report
                .changes
                .into_iter()
                .map(BacktestChange::from)
                .collect(),
            stopped_at: report.stopped_at,
            assumptions: ASSUMPTIONS.to_vec(),
        }
    }
}

/// Queries that try policies.
#[derive(Debug, Default)]
pub(crate) struct BacktestQueries;

#[Object]
impl BacktestQueries {
    /// What a draft of a policy would have done to the decisions of a time. Nothing is written. Not for
    /// agents. Needs `VIEWER`.
    async fn backtest_policy(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The draft, and which decisions to try it on.")]
        input: BacktestPolicyInput,
    ) -> Result<PolicyBacktest> {
        let request = RequestContext::of(context)?;
        let permit = request.permit(Permission::ReadPolicies)?;
        let replaces = input.replaces_policy_id.as_ref();
        let replaces = replaces.map(|id| parse_id("Policy", "replacesPolicyId", id));
        let after = input.after.as_ref();
        let after = after.map(|id| parse_id("Verification", "after", id));
        let input = BacktestPolicy {
            draft: input.text.draft()?,
            replaces: replaces.transpose()?,
            from: input.from,
            to: input.to,
            first: usize::from(input.first),
            after: after.transpose()?,
        };
        let report = request.app.backtest_policy(&permit, input).await;
        Ok(report.map_err(fault)?.into())
    }
}
