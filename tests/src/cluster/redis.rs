//! Redis: one server on a free loopback port. Up in a few milliseconds.

use super::parts::Parts;
use super::ports::free_port;
use super::process::{Process, within};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server. Dropped, it is killed.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Starts a server that keeps its data in that folder, and waits until it answers. Blocks.
    ///
    /// # Panics
    /// Where it does not come up, with where its log is.
    pub fn start(parts: &Parts, folder: &Path) -> Redis {
        let mut redis =
            Redis { program: parts.redis.clone(), folder: folder.to_path_buf(), port: free_port(), process: None };
        std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        redis.start_again();
        redis
    }

    /// Port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it in good order: what it holds is on disk.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(PATIENCE);
        }
    }

    /// Ends it as `kill -9` does: the last second of writes may be gone.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same address with the data it had. Blocks.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn start_again(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "yes"]);
        command.arg("--dir").arg(&self.folder);
        let process = Process::start("Redis", command, &self.folder.join("redis.log"));
        let up =
            within(PATIENCE, || process.status().is_some() || self.ask(&["PING"]).is_ok_and(|reply| reply == "PONG"));
        assert!(up && process.status().is_none(), "Redis does not come up:\n{}", process.logged());
        self.process = Some(process);
    }

    /// Freezes it: connections stay and new ones are taken by the system, nothing is answered.
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

    /// Throws away everything it holds.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn flush(&self) {
        assert_eq!(self.command(&["FLUSHALL"]), "OK");
    }

    /// Sends a command: its reply as text, nothing for a key that is not there.
    ///
    /// # Panics
    /// Where Redis refuses it or answers with a list.
    pub fn command(&self, words: &[&str]) -> String {
        self.ask(words).unwrap_or_else(|error| panic!("Redis, asked {words:?}: {error}"))
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("Redis was not stopped")
    }

    /// One command over one connection. The protocol is small enough to be written here (RESP 2: redis.io, "protocol spec").
    fn ask(&self, words: &[&str]) -> Result<String, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(told)?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(told)?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(request.as_bytes()).map_err(told)?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).map_err(told)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", value)) => Ok(value.to_owned()),
            Some(("$", "-1")) => Ok(String::new()),
            Some(("$", length)) => {
                let mut value = vec![0; length.parse().map_err(|_| format!("a length is no number: {line}"))?];
                reader.read_exact(&mut value).map_err(told)?;
                Ok(String::from_utf8_lossy(&value).into_owned())
            }
            _ => Err(line.to_owned()),
        }
    }
}
