//! The service as a process: started, stopped, killed, started again on the same log.

use crate::client::Client;
use crate::folder::{Folder, profile_folder, repository};
use crate::settings::Settings;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long anything may take before a test gives up. No test depends on how fast a machine is; this only ends one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How often something that takes a moment is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A running service. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Speaks to it.
    pub client: Client,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
    output: PathBuf,
}

impl Server {
    /// Starts the service and waits until it takes traffic.
    ///
    /// # Panics
    /// With what it logged, where it ends or does not get ready.
    pub async fn start(folder: &Folder, settings: &Settings) -> Server {
        Server::start_with(folder, settings, &[]).await
    }

    /// The same with further variables in its environment, such as a fail point.
    ///
    /// # Panics
    /// With what it logged, where it ends or does not get ready.
    pub async fn start_with(folder: &Folder, settings: &Settings, variables: &[(&str, &str)]) -> Server {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (log, address_file) =
            (folder.join(&format!("serve-{number}.log")), folder.join(&format!("address-{number}")));
        let output = folder.join(&format!("serve-{number}.out"));
        let [lines, printed] = [&log, &output].map(|path| File::create(path).expect("a file in the test's folder"));
        let mut child = serve(folder, settings)
            .envs(variables.iter().copied())
            .arg("--addr-file")
            .arg(&address_file)
            .stdout(printed)
            .stderr(lines)
            .spawn()
            .expect("the program was found and can be started");
        let started = timeout(PATIENCE, async {
            loop {
                if let Ok(address) = std::fs::read_to_string(&address_file) {
                    return Ok(address.parse().expect("the file holds an address"));
                }
                if let Some(status) = child.try_wait().expect("the service is our child") {
                    return Err(format!("ended with {status}"));
                }
                sleep(POLL).await;
            }
        });
        let address: SocketAddr = match started.await {
            Ok(Ok(address)) => address,
            Ok(Err(reason)) => panic!("the service {reason}:\n{}", read(&log)),
            Err(_) => panic!("the service does not listen:\n{}", read(&log)),
        };
        let server = Server { child, client: Client::new(address), address, log, output };
        let ready = timeout(PATIENCE, async {
            while server.client.get("/readyz").await.status != 200 {
                sleep(POLL).await;
            }
        });
        assert!(ready.await.is_ok(), "the service does not get ready:\n{}", server.logged());
        server
    }

    /// Everything it logged so far.
    pub fn logged(&self) -> String {
        read(&self.log)
    }

    /// Everything it printed so far.
    pub fn printed(&self) -> String {
        read(&self.output)
    }

    /// Waits until it has printed a line with that in it.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn printed_line(&self, part: &str) -> String {
        let waiting = async {
            loop {
                if let Some(line) = self.printed().lines().find(|line| line.contains(part)) {
                    return line.to_owned();
                }
                sleep(POLL).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it does not print {part}: {}", self.printed()))
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Panics
    /// Where it cannot be killed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Asks it to stop with SIGTERM.
    ///
    /// # Panics
    /// Where it has ended before.
    pub fn terminate(&self) {
        let id = self.child.id().expect("the service runs") as libc::pid_t;
        // SAFETY: a system call that takes two numbers; the process is our child and not yet waited for, so the number is still its own.
        let sent = unsafe { libc::kill(id, libc::SIGTERM) };
        assert_eq!(sent, 0, "the signal was not sent");
    }

    /// Waits until it ends by itself; how it ended, and all it logged.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status =
            timeout(PATIENCE, self.child.wait()).await.expect("the service ends").expect("a child can be waited for");
        (status, self.logged())
    }

    /// Stops it with SIGTERM, which must end well; all it logged.
    ///
    /// # Panics
    /// Where it ends otherwise than with 0.
    pub async fn stop(self) -> String {
        self.terminate();
        let (status, logged) = self.ended().await;
        assert!(status.success(), "ended with {status}:\n{logged}");
        logged
    }
}

fn read(log: &PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

/// `fraudnet` from beside the test, in the repository, free of whatever configuration the caller's environment holds.
///
/// # Panics
/// Where it was not built.
pub fn program() -> std::process::Command {
    let path = profile_folder().join("fraudnet");
    assert!(path.is_file(), "{} is missing: run `make test`, which builds it first", path.display());
    let mut command = std::process::Command::new(path);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        // The library is named by the machine, not by a test.
        if name.starts_with("FRAUDNET_") && name != "FRAUDNET_ONNXRUNTIME" {
            command.env_remove(name.as_ref());
        }
    }
    command.current_dir(repository()).stdin(Stdio::null());
    command
}

fn serve(folder: &Folder, settings: &Settings) -> Command {
    let mut command = awaited();
    command.arg("serve").arg("--config").arg(settings.write(folder.path()));
    command
}

/// The program, killed where nobody waits for it any more.
fn awaited() -> Command {
    let mut command = Command::from(program());
    command.kill_on_drop(true);
    command
}

/// Runs a command of `fraudnet` to its end.
///
/// # Panics
/// Where it does not end.
pub async fn run(arguments: &[&str]) -> Output {
    let output = awaited().args(arguments).output();
    timeout(PATIENCE, output).await.expect("the command ends").expect("the program can be started")
}

/// Starts a service that must refuse to: what it said on standard error.
///
/// # Panics
/// Where it goes on running or ends with 0.
pub async fn serve_fails(folder: &Folder, settings: &Settings) -> String {
    let output = serve(folder, settings).output();
    let output = timeout(PATIENCE, output).await.expect("a refused start ends").expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "the start was not refused:\n{said}");
    said
}
