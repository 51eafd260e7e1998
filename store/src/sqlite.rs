//! What SQLite does better in its own words: one message to its thread, however many rows.

use std::sync::OnceLock;

use aim_domain::trust::TrustScore;
use aim_eventlog::{Record, Topic, record_of};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::{SqliteArguments, SqliteRow};
use sea_orm::sqlx::{self, Row, Sqlite, SqlitePool};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use uuid::Uuid;

use crate::decisions::{DecisionRecord, GROUP_MAX, Written, failed, in_order};
use crate::postgres::{approvers, arguments, policies};
use crate::trust::TrustUpdate;
use crate::{StoreError, code};

type Bound = Query<'static, Sqlite, SqliteArguments>;

/// A decision with what is made of it once for all statements.
struct Input<'a> {
    of: &'a DecisionRecord,
    record: Record,
    now: DateTime<Utc>,
}

/// A column of a statement's input, and its value. Parameters have no numbers: SQLite finds the
/// number of a numbered one by walking through all of them.
type Column = (&'static str, fn(Bound, &Input<'_>) -> Bound);

const ID: Column = ("id", |q, it| q.bind(blob(it.of.verification.id.as_uuid())));
const ORGANIZATION: Column = ("organization_id", |q, it| {
    q.bind(blob(it.of.verification.organization.as_uuid()))
});
const KEY: Column = ("key_id", |q, it| q.bind(blob(it.of.nonce.key.as_uuid())));
const NONCE: Column = ("nonce_text", |q, it| q.bind(it.of.nonce.nonce.clone()));
const STALE_AT: Column = ("stale_at", |q, it| q.bind(it.of.nonce.expires_at));
const REQUEST: Column = ("request_id", |q, it| {
    q.bind(it.of.verification.request_id.clone())
});
const AGENT_TEXT: Column = ("agent_text", |q, it| q.bind(it.record.key.clone()));
const NOW: Column = ("now", |q, it| q.bind(it.now));

/// Whose verification took the nonce?
const NONCE_INPUT: &[Column] = &[ID, KEY, NONCE, STALE_AT];
const VERIFICATION_INPUT: &[Column] = &[
    ID,
    ORGANIZATION,
    KEY,
    NONCE,
    STALE_AT,
    REQUEST,
    ("agent_id", |q, it| {
        q.bind(blob(it.of.verification.agent.as_uuid()))
    }),
    ("action", |q, it| q.bind(it.of.verification.action.clone())),
    ("resource", |q, it| {
        q.bind(it.of.verification.resource.clone())
    }),
    ("risk", |q, it| q.bind(code::text(&it.of.verification.risk))),
    ("decision", |q, it| {
        q.bind(code::text(&it.of.verification.decision))
    }),
    ("reasons", |q, it| {
        q.bind(code::json(&it.of.verification.reasons))
    }),
    ("obligations", |q, it| {
        q.bind(code::json(&it.of.verification.obligations))
    }),
    ("trust_score", |q, it| {
        let trust = it.of.verification.trust;
        q.bind(trust.map(|trust| i32::from(trust.ten_thousandths())))
    }),
    ("session", |q, it| {
        q.bind(it.of.verification.session.clone())
    }),
    ("task", |q, it| q.bind(it.of.verification.task.clone())),
    ("action_digest", |q, it| {
        q.bind(it.of.verification.action_digest.clone())
    }),
    ("idempotency_key", |q, it| {
        q.bind(it.of.verification.idempotency_key.clone())
    }),
    ("created_at", |q, it| q.bind(it.of.verification.created_at)),
    ("answer_expires_at", |q, it| {
        q.bind(it.of.verification.expires_at)
    }),
    ("policies", |q, it| q.bind(policies(it.of))),
    ("approvers", |q, it| q.bind(approvers(it.of))),
    ("arguments", |q, it| q.bind(arguments(it.of))),
];
const AUDIT_INPUT: &[Column] = &[
    ID,
    ORGANIZATION,
    REQUEST,
    AGENT_TEXT,
    NOW,
    ("audit_id", |q, it| q.bind(blob(it.of.audit.id.as_uuid()))),
    ("object_text", |q, it| q.bind(it.of.audit.object_id.clone())),
    ("after_json", |q, it| q.bind(it.of.audit.after.clone())),
];
const EVENT_INPUT: &[Column] = &[
    ID,
    ORGANIZATION,
    AGENT_TEXT,
    NOW,
    ("event_id", |q, it| {
        q.bind(blob(it.record.event_id.as_uuid()))
    }),
    ("event_type", |q, it| q.bind(it.record.event_type.clone())),
    ("payload", |q, it| q.bind(it.record.payload.to_vec())),
];
/// The inputs in the order of the statements.
const INPUTS: [&[Column]; 5] = [
    NONCE_INPUT,
    VERIFICATION_INPUT,
    AUDIT_INPUT,
    EVENT_INPUT,
    NONCE_INPUT,
];

/// Writes at most `rows` decisions: rows without an id are none. Whose nonce is taken, or whose
/// idempotency key is, falls out of the joins.
fn write_text(rows: usize) -> String {
    let [nonces, verifications, audit, events, outcome] = INPUTS.map(|it| input(it, rows));
    let topic = Topic::Events.name();
    format!(
        "BEGIN IMMEDIATE;
{nonces} INSERT INTO used_nonces (expires_at, agent_key_id, nonce, verification_id)
  SELECT stale_at, key_id, nonce_text, id FROM input WHERE id IS NOT NULL ON CONFLICT DO NOTHING;
{verifications} INSERT INTO verifications (id, organization_id, agent_id, agent_key_id, action,
    resource, risk, decision, reasons, obligations, trust_score, session, task, action_digest,
    idempotency_key, request_id, created_at, expires_at, policies, approvers, arguments,
    approval_status)
  SELECT id, organization_id, agent_id, key_id, action, resource, risk, decision, reasons,
    obligations, trust_score, session, task, action_digest, idempotency_key, request_id,
    created_at, answer_expires_at, policies, approvers, arguments,
    CASE WHEN approvers IS NOT NULL THEN 'PENDING' END
  FROM input CROSS JOIN used_nonces AS used
    ON used.expires_at = stale_at AND used.agent_key_id = key_id AND used.nonce = nonce_text
  WHERE used.verification_id = id
  ON CONFLICT (agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
{audit} INSERT INTO audit_entries (id, organization_id, actor_type, actor_id, action, object_type,
    object_id, after, request_id, created_at)
  SELECT audit_id, organization_id, 'agent', agent_text, 'action.verify', 'verification',
    object_text, after_json, request_id, now
  FROM input WHERE EXISTS (SELECT 1 FROM verifications AS v WHERE v.id = input.id);
{events} INSERT INTO event_log (topic, key, event_id, organization_id, event_type, payload,
    created_at)
  SELECT '{topic}', agent_text, event_id, organization_id, event_type, payload, now
  FROM input WHERE EXISTS (SELECT 1 FROM verifications AS v WHERE v.id = input.id);
{outcome} SELECT input.id, used.verification_id = input.id, v.id IS NOT NULL
  FROM input CROSS JOIN used_nonces AS used
    ON used.expires_at = stale_at AND used.agent_key_id = key_id AND used.nonce = nonce_text
  LEFT JOIN verifications AS v ON v.id = input.id;
COMMIT"
    )
}

fn input(columns: &[Column], rows: usize) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let rows = vec![row.as_str(); rows].join(",");
    format!("WITH input({}) AS (VALUES {rows})", names.join(","))
}

/// The text for a group of this size. Sizes are powers of two: few texts, so that SQLite keeps them
/// prepared.
fn text_for(rows: usize) -> &'static str {
    const TEXTS: usize = GROUP_MAX.ilog2() as usize + 1;
    static BY_POWER: [OnceLock<String>; TEXTS] = [const { OnceLock::new() }; TEXTS];
    BY_POWER[rows.ilog2() as usize].get_or_init(|| write_text(rows))
}

/// Writes a group of at most [`GROUP_MAX`] decisions; see [`crate::Store::write_decisions`].
pub(crate) async fn write_decisions(
    pool: &SqlitePool,
    group: &[DecisionRecord],
    now: DateTime<Utc>,
) -> Result<Vec<Written>, StoreError> {
    let inputs: Vec<_> = group
        .iter()
        .map(|of| Input {
            of,
            record: record_of(&of.event),
            now,
        })
        .collect();
    let rows = inputs.len().next_power_of_two();
    let mut query = sqlx::query(text_for(rows));
    for columns in INPUTS {
        for input in &inputs {
            query = columns
                .iter()
                .fold(query, |query, (_, bind)| bind(query, input));
        }
        for _ in 0..(rows - inputs.len()) * columns.len() {
            query = query.bind(None::<i32>);
        }
    }
    let mut connection = pool.acquire().await.map_err(failed)?;
    let rows = match query.fetch_all(&mut *connection).await {
        Ok(rows) => rows,
        Err(error) => {
            // Its transaction may be open; it is undone with the connection.
            connection.close().await.map_err(failed)?;
            return Err(failed(error));
        }
    };
    let row = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    in_order(group, rows.iter().map(row))
}

/// The scores of a batch of agents in one statement.
const UPDATE_TRUST: &str = "\
UPDATE agents SET trust_score = t.score, trust_confidence = t.confidence,
  trust_sample_count = t.samples, trust_updated_at = ?2, last_seen_at = t.seen
FROM (SELECT unhex(value ->> 'id') AS id, value ->> 'score' AS score,
  value ->> 'confidence' AS confidence, value ->> 'samples' AS samples, value ->> 'seen' AS seen
  FROM json_each(?1)) AS t
WHERE agents.id = t.id";

/// Writes the scores of agents; see [`crate::Tx::update_trust`].
pub(crate) async fn update_trust(
    on: &impl ConnectionTrait,
    updates: &[TrustUpdate<'_>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = updates.iter().map(|update| {
        json!({
            "id": update.agent.as_uuid().simple().to_string(),
            "score": update.assessment.score.map(TrustScore::ten_thousandths),
            "confidence": update.assessment.confidence.ten_thousandths(),
            "samples": update.assessment.sample_count,
            // As the driver writes a time.
            "seen": update.last_seen_at.to_rfc3339_opts(SecondsFormat::AutoSi, false),
        })
    });
    let rows = serde_json::Value::Array(rows.collect()).to_string();
    let values = [rows.into(), now.into()];
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, UPDATE_TRUST, values);
    on.execute_raw(statement).await?;
    Ok(())
}

fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}
