//! Verifications, results and nonces.

use aim_domain::action::Outcome;
use aim_domain::approval::ApprovalStatus;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId, PolicyId, VerificationId};
use aim_domain::policy::PolicyHit;
use aim_domain::risk::RiskLevel;
use aim_domain::scope::Scope;
use aim_domain::trust::TrustScore;
use aim_domain::verification::{Decision, Obligation, Reason};
use aim_entities::{used_nonce, verification as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use serde_json::Value;
use uuid::Uuid;

use crate::page::{self, Page, PageRequest, Sorted};
use crate::{Backend, Store, StoreError, Tx, code};

/// Our recorded answer to "may it?".
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Its identity.
    pub id: VerificationId,
    /// Whose.
    pub organization: OrganizationId,
    /// Who asked.
    pub agent: AgentId,
    /// With which key.
    pub key: AgentKeyId,
    /// What.
    pub action: String,
    /// On what.
    pub resource: Option<String>,
    /// The risk that counted.
    pub risk: RiskLevel,
    /// The answer.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What the agent owes.
    pub obligations: Vec<Obligation>,
    /// Trust at the time.
    pub trust: Option<TrustScore>,
    /// The run.
    pub session: Option<String>,
    /// The job.
    pub task: Option<String>,
    /// SHA-256 of the canonical request.
    pub action_digest: Vec<u8>,
    /// What the caller named the request, to ask twice safely.
    pub idempotency_key: Option<String>,
    /// The HTTP request it came in.
    pub request_id: String,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// Until when the answer may be acted on.
    pub expires_at: DateTime<Utc>,
    /// Who answered, when a person had to.
    pub decided_by: Option<String>,
    /// When they did.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub decided_reason: Option<String>,
    /// How the action ended, once reported.
    pub outcome: Option<Outcome>,
    /// When that was reported.
    pub outcome_at: Option<DateTime<Utc>>,
    /// What the agent said of it.
    pub outcome_detail: Option<String>,
    /// How long the action took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// The policies that matched, also those that only watched.
    pub policies: Vec<PolicyHit>,
    /// Where persons had to agree: how far that is.
    pub approval: Option<Approval>,
}

/// How far the approval of a verification is.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// How far.
    pub status: ApprovalStatus,
    /// How many persons have to agree.
    pub approvers: u8,
    /// The arguments of the action, for those who have to answer. They are kept as long as anything can
    /// come of it.
    pub arguments: Option<Value>,
}

/// A nonce to write off.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UsedNonce {
    /// The key that signed.
    pub key: AgentKeyId,
    /// The nonce.
    pub nonce: String,
    /// After which the signature is stale anyway.
    pub expires_at: DateTime<Utc>,
}

/// Which verifications.
#[derive(Debug, Clone, Default)]
pub struct VerificationFilter {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// With this answer.
    pub decision: Option<Decision>,
    /// Of this action.
    pub action: Option<String>,
    /// About which this policy said something, also where it only watched.
    pub policy: Option<PolicyId>,
    /// With this risk.
    pub risk: Option<RiskLevel>,
    /// Where persons had to agree.
    pub needs_person: bool,
    /// Whose approval is as far as this.
    pub approval: Option<ApprovalStatus>,
}

pub(crate) fn convert(row: entity::Model) -> Result<Verification, StoreError> {
    let status = row.approval_status.as_deref();
    let status = status.map(|text| code::parse("verifications.approval_status", text));
    let approval = status.transpose()?.map(|status| Approval {
        status,
        approvers: row
            .approvers
            .and_then(|it| u8::try_from(it).ok())
            .unwrap_or(1),
        arguments: row.arguments,
    });
    Ok(Verification {
        approval,
        id: VerificationId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        key: AgentKeyId::from_uuid(row.agent_key_id),
        risk: code::parse("verifications.risk", &row.risk)?,
        decision: code::parse("verifications.decision", &row.decision)?,
        reasons: code::from_json("verifications.reasons", row.reasons)?,
        obligations: code::from_json("verifications.obligations", row.obligations)?,
        trust: row.trust_score.map(code::score),
        outcome: row
            .outcome
            .map(|text| code::parse("verifications.outcome", &text))
            .transpose()?,
        action: row.action,
        resource: row.resource,
        session: row.session,
        task: row.task,
        action_digest: row.action_digest,
        idempotency_key: row.idempotency_key,
        request_id: row.request_id,
        created_at: row.created_at,
        expires_at: row.expires_at,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        decided_reason: row.decided_reason,
        outcome_at: row.outcome_at,
        outcome_detail: row.outcome_detail,
        duration_ms: row.duration_ms,
        policies: row
            .policies
            .map(|hits| code::from_json("verifications.policies", hits))
            .transpose()?
            .unwrap_or_default(),
    })
}

impl Store {
    /// A verification of the scope's organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_verification(
        &self,
        scope: Scope,
        id: VerificationId,
    ) -> Result<Option<Verification>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        // By its key there is one at most, and with a bound limit SQLite prepares a statement anew
        // each time, because its plan depends on the number.
        let mut found = query.all(self.reader()).await?;
        found.pop().map(convert).transpose()
    }

    /// The verification that an agent named with `key`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_verification_by_idempotency_key(
        &self,
        agent: AgentId,
        key: &str,
    ) -> Result<Option<Verification>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::AgentId.eq(agent.as_uuid()))
            .filter(entity::Column::IdempotencyKey.eq(key));
        query.one(self.reader()).await?.map(convert).transpose()
    }

    fn is_hit_by(&self, policy: PolicyId) -> Expr {
        match self.backend() {
            Backend::Postgres => {
                let hit = serde_json::json!([{ "policy": policy }]);
                Expr::cust_with_values("policies @> $1::jsonb", [hit])
            }
            Backend::Sqlite => Expr::cust_with_values(
                "id IN (SELECT verification_id FROM verification_policies WHERE policy_id = ?)",
                [policy.to_string()],
            ),
        }
    }

    /// A page of verifications.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_verifications(
        &self,
        scope: Scope,
        filter: &VerificationFilter,
        page: PageRequest,
    ) -> Result<Page<Verification>, StoreError> {
        let mut query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()));
        if let Some(agent) = filter.agent {
            query = query.filter(entity::Column::AgentId.eq(agent.as_uuid()));
        }
        if let Some(decision) = &filter.decision {
            query = query.filter(entity::Column::Decision.eq(code::text(decision)));
        }
        if let Some(action) = &filter.action {
            query = query.filter(entity::Column::Action.eq(action));
        }
        if let Some(policy) = filter.policy {
            query = query.filter(self.is_hit_by(policy));
        }
        if let Some(risk) = &filter.risk {
            query = query.filter(entity::Column::Risk.eq(code::text(risk)));
        }
        if filter.needs_person || filter.approval.is_some() {
            query = query.filter(entity::Column::ApprovalStatus.is_not_null());
        }
        if let Some(status) = &filter.approval {
            query = query.filter(entity::Column::ApprovalStatus.eq(code::text(status)));
        }
        let total = self.count_listed(scope, filter, &query).await?;
        let id = entity::Column::Id;
        let by = (id, Sorted::newest_first(id));
        page::fetch_counted(self.reader(), query, by, (page, total), convert).await
    }
}

impl Tx {
    /// Writes a nonce off for `request`; false when another request used it, on whatever node.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn use_nonce(
        &mut self,
        nonce: &UsedNonce,
        request: Uuid,
    ) -> Result<bool, StoreError> {
        let row = used_nonce::ActiveModel {
            expires_at: Set(nonce.expires_at),
            agent_key_id: Set(nonce.key.as_uuid()),
            nonce: Set(nonce.nonce.clone()),
            verification_id: Set(request),
        };
        let once = OnConflict::new().do_nothing().to_owned();
        let insert = used_nonce::Entity::insert(row).on_conflict(once);
        if insert.exec_without_returning(self.on()).await? == 1 {
            return Ok(true);
        }
        let key = (nonce.expires_at, nonce.key.as_uuid(), nonce.nonce.clone());
        let used = used_nonce::Entity::find_by_id(key).one(self.on()).await?;
        Ok(used.is_some_and(|used| used.verification_id == request))
    }

    /// Forgets nonces whose signatures are stale.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn delete_stale_nonces(&mut self) -> Result<u64, StoreError> {
        let done = used_nonce::Entity::delete_many()
            .filter(used_nonce::Column::ExpiresAt.lt(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected)
    }

    /// Writes the result of an action, once; false when there was one already.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_outcome(
        &mut self,
        id: VerificationId,
        outcome: Outcome,
        detail: Option<&str>,
        duration_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Outcome, Expr::value(code::text(&outcome)))
            .col_expr(entity::Column::OutcomeAt, Expr::value(self.now()))
            .col_expr(
                entity::Column::OutcomeDetail,
                Expr::value(detail.map(str::to_owned)),
            )
            .col_expr(entity::Column::DurationMs, Expr::value(duration_ms))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::Outcome.is_null())
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
