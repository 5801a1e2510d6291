//! Backfill: history from before the service took traffic goes into the log as records that are applied and never decided.
//!
//! Cost: about 10 µs a payment on one thread (spelling it, one look-up of its id), while the writer writes the group before and the
//! engine applies it: some 100,000 payments/s on two cores, bounded by the disk once the file outgrows its cache.

use super::people::{self, People};
use super::{Inner, RETRY_AFTER_S, ServiceConfig, ServiceError, log_error};
use crate::control;
use crate::engine::{Command, Handoff, Sequenced};
use crate::log::{EventLog, LogConfig, Refusal, TransactionKey};
use crate::{clock, wire};
use fraudnet_graph::{Body, Event};
use std::collections::HashSet;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Events of a group: one transaction and one sync each, while the next gathers.
const GROUP: usize = 16_384;
/// How often it is looked whether payments begun are finished, or the engine has caught up.
const POLL: Duration = Duration::from_millis(1);

/// Why history is not loaded into one replica.
pub(super) const IN_A_CLUSTER: &str = "with log.transport = \"kafka\" the topics are the log: produce the history to `transactions` and `labels` before the first start, where it is scored like any payment";

/// What came of a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct BackfillReport {
    /// Payments loaded.
    pub payments: u64,
    /// Labels and outcomes loaded.
    pub others: u64,
    /// Payments left out because their id was known already.
    pub duplicates: u64,
    /// Time it took, seconds.
    pub seconds: f64,
}

impl BackfillReport {
    /// Events loaded a second.
    pub fn events_per_second(&self) -> f64 {
        (self.payments + self.others) as f64 / self.seconds.max(1e-9)
    }
}

/// Loads history into the data folder of a service that does not run; it is applied when the service starts. See [`super::Service::backfill`].
///
/// # Errors
/// Where the log cannot be opened, or fails; what was loaded until then stays.
pub fn load_history(
    config: &ServiceConfig,
    events: impl IntoIterator<Item = Event>,
    progress: impl FnMut(u64),
) -> anyhow::Result<BackfillReport> {
    anyhow::ensure!(config.cluster.is_none(), IN_A_CLUSTER);
    let log_config = LogConfig {
        folder: config.data_folder.clone(),
        durability: config.durability,
        queue: config.log_queue,
        lose_unsynced_writes: config.lose_unsynced_writes,
    };
    let (log, writer) = EventLog::open(&log_config)?;
    let people = control::state_of(&log)
        .map_err(anyhow::Error::msg)
        .and_then(|state| people::open(config.privacy.as_ref(), &log, &state.privacy));
    // No engine reads along: the next start replays what is here.
    let loaded = people.and_then(|people| Ok(Loader::new(&log, people.as_ref(), |_, _| true).load(events, progress)?));
    log.close();
    let ended = writer.join();
    log.release_file();
    anyhow::ensure!(ended.is_ok(), "the log's writer thread ended on a broken invariant");
    loaded
}

pub(super) fn backfill(
    inner: &Inner,
    events: impl IntoIterator<Item = Event>,
    progress: impl FnMut(u64),
) -> Result<BackfillReport, ServiceError> {
    let desk = &inner.desk;
    desk.health.load()?;
    let _reopened = Reopen(inner);
    while desk.claims.count() > 0 {
        std::thread::sleep(POLL);
    }
    let hand = |position, event| {
        let sequenced = Sequenced { position, event, sequenced_at: clock::monotonic(), handoff: Handoff::Nobody };
        inner.engine.send(Command::Observe(sequenced)).is_ok()
    };
    let report = Loader::new(&desk.log, inner.people.as_ref(), hand).load(events, progress)?;
    // The first payments should not find a full queue.
    while !inner.engine.is_empty() && !desk.health.stopping() {
        std::thread::sleep(POLL);
    }
    Ok(report)
}

/// Takes traffic again, however the backfill ended.
struct Reopen<'a>(&'a Inner);

impl Drop for Reopen<'_> {
    fn drop(&mut self) {
        self.0.desk.health.loaded();
    }
}

/// One pass over a history. Two groups are under way at most: one being written, one being gathered.
struct Loader<'a, H> {
    log: &'a EventLog,
    people: Option<&'a People>,
    /// Takes each event in the order of positions, and may block; false ends the pass.
    hand: H,
    gathered: Gathered,
    written: Option<Written>,
    report: BackfillReport,
    durable: u64,
}

#[derive(Default)]
struct Gathered {
    /// With the payments' keys.
    events: Vec<(Option<TransactionKey>, Event)>,
    keys: HashSet<TransactionKey>,
}

/// A group the writer has, and its keys: the file does not know them yet.
struct Written {
    events: u64,
    keys: HashSet<TransactionKey>,
    durable: mpsc::Receiver<Result<(), Arc<str>>>,
}

impl<'a, H: FnMut(u64, Event) -> bool> Loader<'a, H> {
    fn new(log: &'a EventLog, people: Option<&'a People>, hand: H) -> Self {
        let report = BackfillReport::default();
        Loader { log, people, hand, gathered: Gathered::default(), written: None, report, durable: 0 }
    }

    fn load(
        mut self,
        events: impl IntoIterator<Item = Event>,
        mut progress: impl FnMut(u64),
    ) -> Result<BackfillReport, ServiceError> {
        let begun = clock::monotonic();
        for event in events {
            self.gather(event)?;
            if self.gathered.events.len() >= GROUP {
                self.write()?;
                progress(self.durable);
            }
        }
        self.write()?;
        self.settle()?;
        progress(self.durable);
        self.report.seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
        Ok(self.report)
    }

    fn gather(&mut self, event: Event) -> Result<(), ServiceError> {
        let key = match &event.body {
            Body::Payment(payment) => {
                let key = TransactionKey::new(&event.tenant, &payment.transaction_id);
                if self.knows(&key)? {
                    self.report.duplicates += 1;
                    return Ok(());
                }
                self.gathered.keys.insert(key.clone());
                self.report.payments += 1;
                Some(key)
            }
            Body::Label(_) | Body::Outcome(_) => {
                self.report.others += 1;
                None
            }
        };
        self.gathered.events.push((key, event));
        Ok(())
    }

    fn knows(&self, key: &TransactionKey) -> Result<bool, ServiceError> {
        Ok(self.gathered.keys.contains(key)
            || self.written.as_ref().is_some_and(|written| written.keys.contains(key))
            || self.log.transaction(key).map_err(log_error)?.is_some())
    }

    /// Hands the gathered group to the writer once the group before it is durable.
    fn write(&mut self) -> Result<(), ServiceError> {
        let Gathered { mut events, keys } = std::mem::take(&mut self.gathered);
        if let Some(people) = self.people {
            people.name_history(events.iter_mut().map(|(_, event)| event))?;
        }
        let records: Vec<_> = events.iter_mut().map(|(key, event)| (key.take(), wire::encode_event(event))).collect();
        self.settle()?;
        if records.is_empty() {
            return Ok(());
        }
        let (sender, durable) = mpsc::channel();
        // The loader may have given up.
        let done = Box::new(move |outcome| drop(sender.send(outcome)));
        let count = records.len() as u64;
        let mut events = events.into_iter();
        let admit = |position| events.next().is_some_and(|(_, event)| (self.hand)(position, event));
        self.log.append_history(records, done, admit).map_err(|refusal| match refusal {
            Refusal::Closed => ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S },
            Refusal::Failed(reason) => ServiceError::Log(reason.to_string()),
            Refusal::QueueFull | Refusal::ReaderFull => {
                ServiceError::Log("the engine ended; start the service again".to_owned())
            }
        })?;
        self.written = Some(Written { events: count, keys, durable });
        Ok(())
    }

    fn settle(&mut self) -> Result<(), ServiceError> {
        let Some(Written { events, durable, .. }) = self.written.take() else { return Ok(()) };
        match durable.recv() {
            Ok(Ok(())) => {
                self.durable += events;
                Ok(())
            }
            Ok(Err(reason)) => Err(ServiceError::Log(reason.to_string())),
            Err(_) => Err(ServiceError::Log("its writer thread ended; start the service again".to_owned())),
        }
    }
}
