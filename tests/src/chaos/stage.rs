//! Broker, Redis and replicas of one run.

use super::traffic::Targets;
use crate::Folder;
use crate::cluster::{Kafka, Parts, Proxy, Redis, Replica, Site};
use crate::settings::Settings;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::task::block_in_place;

/// The parts that all runs share: one broker, one Redis, and a cable to each that can be cut.
#[derive(Debug)]
pub struct Stage {
    /// The broker.
    pub kafka: Kafka,
    /// The cable to it.
    pub kafka_cable: Proxy,
    /// Redis.
    pub redis: Redis,
    /// The cable to it.
    pub redis_cable: Proxy,
    // Last: what lies in it is in use until then.
    _folder: Folder,
}

impl Stage {
    /// Starts broker and Redis; blocks for some seconds.
    ///
    /// # Panics
    /// Where they do not come up.
    pub fn set(parts: &Parts, name: &str) -> Stage {
        let folder = Folder::new(name);
        let redis = Redis::start(parts, &folder.join("redis"));
        let redis_cable = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, redis.port())));
        let (kafka, kafka_cable) = Kafka::start_behind_proxy(parts, &folder.join("kafka"));
        Stage { kafka, kafka_cable, redis, redis_cable, _folder: folder }
    }
}

/// The replicas of one run, with topics and keys of their own.
#[derive(Debug)]
pub struct Troupe {
    /// Topics, group, folders.
    pub site: Site,
    /// The replicas.
    pub replicas: Vec<Replica>,
    /// Those that callers know of.
    pub targets: Arc<Targets>,
}

impl Troupe {
    /// Creates topics and starts `count` replicas, of which the last is behind the cables.
    ///
    /// # Panics
    /// Where one does not get ready.
    pub async fn start(stage: &Stage, name: &str, count: usize, change: impl Fn(Settings) -> Settings) -> Troupe {
        let site = Site::at(name, &stage.kafka.bootstrap(), &stage.redis.url()).await;
        let mut troupe = Troupe { site, replicas: Vec::new(), targets: Arc::default() };
        for number in 0..count {
            let mut settings = change(troupe.settings(number));
            if number > 0 && number + 1 == count {
                settings = settings
                    .text("kafka.brokers", &stage.kafka_cable.address().to_string())
                    .text("redis.url", &format!("redis://{}", stage.redis_cable.address()));
            }
            let replica = Replica::spawn(&troupe.site.replica_folder(&name_of(number)), &settings, &[]).await;
            troupe.replicas.push(replica);
        }
        for number in 0..count {
            troupe.replicas[number].ready().await;
            troupe.targets.set(number, Some(troupe.replicas[number].address));
        }
        troupe
    }

    /// Settings of the replica of that number.
    pub fn settings(&self, number: usize) -> Settings {
        self.site
            .settings(&name_of(number))
            .text("telemetry.log_filter", "info,fraudnet_scoring=info,ort=warn")
            // Runs are short: with the default no snapshot would ever be taken.
            .set("snapshot.every_events", 300)
    }

    /// Kills a replica; callers no longer know of it.
    pub fn kill(&self, number: usize) {
        self.targets.set(number, None);
        self.replicas[number].kill9();
    }

    /// Starts a replica again on its data and tells callers of it once it takes traffic.
    ///
    /// # Panics
    /// Where it does not get ready.
    pub async fn restart(&mut self, number: usize) {
        self.replicas[number].restart().await;
        self.targets.set(number, Some(self.replicas[number].address));
    }

    /// The replica that decides, if one says that it does.
    pub async fn owner(&self) -> Option<usize> {
        for (number, replica) in self.replicas.iter().enumerate() {
            // A frozen replica does not answer.
            let owns = tokio::time::timeout(std::time::Duration::from_millis(500), replica.owns()).await;
            if owns == Ok(true) {
                return Some(number);
            }
        }
        None
    }

    /// Stops every replica in good order.
    ///
    /// # Panics
    /// Where one does not end well.
    pub async fn stop(&self) {
        for (number, replica) in self.replicas.iter().enumerate() {
            self.targets.set(number, None);
            if !replica.has_ended() {
                replica.stop().await;
            }
        }
    }
}

/// The name of the replica of that number: `a`, `b`, `c`.
pub fn name_of(number: usize) -> String {
    char::from(b'a' + (number % 26) as u8).to_string()
}

/// Runs something that blocks for seconds, such as starting a broker, while the clients go on.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    block_in_place(work)
}
