//! Who gets which position. Positions are dense and ascending; the order in which they are given is the order of the log
//! and the order in which the engine sees events. The lock is held for a push, never over input or output.

use super::record::{TransactionKey, TransactionRow};
use crate::clock;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a payment waits for company before it is synced alone.
const LAZY_WAIT: Duration = Duration::from_millis(5);

/// Called on the writer thread once an append is durable, or with the reason why it never will be. Must be quick.
pub type Completion = Box<dyn FnOnce(Result<(), Arc<str>>) + Send>;

/// Why an append was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The log's queue is full.
    #[error("the log queue is full")]
    QueueFull,
    /// The reader that must see every event in order has no room.
    #[error("the engine queue is full")]
    ReaderFull,
    /// The log failed earlier.
    #[error("the event log failed: {0}")]
    Failed(Arc<str>),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

pub(super) struct Append {
    pub(super) record: Vec<u8>,
    /// Row of the transactions table; the position given fills its payment or, where there is one, its verdict.
    pub(super) row: Option<(TransactionKey, TransactionRow)>,
    /// Nobody waits for it.
    pub(super) lazy: bool,
    /// Not counted against the bound.
    pub(super) exempt: bool,
    pub(super) done: Option<Completion>,
    /// The Kafka topic it came from and the offset to go on from once it is durable.
    pub(super) origin: Option<(&'static str, i64)>,
    /// Another record that takes the next position: durable with this one or not at all.
    pub(super) behind: Option<Vec<u8>>,
}

impl Append {
    /// A record for which nobody waits and nothing else holds.
    pub(super) fn of(record: Vec<u8>) -> Append {
        Append { record, row: None, lazy: false, exempt: false, done: None, origin: None, behind: None }
    }
}

pub(super) struct Sequenced {
    pub(super) position: u64,
    pub(super) append: Append,
}

pub(super) struct Sequencer {
    queue: Mutex<Queue>,
    work: Condvar,
    bound: usize,
}

struct Queue {
    next: u64,
    waiting: VecDeque<Sequenced>,
    /// Somebody waits for an append in the queue.
    awaited: bool,
    oldest_lazy: Option<Instant>,
    failed: Option<Arc<str>>,
    closed: bool,
}

impl Queue {
    /// Under one lock and so in one group: the writer takes all that waits.
    fn push(&mut self, mut append: Append) {
        let behind = append.behind.take().map(Append::of);
        for append in std::iter::once(append).chain(behind) {
            self.waiting.push_back(Sequenced { position: self.next, append });
            self.next += 1;
        }
    }
}

impl Sequencer {
    pub(super) fn new(next: u64, bound: usize) -> Sequencer {
        let queue =
            Queue { next, waiting: VecDeque::new(), awaited: false, oldest_lazy: None, failed: None, closed: false };
        Sequencer { queue: Mutex::new(queue), work: Condvar::new(), bound }
    }

    /// Gives the next position, or refuses and gives none. Verdicts are exempt from the bound, but not boundless: each belongs
    /// to a payment that was let in and, until it is durable, keeps a place here or in the engine's and the network's bounded queues.
    pub(super) fn append(&self, append: Append, admit: impl FnOnce(u64) -> bool) -> Result<u64, Refusal> {
        let mut queue = self.lock();
        let refusal = if let Some(reason) = &queue.failed {
            Some(Refusal::Failed(Arc::clone(reason)))
        } else if queue.closed {
            Some(Refusal::Closed)
        } else if !append.exempt && queue.waiting.len() >= self.bound {
            Some(Refusal::QueueFull)
        } else if !admit(queue.next) {
            Some(Refusal::ReaderFull)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            drop(queue);
            if append.exempt
                && let Some(done) = append.done
            {
                done(Err(refusal.to_string().into()));
            }
            return Err(refusal);
        }
        let position = queue.next;
        // The writer need only be woken for the first lazy append (its wait begins) and the first awaited one.
        let wake = if append.lazy { queue.waiting.is_empty() } else { !queue.awaited };
        if append.lazy {
            queue.oldest_lazy.get_or_insert_with(clock::monotonic);
        } else {
            queue.awaited = true;
        }
        queue.push(append);
        drop(queue);
        if wake {
            self.work.notify_one();
        }
        Ok(position)
    }

    /// Gives all of `appends` positions that follow each other, under one lock and whatever the bound: for a caller that has
    /// few such groups under way at a time and waits for each. `admit` is called for each in turn, as told
    /// in [`super::EventLog::append_payment`], and may block.
    pub(super) fn append_group(&self, appends: Vec<Append>, mut admit: impl FnMut(u64) -> bool) -> Result<(), Refusal> {
        let mut queue = self.lock();
        if let Some(reason) = &queue.failed {
            return Err(Refusal::Failed(Arc::clone(reason)));
        }
        if queue.closed {
            return Err(Refusal::Closed);
        }
        let mut refused = None;
        for append in appends {
            if !admit(queue.next) {
                refused = Some(Refusal::ReaderFull);
                break;
            }
            queue.push(append);
        }
        queue.awaited = true;
        drop(queue);
        self.work.notify_one();
        refused.map_or(Ok(()), Err)
    }

    /// Everything that waits, as soon as somebody waits for it; `None` once closed and empty.
    pub(super) fn take_group(&self) -> Option<Vec<Sequenced>> {
        let mut queue = self.lock();
        loop {
            if queue.waiting.is_empty() {
                if queue.closed {
                    return None;
                }
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let lazy_left = match queue.oldest_lazy {
                Some(since) if !queue.awaited && !queue.closed => {
                    LAZY_WAIT.saturating_sub(clock::monotonic().saturating_duration_since(since))
                }
                _ => Duration::ZERO,
            };
            if lazy_left.is_zero() {
                queue.awaited = false;
                queue.oldest_lazy = None;
                return Some(std::mem::take(&mut queue.waiting).into());
            }
            queue = self.work.wait_timeout(queue, lazy_left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The log is lost: refuses everything from now on and tells all who wait.
    pub(super) fn fail(&self, reason: &Arc<str>) {
        let mut queue = self.lock();
        queue.failed.get_or_insert_with(|| Arc::clone(reason));
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        for done in waiting.into_iter().filter_map(|sequenced| sequenced.append.done) {
            done(Err(Arc::clone(reason)));
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn failure(&self) -> Option<Arc<str>> {
        self.lock().failed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
