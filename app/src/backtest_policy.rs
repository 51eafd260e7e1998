//! What a draft would have done to the decisions that are on record. Nothing is written.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aim_domain::agent::AgentType;
use aim_domain::id::{AgentId, PolicyId, VerificationId};
use aim_domain::policy::{AgentNow, Draft, RecordedDecision, Replayed};
use aim_domain::scope::Scope;
use aim_domain::verification::Decision;
use aim_store::recorded::RecordedRange;
use chrono::{DateTime, Utc};

use crate::error::FieldErrors;
use crate::policy_draft::PolicyDraft;
use crate::{App, AppError, ErrorCode, Permit};

/// Decisions that are read at once.
const CHUNK: u64 = 20_000;
/// Most changed decisions that one answer lists.
pub const CHANGES_MAX: usize = 1_000;
/// Most back-tests at once in one process: each keeps a core and a connection busy.
pub(crate) const BACKTESTS_MAX: usize = 2;
/// When an answer is given with what was read so far: soon enough for the request's own limit.
const PATIENCE: Duration = Duration::from_secs(9);

/// A draft, and what to try it on.
#[derive(Debug, Clone)]
pub struct BacktestPolicy {
    /// What it says.
    pub draft: PolicyDraft,
    /// The policy that it would replace; `None` when it would come in addition.
    pub replaces: Option<PolicyId>,
    /// From here on.
    pub from: DateTime<Utc>,
    /// Up to here, that not included.
    pub to: DateTime<Utc>,
    /// How many changed decisions to list.
    pub first: usize,
    /// Behind which of them to begin the list.
    pub after: Option<VerificationId>,
}

/// A decision that would have been another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacktestChange {
    /// Which.
    pub verification: VerificationId,
    /// What it was.
    pub before: Decision,
    /// What it would have been.
    pub after: Decision,
}

/// What the draft would have done.
#[derive(Debug, Clone, Default)]
pub struct BacktestReport {
    /// Decisions that were looked at.
    pub examined: u64,
    /// Of them the draft would have matched so many.
    pub matched: u64,
    /// Would have been denied, and were not.
    pub newly_denied: u64,
    /// Would have waited for a person, and did not.
    pub newly_pending: u64,
    /// Would have been allowed, and were not.
    pub newly_allowed: u64,
    /// Would have been the same.
    pub unchanged: u64,
    /// Cannot be told: what the draft looks at is not on record.
    pub undecided: u64,
    /// Decisions that would have been other ones, in the order they were made.
    pub changes: Vec<BacktestChange>,
    /// The time of the last one that was looked at, when not all were.
    pub stopped_at: Option<DateTime<Utc>>,
}

impl App {
    /// Tries a draft on the decisions of a time.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `NotFound` for the policy, `RateLimited` while others
    /// are at it.
    pub async fn backtest_policy(
        &self,
        permit: &Permit,
        input: BacktestPolicy,
    ) -> Result<BacktestReport, AppError> {
        let mut errors = FieldErrors::default();
        if input.from >= input.to {
            errors.add("to", "is not after `from`");
        }
        if input.first > CHANGES_MAX {
            let message = format!("is {}; give at most {CHANGES_MAX}", input.first);
            errors.add("first", message);
        }
        let text = input.draft.check(errors)?;
        if text.rule.is_about_events() {
            let message = "is about events, and decisions do not look at those; try it in `SHADOW`";
            return Err(AppError::field("text.rule", message));
        }
        if let Some(id) = input.replaces {
            let found = self.find_policy(permit, id).await?;
            found.ok_or_else(|| AppError::not_found("policy"))?;
        }
        let settings = self.get_organization(permit).await?.settings;
        let draft = Draft {
            text,
            replaces: input.replaces,
            approval_from: settings.approval_from,
        };
        let Ok(_turn) = self.backtests.try_acquire() else {
            let message = "other back-tests are running; try again in some seconds";
            return Err(AppError::new(ErrorCode::RateLimited, message));
        };
        let range = RecordedRange {
            from: input.from,
            to: input.to,
            after: None,
            with_policies: input.replaces.is_some(),
        };
        let list = (input.first, input.after);
        self.replay_all(permit.scope(), &draft, range, list).await
    }

    async fn replay_all(
        &self,
        scope: Scope,
        draft: &Draft,
        mut range: RecordedRange,
        (first, after): (usize, Option<VerificationId>),
    ) -> Result<BacktestReport, AppError> {
        let begun = Instant::now();
        let mut agents: HashMap<AgentId, (AgentType, Vec<String>)> = HashMap::new();
        let mut report = BacktestReport::default();
        loop {
            let chunk = self.store.read_recorded(scope, range, CHUNK).await?;
            let Some((last, newest)) = chunk.last() else {
                return Ok(report);
            };
            let (last, newest) = (*last, newest.at);
            self.learn_agents(scope, &chunk, &mut agents).await?;
            for (id, was) in &chunk {
                let known = agents.get(&was.agent);
                let agent = AgentNow {
                    agent_type: known.map_or(AgentType::Custom, |it| it.0),
                    tags: known.map_or(&[][..], |it| &it.1[..]),
                };
                let change = report.count(*id, was.decision, draft.replay(was, agent));
                let is_listed = report.changes.len() < first && after.is_none_or(|it| *id > it);
                report.changes.extend(change.filter(|_| is_listed));
            }
            range.after = Some(last);
            if begun.elapsed() > PATIENCE {
                report.stopped_at = Some(newest);
                return Ok(report);
            }
        }
    }

    async fn learn_agents(
        &self,
        scope: Scope,
        chunk: &[(VerificationId, RecordedDecision)],
        agents: &mut HashMap<AgentId, (AgentType, Vec<String>)>,
    ) -> Result<(), AppError> {
        let strange = chunk.iter().map(|(_, was)| was.agent);
        let mut strange: Vec<AgentId> = strange.filter(|id| !agents.contains_key(id)).collect();
        strange.sort_unstable();
        strange.dedup();
        for ids in strange.chunks(1_000) {
            for agent in self.store.load_agents(scope, ids).await? {
                agents.insert(agent.id, (agent.agent_type, agent.tags));
            }
        }
        Ok(())
    }
}

impl BacktestReport {
    fn count(
        &mut self,
        verification: VerificationId,
        before: Decision,
        replayed: Replayed,
    ) -> Option<BacktestChange> {
        self.examined += 1;
        let Replayed::Decided(after, matched) = replayed else {
            self.undecided += 1;
            return None;
        };
        self.matched += u64::from(matched);
        let counter = match after {
            _ if after == before => &mut self.unchanged,
            Decision::Denied => &mut self.newly_denied,
            Decision::PendingApproval => &mut self.newly_pending,
            Decision::Allowed => &mut self.newly_allowed,
        };
        *counter += 1;
        (after != before).then_some(BacktestChange {
            verification,
            before,
            after,
        })
    }
}
