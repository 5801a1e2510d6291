//! A test's own place in a cluster that many tests share: a folder, a prefix of topics, a group, a prefix of keys.

use super::kafka::Kafka;
use super::parts::cluster_parts;
use super::redis::Redis;
use super::replica::Replica;
use super::topics::Topics;
use crate::folder::{Folder, cluster_folder};
use crate::server::run;
use crate::settings::Settings;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The broker and the Redis that all tests of a program share. Nobody stops them: who needs one to stop starts its own.
#[derive(Debug)]
pub struct Shared {
    /// The broker.
    pub kafka: Kafka,
    /// The Redis.
    pub redis: Redis,
}

/// The shared broker and Redis, started by whoever asks first. Blocks for the 5 s that takes. `None` where parts are missing and may be.
///
/// # Panics
/// Where they do not come up, or parts are missing that must be there.
pub fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    let parts = cluster_parts()?;
    Some(SHARED.get_or_init(|| {
        let folder = cluster_folder();
        Shared { redis: Redis::start(parts, &folder.join("redis")), kafka: Kafka::start(parts, &folder.join("kafka")) }
    }))
}

/// A test's own place.
#[derive(Debug)]
pub struct Site {
    /// Where replicas and logs lie.
    pub folder: Folder,
    /// Its topics.
    pub topics: Topics,
    /// Its consumer group.
    pub group: String,
    name: String,
    bootstrap: String,
    redis: String,
}

impl Site {
    /// A place at the shared broker and Redis, its topics created by `fraudnet topics create`. `None` where the test must be skipped.
    ///
    /// # Panics
    /// As [`shared`], and where the topics cannot be created.
    pub async fn shared(name: &str) -> Option<Site> {
        let shared = shared()?;
        Some(Site::at(name, &shared.kafka.bootstrap(), &shared.redis.url()).await)
    }

    /// A place at that broker and Redis, its topics created by `fraudnet topics create`.
    ///
    /// # Panics
    /// Where they cannot be created.
    pub async fn at(name: &str, bootstrap: &str, redis: &str) -> Site {
        let site = Site::without_topics(name, bootstrap, redis);
        let created = site.command(&["topics", "create"]).await;
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        site
    }

    /// A place without topics.
    pub fn without_topics(name: &str, bootstrap: &str, redis: &str) -> Site {
        let prefix = format!("{name}.");
        Site {
            folder: Folder::new(name),
            topics: Topics::new(bootstrap, &prefix),
            group: format!("group-{name}"),
            name: name.to_owned(),
            bootstrap: bootstrap.to_owned(),
            redis: redis.to_owned(),
        }
    }

    /// Settings of a replica of that name. Sessions are as short as brokers allow, so that takeovers are quick.
    pub fn settings(&self, replica: &str) -> Settings {
        Settings::at(&self.replica_folder(replica))
            .text("log.transport", "kafka")
            .text("kafka.brokers", &self.bootstrap)
            .text("kafka.topic_prefix", &format!("{}.", self.name))
            .text("kafka.group", &self.group)
            .set("kafka.session_timeout_ms", 6_000)
            .set("kafka.transaction_timeout_ms", 10_000)
            .text("redis.url", &self.redis)
            .text("redis.key_prefix", &format!("{}:", self.name))
    }

    /// Starts a replica with the settings of that name, and waits until it takes traffic.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn start(&self, replica: &str) -> Replica {
        self.start_with(replica, |settings| settings).await
    }

    /// Starts a replica with the settings of that name and some changed, and waits until it takes traffic.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn start_with(&self, replica: &str, change: impl FnOnce(Settings) -> Settings) -> Replica {
        Replica::start(&self.replica_folder(replica), &change(self.settings(replica))).await
    }

    /// The folder of a replica.
    pub fn replica_folder(&self, replica: &str) -> PathBuf {
        self.folder.join(replica)
    }

    /// Runs a command of `fraudnet` with this place's settings (`--config` is added), to its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn command(&self, arguments: &[&str]) -> std::process::Output {
        let config = self.settings("commands").write(self.folder.path());
        let config = config.to_str().expect("paths of tests are text");
        run(&[arguments, &["--config", config]].concat()).await
    }
}
