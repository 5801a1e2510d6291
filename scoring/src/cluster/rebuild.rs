//! Puts the verdicts of the topics into the shared store, for an operator whose Redis was lost while no replica can do it.
//!
//! Reads `verdicts`, and of `transactions` what they are about: a verdict names the offset of its payment, and the payment's message
//! tells the hash of the body that won the id. Both topics are read once, side by side, since verdicts were committed in the order of
//! their payments; so memory is bounded, and one verdict costs some 30 µs.

use super::kafka::{Incoming, KafkaError, Reader, Topic, Wanted, headers};
use super::{ClusterConfig, START_TIMEOUT};
use crate::clock;
use crate::shared::{Published, SharedError, SharedStore, Unavailable, WriteCounts};
use crate::wire::{ReceivedPayment, decode_event};
use fraudnet_graph::Body;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::runtime::Handle;

/// Verdicts written together.
const BATCH: usize = 256;
/// Verdicts that wait for their payments at most.
const WAITING: usize = 1024;
/// Offsets that body hashes are kept for below the latest verdict's payment: a verdict that was committed twice may come as late.
const KEPT: i64 = 100_000;
/// How long it waits for a message, and how long for a broker that does not answer.
const WAIT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
/// Redis may be slow for a moment.
const TRIES: u32 = 10;
const RETRY: Duration = Duration::from_millis(500);

/// How far a rebuild is, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rebuilt {
    /// What became of the verdicts.
    pub counts: WriteCounts,
    /// Verdicts that could not be put there: their payments are no longer in `transactions`, or they are none of ours.
    pub unmatched: u64,
    /// Messages still to read.
    pub left: u64,
}

/// Why a rebuild ended early. What was written stays, and the next one goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The topics cannot be read.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// Redis could not be used from the start.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// Redis could not be used any more.
    #[error("{0}; what was written so far stays, run the command again")]
    Unavailable(#[from] Unavailable),
}

/// Rebuilds the shared store and calls `progress` after every batch. Blocks; must not be called on a thread of `runtime`.
///
/// # Errors
/// Where the topics or Redis cannot be reached or used.
pub fn rebuild_shared(
    config: &ClusterConfig,
    runtime: &Handle,
    mut progress: impl FnMut(&Rebuilt),
) -> Result<Rebuilt, RebuildError> {
    super::kafka::check_reachable(&config.kafka, START_TIMEOUT)?;
    let store = SharedStore::connect(&config.shared, runtime)?;
    let from = [(Topic::Transactions, Reader::EARLIEST), (Topic::Verdicts, Reader::EARLIEST)];
    let mut reader = Reader::start(&config.kafka, &from)?;
    let mut pairs = Pairs::default();
    let mut rebuilt = Rebuilt::default();
    let mut heard = clock::monotonic();
    loop {
        let at_end = reader.at_end(Topic::Verdicts) && (pairs.waiting.is_empty() || reader.at_end(Topic::Transactions));
        if at_end || pairs.ready.len() >= BATCH {
            if at_end {
                pairs.give_up_waiting();
            }
            while !pairs.ready.is_empty() {
                let batch: Vec<Published> = pairs.ready.drain(..pairs.ready.len().min(BATCH)).collect();
                rebuilt.add(write(&store, runtime, &batch)?);
            }
            rebuilt.unmatched = pairs.unmatched;
            rebuilt.left = if at_end { 0 } else { reader.lag(Topic::Verdicts) };
            progress(&rebuilt);
            if at_end {
                return Ok(rebuilt);
            }
        }
        let wanted = pairs.wanted();
        if let Some(message) = reader.next(WAIT, wanted)? {
            heard = clock::monotonic();
            pairs.take(&message);
            continue;
        }
        if let Some(reason) = reader.unreachable()
            && clock::monotonic().saturating_duration_since(heard) >= PATIENCE
        {
            return Err(KafkaError::Unreachable { brokers: config.kafka.brokers.clone(), reason }.into());
        }
    }
}

fn write(store: &SharedStore, runtime: &Handle, batch: &[Published]) -> Result<WriteCounts, Unavailable> {
    let mut tries = 1;
    loop {
        match runtime.block_on(store.write(batch)) {
            Err(_) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(RETRY);
            }
            done => return done,
        }
    }
}

impl Rebuilt {
    fn add(&mut self, counts: WriteCounts) {
        self.counts.written += counts.written;
        self.counts.there += counts.there;
        self.counts.different += counts.different;
    }
}

/// Brings verdicts and their payments together.
#[derive(Default)]
struct Pairs {
    /// Body hashes by the payments' offsets.
    hashes: BTreeMap<i64, [u8; 32]>,
    /// First offset of `transactions` that was not read.
    next: i64,
    /// Verdicts whose payment was not read yet, with its offset.
    waiting: VecDeque<(i64, Published)>,
    ready: Vec<Published>,
    unmatched: u64,
}

impl Pairs {
    /// Verdicts, and payments only as far as a verdict waits for one.
    fn wanted(&self) -> Wanted {
        Wanted { verdicts: self.waiting.len() < WAITING, events: !self.waiting.is_empty() }
    }

    fn take(&mut self, message: &Incoming) {
        match message.topic {
            Topic::Verdicts => self.verdict(message),
            _ => self.payment(message),
        }
    }

    fn payment(&mut self, message: &Incoming) {
        self.next = message.offset + 1;
        if let Some(hash) = body_hash(message) {
            self.hashes.insert(message.offset, hash);
        }
        while self.waiting.front().is_some_and(|(offset, _)| *offset < self.next) {
            let Some((offset, verdict)) = self.waiting.pop_front() else { break };
            self.pair(offset, verdict);
        }
    }

    fn verdict(&mut self, message: &Incoming) {
        let offset = message.header_text(headers::TRANSACTION_OFFSET).and_then(|text| text.parse().ok());
        let (Some(tenant), Some(id), Some(payment)) =
            (message.header_text("ce_tenant"), message.header_text("ce_subject"), offset)
        else {
            self.unmatched += 1;
            return;
        };
        let verdict = Published {
            position: u64::try_from(message.offset).unwrap_or(0),
            tenant: tenant.into(),
            transaction_id: id.into(),
            body_hash: [0; 32],
            verdict: message.payload.as_slice().into(),
        };
        // In turn also where the payment is known: verdicts are written in their order.
        if payment < self.next && self.waiting.is_empty() {
            self.pair(payment, verdict);
        } else {
            self.waiting.push_back((payment, verdict));
        }
    }

    fn pair(&mut self, offset: i64, mut verdict: Published) {
        match self.hashes.get(&offset) {
            Some(&hash) => {
                verdict.body_hash = hash;
                self.ready.push(verdict);
            }
            None => self.unmatched += 1,
        }
        if self.hashes.first_key_value().is_some_and(|(&first, _)| first < offset - KEPT) {
            self.hashes = self.hashes.split_off(&(offset - KEPT / 2));
        }
    }

    /// `transactions` ends before the payments that are still waited for.
    fn give_up_waiting(&mut self) {
        for (offset, verdict) in std::mem::take(&mut self.waiting) {
            self.pair(offset, verdict);
        }
    }
}

/// The hash of the body a payment's message stands for, as the merge sees it.
fn body_hash(message: &Incoming) -> Option<[u8; 32]> {
    if let Some(hash) = message.header(headers::BODY_HASH).and_then(|hex| blake3::Hash::from_hex(hex).ok()) {
        return Some(hash.into());
    }
    let event = decode_event(&message.payload).ok()?;
    let Body::Payment(payment) = event.body else { return None };
    Some(ReceivedPayment { payment, occurred_at_ms: Some(event.occurred_at_ms) }.body_hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: Topic, offset: i64, headers: &[(&str, &str)]) -> Incoming {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Incoming { topic, offset, timestamp_ms: 0, key: None, payload: b"{}".to_vec(), headers }
    }

    fn payment(offset: i64) -> Incoming {
        let hash = blake3::hash(&offset.to_le_bytes()).to_hex();
        message(Topic::Transactions, offset, &[(headers::BODY_HASH, hash.as_str())])
    }

    fn verdict(offset: i64, of: i64) -> Incoming {
        let (id, of) = (format!("payment {of}"), of.to_string());
        let fields = [("ce_tenant", "bank"), ("ce_subject", id.as_str()), (headers::TRANSACTION_OFFSET, of.as_str())];
        message(Topic::Verdicts, offset, &fields)
    }

    #[test]
    fn a_verdict_meets_its_payment_whichever_is_read_first() {
        let mut pairs = Pairs::default();
        assert_eq!(
            pairs.wanted(),
            Wanted { verdicts: true, events: false },
            "payments only once a verdict asks for them"
        );
        for of in [0, 2, 1, 3, 7] {
            pairs.take(&verdict(of, of));
        }
        assert_eq!(pairs.wanted(), Wanted { verdicts: true, events: true });
        for offset in 0..4 {
            pairs.take(&payment(offset));
        }
        // The second verdict on a payment is written too: the store says whether it is the same.
        pairs.take(&verdict(9, 1));
        pairs.take(&message(Topic::Verdicts, 10, &[("ce_tenant", "bank")]));
        pairs.give_up_waiting();
        let found: Vec<(u64, &str)> =
            pairs.ready.iter().map(|ready| (ready.position, &*ready.transaction_id)).collect();
        let expected = [(0, "payment 0"), (2, "payment 2"), (1, "payment 1"), (3, "payment 3"), (9, "payment 1")];
        assert_eq!(found, expected);
        for ready in &pairs.ready {
            let offset: i64 = ready.transaction_id.trim_start_matches("payment ").parse().unwrap();
            assert_eq!(ready.body_hash, *blake3::hash(&offset.to_le_bytes()).as_bytes());
        }
        assert_eq!(pairs.unmatched, 2, "one without a payment, one without its headers");
    }

    #[test]
    fn memory_is_bounded() {
        let mut pairs = Pairs::default();
        for offset in 0..3 * KEPT {
            pairs.take(&verdict(offset, offset));
            pairs.take(&payment(offset));
            pairs.ready.clear();
        }
        assert_eq!(pairs.unmatched, 0);
        assert!(pairs.hashes.len() as i64 <= KEPT + 2, "{}", pairs.hashes.len());
    }
}
