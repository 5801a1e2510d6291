//! Reads all of some topics, each from a given offset: committed messages only, no group, no commits of its own.
//!
//! Every partition has a queue of its own in librdkafka, filled ahead up to [`QUEUE_KIB`]; [`Reader::next`] keeps one message of each at
//! hand and gives the one that is due. A topic that is not wanted just keeps its full queue: that is the back-pressure, and it costs
//! neither memory nor a new fetch. One message costs about 3 µs here; a quiet reader wakes ten times a second.

use super::client::{self, Trouble, Watched};
use super::{Incoming, KafkaConfig, KafkaError, PARTITION, Topic};
use crate::clock;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::ffi::CString;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bound of the messages that are read ahead for one topic, KiB. A single larger message still passes.
const QUEUE_KIB: usize = 8 * 1024;
/// How often events of the client (faults, log lines) are taken while nothing else happens.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);
/// How often a cluster that did not answer is asked again, and a lag that is not known is asked for.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a label waits while no payment is at hand. Answers bring one topic after the other: without it a label could overtake the
/// payment it speaks of by microseconds, and count nowhere. Nobody waits for labels.
const LABEL_GRACE: Duration = Duration::from_millis(50);

/// Which messages [`Reader::next`] may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Those of `verdicts`.
    pub verdicts: bool,
    /// Those of every other topic that is read (`transactions` and `labels` in a replica).
    pub events: bool,
}

impl Wanted {
    /// Whatever comes.
    pub const ALL: Wanted = Wanted { verdicts: true, events: true };
    /// Verdicts only: what a full pending queue wants.
    pub const VERDICTS: Wanted = Wanted { verdicts: true, events: false };

    fn takes(self, topic: Topic) -> bool {
        if topic == Topic::Verdicts { self.verdicts } else { self.events }
    }
}

/// Reads topics. Dropping it never waits for a broker, and may be done with messages unread.
pub struct Reader {
    /// Before the consumer: a queue must be gone when its consumer closes.
    streams: Vec<Stream>,
    /// `None` only while it is dropped.
    consumer: Option<Arc<BaseConsumer<Watched>>>,
    trouble: Arc<Trouble>,
    bell: Arc<Bell>,
    served: Instant,
    asked: Instant,
}

/// One topic.
struct Stream {
    topic: Topic,
    name: String,
    native_name: CString,
    queue: PartitionQueue<Watched>,
    /// Messages that came before the queue was split off.
    early: VecDeque<Incoming>,
    head: Option<Incoming>,
    /// When `head` came to hand.
    head_at: Instant,
    /// Next offset to give; [`Reader::EARLIEST`] until it is known.
    position: i64,
    /// Everything that was there is in `head` or given.
    ended: bool,
    failed: Option<KafkaError>,
    lag: u64,
    lag_asked: Option<Instant>,
}

impl Reader {
    /// Instead of an offset: from the first message that is still there.
    pub const EARLIEST: i64 = -2;

    /// Starts to read each topic from its offset. Does not wait for a broker: [`super::check_topics`] says whether there is one.
    pub fn start(config: &KafkaConfig, from: &[(Topic, i64)]) -> Result<Reader, KafkaError> {
        let trouble = Trouble::new(config);
        let mut settings = client::settings(config, "reader");
        settings
            // Only a consumer with a group can be assigned partitions. It never joins, and never commits.
            .set("group.id", format!("{}-reader", config.group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            // librdkafka waits 1 s after a full queue and 500 ms after an error before it fetches again.
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            .set("queued.min.messages", "100000")
            .set("queued.max.messages.kbytes", QUEUE_KIB.to_string());
        let consumer: Arc<BaseConsumer<Watched>> = Arc::new(client::create(&settings, Watched(Arc::clone(&trouble)))?);

        let mut partitions = TopicPartitionList::new();
        for &(topic, offset) in from {
            let offset = if offset < 0 { Offset::Beginning } else { Offset::Offset(offset) };
            partitions
                .add_partition_offset(&topic.full(&config.topic_prefix), PARTITION, offset)
                .map_err(|error| trouble.error(&error))?;
        }
        consumer.assign(&partitions).map_err(|error| trouble.error(&error))?;

        let bell = Arc::new(Bell::default());
        let mut streams = Vec::with_capacity(from.len());
        for &(topic, offset) in from {
            let name = topic.full(&config.topic_prefix);
            let unusable = || KafkaError::Topic(format!("kafka.topic_prefix: `{name}` cannot be the name of a topic"));
            let native_name = CString::new(name.as_str()).map_err(|_| unusable())?;
            let mut queue = consumer.split_partition_queue(&name, PARTITION).ok_or_else(unusable)?;
            let ring = Arc::clone(&bell);
            queue.set_nonempty_callback(move || ring.ring());
            streams.push(Stream {
                topic,
                name,
                native_name,
                queue,
                early: VecDeque::new(),
                head: None,
                head_at: clock::monotonic(),
                position: offset.max(Reader::EARLIEST),
                ended: false,
                failed: None,
                lag: 0,
                lag_asked: None,
            });
        }
        let now = clock::monotonic();
        Ok(Reader { streams, consumer: Some(consumer), trouble, bell, served: now, asked: now })
    }

    /// The next message that is wanted: a verdict if there is one, else the event with the older timestamp among those at hand
    /// (`transactions` before `labels` where they are equal). An event waits for the other topic only while that is known to hold messages
    /// that have not arrived yet, which may be older: what is catching up must not apply labels before their payments, or they would count
    /// nowhere. At the topics' ends a label still gives the payments a moment to come first. `None`: nothing came within `wait`.
    ///
    /// An error stays: what must be read is not there any more. A cluster that does not answer is no error, see
    /// [`Reader::unreachable`].
    pub fn next(&mut self, wait: Duration, want: Wanted) -> Result<Option<Incoming>, KafkaError> {
        let mut now = clock::monotonic();
        let until = now + wait;
        loop {
            // Before the queues are looked at: what rings afterwards is not missed.
            self.bell.silence();
            if now.saturating_duration_since(self.served) >= EVENT_INTERVAL {
                self.served = now;
                self.serve();
            }
            self.fill(want)?;
            now = clock::monotonic();
            if let Some(due) = self.due(want, now) {
                return Ok(self.streams[due].give());
            }
            if now >= until {
                return Ok(None);
            }
            self.ask_again(now);
            self.bell.wait((until - now).min(EVENT_INTERVAL).min(LABEL_GRACE));
            now = clock::monotonic();
        }
    }

    /// Next offset of the topic to be given by [`Reader::next`]: where another reader would go on. [`Reader::EARLIEST`] as long as
    /// nothing is known; 0 for a topic that is not read.
    pub fn position(&self, topic: Topic) -> i64 {
        self.stream(topic).map_or(0, |stream| stream.position)
    }

    /// Whether everything that the topic held was given, as far as the last answer of the broker tells; for a topic that is not
    /// wanted at the moment as far as it was looked at.
    pub fn at_end(&self, topic: Topic) -> bool {
        self.stream(topic).is_some_and(Stream::at_end)
    }

    /// Offsets between the position and the topic's end, as far as the last answer of the broker tells. Counts the marks of
    /// transactions, which are never given, while it is not at the end.
    pub fn lag(&mut self, topic: Topic) -> u64 {
        let Some(consumer) = &self.consumer else { return 0 };
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.topic == topic) else { return 0 };
        if stream.at_end() {
            return 0;
        }
        let now = clock::monotonic();
        let end = stream.ends(consumer).map(|(_, end)| end).or_else(|| {
            // Nothing was fetched yet.
            let asked = stream.lag_asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_INTERVAL);
            if asked {
                return None;
            }
            stream.lag_asked = Some(now);
            consumer.fetch_watermarks(&stream.name, PARTITION, ASK_TIMEOUT).ok().map(|(_, end)| end)
        });
        if let Some(end) = end {
            stream.lag = u64::try_from(end - stream.position.max(0)).unwrap_or(0);
        }
        stream.lag
    }

    /// The topic's end as the broker tells it now; none where it does not answer in time. Blocks meanwhile.
    pub fn end(&self, topic: Topic) -> Option<i64> {
        let stream = self.stream(topic)?;
        self.consumer.as_ref()?.fetch_watermarks(&stream.name, PARTITION, ASK_TIMEOUT).ok().map(|(_, end)| end)
    }

    /// Why the cluster does not answer, where it does not.
    pub fn unreachable(&self) -> Option<String> {
        self.trouble.fault().map(|fault| fault.to_string())
    }

    fn stream(&self, topic: Topic) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.topic == topic)
    }

    /// Takes what is not bound to a partition: faults, log lines, and messages from before the queues were split off.
    fn serve(&mut self) {
        let Some(consumer) = &self.consumer else { return };
        while let Some(event) = consumer.poll(Duration::ZERO) {
            // Faults have reached `trouble` already.
            let Ok(message) = event else { continue };
            if let Some(stream) = self.streams.iter_mut().find(|stream| stream.name == message.topic()) {
                stream.early.push_back(incoming(stream.topic, &message));
            }
        }
    }

    /// Sees to it that every wanted topic that has a message has one at hand.
    fn fill(&mut self, want: Wanted) -> Result<(), KafkaError> {
        let Some(consumer) = &self.consumer else { return Ok(()) };
        for stream in self.streams.iter_mut().filter(|stream| want.takes(stream.topic)) {
            stream.fill(consumer, &self.trouble)?;
        }
        Ok(())
    }

    /// The stream whose head is to be given.
    fn due(&self, want: Wanted, now: Instant) -> Option<usize> {
        let consumer = self.consumer.as_ref()?;
        let wanted = || self.streams.iter().enumerate().filter(|(_, stream)| want.takes(stream.topic));
        let awaited = wanted().any(|(_, stream)| stream.topic != Topic::Verdicts && stream.is_awaited(consumer));
        // With a payment at hand their timestamps tell which is first.
        let no_payment = self.stream(Topic::Transactions).is_some_and(|stream| stream.head.is_none());
        let held = |stream: &Stream| match stream.topic {
            Topic::Verdicts => false,
            Topic::Labels if no_payment => awaited || now.saturating_duration_since(stream.head_at) < LABEL_GRACE,
            _ => awaited,
        };
        wanted()
            .filter_map(|(index, stream)| stream.head.as_ref().map(|head| (index, stream, head)))
            .filter(|(_, stream, _)| !held(stream))
            .min_by_key(|(_, _, head)| (head.topic != Topic::Verdicts, head.timestamp_ms, head.topic))
            .map(|(index, ..)| index)
    }

    /// After an outage a quiet topic gives no sign that its broker is back.
    fn ask_again(&mut self, now: Instant) {
        let (Some(consumer), Some(first)) = (&self.consumer, self.streams.first()) else { return };
        if now.saturating_duration_since(self.asked) < ASK_INTERVAL || self.trouble.fault().is_none() {
            return;
        }
        self.asked = now;
        if consumer.client().fetch_metadata(Some(&first.name), ASK_TIMEOUT).is_ok() {
            self.trouble.answered();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let streams = std::mem::take(&mut self.streams);
        if let Some(consumer) = self.consumer.take() {
            // Closing waits until no message is unread: let go of them first.
            let _ = consumer.unassign();
            client::dispose((streams, consumer), Duration::from_secs(1));
        }
    }
}

impl Stream {
    fn at_end(&self) -> bool {
        self.ended && self.head.is_none() && self.early.is_empty()
    }

    /// Whether its next message is known to be there and has not arrived, or nothing is known of it yet.
    fn is_awaited(&self, consumer: &BaseConsumer<Watched>) -> bool {
        self.head.is_none() && !self.ended && self.ends(consumer).is_none_or(|(_, end)| self.position < end)
    }

    fn give(&mut self) -> Option<Incoming> {
        let head = self.head.take()?;
        self.position = head.offset + 1;
        Some(head)
    }

    /// First and next offset of the partition as the last answer told them; costs no request.
    fn ends(&self, consumer: &BaseConsumer<Watched>) -> Option<(i64, i64)> {
        let (mut low, mut high) = (-1_i64, -1_i64);
        // SAFETY: the client lives as long as the reference to its consumer, the name ends with a zero byte, and librdkafka only
        // writes the two numbers before it returns.
        let code = unsafe {
            rdkafka::bindings::rd_kafka_get_watermark_offsets(
                consumer.client().native_ptr(),
                self.native_name.as_ptr(),
                PARTITION,
                &mut low,
                &mut high,
            )
        };
        let known = code == rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
        known.then_some((low, high))
    }

    fn fill(&mut self, consumer: &BaseConsumer<Watched>, trouble: &Trouble) -> Result<(), KafkaError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        while self.head.is_none() {
            let next = match self.early.pop_front() {
                Some(early) => early,
                None => match self.queue.poll(Duration::ZERO) {
                    None => return Ok(()),
                    Some(Ok(message)) => incoming(self.topic, &message),
                    Some(Err(ClientError::PartitionEOF(_))) => {
                        self.reached_end(consumer);
                        trouble.answered();
                        continue;
                    }
                    Some(Err(error)) => {
                        self.hear(&error, consumer)?;
                        continue;
                    }
                },
            };
            self.ended = false;
            // Fetched twice: given once.
            if next.offset >= self.position {
                self.head = Some(next);
                self.head_at = clock::monotonic();
            }
        }
        Ok(())
    }

    fn reached_end(&mut self, consumer: &BaseConsumer<Watched>) {
        self.ended = true;
        self.lag = 0;
        if self.position < 0 {
            // An empty partition: it begins where it begins, whatever was there before.
            self.position = self.ends(consumer).map_or(0, |(low, _)| low.max(0));
        }
    }

    /// An error of this partition. Most pass by themselves; a lost offset does not.
    fn hear(&mut self, error: &ClientError, consumer: &BaseConsumer<Watched>) -> Result<(), KafkaError> {
        let lost = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
        );
        let failure = if lost {
            let end = consumer.fetch_watermarks(&self.name, PARTITION, Duration::from_secs(2)).map(|(_, end)| end);
            match end {
                Ok(end) if end < self.position => {
                    KafkaError::Shorter { topic: self.name.clone(), offset: self.position, end }
                }
                _ => KafkaError::Deleted { topic: self.name.clone(), offset: self.position },
            }
        } else if matches!(error, ClientError::MessageConsumptionFatal(_)) {
            KafkaError::Client(error.to_string())
        } else {
            tracing::debug!(topic = %self.name, %error, "a fetch failed");
            return Ok(());
        };
        self.failed = Some(failure.clone());
        Err(failure)
    }
}

fn incoming(topic: Topic, message: &BorrowedMessage<'_>) -> Incoming {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect()
    });
    Incoming {
        topic,
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().unwrap_or_default().to_vec(),
        headers,
    }
}

/// Rung by librdkafka's threads when a queue is no longer empty.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_one();
    }

    fn silence(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn wait(&self, at_most: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits looks again anyway.
        drop(self.heard.wait_timeout_while(rung, at_most, |rung| !*rung));
    }
}
