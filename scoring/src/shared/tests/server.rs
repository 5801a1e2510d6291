//! A redis-server of a test's own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A running redis-server; ends with the value.
pub(super) struct RedisServer {
    process: Child,
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts one on a free port, or says loudly that the test is skipped where there is none; in CI that is a failure.
    pub(super) fn start(options: &[&str]) -> Option<RedisServer> {
        if !installed() {
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fraudnet-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Somebody else may take the port before Redis does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = RedisServer {
                process: spawn(&folder, port, &options),
                folder: folder.clone(),
                port,
                options: options.clone(),
            };
            if server.answers() {
                return Some(server);
            }
        }
        panic!("redis-server does not start in {}", folder.display());
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once: what it has not written to its files is lost.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it anew on the same port and files.
    pub(super) fn restart(&mut self) {
        self.process = spawn(&self.folder, self.port, &self.options);
        assert!(self.answers(), "redis-server does not start again");
    }

    /// Stops it in its tracks: it keeps its connections and says nothing.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// One command as an operator would send it.
    pub(super) fn command(&self, words: &[&str]) -> redis::Value {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let (name, rest) = words.split_first().unwrap();
        let mut command = redis::cmd(name);
        for word in rest {
            command.arg(*word);
        }
        command.query(&mut connection).unwrap()
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).arg(self.process.id().to_string()).status().unwrap().success());
    }

    fn answers(&mut self) -> bool {
        for _ in 0..500 {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            let connected = redis::Client::open(self.url()).unwrap().get_connection();
            let mut said = match connected {
                Ok(mut connection) => redis::cmd("PING").query::<String>(&mut connection),
                Err(error) => Err(error),
            };
            // One that asks for a password is up.
            if let Err(error) = &said
                && (error.code() == Some("NOAUTH") || error.kind() == redis::ErrorKind::AuthenticationFailed)
            {
                said = Ok("PONG".to_owned());
            }
            if said.is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(folder: &std::path::Path, port: u16, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[expect(clippy::disallowed_macros, reason = "a skipped test must be heard")]
fn installed() -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "redis-server is missing: apt-get install redis-server");
    if !found {
        eprintln!("SKIPPED: redis-server is missing (apt-get install redis-server)");
    }
    found
}
