//! What persons answered, and how far approvals are.

use std::collections::HashMap;

use aim_domain::approval::ApprovalStatus;
use aim_domain::id::{ApprovalAnswerId, OrganizationId, VerificationId};
use aim_domain::scope::Scope;
use aim_domain::verification::{Decision, Obligation, Reason};
use aim_entities::{approval_answer as answer, verification as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};

use crate::verifications::{Verification, convert};
use crate::{Store, StoreError, Tx, code};

/// What may still have to expire, in the words of its index.
const OPEN: &str = "approval_status IN ('PENDING', 'APPROVED')";

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalAnswer {
    /// The row.
    pub id: ApprovalAnswerId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which verification.
    pub verification: VerificationId,
    /// Who, as `user:<id>`.
    pub answered_by: String,
    /// Whether they agreed.
    pub is_approved: bool,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What becomes of a verification whose approval comes further.
#[derive(Debug, Clone)]
pub struct ApprovalStep {
    /// Which verification.
    pub verification: VerificationId,
    /// How far its approval was.
    pub from: ApprovalStatus,
    /// How far it is.
    pub to: ApprovalStatus,
    /// What the verification says from now on.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What the agent owes.
    pub obligations: Vec<Obligation>,
    /// Until when that holds.
    pub expires_at: DateTime<Utc>,
    /// Who answered, and why, where somebody did just now.
    pub decided: Option<(String, Option<String>)>,
}

fn of(id: VerificationId) -> Select<entity::Entity> {
    entity::Entity::find_by_id(id.as_uuid())
}

impl Store {
    /// The next approvals that nobody answered or presented in time, of any organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_due_approvals(
        &self,
        now: DateTime<Utc>,
        most: u64,
    ) -> Result<Vec<Verification>, StoreError> {
        let rows = entity::Entity::find()
            .filter(Expr::cust(OPEN))
            .filter(entity::Column::ExpiresAt.lte(now))
            .order_by_asc(entity::Column::ExpiresAt)
            .limit(most)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// When the next approval runs out, of any organization.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn next_due_approval(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let found: Option<DateTime<Utc>> = entity::Entity::find()
            .select_only()
            .column(entity::Column::ExpiresAt)
            .filter(Expr::cust(OPEN))
            .order_by_asc(entity::Column::ExpiresAt)
            .limit(1)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(found)
    }

    /// What persons said of these verifications, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_approval_answers(
        &self,
        scope: Scope,
        ids: &[VerificationId],
    ) -> Result<HashMap<VerificationId, Vec<ApprovalAnswer>>, StoreError> {
        let rows = answer::Entity::find()
            .filter(answer::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(answer::Column::VerificationId.is_in(ids.iter().map(VerificationId::as_uuid)))
            .order_by_asc(answer::Column::Id)
            .all(self.reader())
            .await?;
        let mut found: HashMap<VerificationId, Vec<ApprovalAnswer>> = HashMap::new();
        for row in rows {
            let answer = ApprovalAnswer {
                id: ApprovalAnswerId::from_uuid(row.id),
                organization: OrganizationId::from_uuid(row.organization_id),
                verification: VerificationId::from_uuid(row.verification_id),
                answered_by: row.answered_by,
                is_approved: row.is_approved,
                reason: row.reason,
                created_at: row.created_at,
            };
            found.entry(answer.verification).or_default().push(answer);
        }
        Ok(found)
    }
}

impl Tx {
    /// A verification of the scope's organization, kept from others until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn lock_verification(
        &mut self,
        scope: Scope,
        id: VerificationId,
    ) -> Result<Option<Verification>, StoreError> {
        let query = of(id)
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .lock_exclusive();
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// Writes what a person said; false when they said something before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_approval_answer(
        &mut self,
        new: &ApprovalAnswer,
    ) -> Result<bool, StoreError> {
        let row = answer::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            verification_id: Set(new.verification.as_uuid()),
            answered_by: Set(new.answered_by.clone()),
            is_approved: Set(new.is_approved),
            reason: Set(new.reason.clone()),
            created_at: Set(new.created_at),
        };
        let columns = [answer::Column::VerificationId, answer::Column::AnsweredBy];
        let once = OnConflict::columns(columns).do_nothing().to_owned();
        let insert = answer::Entity::insert(row).on_conflict(once);
        Ok(insert.exec_without_returning(self.on()).await? == 1)
    }

    /// How many persons agreed.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_approvals(&mut self, id: VerificationId) -> Result<u8, StoreError> {
        let count = answer::Entity::find()
            .filter(answer::Column::VerificationId.eq(id.as_uuid()))
            .filter(answer::Column::IsApproved.eq(true))
            .count(self.on())
            .await?;
        Ok(u8::try_from(count).unwrap_or(u8::MAX))
    }

    /// Writes how far an approval is; false when it is not where the step begins any more. What persons
    /// were shown goes when nothing can come of it any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn step_approval(&mut self, step: &ApprovalStep) -> Result<bool, StoreError> {
        use entity::Column as C;
        let mut update = entity::Entity::update_many()
            .col_expr(C::ApprovalStatus, Expr::value(code::text(&step.to)))
            .col_expr(C::Decision, Expr::value(code::text(&step.decision)))
            .col_expr(C::Reasons, Expr::value(code::json(&step.reasons)))
            .col_expr(C::Obligations, Expr::value(code::json(&step.obligations)))
            .col_expr(C::ExpiresAt, Expr::value(step.expires_at));
        if let Some((by, reason)) = &step.decided {
            update = update
                .col_expr(C::DecidedBy, Expr::value(by.clone()))
                .col_expr(C::DecidedAt, Expr::value(self.now()))
                .col_expr(C::DecidedReason, Expr::value(reason.clone()));
        }
        if !step.to.is_open() {
            update = update.col_expr(C::Arguments, Expr::cust("NULL"));
        }
        let done = update
            .filter(C::Id.eq(step.verification.as_uuid()))
            .filter(C::ApprovalStatus.eq(code::text(&step.from)))
            .exec(self.on())
            .await?;
        Ok(done.rows_affected == 1)
    }
}
