//! Programs under load: the service and its peer, started on a free port and stopped for sure.

use anyhow::{Context, bail};
use fraudnet_scoring::clock::monotonic;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it is ready: what a start is measured to.
const POLL: Duration = Duration::from_millis(1);

/// A running program that answers HTTP. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it said that it was ready.
    pub start_time: Duration,
}

impl Process {
    /// Starts a program, learns its address and waits until `GET /readyz` answers 200. What it says goes to a file of that folder.
    ///
    /// # Errors
    /// It ends or does not get ready; with what it said.
    pub fn start(
        mut command: Command,
        folder: &Path,
        address: impl Fn() -> Option<SocketAddr>,
    ) -> anyhow::Result<Process> {
        let said = folder.join("said.log");
        let log = File::create(&said).with_context(|| format!("cannot write {}", said.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = monotonic();
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut process = Process { child, address: SocketAddr::from(([0; 4], 0)), start_time: Duration::ZERO };
        loop {
            if let Some(address) = address().filter(|&address| is_ready(address)) {
                (process.address, process.start_time) = (address, started.elapsed());
                return Ok(process);
            }
            let ended = process.child.try_wait().context("the program started cannot be looked after")?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&said).unwrap_or_default();
                let how = ended.map_or("does not get ready".to_owned(), |status| format!("ended with {status}"));
                bail!("{} {how}; it said:\n{said}", command.get_program().display());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end and waits until it has.
    pub fn stop(mut self) {
        // SAFETY: a system call that takes two numbers; the process is our child and not yet waited for, so the number is still its own.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let asked = monotonic();
        while asked.elapsed() < Duration::from_secs(12) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service, on the released model and an empty log in that folder.
///
/// # Errors
/// It was not built, or does not start.
pub fn start_service(folder: &Path, model: &Path) -> anyhow::Result<Process> {
    let (config, address) = (folder.join("config.toml"), folder.join("address"));
    let text = format!(
        "server.listen = \"127.0.0.1:0\"\nlog.folder = '{}'\nmodel.folder = '{}'\ninference.providers = [\"cpu\"]\n\
         input.max_event_age_days = 36500\ntelemetry.log_format = \"json\"\ntelemetry.log_filter = \"warn\"\n\
         access.anonymous = [\"scorer\", \"lead\", \"data-scientist\", \"auditor\"]\naccess.score_per_second = 0\naccess.read_per_second = 0\n",
        folder.join("data").display(),
        model.display()
    );
    std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = Command::new(crate::places::service_program()?);
    for (name, _) in std::env::vars_os() {
        // The library is named by the machine; everything else would change what is measured.
        if name.to_string_lossy().starts_with("FRAUDNET_") && name != "FRAUDNET_ONNXRUNTIME" {
            command.env_remove(name);
        }
    }
    command
        .current_dir(crate::places::repository())
        .arg("serve")
        .arg("--config")
        .arg(config)
        .arg("--addr-file")
        .arg(&address);
    Process::start(command, folder, || std::fs::read_to_string(&address).ok()?.parse().ok())
}

/// Where the service keeps its log in that folder.
pub fn log_folder(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Asks for a path once, over a connection of its own; the whole answer, or nothing where there was none.
pub fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_ready(address: SocketAddr) -> bool {
    get(address, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
