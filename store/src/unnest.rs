//! Many rows in one statement of PostgreSQL: a column is an array, so that the statement is the same
//! for any number of rows and is parsed and planned once.

use aim_domain::action::ObservedAction;
use aim_domain::id::EventId;
use aim_domain::name::Resource;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use crate::StoreError;
use crate::profiles::StoredProfile;

const FIND_APPLIED: &str = "SELECT event_id FROM activities WHERE event_id = ANY($1)";

/// Between the texts of one action: none of them has control characters.
const SEPARATOR: char = '\u{1f}';

const INSERT_ACTIVITIES: &str = "\
INSERT INTO activities (event_id, organization_id, agent_id, is_write, event_time, action, resource,
  outcome, session, task, created_at)
SELECT event_id, organization_id, agent_id, is_write, event_time, split_part(texts, $7, 1),
  NULLIF(split_part(texts, $7, 2), ''), split_part(texts, $7, 3), NULLIF(split_part(texts, $7, 4), ''),
  NULLIF(split_part(texts, $7, 5), ''), $8
FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::bool[], $5::timestamptz[], $6::text[])
AS t(event_id, organization_id, agent_id, is_write, event_time, texts)
ON CONFLICT (event_id) DO NOTHING";

const UPSERT_PROFILES: &str = "\
INSERT INTO behaviour_profiles (agent_id, organization_id, revision, profile, watermark, updated_at)
SELECT *, $6 FROM UNNEST($1::uuid[], $2::uuid[], $3::int8[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (agent_id) DO UPDATE SET revision = excluded.revision,
  profile = excluded.profile, watermark = excluded.watermark, updated_at = excluded.updated_at";

/// Which events were applied before; see [`crate::Store::find_applied`].
pub(crate) async fn find_applied(
    on: &impl ConnectionTrait,
    events: &[EventId],
) -> Result<Vec<Uuid>, StoreError> {
    let ids = column(ArrayType::Uuid, events, |event| event.as_uuid().into());
    let rows = on.query_all_raw(statement(FIND_APPLIED, [ids])).await?;
    let id = |row: &sea_orm::QueryResult| Ok(row.try_get_by_index(0)?);
    rows.iter().map(id).collect()
}

/// Writes actions, and returns how many were new; see [`crate::Tx::insert_activities`].
pub(crate) async fn insert_activities(
    on: &impl ConnectionTrait,
    actions: &[Box<ObservedAction>],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    type Row = Box<ObservedAction>;
    let of = |kind, value: fn(&Row) -> Value| column(kind, actions, value);
    let values = [
        of(ArrayType::Uuid, |it| it.event.as_uuid().into()),
        of(ArrayType::Uuid, |it| it.organization.as_uuid().into()),
        of(ArrayType::Uuid, |it| it.agent.as_uuid().into()),
        of(ArrayType::Bool, |it| it.class.is_write.into()),
        of(ArrayType::ChronoDateTimeUtc, |it| it.time.into()),
        of(ArrayType::String, |it| texts(it).into()),
        SEPARATOR.to_string().into(),
        now.into(),
    ];
    let written = on.execute_raw(statement(INSERT_ACTIVITIES, values)).await?;
    Ok(written.rows_affected())
}

/// Writes profiles; see [`crate::Tx::upsert_profiles`].
pub(crate) async fn upsert_profiles(
    on: &impl ConnectionTrait,
    profiles: &[&StoredProfile],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let of = |kind, value: fn(&&StoredProfile) -> Value| column(kind, profiles, value);
    let values = [
        of(ArrayType::Uuid, |it| it.agent.as_uuid().into()),
        of(ArrayType::Uuid, |it| it.organization.as_uuid().into()),
        of(ArrayType::BigInt, |it| it.revision.into()),
        of(ArrayType::Bytes, |it| it.profile.as_slice().into()),
        of(ArrayType::ChronoDateTimeUtc, |it| it.watermark.into()),
        now.into(),
    ];
    on.execute_raw(statement(UPSERT_PROFILES, values)).await?;
    Ok(())
}

/// The texts of an action in one: a value of the library is several allocations each. What is
/// missing is empty, which no text is.
fn texts(action: &ObservedAction) -> String {
    let texts = [
        action.action.as_str(),
        action.resource.as_ref().map_or("", Resource::as_str),
        action.outcome.name(),
        action.session.as_deref().unwrap_or_default(),
        action.task.as_deref().unwrap_or_default(),
    ];
    let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
    let mut all = String::with_capacity(bytes);
    for (number, text) in texts.into_iter().enumerate() {
        if number > 0 {
            all.push(SEPARATOR);
        }
        all.push_str(text);
    }
    all
}

fn column<T>(kind: ArrayType, rows: &[T], value: fn(&T) -> Value) -> Value {
    Value::Array(kind, Some(Box::new(rows.iter().map(value).collect())))
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
