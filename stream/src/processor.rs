//! The loop: poll, process, commit, begin again from the stored positions after any failure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aim_app::{App, AppError, ErrorCode};
use aim_eventlog::{Delivery, EventLogError, EventSource, Partition, Polled, SchemaRegistry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admit::{Rules, admit};
use crate::batch::{Batch, Learned};
use crate::models::Models;
use crate::positions::Positions;
use crate::profiles::Profiles;
use crate::spans::close;
use crate::writing::write;

/// How the stream is set up.
#[derive(Debug, Clone, Copy)]
pub struct StreamConfig {
    /// Most events of one micro-batch.
    pub batch_max: usize,
    /// How long a poll waits for the first event.
    pub wait: Duration,
    /// Least time from the beginning of a batch to the next: an event after a pause is processed at
    /// once, a flood in batches that leave the disk to the decisions.
    pub pace: Duration,
    /// Longest rest between two batches however slow they are. A batch takes at most one part in
    /// five of the time where the database has one writer, so that decisions find it free; zero
    /// where it has many.
    pub rest_max: Duration,
    /// Profiles of a partition that are written with every batch, where no more than these have
    /// learned but not moved their scores; with more most of them wait, in the journal.
    pub written_few: usize,
    /// Whether events of fleets without a signature count as of the agent that they name. Only
    /// where the broker knows its producers and lets each speak for its own agents alone.
    pub takes_unsigned: bool,
    /// What spans call the event log: `kafka`, or `aim` for the table.
    pub log: &'static str,
}

impl StreamConfig {
    /// For a database that many can write to at once.
    #[must_use]
    pub fn with_many_writers() -> Self {
        Self {
            pace: Duration::from_millis(5),
            rest_max: Duration::ZERO,
            ..Self::default()
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            batch_max: 2_048,
            wait: Duration::from_millis(250),
            pace: Duration::from_millis(20),
            rest_max: Duration::from_millis(200),
            written_few: 64,
            takes_unsigned: false,
            log: "aim",
        }
    }
}

/// How long to wait after a failure.
const BACK_OFF: Duration = Duration::from_millis(250);

/// A batch takes at most one part in so many of the time, so that decisions find the writer free.
const REST: u32 = 5;

/// How long a poll waits while profiles wait to be written: then there is a pause long enough.
const IDLE: Duration = Duration::from_millis(50);

/// Consumes one event source until it is told to stop.
pub struct Processor {
    app: Arc<App>,
    source: Box<dyn EventSource>,
    config: StreamConfig,
    rules: Rules,
    /// What the log gave us, whether or not it could be sought yet.
    mine: BTreeSet<Partition>,
    positions: Positions,
    profiles: Profiles,
    models: Models,
    next_batch: Instant,
}

impl std::fmt::Debug for Processor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processor")
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

/// Tells how long a phase of a batch took.
fn took(phase: &'static str, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    metrics::histogram!("aim_stream_batch_seconds", "phase" => phase).record(seconds);
}

pub(crate) enum Failure {
    Log(EventLogError),
    App(AppError),
}

impl From<EventLogError> for Failure {
    fn from(error: EventLogError) -> Self {
        Self::Log(error)
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl Processor {
    /// A processor that has read nothing yet.
    #[must_use]
    pub fn new(app: Arc<App>, source: Box<dyn EventSource>, config: StreamConfig) -> Self {
        Self {
            app,
            source,
            config,
            rules: Rules {
                takes_unsigned: config.takes_unsigned,
                schemas: None,
            },
            mine: BTreeSet::new(),
            positions: Positions::default(),
            profiles: Profiles::default(),
            models: Models::default(),
            next_batch: Instant::now(),
        }
    }

    /// Reads data in the formats of this registry's schemas, too.
    #[must_use]
    pub fn with_schemas(mut self, registry: Arc<SchemaRegistry>) -> Self {
        self.rules.schemas = Some(registry);
        self
    }

    /// Runs until `stop` fires. A batch under way is finished first, and what waits is written.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(failure) = self.step(&stop).await {
                match &failure {
                    Failure::App(error) if error.code == ErrorCode::Conflict => {
                        tracing::info!("another process reads this partition; starting over");
                    }
                    Failure::App(error) => tracing::warn!(%error, "a batch was not applied"),
                    Failure::Log(error) => tracing::warn!(%error, "the event log does not answer"),
                }
                self.start_over(&stop).await;
            }
        }
        while let Ok(true) = self.settle().await {}
    }

    async fn step(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        tokio::time::sleep_until(self.next_batch).await;
        let wait = match self.profiles.waiting().next() {
            Some(_) => self.config.wait.min(IDLE),
            None => self.config.wait,
        };
        let polled = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            polled = self.source.poll(self.config.batch_max, wait) => polled?,
        };
        match polled {
            Polled::Assigned(partitions) => {
                self.mine.extend(&partitions);
                self.assign(&partitions).await
            }
            Polled::Revoked(partitions) => {
                self.give_back(&partitions);
                Ok(())
            }
            Polled::Batch(deliveries) if deliveries.is_empty() => {
                self.settle().await?;
                Ok(())
            }
            Polled::Batch(deliveries) => self.process(deliveries).await,
        }
    }

    async fn assign(&mut self, partitions: &[Partition]) -> Result<(), Failure> {
        self.positions.know(self.app.stream_offsets().await?);
        for partition in partitions {
            self.profiles.forget(partition.number);
            let next = self.positions.take(*partition);
            self.source.seek(*partition, next).await?;
        }
        Ok(())
    }

    fn give_back(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.mine.remove(partition);
            self.positions.give_back(*partition);
            self.profiles.forget(partition.number);
        }
    }

    async fn process(&mut self, deliveries: Vec<Delivery>) -> Result<(), Failure> {
        let count = deliveries.len();
        let begin = Instant::now();
        metrics::histogram!("aim_stream_batch_events").record(count as f64);
        let admitted = admit(&self.app, deliveries, &self.rules).await?;
        took("admit", begin);
        self.recover().await?;
        let learning = Instant::now();
        let mut batch = Batch::new(&self.app, self.positions.read());
        batch.gather(admitted).await?;
        let learned = batch.learn(&mut self.profiles, &mut self.models).await?;
        took("learn", learning);
        let read = batch.offsets;
        self.positions.advance(read);
        // Facts that say nothing to the stream alone are no reason to write.
        if learned.has_news() {
            self.write(learned).await?;
        }
        metrics::counter!("aim_stream_events_total").increment(count as u64);
        // Who has caught up rests; who has not goes on.
        if count < self.config.batch_max {
            let rest = (begin.elapsed() * REST).min(self.config.rest_max);
            self.next_batch = begin + self.config.pace.max(rest);
        }
        Ok(())
    }

    async fn write(&mut self, mut learned: Learned) -> Result<(), Failure> {
        let few = self.config.written_few;
        let spans = learned.spans.take_open();
        let applied = write(learned, &mut self.profiles, &self.positions, few)?;
        let moves = applied.moves.clone();
        let writing = Instant::now();
        self.app.apply_batch(applied).await?;
        took("write", writing);
        close(&self.app, spans, self.config.log);
        self.positions.stored(&moves);
        for (_, to) in &moves {
            // Only a hint for the broker's tools: our own position is what counts.
            if let Err(error) = self.source.commit(to.partition, to.next).await {
                tracing::debug!(%error, "offset hint");
            }
        }
        Ok(())
    }

    /// Takes up what the readers before us left waiting, once.
    async fn recover(&mut self) -> Result<(), Failure> {
        for (number, partitions) in self.positions.by_number() {
            let profiles = &mut self.profiles;
            profiles.recover(&self.app, number, &partitions).await?;
        }
        Ok(())
    }

    /// Writes some of what could wait while there was more to do; whether there was any.
    async fn settle(&mut self) -> Result<bool, Failure> {
        self.recover().await?;
        let waits = self.profiles.waiting().next().is_some();
        if !waits && self.positions.moves(&BTreeSet::new()).is_empty() {
            return Ok(false);
        }
        self.write(Learned::default()).await?;
        Ok(true)
    }

    /// Forgets everything that is only in memory and goes back to the stored positions.
    async fn start_over(&mut self, stop: &CancellationToken) {
        self.profiles.clear();
        self.positions.clear();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(BACK_OFF) => {}
            }
            let mine: Vec<Partition> = self.mine.iter().copied().collect();
            match self.assign(&mine).await {
                Ok(()) => return,
                Err(Failure::App(error)) => tracing::warn!(%error, "positions cannot be read"),
                Err(Failure::Log(error)) => {
                    tracing::warn!(%error, "positions cannot be set");
                    self.heed_changes().await;
                }
            }
        }
    }

    /// Hears whether partitions came or went: one that is not ours any more can never be sought.
    /// Records that come with it are dropped; they come again once everything has been sought.
    async fn heed_changes(&mut self) {
        match self.source.poll(1, Duration::ZERO).await {
            Ok(Polled::Assigned(partitions)) => self.mine.extend(&partitions),
            Ok(Polled::Revoked(partitions)) => self.give_back(&partitions),
            Ok(Polled::Batch(_)) => {}
            Err(error) => tracing::debug!(%error, "the event log does not answer"),
        }
    }
}
