//! The Kafka transport: everything that speaks to a Kafka cluster, and nothing that knows what a payment is.
//!
//! Map, in reading order:
//! - [`Topic`] (names and bounds), [`KafkaConfig`] (`[kafka]`, checked), [`Incoming`] and [`Outgoing`] (a message), [`headers`];
//! - [`Reader`]: all of some topics from given offsets, committed messages only, bounded in memory;
//! - [`Membership`]: which replica scores now, and up to where verdicts are committed;
//! - [`Committer`]: one transaction for the verdicts, reviews, examples, dead letters and offsets of a micro-batch; fences its
//!   predecessor;
//! - [`Sender`]: single messages (HTTP payments on their way into `transactions`);
//! - [`create_topics`], [`check_topics`], [`check_reachable`], [`dead_letter`]: the operator's side;
//! - `client`: what every client of librdkafka gets here (security, time-outs, log lines, faults by what to do about them).
//!
//! Never knows: events, the journal, the engine, verdicts' content, HTTP, Redis. No type of rdkafka leaves it but
//! [`ConsumerGroupMetadata`].

mod client;
mod committer;
pub mod dead_letter;
mod error;
pub mod headers;
mod membership;
mod message;
mod reader;
mod sender;
mod settings;
mod topic;
mod topics;

pub use client::check_reachable;
pub use committer::Committer;
pub use error::{CommitError, KafkaError, SendError};
pub use membership::Membership;
pub use message::{Incoming, Outgoing};
pub use rdkafka::consumer::ConsumerGroupMetadata;
pub use reader::{Reader, Wanted};
pub use sender::Sender;
pub use settings::{KafkaConfig, SaslMechanism, Security, SecurityProtocol};
pub use topic::{PARTITION, Topic};
pub use topics::{TopicState, check_topics, create_topics};
