//! Copies our own facts from the table to Kafka, at least once, in order.

use std::sync::Arc;
use std::time::Duration;

use aim_domain::clock::Clock;
use aim_entities::consumer_offset as offset;
use aim_entities::event_log as entity;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr, sea_query::OnConflict,
};
use tokio_util::sync::CancellationToken;

use crate::wake::IDLE_POLL;
use crate::{EventLogError, KafkaSink, Record, Topic, Wake};
use aim_domain::id::{EventId, OrganizationId};

/// Consumer group under which the relay keeps its position.
const GROUP: &str = "relay";
/// Most records of one round: bounds memory while a long outage is caught up.
const BATCH: u64 = 2_000;
/// How long it waits after a failure: the broker needs time, not more requests.
const BACK_OFF: Duration = Duration::from_millis(500);

/// The relay. Several may run: each record then arrives more than once, with the same position,
/// which the stream recognizes.
#[derive(Debug)]
pub struct Relay {
    db: DatabaseConnection,
    sink: KafkaSink,
    wake: Wake,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// A relay from the table behind `db` to `sink`, which must be a [`KafkaSink::gapless`] one.
    #[must_use]
    pub const fn new(
        db: DatabaseConnection,
        sink: KafkaSink,
        wake: Wake,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            db,
            sink,
            wake,
            clock,
        }
    }

    /// Copies until `stop` fires. Failures are tried again for ever; nothing is skipped.
    pub async fn run(&self, stop: CancellationToken) {
        let mut listener = self.wake.listen();
        let mut failing = false;
        while !stop.is_cancelled() {
            listener.heed();
            let pause = match self.round().await {
                Ok(copied) => {
                    if failing {
                        tracing::info!("the relay to kafka works again");
                    }
                    failing = false;
                    if copied == BATCH {
                        Duration::ZERO
                    } else {
                        IDLE_POLL
                    }
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "the relay to kafka is held up; it goes on trying");
                    }
                    failing = true;
                    BACK_OFF
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = listener.wait(pause), if !failing => {}
                () = tokio::time::sleep(pause), if failing => {}
            }
        }
    }

    /// Copies at most one batch and tells how many records it had.
    async fn round(&self) -> Result<u64, EventLogError> {
        let from = self.position().await?;
        let rows = entity::Entity::find()
            .filter(entity::Column::Topic.eq(Topic::Events.name()))
            .filter(entity::Column::Position.gte(from))
            .order_by_asc(entity::Column::Position)
            .limit(BATCH)
            .all(&self.db)
            .await?;
        let Some(last) = rows.last().map(|row| row.position) else {
            return Ok(0);
        };
        let count = rows.len() as u64;
        let records: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let record = Record {
                    topic: Topic::Events,
                    key: row.key,
                    event_id: EventId::from_uuid(row.event_id),
                    organization: row.organization_id.map(OrganizationId::from_uuid),
                    event_type: row.event_type,
                    payload: row.payload.into(),
                    signature: row.signature,
                };
                (record, Some(row.position))
            })
            .collect();
        self.sink.append_from(&records).await?;
        // A relay that is behind another one must not move the position back.
        offset::Entity::update_many()
            .col_expr(offset::Column::NextPosition, Expr::value(last + 1))
            .col_expr(offset::Column::UpdatedAt, Expr::value(self.clock.now()))
            .filter(offset::Column::ConsumerGroup.eq(GROUP))
            .filter(offset::Column::NextPosition.lte(last))
            .exec(&self.db)
            .await?;
        metrics::counter!("aim_relay_records_total").increment(count);
        Ok(count)
    }

    async fn position(&self) -> Result<i64, EventLogError> {
        let key = (GROUP.to_owned(), Topic::Events.name().to_owned(), 0);
        if let Some(row) = offset::Entity::find_by_id(key).one(&self.db).await? {
            return Ok(row.next_position);
        }
        let row = offset::ActiveModel {
            consumer_group: Set(GROUP.to_owned()),
            topic: Set(Topic::Events.name().to_owned()),
            partition: Set(0),
            next_position: Set(0),
            origin_position: Set(0),
            applied_count: Set(0),
            duplicate_count: Set(0),
            dead_letter_count: Set(0),
            updated_at: Set(self.clock.now()),
        };
        offset::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await?;
        Ok(0)
    }
}
