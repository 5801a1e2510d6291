//! The replica's place in the consumer group. The group divides one thing only: which member holds the partition of `transactions`,
//! and so scores. Its consumer fetches nothing.
//!
//! Cooperative: a member that comes or goes does not take the partition from the one that has it. A member that is silent for the
//! session's time-out loses the partition without hearing of it; it is told when it speaks again, and until then doubts itself (below).
//! What it commits in between is refused, since its successor has fenced its committer.

use super::client::{self, Trouble, Watched};
use super::{ConsumerGroupMetadata, KafkaConfig, KafkaError, PARTITION, Topic};
use crate::clock;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one poll of the member's thread waits.
const POLL: Duration = Duration::from_millis(100);
/// How long leaving and ending wait for the broker.
const FAREWELL: Duration = Duration::from_secs(3);

/// Membership in the group, kept by a thread of its own. Dropping it leaves the group.
pub struct Membership {
    consumer: Option<Arc<BaseConsumer<Member>>>,
    place: Arc<Place>,
    trouble: Arc<Trouble>,
    topics: [String; 2],
    thread: Option<JoinHandle<()>>,
}

/// What the member's thread and the callbacks know.
struct Place {
    session: Duration,
    holding: Mutex<Holding>,
    rebalances: AtomicU64,
    leave: AtomicBool,
    left: AtomicBool,
    end: AtomicBool,
}

struct Holding {
    /// Whether the group last gave us the partition.
    assigned: bool,
    /// Number of the present ownership; 0: none.
    epoch: u64,
    /// Ownerships so far.
    epochs: u64,
    /// When the thread last polled.
    polled: Instant,
    /// After a silence: when the group will have told us if it has given the partition to another.
    doubt_until: Option<Instant>,
}

impl Membership {
    /// Joins the group. Does not wait for a broker.
    pub fn start(config: &KafkaConfig) -> Result<Membership, KafkaError> {
        let trouble = Trouble::new(config);
        let place = Arc::new(Place {
            session: config.session_timeout,
            holding: Mutex::new(Holding {
                assigned: false,
                epoch: 0,
                epochs: 0,
                polled: clock::monotonic(),
                doubt_until: None,
            }),
            rebalances: AtomicU64::new(0),
            leave: AtomicBool::new(false),
            left: AtomicBool::new(false),
            end: AtomicBool::new(false),
        });
        let mut settings = client::settings(config, "member");
        settings
            .set("group.id", &config.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", config.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", heartbeat(config.session_timeout).as_millis().to_string())
            // The thread below polls as long as the process lives; the session's time-out is what finds a dead or frozen one.
            .set("max.poll.interval.ms", config.session_timeout.as_millis().max(600_000).to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Committed offsets are those of transactions that have ended, not of one that still may abort.
            .set("isolation.level", "read_committed");
        let member = Member { watched: Watched(Arc::clone(&trouble)), place: Arc::clone(&place) };
        let consumer: Arc<BaseConsumer<Member>> = Arc::new(client::create(&settings, member)?);
        let topics = [Topic::Transactions, Topic::Labels].map(|topic| topic.full(&config.topic_prefix));
        consumer.subscribe(&[&topics[0]]).map_err(|error| trouble.error(&error))?;
        let thread = {
            let (consumer, place) = (Arc::clone(&consumer), Arc::clone(&place));
            std::thread::Builder::new()
                .name("kafka-member".to_owned())
                .spawn(move || stay(&consumer, &place))
                .map_err(|error| KafkaError::Client(format!("cannot start a thread: {error}")))?
        };
        Ok(Membership { consumer: Some(consumer), place, trouble, topics, thread: Some(thread) })
    }

    /// Whether this replica scores: the number of its ownership, which is another one every time it gets the partition.
    pub fn owns(&self) -> Option<u64> {
        let holding = self.place.lock();
        // The thread could not run: then the group may have moved on, and nobody could have told us.
        let silent = clock::monotonic().saturating_duration_since(holding.polled) >= self.place.session;
        (holding.epoch != 0 && !silent).then_some(holding.epoch)
    }

    /// What a committer shows to the group's coordinator; to be asked for anew for each transaction.
    pub fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.as_ref()?.group_metadata()
    }

    /// The group's committed offsets of `transactions` and `labels`: next ones to decide. Waits for transactions that are still open;
    /// an error if they do not end within `timeout`, or nobody answers.
    pub fn committed(&self, timeout: Duration) -> Result<[Option<i64>; 2], KafkaError> {
        let Some(consumer) = &self.consumer else { return Err(KafkaError::Client("the member has ended".to_owned())) };
        let mut partitions = TopicPartitionList::new();
        for topic in &self.topics {
            partitions.add_partition(topic, PARTITION);
        }
        let offsets = consumer.committed_offsets(partitions, timeout).map_err(|error| self.trouble.error(&error))?;
        self.trouble.answered();
        let mut committed = [None; 2];
        for (committed, topic) in committed.iter_mut().zip(&self.topics) {
            let Some(found) = offsets.find_partition(topic, PARTITION) else { continue };
            found.error().map_err(|error| self.trouble.error(&error))?;
            if let Offset::Offset(offset) = found.offset() {
                *committed = Some(offset);
            }
        }
        Ok(committed)
    }

    /// How often the group was divided anew since the start.
    pub fn rebalances(&self) -> u64 {
        self.place.rebalances.load(Ordering::Relaxed)
    }

    /// Why the cluster does not answer, where it does not.
    pub fn unreachable(&self) -> Option<String> {
        self.trouble.fault().map(|fault| fault.to_string())
    }

    /// Leaves the group, so that the partition moves at once instead of after the session's time-out. Waits a few seconds at most.
    pub fn leave(&self) {
        self.place.release();
        self.place.leave.store(true, Ordering::Release);
        let until = clock::monotonic() + FAREWELL;
        while !self.place.left.load(Ordering::Acquire) && clock::monotonic() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.place.release();
        self.place.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(consumer) = self.consumer.take() {
            client::dispose(consumer, FAREWELL);
        }
    }
}

/// How often a member says that it lives: ten times within its session, so that one who lost the partition hears of it soon.
fn heartbeat(session: Duration) -> Duration {
    (session / 10).clamp(Duration::from_millis(100), Duration::from_secs(3))
}

/// The member's thread: polls, which is what keeps it in the group and runs the callbacks.
fn stay(consumer: &BaseConsumer<Member>, place: &Place) {
    let mut leaving = None;
    while !place.end.load(Ordering::Acquire) {
        place.polls(clock::monotonic());
        // Partitions are paused, so nothing comes but events.
        let _ = consumer.poll(POLL);
        if leaving.is_none() && place.leave.load(Ordering::Acquire) {
            consumer.unsubscribe();
            leaving = Some(clock::monotonic());
        }
        if let Some(since) = leaving {
            // One more poll serves the callback that gives the partition back.
            let given_back = consumer.assignment().is_ok_and(|partitions| partitions.count() == 0);
            if given_back || clock::monotonic().saturating_duration_since(since) >= FAREWELL {
                place.left.store(true, Ordering::Release);
            }
        }
    }
    place.left.store(true, Ordering::Release);
}

impl Place {
    fn lock(&self) -> std::sync::MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread is about to poll. After a silence of half a session it holds nothing until it has had the time to be told.
    fn polls(&self, now: Instant) {
        let mut holding = self.lock();
        if now.saturating_duration_since(holding.polled) * 2 >= self.session {
            if holding.epoch != 0 {
                tracing::warn!("this replica was silent for so long that another may score now; asking the group");
            }
            holding.epoch = 0;
            holding.doubt_until = Some(now + heartbeat(self.session) * 3);
        }
        holding.polled = now;
        if holding.doubt_until.is_some_and(|until| now >= until) {
            holding.doubt_until = None;
            if holding.assigned {
                holding.take();
            }
        }
    }

    fn assigned(&self) {
        let mut holding = self.lock();
        holding.assigned = true;
        holding.doubt_until = None;
        if !self.leave.load(Ordering::Acquire) && !self.end.load(Ordering::Acquire) {
            holding.take();
        }
    }

    fn revoked(&self) {
        let mut holding = self.lock();
        holding.assigned = false;
        holding.epoch = 0;
        holding.doubt_until = None;
    }

    /// Owns nothing from now on, although the group does not know yet.
    fn release(&self) {
        self.revoked();
    }
}

impl Holding {
    fn take(&mut self) {
        self.epochs += 1;
        self.epoch = self.epochs;
    }
}

/// The context of the member's consumer.
struct Member {
    watched: Watched,
    place: Arc<Place>,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watched.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.watched.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        self.place.rebalances.fetch_add(1, Ordering::Relaxed);
        self.watched.0.answered();
        let ours = partitions.elements().iter().any(|element| element.partition() == PARTITION);
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // The end, not the committed offset: looking that up would wait for open transactions, and nothing is fetched anyway.
            let _ = partitions.set_all_offsets(Offset::End);
            let assigned =
                if cooperative { consumer.incremental_assign(partitions) } else { consumer.assign(partitions) };
            let paused = assigned.and_then(|()| consumer.pause(partitions));
            if ours && paused.is_ok() {
                self.place.assigned();
            }
            paused
        } else {
            if ours {
                self.place.revoked();
            }
            if cooperative { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a change of the consumer group could not be followed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(now: Instant) -> Place {
        Place {
            session: Duration::from_secs(10),
            holding: Mutex::new(Holding { assigned: false, epoch: 0, epochs: 0, polled: now, doubt_until: None }),
            rebalances: AtomicU64::new(0),
            leave: AtomicBool::new(false),
            left: AtomicBool::new(false),
            end: AtomicBool::new(false),
        }
    }

    #[test]
    fn every_ownership_has_its_own_number() {
        let now = clock::monotonic();
        let place = place(now);
        place.assigned();
        assert_eq!(place.lock().epoch, 1);
        place.revoked();
        assert_eq!(place.lock().epoch, 0);
        place.assigned();
        assert_eq!(place.lock().epoch, 2);
    }

    #[test]
    fn a_silent_member_doubts_itself_until_it_could_have_been_told() {
        let now = clock::monotonic();
        let place = place(now);
        place.assigned();
        place.polls(now + Duration::from_secs(1));
        assert_eq!(place.lock().epoch, 1, "a busy moment is no silence");
        let woke = now + Duration::from_secs(31);
        place.polls(woke);
        assert_eq!(place.lock().epoch, 0);
        place.polls(woke + Duration::from_secs(1));
        assert_eq!(place.lock().epoch, 0, "it is still in doubt");
        place.polls(woke + Duration::from_secs(4));
        assert_eq!(place.lock().epoch, 2, "nobody took it away: it is ours anew");
    }

    #[test]
    fn what_was_taken_away_in_the_silence_stays_away() {
        let now = clock::monotonic();
        let place = place(now);
        place.assigned();
        let woke = now + Duration::from_secs(31);
        place.polls(woke);
        place.revoked();
        for second in 1..10 {
            place.polls(woke + Duration::from_secs(second));
            assert_eq!(place.lock().epoch, 0);
        }
    }
}
