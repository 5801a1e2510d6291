//! A replica: `fraudnet serve` with a port of its own that it keeps over restarts, in a folder of its own.

use super::ports::free_port;
use super::process::Process;
use crate::client::Client;
use crate::server::{PATIENCE, program};
use crate::settings::Settings;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const POLL: Duration = Duration::from_millis(10);

/// A replica of the service. Dropped, it is killed.
#[derive(Debug)]
pub struct Replica {
    folder: PathBuf,
    settings: Settings,
    process: Process,
    /// Where it listens, before and after a restart.
    pub address: SocketAddr,
    /// Speaks to it.
    pub client: Client,
}

impl Replica {
    /// Starts a replica in that folder and waits until it takes traffic.
    ///
    /// # Panics
    /// With where its log is, where it ends or does not get ready.
    pub async fn start(folder: &Path, settings: &Settings) -> Replica {
        let replica = Replica::spawn(folder, settings, &[]).await;
        replica.ready().await;
        replica
    }

    /// Starts a replica with further variables in its environment (`FRAUDNET_FAIL_AT`), and waits until it answers, ready or not.
    ///
    /// # Panics
    /// With where its log is, where it ends.
    pub async fn spawn(folder: &Path, settings: &Settings, environment: &[(&str, &str)]) -> Replica {
        std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let settings = settings.clone().text("server.listen", &address.to_string());
        let process = serve(folder, &settings, environment);
        let replica =
            Replica { folder: folder.to_path_buf(), settings, process, address, client: Client::new(address) };
        replica.answers().await;
        replica
    }

    /// Starts it again on its data, at its address, and waits until it takes traffic. One that still runs is killed first.
    ///
    /// # Panics
    /// As [`Replica::start`].
    pub async fn restart(&mut self) {
        self.respawn(&[]).await;
        self.ready().await;
    }

    /// Starts it again with further variables in its environment, and waits until it answers, ready or not.
    ///
    /// # Panics
    /// As [`Replica::spawn`].
    pub async fn respawn(&mut self, environment: &[(&str, &str)]) {
        self.process.kill9();
        self.process = serve(&self.folder, &self.settings, environment);
        // Connections of the old one are dead.
        self.client = Client::new(self.address);
        self.answers().await;
    }

    /// Waits until it takes traffic.
    ///
    /// # Panics
    /// With where its log is, where it ends or does not get ready.
    pub async fn ready(&self) {
        self.reaches("ready", async || self.is_ready().await).await;
    }

    /// Waits until something is so of it.
    ///
    /// # Panics
    /// With where its log is, where it ends or that never is.
    pub async fn reaches(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let reached = timeout(PATIENCE, async {
            while !is_so().await {
                self.assert_running(what);
                sleep(POLL).await;
            }
        });
        assert!(reached.await.is_ok(), "the replica does not get {what}:\n{}", self.tail());
    }

    /// Whether it takes traffic now.
    pub async fn is_ready(&self) -> bool {
        let answer = self.client.send(hyper::Method::GET, "/readyz", &[], "").await;
        answer.is_ok_and(|reply| reply.status == 200)
    }

    /// A metric as Prometheus would read it, named with its labels: `fraudnet_kafka_lag{topic="transactions"}`. `None` where it has none.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let reply = self.client.send(hyper::Method::GET, "/metrics", &[], "").await.ok()?;
        let text = reply.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Whether it holds the partition and so decides payments.
    pub async fn owns(&self) -> bool {
        self.metric("fraudnet_owner").await == Some(1.0)
    }

    /// Number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it as `kill -9` does.
    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// Freezes it: it keeps memory and connections and does nothing.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Asks it to end with SIGTERM.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.process.status().is_some()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn ended(&self) -> ExitStatus {
        let ended = timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.process.status() {
                    return status;
                }
                sleep(POLL).await;
            }
        });
        ended.await.unwrap_or_else(|_| panic!("the replica does not end:\n{}", self.tail()))
    }

    /// Stops it with SIGTERM, which must end well; all it logged.
    ///
    /// # Panics
    /// Where it ends otherwise than with 0.
    pub async fn stop(&self) -> String {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "ended with {status}:\n{}", self.tail());
        self.logged()
    }

    /// Everything it logged, over all its lives.
    pub fn logged(&self) -> String {
        self.process.logged()
    }

    /// Its folder: `config.toml`, `data`, `serve.log`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives it other settings for its next start; its address stays.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings.text("server.listen", &self.address.to_string());
    }

    async fn answers(&self) {
        let alive = async || self.client.send(hyper::Method::GET, "/livez", &[], "").await.is_ok();
        self.reaches("so far that it listens", alive).await;
    }

    fn assert_running(&self, awaited: &str) {
        if let Some(status) = self.process.status() {
            panic!("the replica ended with {status} before it was {awaited}:\n{}", self.tail());
        }
    }

    /// The end of its log, and where the rest is.
    fn tail(&self) -> String {
        let logged = self.logged();
        let lines: Vec<&str> = logged.lines().collect();
        format!("{}\n(all of it: {})", lines[lines.len().saturating_sub(30)..].join("\n"), self.process.log().display())
    }
}

fn serve(folder: &Path, settings: &Settings, environment: &[(&str, &str)]) -> Process {
    let mut command: Command = program();
    command.arg("serve").arg("--config").arg(settings.write(folder)).envs(environment.iter().copied());
    Process::start("fraudnet serve", command, &folder.join("serve.log"))
}
