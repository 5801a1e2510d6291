//! From typed to checked: Kafka, Redis, snapshots.

use super::check::Faults;
use super::raw::RawConfig;
use crate::cluster::ClusterConfig;
use crate::cluster::kafka::{KafkaConfig, SaslMechanism, Security, SecurityProtocol};
use crate::shared::SharedConfig;
use crate::snapshot::{Location, SnapshotConfig};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl RawConfig {
    /// Checked also where it is not used: a mistake should show before the day it is switched on.
    pub(super) fn cluster(&self, faults: &mut Faults) -> Option<ClusterConfig> {
        let kafka = self.kafka(faults);
        let shared = self.redis(faults);
        match self.log.transport.as_str() {
            "embedded" => None,
            "kafka" => {
                if let Err(error) = shared.check() {
                    let text = error.to_string();
                    let (key, reason) = match text.strip_prefix("redis.key_prefix: ") {
                        Some(reason) => ("redis.key_prefix", reason),
                        None => ("redis.url", text.strip_prefix("redis.url: ").unwrap_or(&text)),
                    };
                    faults.add(key, reason);
                }
                Some(ClusterConfig { kafka, shared })
            }
            _ => {
                faults.add("log.transport", "must be \"embedded\" or \"kafka\"");
                None
            }
        }
    }

    fn kafka(&self, faults: &mut Faults) -> KafkaConfig {
        const MILLIS: RangeInclusive<u64> = 100..=600_000;
        let kafka = &self.kafka;
        if kafka.brokers.split(',').any(|broker| !broker.trim().contains(':')) {
            faults.add("kafka.brokers", "must hold host:port of one or more brokers, separated by commas");
        }
        let legal = |text: &str| {
            text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !legal(&kafka.topic_prefix) {
            faults.add("kafka.topic_prefix", "may hold letters, digits, dots, dashes and underscores");
        }
        if kafka.group.is_empty() || !legal(&kafka.group) {
            faults.add("kafka.group", "must hold 1 to 200 letters, digits, dots, dashes and underscores");
        }
        let protocol = SecurityProtocol::parse(&kafka.security_protocol).unwrap_or_else(|| {
            faults.add("kafka.security_protocol", "must be plaintext, ssl, sasl_plaintext or sasl_ssl");
            SecurityProtocol::default()
        });
        let mechanism = SaslMechanism::parse(&kafka.sasl_mechanism).unwrap_or_else(|| {
            faults.add("kafka.sasl_mechanism", "must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
            SaslMechanism::default()
        });
        if protocol.has_login() && kafka.username.is_empty() {
            faults.add("kafka.username", "must be set where kafka.security_protocol is one with a login");
        }
        let mut millis = |key, value| Duration::from_millis(faults.within(key, value, MILLIS));
        let session_timeout = millis("kafka.session_timeout_ms", kafka.session_timeout_ms);
        let transaction_timeout = millis("kafka.transaction_timeout_ms", kafka.transaction_timeout_ms);
        let delivery_timeout = millis("kafka.delivery_timeout_ms", kafka.delivery_timeout_ms);
        let model_wait = millis("kafka.model_wait_ms", kafka.model_wait_ms);
        KafkaConfig {
            brokers: kafka.brokers.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            group: kafka.group.clone(),
            security: Security {
                protocol,
                mechanism,
                username: kafka.username.clone(),
                password: kafka.password.clone(),
                ca_file: (!kafka.ca_file.is_empty()).then(|| PathBuf::from(&kafka.ca_file)),
            },
            session_timeout,
            transaction_timeout,
            delivery_timeout,
            pending_payments: faults.within("kafka.pending_payments", kafka.pending_payments, 16..=1_000_000),
            batch_payments: faults.within("kafka.batch_payments", kafka.batch_payments, 1..=10_000),
            model_wait,
            example_share: self.training.example_share,
        }
    }

    fn redis(&self, faults: &mut Faults) -> SharedConfig {
        SharedConfig {
            url: self.redis.url.clone(),
            cluster: self.redis.cluster,
            key_prefix: self.redis.key_prefix.clone(),
            timeout: Duration::from_millis(faults.within("redis.timeout_ms", self.redis.timeout_ms, 1..=10_000)),
        }
    }

    pub(super) fn snapshot(&self, faults: &mut Faults) -> SnapshotConfig {
        let location = Location::parse(&self.snapshot.location, Path::new(&self.log.folder)).unwrap_or_else(|reason| {
            faults.add("snapshot.location", reason.strip_prefix("snapshot.location: ").unwrap_or(&reason));
            Location::Off
        });
        SnapshotConfig {
            location,
            every_events: faults.within("snapshot.every_events", self.snapshot.every_events, 100..=1_000_000_000),
            keep: faults.within("snapshot.keep", self.snapshot.keep, 1..=1_000),
        }
    }
}
