//! A child process that is talked to by signals and cannot outlive its harness.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How often something that takes a moment is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Looks every few milliseconds, for as long as `patience`, whether something has come to be. Blocks.
pub fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let mut waited = Duration::ZERO;
    while !done() {
        if waited >= patience {
            return false;
        }
        std::thread::sleep(POLL);
        waited += POLL;
    }
    true
}

/// A child with a process group of its own, so that a Ctrl-C meant for the harness does not reach it first. Dropped, it is killed; it is
/// killed, too, when the harness ends without dropping anything.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Mutex<Child>,
    id: libc::pid_t,
    log: PathBuf,
}

impl Process {
    /// Starts it; both of its outputs are added to the log file.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start(name: &'static str, mut command: Command, log: &Path) -> Process {
        let output = File::options().create(true).append(true).open(log);
        let output = output.unwrap_or_else(|error| panic!("cannot write {}: {error}", log.display()));
        let errors = output.try_clone().expect("an open file has a second handle");
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let shown = format!("{command:?}");
        let child = spawn_from_keeper(command).unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let id = child.id() as libc::pid_t;
        Process { name, child: Mutex::new(child), id, log: log.to_path_buf() }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id as u32
    }

    /// The file its outputs go to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Everything it wrote so far.
    pub fn logged(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Panics
    /// Never: it is our child.
    pub fn status(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a child can be asked")
    }

    /// Kills it as `kill -9` does, also where it is frozen, and waits until it is gone.
    ///
    /// # Panics
    /// Where it does not go.
    pub fn kill9(&self) {
        let mut child = self.child();
        // It may have ended by itself, which is as good.
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
    }

    /// Stops it where it stands (SIGSTOP): it keeps memory and connections and does nothing.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets a frozen one go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Asks it to end and waits; blocks.
    ///
    /// # Panics
    /// With its log, where it goes on running.
    pub fn stop(&self, patience: Duration) -> ExitStatus {
        self.terminate();
        let ended = within(patience, || self.status().is_some());
        assert!(ended, "{} does not end; its log is {}", self.name, self.log.display());
        self.status().expect("it has just ended")
    }

    fn signal(&self, signal: libc::c_int) {
        // The lock is held over the call: nobody can wait for the child meanwhile, so that its number is still its own.
        let mut child = self.child();
        if matches!(child.try_wait(), Ok(None)) {
            // SAFETY: a system call that takes two numbers.
            let sent = unsafe { libc::kill(self.id, signal) };
            assert_eq!(sent, 0, "signal {signal} was not sent to {}", self.name);
        }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Starts the child from a thread that lives as long as the process. Linux kills the child when the *thread* that started it ends, and a
/// test's thread ends with its test while a shared broker goes on.
fn spawn_from_keeper(mut command: Command) -> io::Result<Child> {
    type Job = (Command, Sender<io::Result<Child>>);
    static KEEPER: OnceLock<Sender<Job>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (jobs, todo) = channel::<Job>();
        let keep = move || {
            for (mut command, reply) in todo {
                // Nobody waits where the caller has given up, and then the child is dropped unwatched; callers do not.
                let _ = reply.send(command.spawn());
            }
        };
        std::thread::Builder::new().name("keeper".to_owned()).spawn(keep).expect("a thread can be started");
        jobs
    });
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only one system call is made, which allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
    let (reply, started) = channel();
    keeper.send((command, reply)).expect("the keeper lives as long as this process");
    started.recv().expect("the keeper answers every job")
}
