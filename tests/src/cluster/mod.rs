//! Real parts of a cluster for tests, the chaos run and the demo: Apache Kafka, Redis, a network to cut, and replicas of the service.
//!
//! Map, in reading order:
//! - [`Parts`], [`cluster_parts`] (`parts`): where Java, Kafka's jars and `redis-server` are; what happens where they are missing;
//! - [`Process`] (`process`): a child that is stopped, killed, frozen and thawed by its number, and never outlives the harness;
//! - [`free_port`] (`ports`): ports that stay free while their server is down;
//! - [`Kafka`] (`kafka`): one broker in KRaft mode; [`Redis`] (`redis`): one server; [`Proxy`] (`proxy`): a cable to either that can be cut;
//! - [`Topics`], [`Message`], [`Producer`] (`topics`): what stands committed in a topic, and putting something there;
//! - [`Replica`] (`replica`): a `fraudnet serve` of the cluster;
//! - [`Site`], [`shared`] (`site`): a test's own topics, keys and folder in the broker and the Redis that all tests of a program share.
//!
//! Never knows: what a service decides. Everything blocks or waits with a bound, and says in a panic what did not happen and where the
//! log is.

mod kafka;
mod parts;
mod ports;
mod process;
mod proxy;
mod redis;
mod replica;
mod site;
mod topics;

pub use kafka::{Kafka, SASL_PASSWORD, SASL_USER};
pub use parts::{Parts, cluster_parts};
pub use ports::free_port;
pub use process::{Process, within};
pub use proxy::Proxy;
pub use redis::Redis;
pub use replica::Replica;
pub use site::{Shared, Site, shared};
pub use topics::{Delivery, Message, Producer, Topics};
