//! What PostgreSQL does better in its own words.

use aim_eventlog::{LOG_CHANNEL, LOG_LOCK_KEY, record_of};
use chrono::{DateTime, Utc};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgPool, Row};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;

use crate::decisions::{DecisionRecord, Written, failed, in_order};
use crate::trust::TrustUpdate;
use crate::{StoreError, code};

/// A group of decisions in one statement: what is not fresh or not new falls out of the joins, and
/// the log's lock is taken before the first position is.
const WRITE_DECISIONS: &str = "\
WITH input AS (
  SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::jsonb[], $10::jsonb[], $11::int4[], $12::text[], $13::text[],
    $14::bytea[], $15::text[], $16::text[], $17::timestamptz[], $18::timestamptz[], $19::text[],
    $20::timestamptz[], $21::uuid[], $22::jsonb[], $23::uuid[], $24::bytea[], $30::jsonb[],
    $31::int4[], $32::jsonb[])
  AS t(id, organization_id, agent_id, agent_key_id, action, resource, risk, decision, reasons,
    obligations, trust_score, session, task, action_digest, idempotency_key, request_id,
    created_at, expires_at, nonce, stale_at, audit_id, audit_after, event_id, payload, policies,
    approvers, arguments)
), fresh AS (
  INSERT INTO used_nonces (expires_at, agent_key_id, nonce, verification_id)
  SELECT stale_at, agent_key_id, nonce, id FROM input
  ON CONFLICT DO NOTHING RETURNING agent_key_id, nonce
), written AS (
  INSERT INTO verifications (id, organization_id, agent_id, agent_key_id, action, resource, risk,
    decision, reasons, obligations, trust_score, session, task, action_digest, idempotency_key,
    request_id, created_at, expires_at, policies, approvers, arguments, approval_status)
  SELECT id, organization_id, agent_id, agent_key_id, action, resource, risk, decision, reasons,
    obligations, trust_score, session, task, action_digest, idempotency_key, request_id,
    created_at, expires_at, policies, approvers, arguments,
    CASE WHEN approvers IS NOT NULL THEN 'PENDING' END
  FROM input JOIN fresh USING (agent_key_id, nonce)
  ON CONFLICT (agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL
  DO NOTHING RETURNING id
), audited AS (
  INSERT INTO audit_entries (id, organization_id, actor_type, actor_id, action, object_type,
    object_id, after, request_id, created_at)
  SELECT audit_id, organization_id, 'agent', agent_id::text, 'action.verify', 'verification',
    id::text, audit_after, request_id, $25
  FROM input JOIN written USING (id)
), locked AS MATERIALIZED (
  SELECT pg_advisory_xact_lock($26), pg_notify($29, '')
), logged AS (
  INSERT INTO event_log (topic, key, event_id, organization_id, event_type, payload, created_at)
  SELECT $27, agent_id::text, event_id, organization_id, $28, payload, $25
  FROM locked CROSS JOIN input JOIN written USING (id) ORDER BY id
)
SELECT id, fresh.nonce IS NOT NULL AS is_fresh, written.id IS NOT NULL AS is_new
FROM input LEFT JOIN fresh USING (agent_key_id, nonce) LEFT JOIN written USING (id)";

/// Writes a group of decisions; see [`crate::Store::write_decisions`].
pub(crate) async fn write_decisions(
    pool: &PgPool,
    group: &[DecisionRecord],
    now: DateTime<Utc>,
) -> Result<Vec<Written>, StoreError> {
    let of = |v: fn(&DecisionRecord) -> Uuid| group.iter().map(v).collect::<Vec<_>>();
    let text = |v: fn(&DecisionRecord) -> String| group.iter().map(v).collect::<Vec<_>>();
    let maybe = |v: fn(&DecisionRecord) -> Option<String>| group.iter().map(v).collect::<Vec<_>>();
    let json =
        |v: fn(&DecisionRecord) -> serde_json::Value| group.iter().map(v).collect::<Vec<_>>();
    let time = |v: fn(&DecisionRecord) -> DateTime<Utc>| group.iter().map(v).collect::<Vec<_>>();
    let records: Vec<_> = group
        .iter()
        .map(|record| record_of(&record.event))
        .collect();
    let event_type = records
        .first()
        .map_or("", |record| record.event_type.as_str());
    let topic = aim_eventlog::Topic::Events.name();
    let query = sqlx::query(WRITE_DECISIONS)
        .bind(of(|r| r.verification.id.as_uuid()))
        .bind(of(|r| r.verification.organization.as_uuid()))
        .bind(of(|r| r.verification.agent.as_uuid()))
        .bind(of(|r| r.verification.key.as_uuid()))
        .bind(text(|r| r.verification.action.clone()))
        .bind(maybe(|r| r.verification.resource.clone()))
        .bind(text(|r| code::text(&r.verification.risk)))
        .bind(text(|r| code::text(&r.verification.decision)))
        .bind(json(|r| code::json(&r.verification.reasons)))
        .bind(json(|r| code::json(&r.verification.obligations)))
        .bind(group.iter().map(trust).collect::<Vec<Option<i32>>>())
        .bind(maybe(|r| r.verification.session.clone()))
        .bind(maybe(|r| r.verification.task.clone()))
        .bind(
            group
                .iter()
                .map(|r| r.verification.action_digest.clone())
                .collect::<Vec<_>>(),
        )
        .bind(maybe(|r| r.verification.idempotency_key.clone()))
        .bind(text(|r| r.verification.request_id.clone()))
        .bind(time(|r| r.verification.created_at))
        .bind(time(|r| r.verification.expires_at))
        .bind(text(|r| r.nonce.nonce.clone()))
        .bind(time(|r| r.nonce.expires_at))
        .bind(of(|r| r.audit.id.as_uuid()))
        .bind(json(|r| r.audit.after.clone().unwrap_or_default()))
        .bind(of(|r| r.event.id.as_uuid()))
        .bind(
            records
                .iter()
                .map(|record| record.payload.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(now)
        .bind(LOG_LOCK_KEY)
        .bind(topic)
        .bind(event_type)
        .bind(LOG_CHANNEL)
        .bind(group.iter().map(policies).collect::<Vec<_>>())
        .bind(group.iter().map(approvers).collect::<Vec<_>>())
        .bind(group.iter().map(arguments).collect::<Vec<_>>());
    let rows = query.fetch_all(pool).await.map_err(failed)?;
    let row = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    in_order(group, rows.iter().map(row))
}

/// The scores of a batch of agents in one statement.
const UPDATE_TRUST: &str = "\
UPDATE agents SET trust_score = t.score, trust_confidence = t.confidence,
  trust_sample_count = t.samples, trust_updated_at = $2, last_seen_at = t.seen
FROM jsonb_to_recordset($1::jsonb)
  AS t(id uuid, score int4, confidence int4, samples int8, seen timestamptz)
WHERE agents.id = t.id";

/// Writes the scores of agents; see [`crate::Tx::update_trust`].
pub(crate) async fn update_trust(
    on: &impl ConnectionTrait,
    updates: &[TrustUpdate<'_>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = updates.iter().map(|update| {
        json!({
            "id": update.agent,
            "score": update.assessment.score.map(aim_domain::trust::TrustScore::ten_thousandths),
            "confidence": update.assessment.confidence.ten_thousandths(),
            "samples": update.assessment.sample_count,
            "seen": update.last_seen_at,
        })
    });
    let rows = serde_json::Value::Array(rows.collect());
    let values = [rows.into(), now.into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, UPDATE_TRUST, values);
    on.execute_raw(statement).await?;
    Ok(())
}

fn trust(record: &DecisionRecord) -> Option<i32> {
    record
        .verification
        .trust
        .map(|trust| i32::from(trust.ten_thousandths()))
}

/// What policies said; null where none said anything.
pub(crate) fn policies(record: &DecisionRecord) -> Option<serde_json::Value> {
    let hits = &record.verification.policies;
    (!hits.is_empty()).then(|| code::json(hits))
}

/// How many persons have to agree; null where nobody has to.
pub(crate) fn approvers(record: &DecisionRecord) -> Option<i32> {
    let approval = record.verification.approval.as_ref();
    approval.map(|it| i32::from(it.approvers))
}

/// What those are shown who have to.
pub(crate) fn arguments(record: &DecisionRecord) -> Option<serde_json::Value> {
    record.verification.approval.as_ref()?.arguments.clone()
}
