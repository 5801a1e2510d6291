//! Sends single messages, each with its own answer: payments, outcomes and labels from HTTP on their way into the stream.

use super::client::{self, Trouble, Watched};
use super::{KafkaConfig, KafkaError, Outgoing, PARTITION, SendError};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Bound of the messages that wait for their acknowledgement, and of their bytes (KiB): beyond, the answer is `QueueFull` at once.
const QUEUE_MESSAGES: usize = 20_000;
const QUEUE_KIB: usize = 64 * 1024;

/// An idempotent producer, shared by everybody who sends. Acknowledged means: on every in-sync replica of the broker.
pub struct Sender {
    config: KafkaConfig,
    trouble: Arc<Trouble>,
    /// Made anew after an error that ends a producer for good.
    producer: Mutex<Arc<Producing>>,
}

type Producing = ThreadedProducer<Answers>;
type Answer = oneshot::Sender<Result<i64, SendError>>;

impl Sender {
    /// Opens the producer. Does not wait for a broker.
    pub fn open(config: &KafkaConfig) -> Result<Sender, KafkaError> {
        let trouble = Trouble::new(config);
        let producer = Mutex::new(Arc::new(produce(config, &trouble)?));
        Ok(Sender { config: config.clone(), trouble, producer })
    }

    /// Sends one message and waits for its acknowledgement, at most for `kafka.delivery_timeout_ms`. Gives its offset.
    ///
    /// Whoever stops waiting has not stopped the message.
    pub async fn send(&self, message: Outgoing) -> Result<i64, SendError> {
        let (answer, answered) = oneshot::channel();
        {
            let producer = self.producer()?;
            let topic = message.topic.full(&self.config.topic_prefix);
            producer.send(record(&topic, &message, Box::new(answer))).map_err(|(error, _)| {
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => SendError::QueueFull,
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge,
                    _ => SendError::Refused(self.trouble.error(&error).to_string()),
                }
            })?;
        }
        answered.await.unwrap_or_else(|_| Err(SendError::Unknown("the producer was closed".to_owned())))
    }

    /// Why the cluster does not answer, where it does not.
    pub fn unreachable(&self) -> Option<String> {
        self.trouble.fault().map(|fault| fault.to_string())
    }

    /// The producer; another one if this one has met its end.
    fn producer(&self) -> Result<Arc<Producing>, SendError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            tracing::warn!(?code, reason, "the producer cannot go on; opening another one");
            let fresh = produce(&self.config, &self.trouble).map_err(|error| SendError::Refused(error.to_string()))?;
            let ended = std::mem::replace(&mut *producer, Arc::new(fresh));
            client::dispose(ended, Duration::ZERO);
        }
        Ok(Arc::clone(&producer))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let producer = Arc::clone(&self.producer.lock().unwrap_or_else(PoisonError::into_inner));
        producer.purge(PurgeConfig::default().queue().inflight());
        // This clone is the last one only once the field is gone, which is right after; the thread outlives both.
        client::dispose(producer, Duration::ZERO);
    }
}

fn produce(config: &KafkaConfig, trouble: &Arc<Trouble>) -> Result<Producing, KafkaError> {
    let mut settings = client::producer_settings(config, "sender");
    settings
        .set("delivery.timeout.ms", config.delivery_timeout.as_millis().to_string())
        // One millisecond lets payments of the same moment share a request.
        .set("linger.ms", "1")
        .set("queue.buffering.max.messages", QUEUE_MESSAGES.to_string())
        .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string());
    client::create(&settings, Answers { watched: Watched(Arc::clone(trouble)) })
}

/// The message as librdkafka takes it; it copies key and value.
pub(super) fn record<'a, D: rdkafka::IntoOpaque>(
    topic: &'a str,
    message: &'a Outgoing,
    opaque: D,
) -> BaseRecord<'a, [u8], [u8], D> {
    let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
    for (key, value) in &message.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let record =
        BaseRecord::with_opaque_to(topic, opaque).partition(PARTITION).payload(&*message.payload).headers(headers);
    if message.key.is_empty() { record } else { record.key(&message.key) }
}

/// The context of the producer: hands each delivery to whoever waits for it.
struct Answers {
    watched: Watched,
}

impl ClientContext for Answers {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watched.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.watched.error(error, reason);
    }
}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<Answer>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Box<Answer>) {
        let outcome = match result {
            Ok(message) => {
                self.watched.0.answered();
                Ok(message.offset())
            }
            Err((error, message)) => {
                let reason = self.watched.0.error(error).to_string();
                // SAFETY: the message lives as long as the reference to it, and the call only reads its state.
                let status = unsafe { rdkafka::bindings::rd_kafka_message_status(message.ptr()) };
                let nowhere = status == rdkafka::bindings::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
                Err(match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => SendError::TooLarge,
                    Some(RDKafkaErrorCode::MessageTimedOut) if nowhere => SendError::NotSent(reason),
                    _ if nowhere => SendError::Refused(reason),
                    _ => SendError::Unknown(reason),
                })
            }
        };
        // Nobody may wait any more.
        let _ = answer.send(outcome);
    }
}
