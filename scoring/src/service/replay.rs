//! Replay: folding the log into the engine at start. Payments that have a verdict are only applied; the last few before a
//! crash may have none: they are observed at their own position, so they get the very tensor they would have had, and decided now.

use super::decide::{Desk, PendingVerdict};
use crate::cluster::kafka::Topic;
use crate::cluster::{Cluster, Item, Matter, Rejected, UndecidedPayment};
use crate::engine::Engine;
use crate::inference::ModelReply;
use crate::log::{Entry, Record, TransactionKey, VerdictPlace};
use crate::serving::Failure;
use crate::{clock, wire};
use fraudnet_graph::Body;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;

/// Entries read at a time.
const CHUNK: usize = 4096;
/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

/// Replays everything durable. False where it was broken off because the service stops.
///
/// `from` is the position the engine's state is as of. Where the log is the journal of a cluster, undecided payments go to the queue of
/// the cluster with what was seen, since another replica may own them.
pub(super) fn replay(desk: &Desk, engine: &mut Engine, from: u64, cluster: Option<&Cluster>) -> Result<bool, String> {
    let end = desk.log.durable_end();
    let begun = clock::monotonic();
    let mut told = begun;
    let mut next = from;
    let mut decided = Decided::default();
    while next < end {
        if desk.health.stopping() {
            return Ok(false);
        }
        let entries = desk.log.read_from(next, CHUNK.min((end - next) as usize)).map_err(|error| error.to_string())?;
        if entries.is_empty() {
            return Err(format!("the log should reach position {end} but ends at {next}"));
        }
        for entry in &entries {
            replay_entry(desk, engine, entry, cluster, &mut decided)?;
            next = entry.position + 1;
        }
        desk.health.set_lag(end - next);
        if clock::monotonic().saturating_duration_since(told) >= PROGRESS_INTERVAL {
            told = clock::monotonic();
            tracing::info!(position = next, lag = end - next, "replaying the log");
        }
    }
    let verdicts = decided.wait()?;
    let seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
    tracing::info!(from, entries = end, verdicts_made = verdicts, seconds, "the log is replayed");
    Ok(true)
}

fn replay_entry(
    desk: &Desk,
    engine: &mut Engine,
    entry: &Entry,
    cluster: Option<&Cluster>,
    decided: &mut Decided,
) -> Result<(), String> {
    let position = entry.position;
    let (event, body_hash, cut) = match entry.record().map_err(|error| error.to_string())? {
        Record::Verdict { .. }
        | Record::Control { .. }
        | Record::Case { .. }
        | Record::Example { .. }
        | Record::Note { .. } => return Ok(()),
        Record::Rejected { message } => return replay_rejected(cluster, position, message),
        Record::Event { event } | Record::History { event } => (event, None, None),
        Record::Payment { event, body_hash } => (event, Some(body_hash), None),
        Record::Streamed { event, body_hash, cut } => (event, Some(body_hash), Some(cut)),
    };
    let event = wire::decode_event(event)
        .map_err(|error| format!("the event at log position {position} cannot be read: {error}"))?;
    let (Some(body_hash), Body::Payment(payment)) = (body_hash, &event.body) else {
        engine.apply(position, &event);
        return Ok(());
    };
    let key = TransactionKey::new(&event.tenant, &payment.transaction_id);
    let row = desk.log.transaction(&key).map_err(|error| error.to_string())?;
    if row.is_none_or(|row| row.payment != position || row.verdict != VerdictPlace::Undecided) {
        engine.apply(position, &event);
        return Ok(());
    }
    let transaction_id = payment.transaction_id.clone();
    let Some(evidence) = engine.observe(position, event, Duration::ZERO) else {
        tracing::error!(position, "the graph knows a payment that has no verdict; it gets none");
        return Ok(());
    };
    if let (Some(cluster), Some(cut)) = (cluster, cut) {
        let undecided = UndecidedPayment {
            tenant: evidence.event.tenant.clone(),
            transaction_id,
            key,
            body_hash,
            occurred_at_ms: evidence.event.occurred_at_ms,
            cut,
            evidence: Arc::new(OnceLock::from(Some(evidence))),
            trace: None,
        };
        let matter = Matter::Payment(undecided);
        cluster.undecided().push(Item::new(position, Topic::Transactions, cut.transactions, matter));
        return Ok(());
    }
    let (reply, answer) = oneshot::channel();
    let route = desk.serving.route(&evidence.event);
    engine.infer(evidence.clone(), &route, reply, None);
    let reply = answer.blocking_recv().unwrap_or(ModelReply::Failed(Failure::Error));
    let answer = desk.serving.answer_blocking(&route, &evidence, reply);
    let pending = PendingVerdict { key, transaction_id, body_hash, position, cut: None };
    let verdict = desk.rule(&pending, &route, &evidence, &answer);
    let done = decided.expect_one();
    let case = Desk::case(&evidence.event, &verdict);
    desk.log
        .append_verdict(&pending.key, body_hash, position, &Desk::bytes(&verdict), case.as_deref(), done)
        .map_err(|error| error.to_string())?;
    desk.after(&route, &evidence, &answer, &verdict);
    Ok(())
}

/// A message whose dead letter may not be written yet: the committed offsets tell, once they are known.
fn replay_rejected(cluster: Option<&Cluster>, position: u64, message: &[u8]) -> Result<(), String> {
    let Some(cluster) = cluster else { return Ok(()) };
    let rejected = Rejected::decode(message)
        .ok_or_else(|| format!("the rejected message at log position {position} cannot be read"))?;
    let (topic, offset) = (rejected.message.topic, rejected.message.offset);
    cluster.undecided().push(Item::new(position, topic, offset, Matter::Rejected(rejected)));
    Ok(())
}

/// Verdicts of the replay that are on their way to the disk.
struct Decided {
    sender: mpsc::Sender<Result<(), String>>,
    durable: mpsc::Receiver<Result<(), String>>,
    count: u64,
}

impl Default for Decided {
    fn default() -> Self {
        let (sender, durable) = mpsc::channel();
        Decided { sender, durable, count: 0 }
    }
}

impl Decided {
    fn expect_one(&mut self) -> crate::log::Completion {
        self.count += 1;
        let sender = self.sender.clone();
        // The replay may have given up.
        Box::new(move |durable| drop(sender.send(durable.map_err(|reason| reason.to_string()))))
    }

    fn wait(self) -> Result<u64, String> {
        drop(self.sender);
        for durable in self.durable {
            durable?;
        }
        Ok(self.count)
    }
}
