//! Calls to Redis with a hard timeout, behind a circuit breaker.
//!
//! The breaker opens after three failures in a row, or at once where the connection broke; from then on every call fails at once, and
//! the keeper tries four times a second until it can write again. A failure of an earlier connection never counts against a later one.
//!
//! A claim is `SET key hash NX PX …`, then `GET` where somebody was there before, rather than a script or `SET … NX GET`: it is
//! first-writer-wins just so, works with every Redis and Valkey, and needs no permission for scripts.

use super::connection::{Connection, Connector, timed_out};
use super::keys::{Keys, hex};
use super::{Claim, SharedConfig, SharedError};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// After so many failures in a row Redis is taken to be down.
const FAILURES: u32 = 3;
/// A claim nobody made good on is forgotten after this: far longer than a payment can take to get into the log, and short enough for a
/// customer whose terminal reused the id.
const CLAIM_MS: u64 = 600_000;
/// Probes leave by themselves.
const PROBE_MS: u64 = 60_000;
/// Longest wait in the background, where nobody waits for the answer.
pub(super) const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(1);
/// A claim that ends between `SET` and `GET` is tried again; more often than this it is no coincidence.
const TRIES: usize = 3;

/// Redis cannot be used at present.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redis cannot be used: {reason}")]
pub struct Unavailable {
    /// Why.
    pub reason: Arc<str>,
}

/// The connection and whether it may be used.
pub(super) struct Link {
    connector: Connector,
    keys: Keys,
    timeout: Duration,
    address: String,
    user: String,
    prefix: String,
    state: Mutex<State>,
    /// Told when the breaker opens.
    opened: Arc<Notify>,
}

struct State {
    connection: Option<Connection>,
    /// Counts connections.
    generation: u64,
    failures: u32,
    reason: Arc<str>,
}

impl Link {
    pub(super) fn new(config: &SharedConfig, keys: Keys, opened: Arc<Notify>) -> Result<Link, SharedError> {
        Ok(Link {
            connector: Connector::new(config)?,
            keys,
            timeout: config.timeout,
            address: config.address(),
            user: config.user(),
            prefix: config.key_prefix.clone(),
            state: Mutex::new(State {
                connection: None,
                generation: 0,
                failures: 0,
                reason: "not connected yet".into(),
            }),
            opened,
        })
    }

    /// Connects, tries every kind of key, and lets calls through.
    pub(super) async fn open(&self) -> Result<(), SharedError> {
        let connection = self.try_out().await?;
        self.close_breaker(connection);
        Ok(())
    }

    /// A new connection over which everything works that is needed.
    pub(super) async fn try_out(&self) -> Result<Connection, SharedError> {
        let mut connection = self.connector.connect().await.map_err(|error| self.explain(&error, "to connect"))?;
        let mut commands = vec![cmd("PING")];
        let mut names = vec!["PING".to_owned()];
        for key in self.keys.probes() {
            commands.push(set(&key, b"1").arg("NX").arg("PX").arg(PROBE_MS).take());
            names.push(format!("SET {key}"));
            commands.push(cmd("GET").arg(&key).take());
            names.push(format!("GET {key}"));
        }
        let replies = match tokio::time::timeout(BACKGROUND_TIMEOUT, connection.many(commands)).await {
            Ok(replies) => replies.map_err(|error| self.explain(&error, "to talk"))?,
            Err(_) => return Err(self.explain(&timed_out(BACKGROUND_TIMEOUT), "to talk")),
        };
        for (reply, name) in replies.iter().zip(&names) {
            if let Err(error) = reply {
                return Err(self.explain(error, name));
            }
        }
        Ok(connection)
    }

    /// Lets calls through again.
    pub(super) fn close_breaker(&self, connection: Connection) {
        let mut state = self.lock();
        state.connection = Some(connection);
        state.generation += 1;
        state.failures = 0;
        drop(state);
        metrics::gauge!("fraudnet_redis_degraded").set(0.0);
    }

    /// Whether calls fail at once at present.
    pub(super) fn is_closed_to_traffic(&self) -> bool {
        self.lock().connection.is_none()
    }

    pub(super) fn degraded(&self) -> Option<String> {
        let state = self.lock();
        state.connection.is_none().then(|| format!("redis at {}: {}", self.address, state.reason))
    }

    pub(super) async fn claim(&self, tenant: &str, id: &str, body_hash: [u8; 32]) -> Result<Claim, Unavailable> {
        let (key, hash) = (self.keys.claim(tenant, id), hex(&body_hash));
        self.call(self.timeout, async |connection: &mut Connection| {
            let claim = set(&key, hash.as_bytes()).arg("NX").arg("PX").arg(CLAIM_MS).take();
            let look = cmd("GET").arg(&key).take();
            for _ in 0..TRIES {
                if connection.one(&claim).await? != Value::Nil {
                    return Ok(Claim::Won);
                }
                match bytes(connection.one(&look).await?)? {
                    Some(found) if found == hash.as_bytes() => return Ok(Claim::Same),
                    Some(_) => return Ok(Claim::Other),
                    None => {}
                }
            }
            Err(RedisError::from((
                ErrorKind::Client,
                "claims vanish as soon as they are made; is Redis out of memory?",
            )))
        })
        .await
    }

    pub(super) async fn verdict(&self, tenant: &str, id: &str) -> Result<Option<Arc<[u8]>>, Unavailable> {
        let look = cmd("GET").arg(self.keys.verdict(tenant, id)).take();
        self.call(self.timeout, async |connection: &mut Connection| bytes(connection.one(&look).await?))
            .await
            .map(|found| found.map(Arc::from))
    }

    /// Makes one call within `timeout` and remembers how it went.
    pub(super) async fn call<T>(
        &self,
        timeout: Duration,
        call: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, Unavailable> {
        let (mut connection, generation) = {
            let state = self.lock();
            match &state.connection {
                Some(connection) => (connection.clone(), state.generation),
                None => return Err(Unavailable { reason: Arc::clone(&state.reason) }),
            }
        };
        let outcome = tokio::time::timeout(timeout, call(&mut connection)).await;
        let error = match outcome {
            Ok(Ok(value)) => {
                let mut state = self.lock();
                if state.generation == generation {
                    state.failures = 0;
                }
                return Ok(value);
            }
            Ok(Err(error)) => error,
            Err(_) => timed_out(timeout),
        };
        let broken =
            matches!(connection, Connection::Single(_)) && error.is_unrecoverable_error() && !error.is_timeout();
        let reason: Arc<str> = error.to_string().into();
        self.failed(generation, broken, &reason);
        Err(Unavailable { reason })
    }

    /// Takes Redis to be down from now on.
    pub(super) fn give_up(&self, reason: &str) {
        let generation = self.lock().generation;
        self.failed(generation, true, &reason.into());
    }

    /// Says anew why Redis is still down.
    pub(super) fn still_down(&self, reason: String) {
        let mut state = self.lock();
        if state.connection.is_none() {
            state.reason = reason.into();
        }
    }

    fn failed(&self, generation: u64, broken: bool, reason: &Arc<str>) {
        let mut state = self.lock();
        if state.generation != generation || state.connection.is_none() {
            return;
        }
        state.failures += 1;
        if broken || state.failures >= FAILURES {
            state.connection = None;
            state.reason = Arc::clone(reason);
            drop(state);
            metrics::gauge!("fraudnet_redis_degraded").set(1.0);
            tracing::warn!(address = %self.address, %reason, "redis cannot be used");
            self.opened.notify_one();
        }
    }

    fn explain(&self, error: &RedisError, command: &str) -> SharedError {
        let (address, reason) = (self.address.clone(), error.to_string());
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) => SharedError::Permission {
                address,
                command: command.to_owned(),
                reason,
                prefix: self.prefix.clone(),
                user: self.user.clone(),
            },
            // The library keeps to itself what Redis said.
            ErrorKind::AuthenticationFailed => {
                let reason = "AUTH failed: WRONGPASS, or no password is expected of this user".to_owned();
                SharedError::Credentials { address, reason }
            }
            _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) => SharedError::Credentials { address, reason },
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => SharedError::Unreachable { address, reason },
            _ => SharedError::Unusable { address, reason },
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `SET key value`.
pub(super) fn set(key: &str, value: &[u8]) -> Cmd {
    cmd("SET").arg(key).arg(value).take()
}

/// The bytes of a string reply; nothing where there is no such key.
pub(super) fn bytes(reply: Value) -> RedisResult<Option<Vec<u8>>> {
    Ok(redis::from_redis_value(reply)?)
}
