//! Topics as any client of Kafka sees them: what stands committed, and putting something there.

use crate::server::PATIENCE;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tokio::time::sleep;

/// How long a client waits for a broker that is there.
const ANSWER: Duration = Duration::from_secs(30);

/// The topics of one prefix. All of them have one partition.
#[derive(Debug, Clone)]
pub struct Topics {
    bootstrap: String,
    prefix: String,
}

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the topic.
    pub offset: i64,
    /// When it was produced, UTC milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; empty where it has none.
    pub payload: Vec<u8>,
    /// Its headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// The text of a header; empty where there is none.
    ///
    /// # Panics
    /// Where it is no text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.iter().find(|(key, _)| key == name);
        value.map(|(_, value)| std::str::from_utf8(value).expect("headers are text")).unwrap_or_default()
    }

    /// The key as text.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The value as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> Value {
        let shown = String::from_utf8_lossy(&self.payload);
        serde_json::from_slice(&self.payload)
            .unwrap_or_else(|error| panic!("{error} in message {}: {shown}", self.offset))
    }
}

impl Topics {
    /// The topics of that prefix at that broker.
    pub fn new(bootstrap: &str, prefix: &str) -> Topics {
        Topics { bootstrap: bootstrap.to_owned(), prefix: prefix.to_owned() }
    }

    /// The full name of a topic.
    pub fn full(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// Everything committed in a topic, from its first message to its end as of now. Blocks; [`Topics::messages`] waits instead.
    ///
    /// # Panics
    /// Where the topic cannot be read to its end within half a minute of silence.
    pub fn read(&self, topic: &str) -> Vec<Message> {
        self.read_from(topic, 0)
    }

    /// Everything committed in a topic from that offset to its end as of now. Blocks.
    ///
    /// # Panics
    /// As [`Topics::read`].
    pub fn read_from(&self, topic: &str, offset: i64) -> Vec<Message> {
        let name = self.full(topic);
        let consumer: BaseConsumer = self
            .client()
            // A group is asked for, and never joined: the offsets are our own.
            .set("group.id", "fraudnet-tests")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "10")
            .set("fetch.message.max.bytes", "8388608")
            .create()
            .expect("a client's settings are in order");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&name, 0, Offset::Offset(offset)).expect("an offset is one");
        consumer.assign(&from).unwrap_or_else(|error| panic!("{name} cannot be read: {error}"));
        let mut messages = Vec::new();
        loop {
            match consumer.poll(ANSWER) {
                Some(Ok(message)) => {
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let headers =
                        headers.map(|Header { key, value }| (key.to_owned(), value.unwrap_or_default().to_vec()));
                    messages.push(Message {
                        offset: message.offset(),
                        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
                        key: message.key().map(<[u8]>::to_vec),
                        payload: message.payload().unwrap_or_default().to_vec(),
                        headers: headers.collect(),
                    });
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return messages,
                Some(Err(error)) if passes(&error) => {}
                Some(Err(error)) => panic!("{name} cannot be read at {}: {error}", self.bootstrap),
                None => panic!("{} gives nothing of {name} for {ANSWER:?}", self.bootstrap),
            }
        }
    }

    /// Everything committed in a topic.
    ///
    /// # Panics
    /// As [`Topics::read`].
    pub async fn messages(&self, topic: &str) -> Vec<Message> {
        let (topics, topic) = (self.clone(), topic.to_owned());
        tokio::task::spawn_blocking(move || topics.read(&topic)).await.expect("the topic can be read")
    }

    /// Everything committed in a topic, as soon as it is so many messages at least.
    ///
    /// # Panics
    /// With how many there are, where it never is.
    pub async fn until(&self, topic: &str, count: usize) -> Vec<Message> {
        let mut messages = self.messages(topic).await;
        // The reads themselves take time as well: a bound on how often is enough for one that ends what hangs.
        for _ in 0..PATIENCE.as_millis() / 50 {
            if messages.len() >= count {
                return messages;
            }
            sleep(Duration::from_millis(50)).await;
            let (topics, name, next) =
                (self.clone(), topic.to_owned(), messages.last().map_or(0, |last| last.offset + 1));
            let more = tokio::task::spawn_blocking(move || topics.read_from(&name, next)).await;
            messages.extend(more.expect("the topic can be read"));
        }
        panic!("{} of {count} messages came to stand in {}", messages.len(), self.full(topic))
    }

    /// Offsets that a group has committed: next to be scored of `transactions`, next to be applied of `labels`. Blocks.
    ///
    /// # Panics
    /// Where the broker does not tell.
    pub fn group_offsets(&self, group: &str) -> [Option<i64>; 2] {
        let consumer: BaseConsumer =
            self.client().set("group.id", group).create().expect("a client's settings are in order");
        ["transactions", "labels"].map(|topic| {
            let mut asked = TopicPartitionList::new();
            asked.add_partition(&self.full(topic), 0);
            let told = consumer.committed_offsets(asked, ANSWER);
            let told = told.unwrap_or_else(|error| panic!("the offsets of group {group} cannot be read: {error}"));
            match told.elements()[0].offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            }
        })
    }

    /// A producer of plain messages, acknowledged by the broker's disk.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn producer(&self) -> Producer {
        let mut client = self.client();
        client
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("message.max.bytes", "8388608")
            .set("message.timeout.ms", "60000");
        Producer { topics: self.clone(), producer: client.create().expect("a client's settings are in order") }
    }

    /// An administrator's client, for topics that are made wrong on purpose.
    ///
    /// # Panics
    /// Never.
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("a client's settings are in order")
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.bootstrap)
            .set("socket.timeout.ms", "10000")
            .set("reconnect.backoff.max.ms", "500")
            .set_log_level(RDKafkaLogLevel::Critical);
        client
    }
}

/// What a client gets over by itself: a broker that is away for a moment.
fn passes(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::NotLeaderForPartition
        )
    })
}

/// Puts messages into topics as any client may.
#[derive(Clone)]
pub struct Producer {
    topics: Topics,
    producer: FutureProducer,
}

/// Where a message came to stand, or why it may not stand anywhere.
pub type Delivery = Result<i64, String>;

impl Producer {
    /// Sends a message: its offset, once the broker has acknowledged it.
    ///
    /// # Panics
    /// Where it is not acknowledged within a minute.
    pub async fn send(&self, topic: &str, key: &str, payload: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> i64 {
        let delivery = self.queue(topic, key, payload.as_ref(), headers).await;
        delivery.unwrap_or_else(|error| panic!("a message for {} was not taken: {error}", self.topics.full(topic)))
    }

    /// Queues a message, in the order of calls; what became of it is told later.
    ///
    /// # Panics
    /// Where the client's queue of 100,000 messages is full.
    pub fn queue(
        &self,
        topic: &str,
        key: &str,
        payload: &[u8],
        headers: &[(&str, &str)],
    ) -> impl Future<Output = Delivery> + Send + 'static + use<> {
        let name = self.topics.full(topic);
        let mut all = OwnedHeaders::new();
        for (key, value) in headers {
            all = all.insert(Header { key, value: Some(value.as_bytes()) });
        }
        let record = FutureRecord::to(&name).key(key).payload(payload).partition(0).headers(all);
        let delivery = self.producer.send_result(record);
        let delivery = delivery.unwrap_or_else(|(error, _)| panic!("a message for {name} was not queued: {error}"));
        // Without a handle the client would end, and with it what is queued.
        let producer = self.producer.clone();
        async move {
            let delivery = delivery.await;
            drop(producer);
            match delivery {
                Ok(Ok(delivered)) => Ok(delivered.offset),
                Ok(Err((error, _))) => Err(error.to_string()),
                Err(_) => Err("the client ended before it was told".to_owned()),
            }
        }
    }

    /// Waits until everything queued was acknowledged or given up. Blocks.
    ///
    /// # Panics
    /// Where that takes longer than a minute.
    pub fn flush(&self) {
        use rdkafka::producer::Producer as _;
        self.producer.flush(Timeout::After(Duration::from_secs(60))).expect("every message is told about in time");
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Producer").field("topics", &self.topics).finish_non_exhaustive()
    }
}
