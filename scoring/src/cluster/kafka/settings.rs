//! `[kafka]` of the configuration, checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach the cluster, and the bounds of what is done with it.
#[derive(Debug, Clone, PartialEq)]
pub struct KafkaConfig {
    /// `host:port` of one or more brokers, by commas.
    pub brokers: String,
    /// What every topic's name begins with, for instance `fraudnet.`; also begins the transactional id.
    pub topic_prefix: String,
    /// The consumer group that divides who scores.
    pub group: String,
    /// How connections are made safe.
    pub security: Security,
    /// A member that is silent for so long has lost its partition.
    pub session_timeout: Duration,
    /// A transaction open for longer is aborted by the broker.
    pub transaction_timeout: Duration,
    /// A message that is not acknowledged within this time has failed.
    pub delivery_timeout: Duration,
    /// Bound of payments kept, with their tensors, until their verdicts are read.
    pub pending_payments: usize,
    /// Bound of payments in one transaction.
    pub batch_payments: usize,
    /// How long the scorer waits for a model's answer before it steps down the ladder.
    pub model_wait: Duration,
    /// Share of payments that become training examples, 0 to 1.
    pub example_share: f64,
}

/// How connections to the brokers are made safe.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Plain or TLS, with or without a login.
    pub protocol: SecurityProtocol,
    /// How the login is proved; only with a `sasl_` protocol.
    pub mechanism: SaslMechanism,
    /// Name of the login.
    pub username: String,
    /// Its password; never printed.
    pub password: String,
    /// Certificates that are trusted, PEM; none: the system's.
    pub ca_file: Option<PathBuf>,
}

/// `kafka.security_protocol`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither TLS nor login.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// Login without TLS.
    SaslPlaintext,
    /// Login over TLS.
    SaslSsl,
}

/// `kafka.sasl_mechanism`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Name and password as they are.
    #[default]
    Plain,
    /// Challenge and response with SHA-256.
    ScramSha256,
    /// Challenge and response with SHA-512.
    ScramSha512,
}

impl SecurityProtocol {
    /// Every protocol.
    pub const ALL: [SecurityProtocol; 4] = [
        SecurityProtocol::Plaintext,
        SecurityProtocol::Ssl,
        SecurityProtocol::SaslPlaintext,
        SecurityProtocol::SaslSsl,
    ];

    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "plaintext",
            SecurityProtocol::Ssl => "ssl",
            SecurityProtocol::SaslPlaintext => "sasl_plaintext",
            SecurityProtocol::SaslSsl => "sasl_ssl",
        }
    }

    /// From the configuration; case does not matter.
    pub fn parse(name: &str) -> Option<SecurityProtocol> {
        SecurityProtocol::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// Whether it needs a login.
    pub fn has_login(self) -> bool {
        matches!(self, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl)
    }

    /// Whether it is encrypted.
    pub fn has_tls(self) -> bool {
        matches!(self, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl)
    }
}

impl SaslMechanism {
    /// Every mechanism.
    pub const ALL: [SaslMechanism; 3] = [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];

    /// As it is written in the configuration and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// From the configuration; case does not matter.
    pub fn parse(name: &str) -> Option<SaslMechanism> {
        SaslMechanism::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

impl Default for KafkaConfig {
    fn default() -> KafkaConfig {
        KafkaConfig {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: "fraudnet.".to_owned(),
            group: "fraudnet".to_owned(),
            security: Security::default(),
            session_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(15),
            delivery_timeout: Duration::from_secs(10),
            pending_payments: 4096,
            batch_payments: 256,
            model_wait: Duration::from_secs(1),
            example_share: 0.05,
        }
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .field("password", &if self.password.is_empty() { "" } else { "(set)" })
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for protocol in SecurityProtocol::ALL {
            assert_eq!(SecurityProtocol::parse(protocol.name()), Some(protocol));
        }
        for mechanism in SaslMechanism::ALL {
            assert_eq!(SaslMechanism::parse(&mechanism.name().to_lowercase()), Some(mechanism));
        }
        assert_eq!(SecurityProtocol::parse("tls"), None);
        assert_eq!(SaslMechanism::parse("GSSAPI"), None);
    }

    #[test]
    fn a_password_is_never_printed() {
        let security = Security { password: "hunter2".to_owned(), ..Security::default() };
        let config = KafkaConfig { security, ..KafkaConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(format!("{config:?}").contains("(set)"));
    }
}
