//! What every client of librdkafka gets here: addresses and security, time-outs that let it come back soon after an outage, its log
//! lines, and its faults sorted by what the operator must do about them.

use super::{KafkaConfig, KafkaError};
use crate::clock;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, util::Timeout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Largest message that a client of ours writes: a dead letter with everything on it.
pub(super) const LARGEST_MESSAGE: usize = 6 * 1024 * 1024;
/// Lines of librdkafka's that are logged within [`LOG_WINDOW`]: a dead broker would fill the log with reconnects.
const LOG_LINES: u32 = 10;
const LOG_WINDOW: Duration = Duration::from_secs(10);

/// Settings that every client has.
pub(super) fn settings(config: &KafkaConfig, role: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", format!("fraudnet-{role}"))
        .set("security.protocol", config.security.protocol.name())
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        // A cut that nobody reports (a dropped route, a frozen broker) is noticed after this time.
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "5000")
        // librdkafka's own bound is 10 s, which would be added to every restart of a broker.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("allow.auto.create.topics", "false")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    if config.security.protocol.has_login() {
        settings
            .set("sasl.mechanism", config.security.mechanism.name())
            .set("sasl.username", &config.security.username)
            .set("sasl.password", &config.security.password);
    }
    if config.security.protocol.has_tls() {
        // `probe`: wherever this system keeps its certificates; the library is linked statically and does not know.
        let ca = config.security.ca_file.as_ref().map_or_else(|| "probe".into(), |file| file.display().to_string());
        settings.set("ssl.ca.location", ca);
    }
    settings
}

/// Settings of every producer: acknowledged by all in-sync replicas, in order, without duplicates from its own retries.
pub(super) fn producer_settings(config: &KafkaConfig, role: &str) -> ClientConfig {
    let mut settings = settings(config, role);
    settings
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.max.bytes", LARGEST_MESSAGE.to_string())
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "500");
    settings
}

/// Makes a client; an error names the setting.
pub(super) fn create<C, T>(settings: &ClientConfig, context: C) -> Result<T, KafkaError>
where
    C: ClientContext,
    T: FromClientConfigAndContext<C>,
{
    settings.create_with_context(context).map_err(|error| match error {
        ClientError::ClientConfig(_, problem, key, _) => KafkaError::Setting { setting: setting_of(&key), problem },
        ClientError::ClientCreation(problem) => KafkaError::Setting { setting: setting_of(&problem), problem },
        other => KafkaError::Client(other.to_string()),
    })
}

/// The setting of ours that a name or a complaint of librdkafka's is about.
fn setting_of(complaint: &str) -> &'static str {
    const NAMES: [(&str, &str); 10] = [
        ("ssl.ca.location", "kafka.ca_file"),
        ("bootstrap.servers", "kafka.brokers"),
        ("security.protocol", "kafka.security_protocol"),
        ("sasl.mechanism", "kafka.sasl_mechanism"),
        ("sasl.username", "kafka.username"),
        ("sasl.password", "kafka.password"),
        ("session.timeout.ms", "kafka.session_timeout_ms"),
        ("transaction.timeout.ms", "kafka.transaction_timeout_ms"),
        ("delivery.timeout.ms", "kafka.delivery_timeout_ms"),
        ("message.timeout.ms", "kafka.delivery_timeout_ms"),
    ];
    NAMES.into_iter().find(|(theirs, _)| complaint.contains(theirs)).map_or("kafka", |(_, ours)| ours)
}

/// What is wrong with the connection to the cluster, as one client knows it, and the throttle of its log lines.
pub(super) struct Trouble {
    brokers: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the last failing connection said: why all of them are down, if they are.
    last_failure: String,
    fault: Option<KafkaError>,
    window: Option<(Instant, u32)>,
}

impl Trouble {
    /// None yet.
    pub(super) fn new(config: &KafkaConfig) -> Arc<Trouble> {
        Arc::new(Trouble { brokers: config.brokers.clone(), state: Mutex::default() })
    }

    /// What is wrong now.
    pub(super) fn fault(&self) -> Option<KafkaError> {
        self.lock().fault.clone()
    }

    /// A broker answered: nothing is wrong.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        state.last_failure.clear();
        if state.fault.take().is_some() {
            tracing::info!(brokers = %self.brokers, "kafka answers again");
        }
    }

    /// A call failed: as what it says, or, where that is only that nobody answered in time, as the reason known for that.
    pub(super) fn error(&self, error: &ClientError) -> KafkaError {
        let code = error.rdkafka_error_code();
        if let Some(fault) = code.and_then(|code| self.sort(code, &error.to_string())) {
            return fault;
        }
        if !code.is_some_and(is_silence) {
            return KafkaError::Client(error.to_string());
        }
        let state = self.lock();
        let reason = if state.last_failure.is_empty() { error.to_string() } else { state.last_failure.clone() };
        state.fault.clone().unwrap_or(KafkaError::Unreachable { brokers: self.brokers.clone(), reason })
    }

    /// The faults that are definite as soon as one broker reports them.
    fn sort(&self, code: RDKafkaErrorCode, reason: &str) -> Option<KafkaError> {
        use RDKafkaErrorCode as Code;
        let reason = reason.to_owned();
        Some(match code {
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState => KafkaError::Login(reason),
            Code::SSL => KafkaError::Tls(reason),
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed => KafkaError::Forbidden(reason),
            Code::InvalidTransactionTimeout => {
                KafkaError::Setting { setting: "kafka.transaction_timeout_ms", problem: reason }
            }
            Code::InvalidSessionTimeout => KafkaError::Setting { setting: "kafka.session_timeout_ms", problem: reason },
            _ => return None,
        })
    }

    /// An error that librdkafka reports for the client as a whole.
    fn heard(&self, code: RDKafkaErrorCode, reason: &str) {
        use RDKafkaErrorCode as Code;
        let definite = self.sort(code, reason);
        let mut state = self.lock();
        let fault = match (definite, code) {
            (Some(fault), _) => fault,
            (None, Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut) => {
                reason.clone_into(&mut state.last_failure);
                // That all are down may be known before it is known why.
                if let Some(KafkaError::Unreachable { reason: told, .. }) = &mut state.fault {
                    reason.clone_into(told);
                }
                return;
            }
            (None, Code::AllBrokersDown) => {
                // A refused login also takes every broker down, and says more.
                if state.fault.is_some() {
                    return;
                }
                let reason = if state.last_failure.is_empty() { reason } else { &state.last_failure };
                KafkaError::Unreachable { brokers: self.brokers.clone(), reason: reason.to_owned() }
            }
            // Per partition or per request: whoever made that request hears of it.
            _ => return,
        };
        if state.fault.as_ref().map(std::mem::discriminant) != Some(std::mem::discriminant(&fault)) {
            tracing::warn!(%fault, "kafka does not answer");
        }
        state.fault = Some(fault);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let now = clock::monotonic();
        let mut state = self.lock();
        let (began, lines) = state.window.unwrap_or((now, 0));
        let (began, lines) = if now.saturating_duration_since(began) > LOG_WINDOW { (now, 0) } else { (began, lines) };
        state.window = Some((began, lines + 1));
        drop(state);
        if lines >= LOG_LINES {
            return;
        }
        let last = if lines + 1 == LOG_LINES { " (further lines of these seconds are left out)" } else { "" };
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "librdkafka", facility, "{line}{last}");
            }
            RDKafkaLogLevel::Warning => tracing::info!(target: "librdkafka", facility, "{line}{last}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, "{line}{last}");
            }
        }
    }

    /// The state is replaced whole, so a panic elsewhere leaves it good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the code says only that no answer came in time.
fn is_silence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::WaitingForCoordinator
            | Code::CoordinatorNotAvailable
            | Code::RequestTimedOut
            | Code::Resolve
    )
}

/// The context of a client that has no callbacks of its own.
#[derive(Clone)]
pub(super) struct Watched(pub(super) Arc<Trouble>);

impl ClientContext for Watched {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.0.log(level, facility, line);
    }

    fn error(&self, error: ClientError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.heard(code, reason);
        }
    }
}

impl ConsumerContext for Watched {}

/// Asks for the cluster's description until it comes, `timeout` has passed, or the reason why it cannot is known.
pub fn check_reachable(config: &KafkaConfig, timeout: Duration) -> Result<(), KafkaError> {
    let trouble = Trouble::new(config);
    // Without a group: it fetches nothing, so nothing can be unread when it is dropped.
    let consumer: BaseConsumer<Watched> = create(&settings(config, "check"), Watched(Arc::clone(&trouble)))?;
    let until = clock::monotonic() + timeout;
    let answer = loop {
        let error = match consumer.client().fetch_metadata(None, Duration::from_millis(500)) {
            Ok(_) => break Ok(()),
            Err(error) => error,
        };
        // Faults arrive as events, and only a poll hands them over.
        serve(&consumer);
        match trouble.fault() {
            // Brokers that are only down may still be starting.
            Some(KafkaError::Unreachable { .. }) | None => {}
            Some(fault) => break Err(fault),
        }
        if clock::monotonic() >= until {
            break Err(trouble.error(&error));
        }
    };
    dispose(consumer, Duration::from_secs(1));
    answer
}

/// Hands over the events that wait in a consumer without a group.
fn serve(consumer: &BaseConsumer<Watched>) {
    for _ in 0..64 {
        if consumer.poll(Timeout::After(Duration::from_millis(1))).is_none() {
            return;
        }
    }
}

/// Drops a client on a thread of its own and waits at most `wait` for it: closing one may take as long as its broker takes to answer,
/// and nobody who ends must hang on that.
pub(super) fn dispose<T: Send + 'static>(client: T, wait: Duration) {
    let (done, ended) = crossbeam_channel::bounded::<()>(1);
    let spawned = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
        drop(client);
        let _ = done.send(());
    });
    if spawned.is_ok() && ended.recv_timeout(wait).is_err() {
        tracing::debug!("a kafka client is still closing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kafka::{Security, SecurityProtocol};

    #[test]
    fn a_bad_setting_is_named() {
        let security = Security {
            protocol: SecurityProtocol::Ssl,
            ca_file: Some("/nowhere/ca.pem".into()),
            ..Security::default()
        };
        let config = KafkaConfig { security, ..KafkaConfig::default() };
        let error = check_reachable(&config, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.starts_with("kafka.ca_file: "), "{error}");
    }

    #[test]
    fn silence_is_told_by_its_reason() {
        let trouble = Trouble::new(&KafkaConfig::default());
        let silence = ClientError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
        assert!(matches!(trouble.error(&silence), KafkaError::Unreachable { .. }));
        trouble.heard(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        assert_eq!(trouble.fault(), None, "one broker of several may be down");
        trouble.heard(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        let told = trouble.fault().unwrap().to_string();
        assert!(told.contains("kafka.brokers") && told.contains("connection refused"), "{told}");
        trouble.answered();
        assert_eq!(trouble.fault(), None);
        trouble.heard(RDKafkaErrorCode::Authentication, "bad password");
        trouble.heard(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(trouble.error(&silence), KafkaError::Login("bad password".to_owned()));
        trouble.heard(RDKafkaErrorCode::PartitionEOF, "not a fault");
        assert_eq!(trouble.fault(), Some(KafkaError::Login("bad password".to_owned())));
    }
}
