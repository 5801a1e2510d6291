//! Settings of the shared store, and what can be wrong with them.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use std::fmt;
use std::time::Duration;

/// Settings of the shared store: section `[redis]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedConfig {
    /// `redis://[user[:password]@]host[:port][/database]`; with a cluster any of its nodes, several separated by commas.
    pub url: String,
    /// Whether the address is that of a Redis cluster.
    pub cluster: bool,
    /// What every key begins with.
    pub key_prefix: String,
    /// Longest wait of a payment for Redis.
    pub timeout: Duration,
}

/// Without the password.
impl fmt::Debug for SharedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConfig")
            .field("address", &self.address())
            .field("cluster", &self.cluster)
            .field("key_prefix", &self.key_prefix)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// Why the shared store cannot be used from the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// The URL is no URL, or asks for what is not there.
    #[error("redis.url: {reason}; write redis://user:password@host:6379/0")]
    Url {
        /// What is wrong.
        reason: String,
    },
    /// The prefix cannot be part of a key.
    #[error("redis.key_prefix: {reason}")]
    Prefix {
        /// What is wrong.
        reason: &'static str,
    },
    /// Nobody answers there.
    #[error("redis.url: no answer from Redis at {address}: {reason}; start it, or give the address of one that runs")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What happened.
        reason: String,
    },
    /// User or password are wrong or missing.
    #[error(
        "redis.url: Redis at {address} refuses the credentials: {reason}; put the right user and password into the URL"
    )]
    Credentials {
        /// Host and port.
        address: String,
        /// What Redis said.
        reason: String,
    },
    /// A command is not allowed.
    #[error(
        "redis.url: Redis at {address} does not allow {command}: {reason}; the user needs the commands PING, GET and SET on the keys \
         {prefix}* (for example ACL SETUSER {user} +ping +get +set ~{prefix}*), in a cluster CLUSTER SLOTS too"
    )]
    Permission {
        /// Host and port.
        address: String,
        /// The command that was tried.
        command: String,
        /// What Redis said.
        reason: String,
        /// The prefix of the keys.
        prefix: String,
        /// Who asked.
        user: String,
    },
    /// Anything else Redis answers, such as being out of memory or a replica that takes no writes.
    #[error("redis.url: Redis at {address} cannot be used: {reason}")]
    Unusable {
        /// Host and port.
        address: String,
        /// What Redis said.
        reason: String,
    },
    /// The runtime it was started on is gone, or has no thread free.
    #[error("the runtime did not get round to connecting to redis")]
    Ended,
}

impl SharedConfig {
    /// Checks what can be checked without a connection.
    ///
    /// # Errors
    /// Where the URL or the prefix cannot be used; the message names the setting and never repeats the URL, which may hold a password.
    pub fn check(&self) -> Result<(), SharedError> {
        self.nodes()?;
        if self.key_prefix.bytes().any(|byte| matches!(byte, b'{' | b'}') || byte.is_ascii_control()) {
            // A brace would move the hash tag, and with it one id's keys into different slots.
            return Err(SharedError::Prefix { reason: "must not hold braces or control characters" });
        }
        Ok(())
    }

    /// The addresses to begin with, parsed.
    pub(super) fn nodes(&self) -> Result<Vec<ConnectionInfo>, SharedError> {
        let urls: Vec<&str> = if self.cluster { self.url.split(',').map(str::trim).collect() } else { vec![&self.url] };
        urls.into_iter().map(parse).collect()
    }

    /// Host and port, for people: without user and password.
    pub(super) fn address(&self) -> String {
        match self.nodes() {
            Ok(nodes) => nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(", "),
            Err(_) => "an address that cannot be read".to_owned(),
        }
    }

    /// The user named in the URL.
    pub(super) fn user(&self) -> String {
        let nodes = self.nodes().unwrap_or_default();
        nodes.first().and_then(|node| node.redis_settings().username()).unwrap_or("default").to_owned()
    }
}

fn parse(url: &str) -> Result<ConnectionInfo, SharedError> {
    if url.is_empty() {
        return Err(SharedError::Url { reason: "must be set where log.transport is \"kafka\"".to_owned() });
    }
    if url.starts_with("rediss:") {
        let reason = "this build speaks no TLS to Redis; put a TLS tunnel beside it".to_owned();
        return Err(SharedError::Url { reason });
    }
    // The library's own words for a fault never hold the URL.
    let info = url.into_connection_info().map_err(|error| SharedError::Url { reason: lower(&error.to_string()) })?;
    match info.addr() {
        ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) => Ok(info),
        _ => Err(SharedError::Url { reason: "this kind of address is not known".to_owned() }),
    }
}

/// With a small first letter, to stand inside a sentence.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
