//! What was merged and is not settled yet, in merged order: payments with the tensors of their cuts, and messages that await their dead
//! letters. Every replica keeps it; the owner works it off, the others wait until they read what the owner committed. So a takeover decides
//! from tensors that were made when the payment came, never from a graph that has seen more since.
//!
//! Bounded by whoever pushes: the merge stops reading events while it is full, and a tensor takes some 20 KB.

use super::kafka::Topic;
use super::rejected::Rejected;
use crate::engine::Evidence;
use crate::log::{Offsets, TransactionKey};
use crate::trace_context::TraceContext;
use metrics::gauge;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Where the engine puts what it saw of a payment.
pub(crate) type EvidencePlace = Arc<OnceLock<Option<Arc<Evidence>>>>;

/// Something that must be settled, in its turn.
pub(crate) struct Item {
    /// Its position in the journal.
    pub(crate) position: u64,
    /// Topic it came from: `Transactions` or `Labels`.
    pub(crate) topic: Topic,
    /// Its offset there.
    pub(crate) offset: i64,
    /// What it is.
    pub(crate) matter: Matter,
    settled: AtomicBool,
}

/// What must be settled.
pub(crate) enum Matter {
    /// A payment awaits its verdict.
    Payment(UndecidedPayment),
    /// A message awaits its dead letter.
    Rejected(Rejected),
}

/// A payment that awaits its verdict.
pub(crate) struct UndecidedPayment {
    pub(crate) key: TransactionKey,
    pub(crate) tenant: String,
    pub(crate) transaction_id: String,
    pub(crate) body_hash: [u8; 32],
    pub(crate) occurred_at_ms: i64,
    pub(crate) cut: Offsets,
    pub(crate) evidence: EvidencePlace,
    pub(crate) trace: Option<TraceContext>,
}

impl Item {
    pub(crate) fn new(position: u64, topic: Topic, offset: i64, matter: Matter) -> Item {
        Item { position, topic, offset, matter, settled: AtomicBool::new(false) }
    }

    /// Whether nothing is left to do for it.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }
}

/// What is known of a payment whose row in the journal is not final and durable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Hash of the body it was merged with.
    pub(crate) body_hash: [u8; 32],
    /// Its position in the journal.
    pub(crate) position: u64,
    /// Its committed verdict, if it has one.
    pub(crate) verdict: Option<Arc<[u8]>>,
    /// Whether that was read from its topic, not only committed here.
    pub(crate) read: bool,
}

/// The queue, and an index of the payments in it and just behind it.
#[derive(Default)]
pub(crate) struct Undecided {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Arc<Item>>,
    /// Number of the first item; it counts on as items leave.
    first: u64,
    known: HashMap<TransactionKey, Known>,
    /// Next offsets of `transactions` and `labels` to be merged.
    merged_to: [i64; 2],
}

impl Undecided {
    /// Adds an item at the end; a payment becomes known.
    pub(crate) fn push(&self, item: Item) {
        let mut queue = self.lock();
        if let Matter::Payment(payment) = &item.matter {
            let known = Known { body_hash: payment.body_hash, position: item.position, verdict: None, read: false };
            queue.known.insert(payment.key.clone(), known);
        }
        queue.items.push_back(Arc::new(item));
        gauge!("fraudnet_pending_payments").set(queue.items.len() as f64);
    }

    /// Makes a payment known that needs no decision: its verdict is there, though not durable in the journal yet.
    pub(crate) fn know(&self, key: &TransactionKey, body_hash: [u8; 32], position: u64, verdict: Arc<[u8]>) {
        let known = Known { body_hash, position, verdict: Some(verdict), read: true };
        self.lock().known.insert(key.clone(), known);
    }

    /// What is known of a payment here; none where the journal's own table says all there is.
    pub(crate) fn get(&self, key: &TransactionKey) -> Option<Known> {
        self.lock().known.get(key).cloned()
    }

    /// The verdict on a payment is committed; its item needs no more work but stays until [`Undecided::read`].
    pub(crate) fn decided(&self, key: &TransactionKey, verdict: &Arc<[u8]>) {
        if let Some(known) = self.lock().known.get_mut(key) {
            known.verdict = Some(Arc::clone(verdict));
        }
    }

    /// The verdict on a payment was read back: its item is settled.
    pub(crate) fn read(&self, key: &TransactionKey, verdict: &Arc<[u8]>) {
        let mut queue = self.lock();
        let Some(known) = queue.known.get_mut(key) else { return };
        known.verdict = Some(Arc::clone(verdict));
        known.read = true;
        let position = known.position;
        if let Ok(at) = queue.items.binary_search_by_key(&position, |item| item.position) {
            queue.items[at].settle();
        }
        queue.let_go();
    }

    /// The journal's own table holds the verdict durably.
    pub(crate) fn forget(&self, key: &TransactionKey) {
        self.lock().known.remove(key);
    }

    /// Everything before these offsets of `transactions` and `labels` is committed: dead letters among it are written.
    pub(crate) fn committed(&self, offsets: [i64; 2]) {
        let mut queue = self.lock();
        for item in &queue.items {
            if matches!(item.matter, Matter::Rejected(_)) && item.offset < offsets[place(item.topic)] {
                item.settle();
            }
        }
        queue.let_go();
    }

    /// Notes up to where the topics are merged.
    pub(crate) fn merged_to(&self, topic: Topic, next: i64) {
        self.lock().merged_to[place(topic)] = next;
    }

    /// Up to where the topics are merged, where nothing awaits settling.
    pub(crate) fn settled_to(&self) -> Option<[i64; 2]> {
        let queue = self.lock();
        queue.items.is_empty().then_some(queue.merged_to)
    }

    /// Items from number `from` on, with the number of the first of them.
    pub(crate) fn from(&self, from: u64, most: usize) -> (u64, Vec<Arc<Item>>) {
        let queue = self.lock();
        let from = from.max(queue.first);
        let skip = (from - queue.first) as usize;
        (from, queue.items.iter().skip(skip).take(most).cloned().collect())
    }

    /// Items that await settling.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// First journal position that a restart may still have to decide; none where there is no such.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let queue = self.lock();
        let known = queue.known.values().map(|known| known.position).min();
        let item = queue.items.front().map(|item| item.position);
        known.into_iter().chain(item).min()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn let_go(&mut self) {
        while self.items.front().is_some_and(|item| item.is_settled()) {
            self.items.pop_front();
            self.first += 1;
        }
        gauge!("fraudnet_pending_payments").set(self.items.len() as f64);
    }
}

/// Place of a topic in pairs of offsets.
pub(crate) fn place(topic: Topic) -> usize {
    usize::from(topic == Topic::Labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kafka::Incoming;
    use crate::cluster::kafka::dead_letter::Reason;

    fn payment(id: &str, position: u64) -> Item {
        let matter = Matter::Payment(UndecidedPayment {
            key: TransactionKey::new("t", id),
            tenant: "t".into(),
            transaction_id: id.into(),
            body_hash: [1; 32],
            occurred_at_ms: 0,
            cut: Offsets { transactions: position as i64, labels: 0 },
            evidence: EvidencePlace::default(),
            trace: None,
        });
        Item::new(position, Topic::Transactions, position as i64, matter)
    }

    fn poison(position: u64, topic: Topic, offset: i64) -> Item {
        let message = Incoming { topic, offset, timestamp_ms: 0, key: None, payload: Vec::new(), headers: Vec::new() };
        let rejected = Rejected { message, reason: Reason::Malformed, text: String::new() };
        Item::new(position, topic, offset, Matter::Rejected(rejected))
    }

    #[test]
    fn items_leave_in_order_once_their_verdicts_are_read() {
        let undecided = Undecided::default();
        for (id, position) in [("a", 3), ("b", 5), ("c", 6)] {
            undecided.push(payment(id, position));
        }
        let verdict: Arc<[u8]> = b"v".as_slice().into();
        undecided.read(&TransactionKey::new("t", "b"), &verdict);
        assert_eq!((undecided.len(), undecided.oldest()), (3, Some(3)), "b waits behind a");
        undecided.read(&TransactionKey::new("t", "a"), &verdict);
        let (first, left) = undecided.from(0, 10);
        assert_eq!((first, left.len(), left[0].position), (2, 1, 6));
        assert_eq!(undecided.oldest(), Some(3), "the journal does not hold a's verdict durably yet");
        undecided.forget(&TransactionKey::new("t", "a"));
        undecided.forget(&TransactionKey::new("t", "b"));
        assert_eq!(undecided.oldest(), Some(6));
    }

    #[test]
    fn dead_letters_leave_by_the_committed_offset_of_their_own_topic() {
        let undecided = Undecided::default();
        undecided.push(poison(1, Topic::Labels, 7));
        undecided.push(poison(2, Topic::Transactions, 7));
        undecided.committed([8, 7]);
        assert_eq!(undecided.len(), 2, "the first of them is not committed, the second waits behind it");
        undecided.committed([8, 8]);
        assert_eq!(undecided.len(), 0);
        undecided.merged_to(Topic::Labels, 8);
        assert_eq!(undecided.settled_to(), Some([0, 8]));
    }
}
