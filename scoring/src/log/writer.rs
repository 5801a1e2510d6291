//! The writer thread: takes all that waits, writes it as one group, then completes the waiters.
//! While it syncs, the next group gathers; so groups grow with the load and nobody waits for more than two syncs.

use super::sequencer::{Sequenced, Sequencer};
use super::store::Store;
use crate::{clock, failpoint, meters};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

pub(super) fn spawn(store: Arc<Store>, sequencer: Arc<Sequencer>) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("log-writer".to_owned()).spawn(move || {
        let guard = FailOnPanic(&sequencer);
        run(&store, &sequencer);
        std::mem::forget(guard);
    })
}

fn run(store: &Store, sequencer: &Sequencer) {
    let meters = meters::LogMeters::new();
    while let Some(group) = sequencer.take_group() {
        let begun = clock::monotonic();
        failpoint::hit("before_journal_sync");
        let written = store.write(&group);
        meters.group(group.len(), clock::monotonic().saturating_duration_since(begun), store.end(), sequencer.queued());
        match written {
            Ok(()) => complete(group, &Ok(())),
            Err(error) => {
                // Positions were given that the file does not hold: only a restart, which starts from the file, is right from here on.
                let reason: Arc<str> = error.to_string().into();
                tracing::error!(%reason, "the event log failed; no payment is taken any more");
                sequencer.fail(&reason);
                complete(group, &Err(reason));
                return;
            }
        }
    }
}

fn complete(group: Vec<Sequenced>, outcome: &Result<(), Arc<str>>) {
    for done in group.into_iter().filter_map(|sequenced| sequenced.append.done) {
        done(outcome.clone());
    }
}

struct FailOnPanic<'a>(&'a Sequencer);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        self.0.fail(&"its writer thread ended; start the service again".into());
    }
}
