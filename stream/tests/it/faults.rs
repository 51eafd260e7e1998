//! A log's reader that fails by plan.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aim_eventlog::{Delivery, EventLogError, EventSource, MemoryLog, MemorySource, Partition};
use aim_eventlog::{Polled, Topic};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::lives::read_some;
use crate::site::Site;

/// What a poll does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Brings at most so many records.
    Batch(usize),
    /// Brings records; the process dies that many turns of its task later, wherever that is.
    Death(u32),
    /// Brings records; the process dies between their commit and the hint to the log.
    DeathAfterCommit,
    /// Brings records that came before once more, as many of each partition.
    Redeliver(i64),
    /// Takes partitions away, one a bit, and gives them back with the next poll.
    Rebalance(u8),
    /// Assigns everything again; one of the seeks fails.
    SeekFails(usize),
    /// Brings records that another process has applied by the time they are processed.
    Overtaken(usize),
    /// Like [`Step::Overtaken`], because these partitions, one a bit, are the other's by now: seeks
    /// fail until a poll has told so.
    Lost(u8),
    /// Fails.
    PollFails,
    /// Brings records; the hint to the log fails.
    HintFails,
}

/// What outlives a process: the plan, and whether the process has to die.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    steps: Mutex<VecDeque<Step>>,
    turns_left: Mutex<Option<u32>>,
}

impl Fate {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self {
            steps: Mutex::new(steps.into_iter().collect()),
            turns_left: Mutex::default(),
        })
    }

    fn is_over(&self) -> bool {
        *self.turns_left.lock() == Some(0)
    }
}

/// Runs a process until it ends or has to die; dropping it then is its death.
pub(crate) struct Mortal<F> {
    pub(crate) process: Pin<Box<F>>,
    pub(crate) fate: Arc<Fate>,
}

impl<F: Future<Output = ()>> Future for Mortal<F> {
    /// Whether it died.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        if let Some(turns) = &mut *self.fate.turns_left.lock() {
            *turns = turns.saturating_sub(1);
        }
        let ended = !self.fate.is_over() && self.process.as_mut().poll(context).is_ready();
        if ended || self.fate.is_over() {
            *self.fate.turns_left.lock() = None;
            return Poll::Ready(!ended);
        }
        Poll::Pending
    }
}

/// Positions in the outbox, by what was sent.
pub(crate) type Origins = BTreeMap<Bytes, i64>;

/// The reader. Ends the process once the plan is done and everything has been read.
pub(crate) struct Faulty {
    pub(crate) site: Arc<Site>,
    pub(crate) log: MemoryLog,
    pub(crate) origins: Arc<Origins>,
    pub(crate) fate: Arc<Fate>,
    pub(crate) stop: CancellationToken,
    pub(crate) inner: MemorySource,
    next: BTreeMap<Partition, i64>,
    /// Taken away, which has still to be told.
    gone: Vec<Partition>,
    /// Taken away, to be given back.
    away: Vec<Partition>,
    failing_seek: Option<usize>,
    hint: Option<Step>,
}

impl Faulty {
    pub(crate) fn new(
        site: &Arc<Site>,
        log: &MemoryLog,
        origins: &Arc<Origins>,
        fate: &Arc<Fate>,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            site: Arc::clone(site),
            log: log.clone(),
            origins: Arc::clone(origins),
            fate: Arc::clone(fate),
            stop: stop.clone(),
            inner: log.source(),
            next: BTreeMap::new(),
            gone: Vec::new(),
            away: Vec::new(),
            failing_seek: None,
            hint: None,
        }
    }

    async fn read(&mut self, max: usize) -> Result<Polled, EventLogError> {
        let polled = self.inner.poll(max, Duration::ZERO).await?;
        let Polled::Batch(mut batch) = polled else {
            return Ok(polled);
        };
        for delivery in &mut batch {
            self.next.insert(delivery.partition, delivery.position + 1);
            give_origin(delivery, &self.origins);
        }
        Ok(Polled::Batch(batch))
    }

    async fn go_back(&mut self, count: i64) -> Result<(), EventLogError> {
        for (partition, next) in &self.next {
            self.inner.seek(*partition, (next - count).max(0)).await?;
        }
        Ok(())
    }

    fn choose(&self, bits: u8) -> Vec<Partition> {
        let all = (0..8).zip(&self.next);
        let chosen = all.filter(|(bit, _)| bits >> bit & 1 == 1);
        chosen.map(|(_, (partition, _))| *partition).collect()
    }

    async fn take_away(&mut self, partitions: Vec<Partition>) -> Result<Polled, EventLogError> {
        self.away = partitions;
        for partition in &self.away {
            self.next.remove(partition);
            // Behind the end: nothing of it is delivered until somebody seeks.
            self.inner.seek(*partition, i64::MAX).await?;
        }
        Ok(Polled::Revoked(self.away.clone()))
    }
}

/// What the relay writes beside a record of ours.
fn give_origin(delivery: &mut Delivery, origins: &Origins) {
    if delivery.partition.topic == Topic::Events {
        delivery.origin = origins.get(&delivery.payload).copied();
    }
}

fn failure() -> EventLogError {
    EventLogError::NotAssigned(0, "planned")
}

#[async_trait]
impl EventSource for Faulty {
    async fn poll(&mut self, max: usize, _: Duration) -> Result<Polled, EventLogError> {
        if !self.gone.is_empty() {
            let gone = std::mem::take(&mut self.gone);
            return self.take_away(gone).await;
        }
        if !self.away.is_empty() {
            return Ok(Polled::Assigned(std::mem::take(&mut self.away)));
        }
        let step = self.fate.steps.lock().pop_front();
        match step {
            None => {
                let polled = self.read(max).await?;
                if polled == Polled::Batch(Vec::new()) {
                    self.stop.cancel();
                }
                Ok(polled)
            }
            Some(Step::Batch(count)) => self.read(count).await,
            Some(Step::Death(turns)) => {
                *self.fate.turns_left.lock() = Some(turns);
                self.read(max).await
            }
            Some(step @ (Step::DeathAfterCommit | Step::HintFails)) => {
                self.hint = Some(step);
                self.read(max).await
            }
            Some(Step::Redeliver(count)) => {
                self.go_back(count).await?;
                self.read(max).await
            }
            Some(Step::Rebalance(bits)) => self.take_away(self.choose(bits)).await,
            Some(Step::SeekFails(number)) => {
                self.inner.rebalance();
                self.next.clear();
                self.failing_seek = Some(number);
                self.read(max).await
            }
            Some(Step::Overtaken(batches)) => {
                let polled = self.read(max).await?;
                read_some(&self.site, &self.log, &self.origins, batches).await;
                Ok(polled)
            }
            Some(Step::Lost(bits)) => {
                let polled = self.read(max).await?;
                read_some(&self.site, &self.log, &self.origins, 2).await;
                self.gone = self.choose(bits);
                Ok(polled)
            }
            Some(Step::PollFails) => Err(failure()),
        }
    }

    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError> {
        if self.gone.contains(&partition) {
            return Err(failure());
        }
        match &mut self.failing_seek {
            Some(0) => {
                self.failing_seek = None;
                return Err(failure());
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.next.insert(partition, position);
        self.inner.seek(partition, position).await
    }

    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError> {
        match self.hint.take() {
            Some(Step::DeathAfterCommit) => {
                *self.fate.turns_left.lock() = Some(0);
                std::future::pending().await
            }
            Some(_) => Err(failure()),
            None => self.inner.commit(partition, next).await,
        }
    }
}

/// A reader without faults that ends its process after some polls, or once everything was read.
pub(crate) struct Plain {
    pub(crate) inner: MemorySource,
    pub(crate) origins: Arc<Origins>,
    pub(crate) polls_left: usize,
    pub(crate) stop: CancellationToken,
}

#[async_trait]
impl EventSource for Plain {
    async fn poll(&mut self, max: usize, wait: Duration) -> Result<Polled, EventLogError> {
        let mut polled = self.inner.poll(max, wait).await?;
        self.polls_left = self.polls_left.saturating_sub(1);
        if self.polls_left == 0 || polled == Polled::Batch(Vec::new()) {
            self.stop.cancel();
        }
        if let Polled::Batch(batch) = &mut polled {
            for delivery in batch {
                give_origin(delivery, &self.origins);
            }
        }
        Ok(polled)
    }

    async fn seek(&mut self, partition: Partition, position: i64) -> Result<(), EventLogError> {
        self.inner.seek(partition, position).await
    }

    async fn commit(&mut self, partition: Partition, next: i64) -> Result<(), EventLogError> {
        self.inner.commit(partition, next).await
    }
}
