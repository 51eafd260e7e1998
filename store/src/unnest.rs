//! Many rows in one statement of PostgreSQL: a column is an array, so that the statement is the same
//! for any number of rows and is parsed and planned once.

use aim_domain::action::ObservedAction;
use aim_domain::id::EventId;
use aim_domain::name::Resource;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use crate::profiles::StoredProfile;
use crate::{StoreError, code};

const FIND_APPLIED: &str = "SELECT event_id FROM activities WHERE event_id = ANY($1)";

const INSERT_ACTIVITIES: &str = "\
INSERT INTO activities (event_id, organization_id, agent_id, action, resource, outcome, is_write,
  session, task, event_time, created_at)
SELECT event_id, organization_id, agent_id, action, substr(NULLIF(resource, ''), 2), outcome, is_write,
  substr(NULLIF(session, ''), 2), substr(NULLIF(task, ''), 2), event_time, $11
FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bool[],
  $8::text[], $9::text[], $10::timestamptz[])
AS t(event_id, organization_id, agent_id, action, resource, outcome, is_write, session, task, event_time)
ON CONFLICT (event_id) DO NOTHING";

const UPSERT_PROFILES: &str = "\
INSERT INTO behaviour_profiles (agent_id, organization_id, partition, revision, profile, watermark, updated_at)
SELECT *, $7 FROM UNNEST($1::uuid[], $2::uuid[], $3::int4[], $4::int8[], $5::bytea[], $6::timestamptz[])
ON CONFLICT (agent_id) DO UPDATE SET partition = excluded.partition, revision = excluded.revision,
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
    actions: &[ObservedAction],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    type Row = ObservedAction;
    let of = |kind, value: fn(&Row) -> Value| column(kind, actions, value);
    let values = [
        of(ArrayType::Uuid, |it| it.event.as_uuid().into()),
        of(ArrayType::Uuid, |it| it.organization.as_uuid().into()),
        of(ArrayType::Uuid, |it| it.agent.as_uuid().into()),
        of(ArrayType::String, |it| it.action.as_str().into()),
        of(ArrayType::String, |it| {
            optional(it.resource.as_ref().map(Resource::as_str))
        }),
        of(ArrayType::String, |it| code::text(&it.outcome).into()),
        of(ArrayType::Bool, |it| it.class().is_write.into()),
        of(ArrayType::String, |it| optional(it.session.as_deref())),
        of(ArrayType::String, |it| optional(it.task.as_deref())),
        of(ArrayType::ChronoDateTimeUtc, |it| it.time.into()),
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
        of(ArrayType::Int, |it| it.partition.into()),
        of(ArrayType::BigInt, |it| it.revision.into()),
        of(ArrayType::Bytes, |it| it.profile.as_slice().into()),
        of(ArrayType::ChronoDateTimeUtc, |it| it.watermark.into()),
        now.into(),
    ];
    on.execute_raw(statement(UPSERT_PROFILES, values)).await?;
    Ok(())
}

/// Text that may be missing: the library panics at a null in an array, so that what is there gets a
/// mark before it, which the statement takes off again.
fn optional(text: Option<&str>) -> Value {
    text.map_or_else(String::new, |text| format!("={text}"))
        .into()
}

fn column<T>(kind: ArrayType, rows: &[T], value: fn(&T) -> Value) -> Value {
    Value::Array(kind, Some(Box::new(rows.iter().map(value).collect())))
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
