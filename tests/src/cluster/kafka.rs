//! Apache Kafka: one broker that is its own controller (KRaft), on free loopback ports. Up in 3 to 5 s, 250 MB of memory.

use super::parts::Parts;
use super::ports::free_port;
use super::process::{Process, within};
use super::proxy::Proxy;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A user that the listener with passwords knows.
pub const SASL_USER: &str = "fraudnet";
/// The password of [`SASL_USER`].
pub const SASL_PASSWORD: &str = "right";

/// How long a broker may take to be up or down on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A broker. Dropped, it is killed.
#[derive(Debug)]
pub struct Kafka {
    parts: Parts,
    folder: PathBuf,
    plain: u16,
    sasl: u16,
    process: Option<Process>,
}

impl Kafka {
    /// Starts a broker with its data in that folder, and waits until it answers. Blocks.
    ///
    /// # Panics
    /// Where a part is missing or the broker does not come up, with where its log is.
    pub fn start(parts: &Parts, folder: &Path) -> Kafka {
        Kafka::prepare(parts, folder, None)
    }

    /// Starts a broker that has a second address, the proxy's: whoever begins there is sent there for everything, and can be cut off
    /// while others speak to the broker itself.
    ///
    /// # Panics
    /// As [`Kafka::start`].
    pub fn start_behind_proxy(parts: &Parts, folder: &Path) -> (Kafka, Proxy) {
        let behind = free_port();
        let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, behind)));
        let kafka = Kafka::prepare(parts, folder, Some((behind, proxy.address().port())));
        (kafka, proxy)
    }

    fn prepare(parts: &Parts, folder: &Path, proxied: Option<(u16, u16)>) -> Kafka {
        let mut kafka = Kafka {
            parts: parts.clone(),
            folder: folder.to_path_buf(),
            plain: free_port(),
            sasl: free_port(),
            process: None,
        };
        std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        let properties = kafka.properties(proxied);
        std::fs::write(kafka.properties_file(), properties).expect("a file in a folder just made");
        // Any 16 bytes name a cluster.
        let mut format = kafka.java("kafka.tools.StorageTool");
        format.args(["format", "--standalone", "-t", "ZnJhdWRuZXR0ZXN0aW5nMQ", "-c"]).arg(kafka.properties_file());
        let format = Process::start("Kafka's format command", format, &kafka.log());
        assert!(within(PATIENCE, || format.status().is_some()), "Kafka's folder is not formatted: {}", kafka.tail());
        assert!(format.status().is_some_and(|status| status.success()), "Kafka's folder: {}", kafka.tail());
        kafka.start_again();
        kafka
    }

    /// Address for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.plain)
    }

    /// Address for clients with user name and password ([`SASL_USER`], [`SASL_PASSWORD`]; mechanism PLAIN, no TLS).
    pub fn sasl_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.sasl)
    }

    /// The broker's log file.
    pub fn log(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    /// Ends it in good order, so that it tells its clients; blocks.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(PATIENCE);
        }
    }

    /// Ends it as a power failure of the process would. What the system holds of its files stays.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same address on the same data, and waits until it answers. Blocks.
    ///
    /// # Panics
    /// Where it does not come up, with the end of its log.
    pub fn start_again(&mut self) {
        let mut broker = self.java("kafka.Kafka");
        broker.arg(self.properties_file());
        let process = Process::start("Kafka", broker, &self.log());
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("reconnect.backoff.max.ms", "200")
            .create()
            .expect("a client's settings are in order");
        // Each try waits by itself.
        let tries = PATIENCE.as_millis() / 500;
        let mut up = false;
        for _ in 0..tries {
            let answer = client.fetch_metadata(None, Duration::from_millis(500));
            up = answer.is_ok_and(|cluster| !cluster.brokers().is_empty());
            assert!(process.status().is_none(), "Kafka ended: {}", self.tail());
            if up {
                break;
            }
        }
        assert!(up, "Kafka does not answer at {}: {}", self.bootstrap(), self.tail());
        self.process = Some(process);
    }

    /// Freezes it: connections stay, nothing is answered.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn freeze(&self) {
        self.running().freeze();
    }

    /// Lets a frozen one go on.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn thaw(&self) {
        self.running().thaw();
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the broker was not stopped")
    }

    fn properties_file(&self) -> PathBuf {
        self.folder.join("broker.properties")
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new(&self.parts.java);
        // The client compiler alone: a broker of tests lives too short for the other one to pay.
        command.args(["-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]);
        let logging = crate::folder::repository().join("deploy/setup/kafka/log4j2.properties");
        command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
        command.arg("-cp").arg(self.parts.kafka.join("*")).arg(class);
        command
    }

    /// One partition a broker topic, since one broker has nobody to share them with, and no waiting where nobody else can come: for a
    /// group's first members, or until a broker that was killed counts as gone and may come back.
    fn properties(&self, proxied: Option<(u16, u16)>) -> String {
        let (plain, sasl, controller) = (self.plain, self.sasl, free_port());
        let (mut listeners, mut advertised) = (String::new(), String::new());
        if let Some((behind, proxy)) = proxied {
            listeners = format!(",PROXIED://127.0.0.1:{behind}");
            advertised = format!(",PROXIED://127.0.0.1:{proxy}");
        }
        format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{SASL_USER}=\"{SASL_PASSWORD}\";
log.dirs={}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=2097152
",
            self.folder.join("data").display()
        )
    }

    /// The end of the log, and where the rest is.
    fn tail(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("{}\n(all of it: {})", lines[lines.len().saturating_sub(30)..].join("\n"), self.log().display())
    }
}
