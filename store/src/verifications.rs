//! Verifications, results and nonces.

use std::collections::HashSet;

use aim_domain::action::Outcome;
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId, VerificationId};
use aim_domain::risk::RiskLevel;
use aim_domain::scope::Scope;
use aim_domain::trust::TrustScore;
use aim_domain::verification::{Decision, Obligation, Reason};
use aim_entities::{used_nonce, verification as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

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
}

/// Rows of one statement: 26 columns × rows stay below SQLite's 32,766 parameters.
const CHUNK: usize = 1_000;

fn convert(row: entity::Model) -> Result<Verification, StoreError> {
    Ok(Verification {
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
    })
}

fn to_row(v: &Verification) -> entity::ActiveModel {
    entity::ActiveModel {
        id: Set(v.id.as_uuid()),
        organization_id: Set(v.organization.as_uuid()),
        agent_id: Set(v.agent.as_uuid()),
        agent_key_id: Set(v.key.as_uuid()),
        action: Set(v.action.clone()),
        resource: Set(v.resource.clone()),
        risk: Set(code::text(&v.risk)),
        decision: Set(code::text(&v.decision)),
        reasons: Set(code::json(&v.reasons)),
        obligations: Set(code::json(&v.obligations)),
        trust_score: Set(v.trust.map(|t| i32::from(t.ten_thousandths()))),
        session: Set(v.session.clone()),
        task: Set(v.task.clone()),
        action_digest: Set(v.action_digest.clone()),
        idempotency_key: Set(v.idempotency_key.clone()),
        request_id: Set(v.request_id.clone()),
        created_at: Set(v.created_at),
        expires_at: Set(v.expires_at),
        decided_by: Set(None),
        decided_at: Set(None),
        decided_reason: Set(None),
        outcome: Set(None),
        outcome_at: Set(None),
        outcome_detail: Set(None),
        duration_ms: Set(None),
    }
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
        query.one(self.reader()).await?.map(convert).transpose()
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
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }
}

impl Tx {
    /// Writes verifications and tells which ones were new: one whose agent already used the same
    /// idempotency key is not.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_verifications(
        &mut self,
        verifications: &[&Verification],
    ) -> Result<HashSet<VerificationId>, StoreError> {
        let named: Vec<_> = verifications
            .iter()
            .filter(|v| v.idempotency_key.is_some())
            .copied()
            .collect();
        let mut new: HashSet<_> = verifications
            .iter()
            .filter(|v| v.idempotency_key.is_none())
            .map(|v| v.id)
            .collect();
        let unnamed = verifications
            .iter()
            .filter(|v| v.idempotency_key.is_none())
            .copied();
        let unnamed: Vec<_> = unnamed.collect();
        for chunk in unnamed.chunks(CHUNK) {
            let rows = chunk.iter().map(|v| to_row(v));
            entity::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        for chunk in named.chunks(CHUNK) {
            let conflict =
                OnConflict::columns([entity::Column::AgentId, entity::Column::IdempotencyKey])
                    .do_nothing()
                    .to_owned();
            entity::Entity::insert_many(chunk.iter().map(|v| to_row(v)))
                .on_conflict(conflict)
                .exec_without_returning(self.on())
                .await?;
            let written: Vec<uuid::Uuid> = entity::Entity::find()
                .select_only()
                .column(entity::Column::Id)
                .filter(entity::Column::Id.is_in(chunk.iter().map(|v| v.id.as_uuid())))
                .into_tuple()
                .all(self.on())
                .await?;
            new.extend(written.into_iter().map(VerificationId::from_uuid));
        }
        Ok(new)
    }

    /// Writes nonces off and tells which ones were used before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_nonces(
        &mut self,
        nonces: &[UsedNonce],
    ) -> Result<HashSet<UsedNonce>, StoreError> {
        let mut used = HashSet::new();
        for chunk in nonces.chunks(CHUNK) {
            let rows = chunk.iter().map(|n| used_nonce::ActiveModel {
                agent_key_id: Set(n.key.as_uuid()),
                nonce: Set(n.nonce.clone()),
                expires_at: Set(n.expires_at),
            });
            let conflict =
                OnConflict::columns([used_nonce::Column::AgentKeyId, used_nonce::Column::Nonce])
                    .do_nothing()
                    .to_owned();
            let written = used_nonce::Entity::insert_many(rows)
                .on_conflict(conflict)
                .exec_with_returning_keys(self.on())
                .await;
            let written: HashSet<_> = match written {
                Ok(keys) => keys.into_iter().collect(),
                Err(sea_orm::DbErr::RecordNotInserted) => HashSet::new(),
                Err(error) => return Err(error.into()),
            };
            if written.len() < chunk.len() {
                used.extend(
                    chunk
                        .iter()
                        .filter(|n| !written.contains(&(n.key.as_uuid(), n.nonce.clone())))
                        .cloned(),
                );
            }
        }
        Ok(used)
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

    /// Writes a person's answer to a pending verification; false when it is not pending any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn update_decision(
        &mut self,
        id: VerificationId,
        decision: Decision,
        by: &str,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let pending = code::text(&Decision::PendingApproval);
        let done = entity::Entity::update_many()
            .col_expr(entity::Column::Decision, Expr::value(code::text(&decision)))
            .col_expr(entity::Column::DecidedBy, Expr::value(by))
            .col_expr(entity::Column::DecidedAt, Expr::value(self.now()))
            .col_expr(
                entity::Column::DecidedReason,
                Expr::value(reason.map(str::to_owned)),
            )
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .filter(entity::Column::Decision.eq(pending))
            .filter(entity::Column::ExpiresAt.gt(self.now()))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
