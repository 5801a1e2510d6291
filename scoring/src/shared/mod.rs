//! What replicas share through Redis: who claimed a transaction id first, and the verdicts of all.
//!
//! Map, in reading order: `config` (settings and what can be wrong with them) → `keys` (every key there is) → `connection` (one server
//! or a cluster) → `link` (calls with a hard timeout behind a circuit breaker) → `verdicts` (how published verdicts get written) →
//! `unwritten` and `keeper` (the background task: writes what is published, notices an outage or a flush, reads the journal again)
//! → [`SharedStore`] below.
//!
//! Redis is a short cut, never the truth. A claim that is lost, late or forgotten costs a conflict found later, in the log, where the
//! first payment of an id wins for ever; a verdict that is not here is in every replica's journal. So everything here may be flushed at
//! any time, and everything is written again from a journal.
//!
//! It never knows the graph, the model, Kafka or HTTP.
//!
//! Needs: Redis 5 or Valkey, standalone or cluster; the commands SET, GET and PING on the prefix's keys (in a cluster
//! CLUSTER SLOTS too); no scripts, no key listings.
//! Nothing decided expires, so give Redis room, or an eviction policy (an evicted key does no harm). A million ids of 36 bytes take 0.2 GB for
//! the claims and, at 1.5 KB a verdict, 1.7 GB for the verdicts (Redis 7.0).
//!
//! Cost: a claim is one round trip (two for a repeat), 0.1 ms beside a local server; a published verdict is a push on a bounded queue, and
//! 14 µs later in batches of 256 (70,000/s). While Redis is down either is one short lock: nobody waits for it but those who find
//! out, each `redis.timeout_ms` at most.

mod config;
mod connection;
mod keeper;
mod keys;
mod link;
mod unwritten;
mod verdicts;

#[cfg(test)]
mod tests;

use connection::CONNECT_TIMEOUT;
use keeper::{Keeper, Source};
use keys::Keys;
use link::Link;
use metrics::{describe_counter, describe_gauge};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use unwritten::Unwritten;

pub use config::{SharedConfig, SharedError};
pub use link::Unavailable;
pub use verdicts::WriteCounts;

/// Verdicts waiting to be written at most; beyond, they are read from the journal later.
const QUEUE: usize = 10_000;

/// A verdict to be known to all replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Position of the verdict in this replica's journal. Ascends from one call to the next.
    pub position: u64,
    /// Tenant of the payment.
    pub tenant: Arc<str>,
    /// Its transaction id.
    pub transaction_id: Arc<str>,
    /// Hash of the canonical request body.
    pub body_hash: [u8; 32],
    /// The verdict's JSON, byte for byte as it is replied.
    pub verdict: Arc<[u8]>,
}

/// What a claim of a transaction id found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nobody had claimed the id.
    Won,
    /// It was claimed before for the same body: being decided, decided, or abandoned by somebody who crashed or gave up. So this does
    /// not promise that the payment is in the log: where the log does not know it, hand it in again (the log recognises repeats).
    Same,
    /// It was claimed before for another body. Only the log knows whether that one was ever handed in; a claim that was abandoned ends
    /// after ten minutes.
    Other,
}

/// The store. Cheap to clone; its background task ends with the last clone.
#[derive(Clone)]
pub struct SharedStore {
    link: Arc<Link>,
    unwritten: Arc<Unwritten>,
    queue: mpsc::Sender<Published>,
    source: Arc<Mutex<Option<Source>>>,
    wake: Arc<Notify>,
}

impl SharedStore {
    /// Connects, tries whether everything that is needed is allowed, and starts the background task on `runtime`.
    ///
    /// Blocks until Redis answered, two seconds at most; on a thread of the runtime only where it has others.
    ///
    /// # Errors
    /// Where the settings are wrong, Redis cannot be reached, refuses the credentials, or forbids a command: with the setting's name and
    /// what Redis said, never with the password.
    pub fn connect(config: &SharedConfig, runtime: &Handle) -> Result<SharedStore, SharedError> {
        describe_gauge!("fraudnet_redis_degraded", "1 while Redis cannot be used");
        describe_gauge!(
            "fraudnet_redis_written_position",
            "First journal position whose verdict may be missing in Redis"
        );
        describe_counter!("fraudnet_redis_refilled_total", "Verdicts read from the journal again and put into Redis");
        describe_counter!(
            "fraudnet_redis_different_verdicts_total",
            "Verdicts that met another verdict on the same payment in Redis"
        );
        let keys = Keys::new(config);
        let wake = Arc::new(Notify::new());
        let link = Arc::new(Link::new(config, keys.clone(), Arc::clone(&wake))?);
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let first = Arc::clone(&link);
        runtime.spawn(async move {
            // Nobody listens only where the caller is gone.
            let _ = tell.send(first.open().await);
        });
        told.recv_timeout(4 * CONNECT_TIMEOUT).map_err(|_| SharedError::Ended)??;

        let unwritten = Arc::new(Unwritten::default());
        let source = Arc::new(Mutex::new(None));
        let (queue, inbox) = mpsc::channel(QUEUE);
        let keeper =
            Keeper::new(Arc::clone(&link), keys, Arc::clone(&unwritten), inbox, Arc::clone(&source), Arc::clone(&wake));
        runtime.spawn(keeper.run());
        Ok(SharedStore { link, unwritten, queue, source, wake })
    }

    /// Claims a transaction id for a body. Of many that claim it at once, in whatever replica, exactly one wins.
    ///
    /// A claim is a promise to hand the payment in. One that comes to nothing is forgotten after ten minutes; [`SharedStore::publish`] makes
    /// it last.
    ///
    /// # Errors
    /// Where Redis is down, slow or refuses; the claim may then have been made or not, or be made later.
    pub async fn claim(&self, tenant: &str, transaction_id: &str, body_hash: [u8; 32]) -> Result<Claim, Unavailable> {
        self.link.claim(tenant, transaction_id, body_hash).await
    }

    /// The verdict on a payment as it was replied, where one is known here.
    ///
    /// # Errors
    /// Where Redis is down, slow or refuses.
    pub async fn verdict(&self, tenant: &str, transaction_id: &str) -> Result<Option<Arc<[u8]>>, Unavailable> {
        self.link.verdict(tenant, transaction_id).await
    }

    /// Has a durable verdict written, soon and in the background. Never waits; whatever the outcome, the verdict gets there in the end
    /// once [`SharedStore::refill`] was called.
    pub fn publish(&self, published: Published) {
        let position = published.position;
        if self.link.is_closed_to_traffic() || self.queue.try_send(published).is_err() {
            self.unwritten.add(position, position);
        }
    }

    /// Writes verdicts now and says what was found. For commands; the service publishes.
    ///
    /// # Errors
    /// Where Redis is down, slow or refuses; some may have been written.
    pub async fn write(&self, verdicts: &[Published]) -> Result<WriteCounts, Unavailable> {
        self.link.write(verdicts).await
    }

    /// Why Redis cannot be used at present.
    pub fn degraded(&self) -> Option<String> {
        self.link.degraded()
    }

    /// Registers how verdicts are read again from the journal of that id: after a restart, an outage, a flush. `source(from, limit)`
    /// gives up to `limit` verdicts at positions from `from` on, ascending; none means that there are no more yet. It may block.
    ///
    /// How far this journal has been written is kept in Redis itself, so that whatever Redis forgets it forgets with it. A verdict that
    /// must get there is published, or found by the source, or both.
    pub fn refill(&self, journal: [u8; 8], source: impl Fn(u64, usize) -> Vec<Published> + Send + 'static) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(Source::new(journal, source));
        self.wake.notify_one();
    }
}
