//! A connection to one server or to a cluster, with one way to send commands.

use super::{SharedConfig, SharedError};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisResult, Value};
use std::time::Duration;
use tokio::task::JoinSet;

/// Longest a connection may take to be made, with its greeting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How connections are made.
pub(super) enum Connector {
    Single(Client),
    Cluster(Box<ClusterClient>),
}

/// A connection that many can use at once. Cheap to clone.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connector {
    pub(super) fn new(config: &SharedConfig) -> Result<Connector, SharedError> {
        config.check()?;
        let fault = |error: RedisError| SharedError::Url { reason: error.to_string() };
        let mut nodes = config.nodes()?;
        if config.cluster {
            // A claim has one timeout of its own; retries and waits of the library would only pile up behind it.
            let builder = ClusterClient::builder(nodes).retries(2).max_retry_wait(20).min_retry_wait(1);
            let builder = builder.connection_timeout(CONNECT_TIMEOUT).response_timeout(CONNECT_TIMEOUT);
            return builder.build().map(|client| Connector::Cluster(Box::new(client))).map_err(fault);
        }
        let node = nodes.pop().expect("without a cluster there is exactly one address");
        Client::open(node).map(Connector::Single).map_err(fault)
    }

    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let connecting = async {
            match self {
                Connector::Single(client) => {
                    // No timeouts in there: each call has its own outside.
                    let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
                    client.get_multiplexed_async_connection_with_config(&settings).await.map(Connection::Single)
                }
                Connector::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(timed_out(CONNECT_TIMEOUT)))
    }
}

impl Connection {
    /// Sends one command.
    pub(super) async fn one(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Connection::Single(connection) => connection.req_packed_command(command).await,
            Connection::Cluster(connection) => connection.req_packed_command(command).await,
        }
    }

    /// Sends commands together and gives what each returned, in their order. They may be carried out in any order.
    pub(super) async fn many(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
        match self {
            Connection::Single(connection) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                pipeline.ignore_errors();
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(connection).await
            }
            // The library sends a pipeline to one node. Single commands over its shared connections pipeline themselves.
            Connection::Cluster(connection) => {
                let mut replies: Vec<RedisResult<Value>> = commands.iter().map(|_| Ok(Value::Nil)).collect();
                let mut sent = JoinSet::new();
                for (place, command) in commands.into_iter().enumerate() {
                    let mut connection = connection.clone();
                    sent.spawn(async move { (place, connection.req_packed_command(&command).await) });
                }
                while let Some(reply) = sent.join_next().await {
                    let (place, reply) = reply.expect("a command is neither cancelled nor panics");
                    replies[place] = reply;
                }
                Ok(replies)
            }
        }
    }
}

/// The error of a call that took too long.
pub(super) fn timed_out(after: Duration) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {} ms", after.as_millis())).into()
}
