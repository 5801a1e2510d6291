//! What can go wrong with the cluster, by what the caller must do.

/// The cluster cannot be used as it is set up. Each says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// A setting that no client can be made of.
    #[error("{setting}: {problem}")]
    Setting {
        /// Name of the setting, for instance `kafka.ca_file`.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers.
    #[error(
        "kafka.brokers: no broker at {brokers} answers ({reason}): start it, or correct the address or kafka.security_protocol"
    )]
    Unreachable {
        /// The addresses tried.
        brokers: String,
        /// What the client last saw.
        reason: String,
    },
    /// The brokers refuse the login.
    #[error("kafka.username, kafka.password, kafka.sasl_mechanism: the broker refuses the login ({0})")]
    Login(String),
    /// The two sides do not agree on TLS.
    #[error("kafka.security_protocol, kafka.ca_file: no TLS connection to the broker ({0})")]
    Tls(String),
    /// The login may not do this.
    #[error("kafka.username: the broker forbids it ({0}): grant the right, or use another login")]
    Forbidden(String),
    /// A topic is not as it must be.
    #[error("{0}")]
    Topic(String),
    /// The broker has deleted what must still be read.
    #[error(
        "topic `{topic}` no longer holds offset {offset}: its retention deleted messages before they were read; \
         restore a snapshot that is newer, or set aside the journal to start from what is left"
    )]
    Deleted {
        /// Full name of the topic.
        topic: String,
        /// The next offset to read.
        offset: i64,
    },
    /// The topic has lost messages that were read, or is another one of the same name.
    #[error(
        "topic `{topic}` ends at offset {end}, but messages up to {offset} were read from it: it lost messages or was created again; \
         set aside the journal and the snapshots to start from what is there"
    )]
    Shorter {
        /// Full name of the topic.
        topic: String,
        /// The next offset to read.
        offset: i64,
        /// Where the topic ends.
        end: i64,
    },
    /// Anything else, in the client's words.
    #[error("kafka: {0}")]
    Client(String),
}

/// A transaction that was not committed, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Nothing of it was committed, and the committer can be used again.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// It may or may not be committed: open a new committer, then read the committed offsets.
    #[error("the outcome of the transaction is unknown: {0}")]
    Unknown(String),
    /// Another committer took over, or the broker gave the transaction up as too old. This one commits nothing any more; what it
    /// was committing in that moment is in the topics or is not: read them.
    #[error("another replica took over: {0}")]
    Fenced(String),
}

/// A message that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The send queue is full; nothing was sent.
    #[error("the send queue is full")]
    QueueFull,
    /// The message is larger than the topic takes; it is not in.
    #[error("the message is larger than the topic takes")]
    TooLarge,
    /// The message may or may not be in the topic.
    #[error("the broker did not acknowledge the message: {0}")]
    Unknown(String),
    /// The message is not in the topic and will not be.
    #[error("the broker did not take the message: {0}")]
    Refused(String),
    /// Its time ran out before it could be sent; it is not in the topic and will not be. Another try may do better.
    #[error("the message could not be sent in time: {0}")]
    NotSent(String),
}
