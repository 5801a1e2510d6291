//! The background task of the shared store: writes what is published, and sees to it that in the end all of it is there.
//!
//! `next` is the position below which every verdict of this replica's journal is in Redis. It is kept in Redis, in `filled`, at most a
//! second old. So there is one rule for a restart, an outage, a full queue, a flush, and a Redis that came back with older data:
//! read the journal again from the lowest position that is not known to be there. Until that is done, `next` stays below the gap.
//!
//! In a cluster a shard can lose its latest writes in a failover without `filled`, which lies in another shard, being any lower. Replicas
//! still answer from their journals then; `fraudnet redis rebuild` puts the verdicts back.

use super::keys::Keys;
use super::link::{BACKGROUND_TIMEOUT, Link, bytes, set};
use super::unwritten::Unwritten;
use super::{Published, SharedError, Unavailable};
use crate::clock;
use redis::{Cmd, Value, cmd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;

/// Verdicts written together at most.
const BATCH: usize = 256;
/// Between two tries to reach a Redis that is down, and two looks into a journal that has not got that far.
const TICK: Duration = Duration::from_millis(250);
/// Ticks between two notes of how far this is.
const NOTE_EVERY: u32 = 4;

type Read = dyn Fn(u64, usize) -> Vec<Published> + Send;

/// Reads a journal again.
#[derive(Clone)]
pub(super) struct Source {
    journal: [u8; 8],
    read: Arc<Mutex<Box<Read>>>,
}

impl Source {
    pub(super) fn new(journal: [u8; 8], read: impl Fn(u64, usize) -> Vec<Published> + Send + 'static) -> Source {
        Source { journal, read: Arc::new(Mutex::new(Box::new(read))) }
    }
}

/// Positions that have to be read again.
struct Gap {
    /// Read up to here, exclusive.
    cursor: u64,
    /// A position that was published, so that the journal will give it, though perhaps not yet: before that its end is not believed.
    to: Option<u64>,
    started: Instant,
    refilled: u64,
}

/// The task.
pub(super) struct Keeper {
    link: Arc<Link>,
    keys: Keys,
    unwritten: Arc<Unwritten>,
    inbox: mpsc::Receiver<Published>,
    slot: Arc<Mutex<Option<Source>>>,
    wake: Arc<Notify>,

    source: Option<Source>,
    /// What `filled` was when last written or read.
    noted: u64,
    next: u64,
    /// First position after the last one written as it was published.
    live: u64,
    gap: Option<Gap>,
    /// The journal had nothing more; look again at the next tick.
    exhausted: bool,
}

impl Keeper {
    pub(super) fn new(
        link: Arc<Link>,
        keys: Keys,
        unwritten: Arc<Unwritten>,
        inbox: mpsc::Receiver<Published>,
        slot: Arc<Mutex<Option<Source>>>,
        wake: Arc<Notify>,
    ) -> Keeper {
        Keeper {
            link,
            keys,
            unwritten,
            inbox,
            slot,
            wake,
            source: None,
            noted: 0,
            next: 0,
            live: 0,
            gap: None,
            exhausted: false,
        }
    }

    /// Runs until the last store is dropped.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut since_note = 0;
        loop {
            let wake = Arc::clone(&self.wake);
            let mut ticked = false;
            tokio::select! {
                biased;
                taken = self.inbox.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                }
                () = wake.notified() => {}
                _ = ticks.tick() => ticked = true,
                () = std::future::ready(()), if self.can_refill() => {}
            }
            if !batch.is_empty() {
                self.write_live(&batch).await;
                batch.clear();
            }
            self.take_unwritten();
            if ticked {
                self.exhausted = false;
                since_note += 1;
            }
            // What went wrong has been remembered where it happened; the next turn goes on from there.
            if self.link.is_closed_to_traffic() {
                self.come_back().await;
            } else if since_note >= NOTE_EVERY {
                since_note = 0;
                if let Err(error) = self.note().await {
                    // A second without an answer to the least of commands: payments should not have to find out.
                    self.link.give_up(&error.reason);
                }
            }
            let _ = self.adopt_source().await;
            self.refill_some().await;
        }
    }

    fn can_refill(&self) -> bool {
        self.source.is_some() && self.gap.is_some() && !self.exhausted && !self.link.is_closed_to_traffic()
    }

    async fn write_live(&mut self, batch: &[Published]) {
        let (first, last) = (batch[0].position, batch[batch.len() - 1].position);
        match self.link.write(batch).await {
            Ok(_) => self.live = self.live.max(last + 1),
            Err(_) => self.unwritten.add(first, last),
        }
        // Whatever was dropped before these were queued has been recorded by now, so `next` cannot pass over it.
        self.take_unwritten();
        if self.gap.is_none() && self.source.is_some() {
            self.advance(self.live);
        }
    }

    fn take_unwritten(&mut self) {
        if let Some((from, to)) = self.unwritten.take() {
            self.open_gap(from, Some(to));
        }
    }

    fn open_gap(&mut self, from: u64, to: Option<u64>) {
        self.next = self.next.min(from);
        match &mut self.gap {
            Some(gap) => (gap.cursor, gap.to) = (gap.cursor.min(from), gap.to.max(to)),
            None => self.gap = Some(Gap { cursor: from, to, started: clock::monotonic(), refilled: 0 }),
        }
        self.exhausted = false;
    }

    fn advance(&mut self, to: u64) {
        self.next = self.next.max(to);
        metrics::gauge!("fraudnet_redis_written_position").set(self.next as f64);
    }

    /// Takes up a journal that was registered: what Redis says of it tells where to begin.
    async fn adopt_source(&mut self) -> Result<(), Unavailable> {
        let Some(source) = self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        if self.source.as_ref().is_some_and(|known| Arc::ptr_eq(&known.read, &source.read)) {
            return Ok(());
        }
        let filled = self.read_filled(source.journal).await?;
        self.source = Some(source);
        self.noted = filled.unwrap_or(0);
        self.next = self.noted;
        if filled.is_none() {
            self.write_filled(0, "NX").await?;
        }
        self.open_gap(self.noted, None);
        Ok(())
    }

    /// Writes one helping of the gap.
    async fn refill_some(&mut self) {
        if !self.can_refill() {
            return;
        }
        let (Some(source), Some(cursor)) = (self.source.clone(), self.gap.as_ref().map(|gap| gap.cursor)) else {
            return;
        };
        let reading = tokio::task::spawn_blocking(move || {
            let read = source.read.lock().unwrap_or_else(PoisonError::into_inner);
            read(cursor, BATCH)
        });
        let Ok(found) = reading.await else {
            tracing::error!("reading the journal for redis failed; trying again");
            self.exhausted = true;
            return;
        };
        if let Some(last) = found.last() {
            let Ok(counts) = self.link.write(&found).await else { return };
            let after = last.position.max(cursor) + 1;
            self.reached(after, counts.written);
            return;
        }
        self.exhausted = true;
        if self.gap.as_ref().is_some_and(|gap| gap.to.is_none_or(|to| gap.cursor > to)) {
            self.close_gap();
        }
    }

    fn reached(&mut self, after: u64, written: u64) {
        metrics::counter!("fraudnet_redis_refilled_total").increment(written);
        if let Some(gap) = &mut self.gap {
            gap.cursor = after;
            gap.refilled += written;
        }
        self.advance(after);
    }

    fn close_gap(&mut self) {
        let Some(gap) = self.gap.take() else { return };
        self.advance(gap.cursor.max(self.live));
        if gap.refilled > 0 {
            let seconds = clock::monotonic().duration_since(gap.started).as_secs_f64();
            let rate = gap.refilled as f64 / seconds.max(1e-3);
            tracing::info!(
                verdicts = gap.refilled,
                seconds,
                verdicts_per_second = rate as u64,
                "redis is filled from the journal again"
            );
        }
    }

    /// Notes how far this is, and notices where Redis forgot. Serves as the sign of life of an idle Redis too.
    async fn note(&mut self) -> Result<(), Unavailable> {
        let Some(source) = &self.source else {
            return self.background(cmd("PING")).await.map(drop);
        };
        let journal = source.journal;
        let filled = self.read_filled(journal).await?;
        self.compare(filled, journal).await?;
        if self.next != self.noted {
            let next = self.next;
            // Only where the key still is: else Redis was flushed just now, and this would hide it.
            if self.write_filled(next, "XX").await? {
                self.noted = next;
            } else {
                self.compare(None, journal).await?;
            }
        }
        Ok(())
    }

    /// Opens a gap where Redis says less than was noted there.
    async fn compare(&mut self, filled: Option<u64>, journal: [u8; 8]) -> Result<(), Unavailable> {
        let kept = filled.unwrap_or(0);
        let last = self.live.max(self.next).checked_sub(1);
        if kept < self.noted {
            tracing::warn!(
                position = kept,
                noted = self.noted,
                journal = super::keys::hex(&journal),
                "redis forgot verdicts it had; writing them again from the journal"
            );
            self.open_gap(kept, last);
            self.noted = kept;
        }
        if filled.is_none() {
            // Though nothing but the start was noted, something may have been written.
            self.open_gap(0, last);
            self.write_filled(0, "NX").await?;
        }
        Ok(())
    }

    async fn read_filled(&self, journal: [u8; 8]) -> Result<Option<u64>, Unavailable> {
        let found = self.background(cmd("GET").arg(self.keys.filled(journal)).take()).await?;
        // What cannot be read counts as nothing: then everything is written again.
        let text = bytes(found).ok().flatten().unwrap_or_default();
        Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()))
    }

    /// Whether it was written.
    async fn write_filled(&self, position: u64, condition: &str) -> Result<bool, Unavailable> {
        let Some(source) = &self.source else { return Ok(false) };
        let write = set(&self.keys.filled(source.journal), position.to_string().as_bytes()).arg(condition).take();
        Ok(self.background(write).await? != Value::Nil)
    }

    async fn background(&self, command: Cmd) -> Result<Value, Unavailable> {
        self.link.call(BACKGROUND_TIMEOUT, async |connection| connection.one(&command).await).await
    }

    /// Tries a Redis that is down; where it works again, begins with what it has forgotten meanwhile.
    async fn come_back(&mut self) {
        // What waits in the queue would grow old there; the journal has it too.
        while let Ok(waiting) = self.inbox.try_recv() {
            self.unwritten.add(waiting.position, waiting.position);
        }
        self.take_unwritten();
        match self.link.try_out().await {
            Ok(connection) => self.link.close_breaker(connection),
            Err(SharedError::Unreachable { reason, .. } | SharedError::Unusable { reason, .. }) => {
                return self.link.still_down(reason);
            }
            Err(error) => return self.link.still_down(error.to_string()),
        }
        tracing::info!("redis can be used again");
        if self.source.is_some() && self.note().await.is_err() {
            self.link.give_up("it answered once and then no more");
        }
    }
}
